"""Other trials on the same patients: endpoints, doses and populations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simsepsis.show.pages.trial.fact import count, decimal, percent, plain
from simsepsis.show.pages.trial.replay import replay_table
from simsepsis.show.pages.trial.vocabulary import listed
from simsepsis.show.table import Cell, Column, Table, tabulated
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


EXTRAS: dict[str, Callable[[TrialPlan], Table]] = {
    "analyses": analyses_table,
    "endpoints": endpoints_table,
    "doses": doses_table,
    "enrichment": enrichment_table,
    "replay": replay_table,
}
