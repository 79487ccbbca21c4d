"""Other trials on the same patients: endpoints, doses, populations, and one that has been held."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd

from simsepsis.show.pages.trial.facts import NONE, count, decimal, percent, plain
from simsepsis.show.pages.trial.plan_tables import people
from simsepsis.show.table import Cell, Column, Fact, Table, tabulated
from simsepsis.show.trial_words import SHORT_SCALES, compared_outcome, listed, population_labels
from simsepsis.trial.effect import effect_from_coefficient
from simsepsis.trial.planning.companions import replayed
from simsepsis.trial.planning.compute import TrialPlan
from simsepsis.words.labels import in_a_sentence


def endpoints_table(plan: TrialPlan) -> Table:
    """Return the power of every endpoint on the same simulated patients."""
    rows = plan.tables["endpoints"]
    columns: tuple[Column, ...] = (
        ("Endpoint", lambda r: compared_outcome(plan.protocol, r.endpoint).heading),
        ("Power", lambda r: percent(r.power, r.power_mcse)),
        ("True effect as randomized", _true_effect),
        ("Against the plan's endpoint, paired (points)", lambda r: _gain(r)),
        ("Patients for the same power, times the plan's", lambda r: decimal(r.n_ratio)),
    )
    trials = count(int(rows["n_sim"].iloc[0])).text
    title = f"Endpoints on the same patients and looks ({trials} simulated trials)"
    return tabulated("endpoints", title, columns, rows)


def _true_effect(row: Any) -> Fact:
    if math.isnan(row.effect):
        return NONE
    return _scaled(effect_from_coefficient(row.effect, row.scale, horizon=1.0).value, row.scale)


def _scaled(value: float, scale: str) -> Fact:
    return Fact(value=value, text=f"{SHORT_SCALES[scale]} {decimal(value, digits=3).text}")


def _gain(row: Any) -> Cell:
    if row.difference_mcse == 0:
        return "–"
    return decimal(100 * row.difference, 100 * row.difference_mcse, digits=1)


STRATEGY_WORDS = {
    "treatment_policy": "Treatment policy (primary): as randomized",
    "hypothetical": "Hypothetical: as if nobody departed",
    "composite": "Composite: a departure counts as an event",
    "while_on_treatment": "While on treatment: events after a departure do not count",
    "principal_stratum": "Principal stratum: patients who depart in neither group",
}
STRATEGIES: tuple[Column, ...] = (
    ("Strategy for departures", lambda r: STRATEGY_WORDS[r.strategy]),
    ("Control risk", lambda r: percent(r.p_control)),
    ("Treated risk", lambda r: percent(r.p_treated)),
    ("True effect", lambda r: _scaled(r.effect, r.scale)),
)


def strategies_table(plan: TrialPlan) -> Table:
    """Return what each strategy for departures from the arms would estimate."""
    title = "What each strategy for departures from the arms would estimate in the simulated cohort"
    return tabulated("strategies", title, STRATEGIES, plan.tables["strategies"])


DOSES: tuple[Column, ...] = (
    ("Control risk", lambda r: percent(r.p_control)),
    ("Treated risk", lambda r: percent(r.p_treated)),
    ("Risk ratio", lambda r: decimal(r.risk_ratio, digits=3)),
    ("Power of the planned patients", lambda r: percent(r.power)),
    ("Patients needed", lambda r: count(r.n_randomized)),
)


def doses_table(plan: TrialPlan) -> Table:
    """Return what the assumed dose–response makes of other doses."""
    title = "Other doses under the assumed dose–response (an input, not an estimate)"
    doses = plan.protocol.offer.doses
    heading = f"Dose ({doses.unit})" if doses else "Dose"
    columns: tuple[Column, ...] = ((heading, lambda r: plain(r.dose)), *DOSES)
    return tabulated("doses", title, columns, plan.tables["doses"])


ENRICHMENT: tuple[Column, ...] = (
    ("Interaction: factor on the log hazard ratio", lambda r: plain(r.interaction)),
    ("Share of the screened", lambda r: percent(r.share)),
    ("Control risk", lambda r: percent(r.p_control)),
    ("Risk ratio", lambda r: decimal(r.risk_ratio, digits=3)),
    ("Patients to randomize", lambda r: count(r.n_randomized)),
    ("Power, simulated", lambda r: percent(r.power, r.power_mcse)),
    ("To screen, mean", lambda r: count(r.screened)),
    ("Months to the end, mean", lambda r: count(r.months)),
)


def enrichment_table(plan: TrialPlan) -> Table:
    """Return what restricting the trial buys."""
    trials, offer = count(int(plan.tables["enrichment"]["n_sim"].iloc[0])).text, plan.protocol.offer
    stronger = f", and stronger by the factor in {offer.modified} (an input, not an estimate)"
    title = (
        f"Restricting the trial ({trials} simulated trials a row; risks as randomized): the effect on "
        f"average over all {offer.patients.en} is the planned one{stronger if offer.modifiers else ''}"
    )
    labels = population_labels(offer)
    columns: tuple[Column, ...] = (("Population", lambda r: labels[r.population]), *ENRICHMENT)
    return tabulated("enrichment", title, columns, plan.tables["enrichment"])


ANALYSIS_WORDS = {
    "unadjusted": "Unadjusted",
    "stratified": "Stratified",
    "adjusted": "Adjusted for covariates",
}
METHOD_WORDS = {
    "simple": "By coin",
    "blocks": "Blocks within strata",
    "minimization": "Minimization",
}
ANALYSES: tuple[Column, ...] = (
    ("Analysis", lambda r: ANALYSIS_WORDS[r.analysis] + ("*" if r.planned else "")),
    ("Randomization", lambda r: METHOD_WORDS[r.method]),
    ("Variance left, of the unadjusted", lambda r: percent(r.variance_left)),
    ("Power by formula", lambda r: percent(r.power_formula)),
    ("Power, simulated", lambda r: percent(r.power, r.mcse)),
    ("Simulated trials", lambda r: count(r.n_sim)),
)


def analyses_table(plan: TrialPlan) -> Table:
    """Return the power of the same patients by several analyses."""
    test, offer = plan.protocol.test, plan.protocol.offer
    strata, covariates = (listed(names, offer) for names in (test.strata, test.covariates))
    title = (
        f"The same number of patients by other analyses (* the plan): strata {strata}, covariates "
        f"{covariates}. The formula divides the patients by the variance that is left; an unadjusted test of "
        "patients randomized within strata has none"
    )
    return tabulated("analyses", title, ANALYSES, plan.tables["analyses"])


WHAT = {
    "risk_control": "Risk of {risk}, control",
    "risk_treated": "Risk of {risk}, treated",
    "risk_difference": "Difference of the risks",
    "days_control": "Mean {days}, control",
    "days_treated": "Mean {days}, treated",
    "days_difference": "Difference of the means",
}
REPLAY: tuple[Column, ...] = (
    ("If treatment has", lambda r: {"none": "no effect", "planned": "the planned effect"}[r.truth]),
    ("Published", lambda r: _form(r)(r.published)),
    ("Simulated mean", lambda r: _form(r)(r.simulated)),
    ("90% interval of single trials", lambda r: _between(r)),
    ("Inside?", lambda r: "yes" if r.inside else "no"),
)


def replay_table(plan: TrialPlan) -> Table:
    """Return the published results beside those of simulated trials."""
    trials = count(int(plan.tables["replay"]["n_sim"].iloc[0])).text
    title = f"The trial that was held, against {trials} simulated ones"
    columns: tuple[Column, ...] = (("Quantity", lambda r: _quantity(plan, r.quantity)), *REPLAY)
    return tabulated("replay", title, columns, plan.tables["replay"])


def _form(row: Any) -> Callable[[float], Fact]:
    return percent if row.quantity.startswith("risk") else decimal


def _quantity(plan: TrialPlan, name: str) -> str:
    """Return the words for a published quantity."""
    outcomes = {kind: plan.protocol.outcome_of(one) for kind, one in replayed(plan.protocol).items()}
    return WHAT[name].format_map({kind: in_a_sentence(one.mark) for kind, one in outcomes.items()})


def _between(row: Any) -> str:
    form = _form(row)
    return f"{form(row.low).text} to {form(row.high).text}"


OUTCOMES: dict[frozenset[str], str] = {
    frozenset(): "Outside the 90% interval of simulated trials, whether or not treatment works: {those}. "
    "These patients are not that trial's: another population, another era or other care, which the replica "
    "does not explain.",
    frozenset({"none"}): "Inside the interval only if treatment has no effect: {those}.",
    frozenset({"planned"}): "Inside the interval only if treatment has the planned effect: {those}.",
    frozenset({"none", "planned"}): "Inside the interval either way, so that they decide nothing: {those}.",
}
"""Truths under which a published result is inside the interval of simulated trials → the sentence."""


def replay_sentences(plan: TrialPlan) -> tuple[str, ...]:
    """Return which published results the replicas bear out, and which they do not; none without any."""
    if "replay" not in plan.tables:
        return ()
    found: dict[frozenset[str], list[str]] = {holds: [] for holds in OUTCOMES}
    for _, rows in plan.tables["replay"].groupby("quantity", sort=False):
        found[frozenset(rows.loc[rows["inside"], "truth"])].append(_told(plan, rows))
    return tuple(OUTCOMES[holds].format(those="; ".join(told)) for holds, told in found.items() if told)


def _told(plan: TrialPlan, rows: pd.DataFrame) -> str:
    """Return a published result with its intervals without and with the effect."""
    none, planned = rows.set_index("truth").loc[["none", "planned"]].itertuples()
    label, form = _quantity(plan, none.quantity), _form(none)
    return (
        f"{label[0].lower()}{label[1:]}, {form(none.published).text} ({_between(none)} without effect, "
        f"{_between(planned)} with it)"
    )


ADAPTIVE = {
    "superiority": ("Calls an arm superior", percent),
    "equivalence": ("Stops because arms are alike", percent),
    "inconclusive": ("Ends without a result", percent),
    "expected_n": ("Patients randomized, mean", people),
    "expected_events": ("Events, mean", people),
}


def adaptive_table(plan: TrialPlan) -> Table:
    """Return the operating characteristics of the adaptive trial."""
    found = plan.tables["adaptive"]
    arms = [plan.protocol.control, *(arm.name for arm in plan.protocol.arms)]
    ends = {f"selects_{k}": (f"Best in the end: {arm}", percent) for k, arm in enumerate(arms, 1)}
    cells = found.set_index(["truth", "measure"])
    rows: list[tuple[Cell, ...]] = [
        (label, *(form(*cells.loc[(truth, name), ["value", "mcse"]]) for truth in ("null", "planned")))
        for name, (label, form) in (ADAPTIVE | ends).items()
        if name != "equivalence" or (plan.protocol.adaptive and plan.protocol.adaptive.equivalence)
    ]
    trials, threshold = count(int(found["n_sim"].iloc[0])).text, found["superiority"].iloc[0]
    title = (
        f"Bayesian adaptive trial: an arm is superior when best with a probability above {threshold:.4f} "
        f"({trials} simulated trials; Monte Carlo standard errors in brackets, of percentages in points)"
    )
    heads = ("Measure", "No effect", "Planned effect")
    return Table(name="adaptive", title=title, heads=heads, rows=tuple(rows))


BORROWING: tuple[Column, ...] = (
    ("Source of the prior", lambda r: r.world or "unbiased"),
    ("Control risk", lambda r: percent(r.p_control)),
    ("Type I error", lambda r: percent(r.type_one)),
    ("Power, planned effect", lambda r: percent(r.power)),
)


def borrowing_table(plan: TrialPlan) -> Table:
    """Return what borrowed controls do to the errors."""
    rows = plan.tables["borrowing"]
    own, first = plan.protocol.borrowing, rows.iloc[0]
    threshold = f"{own.threshold:g}" if own else ""
    title = (
        f"Borrowed controls: {first.controls} controls and {first.treated} treated, a prior worth "
        f"{first.borrowed} patients, a benefit claimed above a posterior probability of {threshold} (exact)"
    )
    return tabulated("borrowing", title, BORROWING, rows)


ORDINAL: dict[str, tuple[str, Callable[[float], Fact]]] = {
    "n_total": ("Patients with a known outcome, not rounded", lambda value: decimal(value, digits=1)),
    "n_known": ("The same, each group whole", count),
    "power": ("Their power", percent),
    "odds_ratio": ("Common odds ratio", decimal),
    "win_ratio": ("Win ratio", decimal),
    "win_odds": ("Win odds", decimal),
    "probability_index": ("Probability index", lambda value: decimal(value, digits=3)),
    "net_benefit": ("Net benefit", lambda value: decimal(value, digits=3)),
    "mean_difference": ("Difference of mean categories", decimal),
}


def ordinal_table(plan: TrialPlan) -> Table:
    """Return size and estimands of ordered categories."""
    columns: tuple[Column, ...] = (
        ("Measure", lambda r: ORDINAL[r.measure][0]),
        ("Value", lambda r: ORDINAL[r.measure][1](r.value)),
    )
    title = "Ordered categories under proportional odds (Whitehead 1993), with every estimand's true value"
    return tabulated("ordinal", title, columns, plan.tables["ordinal"])


FOLLOW_UP: tuple[Column, ...] = (
    ("Formula", lambda r: r.reference),
    ("Patients", lambda r: decimal(r.n_total, digits=1)),
    ("Events", lambda r: decimal(r.events, digits=1)),
)


def follow_up_table(plan: TrialPlan) -> Table:
    """Return the size with everybody followed to the trial's end."""
    title = "Everybody followed to the end of the trial, none of them rounded"
    return tabulated("follow_up", title, FOLLOW_UP, plan.tables["follow_up"])


EXTRAS: dict[str, Callable[[TrialPlan], Table]] = {
    "strategies": strategies_table,
    "analyses": analyses_table,
    "endpoints": endpoints_table,
    "doses": doses_table,
    "enrichment": enrichment_table,
    "replay": replay_table,
    "adaptive": adaptive_table,
    "borrowing": borrowing_table,
    "ordinal": ordinal_table,
    "follow_up": follow_up_table,
}
