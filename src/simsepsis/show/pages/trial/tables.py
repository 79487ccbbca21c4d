"""The tables of a plan in the order of its text."""

from __future__ import annotations

from simsepsis.show.pages.trial.assumption_tables import prior_table, sensitivity_table
from simsepsis.show.pages.trial.companion_tables import EXTRAS
from simsepsis.show.pages.trial.fact import (
    Facts,
    count,
    decimal,
    percent,
)
from simsepsis.show.pages.trial.look_tables import looks_tables
from simsepsis.show.pages.trial.operating_tables import operating_tables
from simsepsis.show.pages.trial.size_tables import size_table, steps_table
from simsepsis.show.table import Column, Table, tabulated
from simsepsis.trial.planning.record import TrialPlan


def tables_of(plan: TrialPlan, facts: Facts) -> tuple[Table, ...]:
    """Return the tables of a plan in the order of its text.

    Parameters
    ----------
    plan, facts
        The plan and its facts.
    """
    made = (
        steps_table(plan, facts),
        *(size_table(plan, power) for power in sorted(plan.grid["power"].unique())),
        *looks_tables(plan),
        *operating_tables(plan),
        prior_table(plan),
        sensitivity_table(plan),
        pace_table(plan),
        flow_table(plan),
        *(extra(plan) for name, extra in EXTRAS.items() if name in plan.tables),
    )
    return made


PACE: tuple[Column, ...] = (
    ("Pace, of the planned", lambda r: percent(r.pace, digits=0)),
    ("ICUs", lambda r: count(r.icus)),
    ("Patients a month, all ICUs open", lambda r: decimal(r.per_month, digits=1)),
    ("Months to the last patient", lambda r: decimal(r.months_accrual, digits=1)),
    ("Months to the last outcome", lambda r: decimal(r.months_outcome, digits=1)),
    ("Randomized while outcomes mature", lambda r: count(r.overrun)),
)


def pace_table(plan: TrialPlan) -> Table:
    """Return how long the trial takes, as hoped for and slower."""
    return tabulated("pace", "How long the trial takes", PACE, plan.pace)


STEP_WORDS = {
    "screened": "Screened",
    "eligible": "Eligible",
    "randomized": "Randomized",
    "control": "Control group",
    "treated": "Treatment group",
    "control_analysed": "Control group, outcome known",
    "treated_analysed": "Treatment group, outcome known",
    "control_deaths": "Control group, deaths if the plan is right",
    "treated_deaths": "Treatment group, deaths if the plan is right",
}


def flow_table(plan: TrialPlan) -> Table:
    """Return the expected numbers from screening to analysis."""
    columns = (
        ("Step", lambda r: STEP_WORDS[r.step]),
        ("Patients", lambda r: count(r.patients)),
    )
    return tabulated("flow", "Expected flow of patients", columns, plan.flow)
