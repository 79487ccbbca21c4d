"""Other trials on the same patients: endpoints, doses, populations, and one that has been held."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from simsepsis.show.pages.trial.facts import count, decimal, percent, plain
from simsepsis.show.table import Cell, Column, Fact, Table, tabulated
from simsepsis.show.trial_words import listed
from simsepsis.trial.planning.record import TrialPlan

ENDPOINT_WORDS = {
    "death_28d": "Death by day 28",
    "icu_death": "Death in the ICU",
    "hospital_death": "Death in hospital",
    "time_to_death": "Time to death, censored at day 28",
    "ventilator_free_days": "Ventilator-free days to day 28",
    "win_ratio": "Win ratio: death by day 28, then ventilator-free days",
}


def endpoints_table(plan: TrialPlan) -> Table:
    """Return the power of every endpoint on the same simulated patients."""
    rows = plan.tables["endpoints"]
    columns: tuple[Column, ...] = (
        ("Endpoint", lambda r: ENDPOINT_WORDS[r.endpoint]),
        ("Power", lambda r: percent(r.power, r.power_mcse)),
        ("Against the plan's endpoint, paired (points)", lambda r: _gain(r)),
        ("Patients for the same power, times the plan's", lambda r: decimal(r.n_ratio)),
    )
    trials = count(int(rows["n_sim"].iloc[0])).text
    title = f"Endpoints on the same patients and looks ({trials} simulated trials)"
    return tabulated("endpoints", title, columns, rows)


def _gain(row: Any) -> Cell:
    if row.difference_mcse == 0:
        return "–"
    return decimal(100 * row.difference, 100 * row.difference_mcse, digits=1)


DOSES: tuple[Column, ...] = (
    ("Dose (g/kg)", lambda r: plain(r.dose)),
    ("Control risk", lambda r: percent(r.p_control)),
    ("Treated risk", lambda r: percent(r.p_treated)),
    ("Risk ratio", lambda r: decimal(r.risk_ratio, digits=3)),
    ("Power of the planned patients", lambda r: percent(r.power)),
    ("Patients needed", lambda r: count(r.n_randomized)),
)


def doses_table(plan: TrialPlan) -> Table:
    """Return what the assumed dose–response makes of other doses."""
    title = "Other doses under the assumed dose–response (an input, not an estimate)"
    return tabulated("doses", title, DOSES, plan.tables["doses"])


POPULATION_WORDS = {
    "all": "All septic patients",
    "severe": "APACHE II ≥ 29",
    "low_igg": "IgG < 6.5 g/L",
    "severe_or_low_igg": "APACHE II ≥ 29 or IgG < 6.5 g/L",
}
ENRICHMENT: tuple[Column, ...] = (
    ("Population", lambda r: POPULATION_WORDS[r.population]),
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
    trials = count(int(plan.tables["enrichment"]["n_sim"].iloc[0])).text
    title = (
        f"Restricting the trial ({trials} simulated trials a row; risks as randomized): the effect "
        "on average over all septic patients is the planned one, and "
        "stronger by the factor in severe or low-IgG patients (an input, not an estimate)"
    )
    return tabulated("enrichment", title, ENRICHMENT, plan.tables["enrichment"])


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
    test = plan.protocol.test
    title = (
        f"The same number of patients by other analyses (* the plan): strata {listed(test.strata)}, "
        f"covariates {listed(test.covariates)}. The formula divides the patients by the variance that is "
        "left; an unadjusted test of patients randomized within strata has none"
    )
    return tabulated("analyses", title, ANALYSES, plan.tables["analyses"])


QUANTITIES: dict[str, tuple[str, Callable[[float], Fact]]] = {
    "risk_control": ("Risk of death by day 28, control", percent),
    "risk_treated": ("Risk of death by day 28, treated", percent),
    "risk_difference": ("Difference of the risks", percent),
    "days_control": ("Mean ventilator-free days, control", decimal),
    "days_treated": ("Mean ventilator-free days, treated", decimal),
    "days_difference": ("Difference of the means", decimal),
}
REPLAY: tuple[Column, ...] = (
    ("Quantity", lambda r: QUANTITIES[r.quantity][0]),
    ("If treatment has", lambda r: {"none": "no effect", "planned": "the planned effect"}[r.truth]),
    ("Published", lambda r: QUANTITIES[r.quantity][1](r.published)),
    ("Simulated mean", lambda r: QUANTITIES[r.quantity][1](r.simulated)),
    ("90% interval of single trials", lambda r: _between(r)),
    ("Inside?", lambda r: "yes" if r.inside else "no"),
)


def replay_table(plan: TrialPlan) -> Table:
    """Return the published results beside those of simulated trials."""
    trials = count(int(plan.tables["replay"]["n_sim"].iloc[0])).text
    title = f"The trial that was held, against {trials} simulated ones"
    return tabulated("replay", title, REPLAY, plan.tables["replay"])


def _between(row: Any) -> str:
    form = QUANTITIES[row.quantity][1]
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
        found[frozenset(rows.loc[rows["inside"], "truth"])].append(_told(rows))
    return tuple(OUTCOMES[holds].format(those="; ".join(told)) for holds, told in found.items() if told)


def _told(rows: pd.DataFrame) -> str:
    """Return a published result with its intervals without and with the effect."""
    none, planned = rows.set_index("truth").loc[["none", "planned"]].itertuples()
    label, form = QUANTITIES[none.quantity]
    return (
        f"{label[0].lower()}{label[1:]}, {form(none.published).text} ({_between(none)} without effect, "
        f"{_between(planned)} with it)"
    )


EXTRAS: dict[str, Callable[[TrialPlan], Table]] = {
    "analyses": analyses_table,
    "endpoints": endpoints_table,
    "doses": doses_table,
    "enrichment": enrichment_table,
    "replay": replay_table,
}
