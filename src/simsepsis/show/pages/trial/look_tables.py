"""The interim analyses of a plan: boundaries, and chances of stopping by formula."""

from __future__ import annotations

import math
from typing import Any

from simsepsis.show.pages.trial.fact import NONE, count, decimal, p_value, percent, short_percent
from simsepsis.show.pages.trial.vocabulary import SHORT_SCALES
from simsepsis.show.table import Cell, Column, Fact, Table, tabulated
from simsepsis.trial.planning.record import TrialPlan

LOOKS: tuple[Column, ...] = (
    ("Look", lambda r: count(r.look)),
    ("Information", lambda r: short_percent(round(r.information_fraction, 4))),
    ("Patients randomized with outcome due", lambda r: count(r.randomized)),
    ("Deaths expected, no effect / planned", lambda r: _pair(r.cum_events_null, r.cum_events_planned)),
    ("z", lambda r: decimal(r.z, digits=3)),
    ("Nominal p", lambda r: p_value(r.nominal_p)),
    ("Effect at the boundary", lambda r: _at_boundary(r)),
    ("Deaths at the boundary, treated v control", lambda r: _deaths(r)),
    ("α spent", lambda r: decimal(r.cumulative_alpha, digits=4)),
    ("Futility z", lambda r: decimal(r.futility_z, digits=3)),
)
CHANCES: tuple[Column, ...] = (
    ("Look", lambda r: count(r.look)),
    ("Stops here, no effect", lambda r: percent(r.stop_null)),
    ("Stops by here, no effect", lambda r: percent(r.cumulative_stop_null)),
    ("Stops here, planned effect", lambda r: percent(r.stop_planned)),
    ("Stops by here, planned effect", lambda r: percent(r.cumulative_stop_planned)),
    ("Efficacy by here, planned effect", lambda r: percent(r.cumulative_power)),
    ("z judged", lambda r: decimal(r.z_judged, digits=3)),
    ("Conditional power, planned effect", lambda r: percent(r.cp_planned)),
    ("Conditional power, current trend", lambda r: percent(r.cp_trend)),
    ("Predictive power", lambda r: percent(r.predictive)),
)


def looks_tables(plan: TrialPlan) -> tuple[Table, ...]:
    """Return the boundaries with what they mean, and the chances of stopping; none without looks."""
    if not len(plan.looks):
        return ()
    return (
        tabulated("looks", "Looks and their boundaries (counts are cumulative)", LOOKS, plan.looks),
        tabulated(
            "chances",
            "Chances of stopping by formula; conditional and predictive power at the futility boundary, or "
            "where the arms are equal if there is none",
            CHANCES,
            plan.looks,
        ),
    )


def _pair(left: float, right: float) -> Cell:
    if math.isnan(left) or math.isnan(right):
        return NONE
    return f"{count(left).text} / {count(right).text}"


def _at_boundary(row: Any) -> Fact:
    if math.isnan(row.effect_at_bound):
        return NONE
    ratio = decimal(row.effect_at_bound, digits=3)
    return Fact(value=ratio.value, text=f"{SHORT_SCALES[row.scale_at_bound]} {ratio.text}")


def _deaths(row: Any) -> Cell:
    if math.isnan(row.deaths_treated):
        return NONE
    return f"{count(row.deaths_treated).text} v {count(row.deaths_control).text}"
