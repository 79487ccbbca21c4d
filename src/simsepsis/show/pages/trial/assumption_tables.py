"""What a plan believes, and what becomes of it if that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simsepsis.show.pages.trial.fact import NONE, count, decimal, percent, short_percent
from simsepsis.show.pages.trial.vocabulary import SHORT_SCALES
from simsepsis.show.table import Column, Fact, Table, tabulated
from simsepsis.trial.planning.record import TrialPlan

PRIORS: tuple[Column, ...] = (
    ("Prior", lambda r: r.label),
    ("Effect (95% interval)", lambda r: _interval(r)),
    ("Weight", lambda r: decimal(r.weight)),
    ("Assurance", lambda r: percent(r.assurance)),
    ("Ceiling: P(benefit)", lambda r: percent(r.ceiling)),
    ("P(effect as planned or better)", lambda r: percent(r.worthwhile)),
)


def prior_table(plan: TrialPlan) -> Table:
    """Return the assurance of the planned patients under every prior, with its ceiling."""
    return tabulated(
        "priors",
        "Assurance of the planned patients, and the ceiling that no number of patients exceeds",
        PRIORS,
        plan.priors,
    )


def _interval(row: Any) -> Fact:
    if not row.scale:
        return NONE
    ends = (decimal(row.estimate), decimal(row.low), decimal(row.high))
    return Fact(
        value=row.estimate,
        text=f"{SHORT_SCALES[row.scale]} {ends[0].text} ({ends[1].text}–{ends[2].text})",
    )


def third(value: float) -> Fact:
    """Return a number to the third decimal."""
    return decimal(value, digits=3)


ASSUMPTIONS: dict[str, tuple[str, Callable[[float], Fact]]] = {
    "p_control": ("Control risk", percent),
    "attenuation": ("Part of the effect that is real", short_percent),
    "nonadherence": ("Treatment not given", short_percent),
    "contamination": ("Open-label immunoglobulin in controls", short_percent),
    "loss": ("Outcome unknown", short_percent),
    "icc": ("Intracluster correlation", third),
    "cac": ("Cluster autocorrelation", decimal),
}
SENSITIVITY: tuple[Column, ...] = (
    ("Assumption", lambda r: ASSUMPTIONS[r.assumption][0]),
    ("Value", lambda r: _marked(ASSUMPTIONS[r.assumption][1](r.value), r.planned)),
    ("Treated risk", lambda r: percent(r.p_treated)),
    ("Power of the planned patients", lambda r: percent(r.power)),
    ("Patients needed", lambda r: count(r.n_needed)),
)


def sensitivity_table(plan: TrialPlan) -> Table:
    """Return what becomes of the power, and of the patients needed, if one assumption is wrong."""
    return tabulated(
        "sensitivity",
        f"If one assumption is wrong (* the plan); the effect is the same on the plan's scale{_ranked(plan)}",
        SENSITIVITY,
        plan.sensitivity,
    )


def _ranked(plan: TrialPlan) -> str:
    if plan.size.assumptions.ranked is None:
        return ""
    return ", and on the primary outcome in proportion to the deaths averted"


def _marked(cell: Fact, planned: bool) -> Fact:
    return Fact(value=cell.value, text=f"{cell.text}*") if planned else cell
