"""The tables of a plan as facts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from simsepsis.report.trial.fact import (
    NONE,
    Fact,
    Facts,
    count,
    decimal,
    p_value,
    percent,
    plain,
    points,
    short_percent,
    words,
)
from simsepsis.report.trial.text_table import TextTable
from simsepsis.report.trial.vocabulary import SHORT_SCALES
from simsepsis.trial.planning.record import TrialPlan

Column = tuple[str, Callable[[Any], Fact]]
"""Head, and the function from a row to the cell."""


def tables_of(plan: TrialPlan, facts: Facts) -> tuple[TextTable, ...]:
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


def _table(name: str, title: str, columns: Iterable[Column], rows: Iterable[Any]) -> TextTable:
    pairs = tuple(columns)
    return TextTable(
        name=name,
        title=title,
        heads=tuple(words(head) for head, _ in pairs),
        rows=tuple(tuple(make(row) for _, make in pairs) for row in rows),
    )


def _rows(frame: pd.DataFrame) -> Iterable[Any]:
    return frame.itertuples(index=False)


STEPS = (
    ("Fixed design, nobody departs from the protocol", "n_undiluted", "individual or clustered"),
    ("Difference diluted by departures", "n_fixed", "diluted"),
    ("Design effect of randomized ICUs", "n_clustered", "clustered"),
    ("Interim analyses", "n_needed", "looks"),
    ("Loss, whole patients in every arm", "n_randomized", ""),
)


def steps_table(plan: TrialPlan, facts: Facts) -> TextTable:
    """Return how the number of patients comes about, step by step."""
    rows = [(words(label), facts[name]) for label, name, _ in STEPS]
    rows += [(words("Power of these whole patients by formula"), facts["power"])]
    return TextTable(
        name="steps",
        title="How the number of patients comes about",
        heads=(words("Step"), words("Patients")),
        rows=tuple(rows),
    )


def size_table(plan: TrialPlan, power: float) -> TextTable:
    """Return the patients to randomize over control risk × effect at one power; the plan's own cell is marked."""
    cells = plan.grid[plan.grid["power"] == power]
    given = plan.size.assumptions
    scale = SHORT_SCALES[given.effect.name]
    effects = sorted(cells["effect"].unique())
    wide = cells.pivot(index="p_control", columns="effect", values="n_randomized")
    rows = tuple(
        (percent(risk), *(_size(wide.loc[risk, effect], risk, effect, plan) for effect in effects))
        for risk in wide.index
    )
    heads = (words("Control risk"), *(Fact(value=e, text=f"{scale} {plain(e).text}") for e in effects))
    percent_text = short_percent(power).text
    return TextTable(
        name=f"size_{round(100 * power)}",
        title=f"Patients to randomize for a power of {percent_text}, all else as planned (* the plan)",
        heads=heads,
        rows=rows,
    )


def _size(patients: float, risk: float, effect: float, plan: TrialPlan) -> Fact:
    cell, given = count(patients), plan.size.assumptions
    own = math.isclose(risk, given.p_control) and math.isclose(effect, given.effect.value)
    return Fact(value=cell.value, text=f"{cell.text}*") if own else cell


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


def looks_tables(plan: TrialPlan) -> tuple[TextTable, ...]:
    """Return the boundaries with what they mean, and the chances of stopping; none without looks."""
    if not len(plan.looks):
        return ()
    return (
        _table("looks", "Looks and their boundaries (counts are cumulative)", LOOKS, _rows(plan.looks)),
        _table(
            "chances",
            "Chances of stopping by formula; conditional and predictive power at the futility boundary, or "
            "where the arms are equal if there is none",
            CHANCES,
            _rows(plan.looks),
        ),
    )


def _pair(left: float, right: float) -> Fact:
    if math.isnan(left) or math.isnan(right):
        return NONE
    return words(f"{count(left).text} / {count(right).text}")


def _at_boundary(row: Any) -> Fact:
    if math.isnan(row.effect_at_bound):
        return NONE
    ratio = decimal(row.effect_at_bound, digits=3)
    return Fact(value=ratio.value, text=f"{SHORT_SCALES[row.scale_at_bound]} {ratio.text}")


def _deaths(row: Any) -> Fact:
    if math.isnan(row.deaths_treated):
        return NONE
    return words(f"{count(row.deaths_treated).text} v {count(row.deaths_control).text}")


MEASURES = {
    "rejection": ("Claims a benefit", percent),
    "power": ("Power", percent),
    "type_1_error": ("Type I error", percent),
    "early_efficacy": ("Stops early for efficacy", percent),
    "early_futility": ("Stops early for futility", percent),
}


def operating_tables(plan: TrialPlan) -> tuple[TextTable, ...]:
    """Return the operating characteristics of the simulated trials; none where nothing was simulated."""
    return ()


PRIORS: tuple[Column, ...] = (
    ("Prior", lambda r: words(r.label)),
    ("Effect (95% interval)", lambda r: _interval(r)),
    ("Weight", lambda r: decimal(r.weight)),
    ("Assurance", lambda r: percent(r.assurance)),
    ("Ceiling: P(benefit)", lambda r: percent(r.ceiling)),
    ("P(effect as planned or better)", lambda r: percent(r.worthwhile)),
)


def prior_table(plan: TrialPlan) -> TextTable:
    """Return the assurance of the planned patients under every prior, with its ceiling."""
    return _table(
        "priors",
        "Assurance of the planned patients, and the ceiling that no number of patients exceeds",
        PRIORS,
        _rows(plan.priors),
    )


def _interval(row: Any) -> Fact:
    if not row.scale:
        return NONE
    ends = (decimal(row.estimate), decimal(row.low), decimal(row.high))
    return Fact(
        value=row.estimate,
        text=f"{SHORT_SCALES[row.scale]} {ends[0].text} ({ends[1].text}–{ends[2].text})",
    )


ASSUMPTIONS: dict[str, tuple[str, Callable[[float], Fact]]] = {
    "p_control": ("Control risk", percent),
    "attenuation": ("Part of the effect that is real", short_percent),
    "nonadherence": ("Treatment not given", short_percent),
    "contamination": ("Open-label immunoglobulin in controls", short_percent),
    "loss": ("Outcome unknown", short_percent),
}
SENSITIVITY: tuple[Column, ...] = (
    ("Assumption", lambda r: words(ASSUMPTIONS[r.assumption][0])),
    ("Value", lambda r: _marked(ASSUMPTIONS[r.assumption][1](r.value), r.planned)),
    ("Treated risk", lambda r: percent(r.p_treated)),
    ("Power of the planned patients", lambda r: percent(r.power)),
    ("Patients needed", lambda r: count(r.n_needed)),
)


def sensitivity_table(plan: TrialPlan) -> TextTable:
    """Return what becomes of the power, and of the patients needed, if one assumption is wrong."""
    return _table(
        "sensitivity",
        "If one assumption is wrong (* the plan); the effect is the same on the plan's scale",
        SENSITIVITY,
        _rows(plan.sensitivity),
    )


def _marked(cell: Fact, planned: bool) -> Fact:
    return Fact(value=cell.value, text=f"{cell.text}*") if planned else cell


PACE: tuple[Column, ...] = (
    ("Pace, of the planned", lambda r: percent(r.pace, digits=0)),
    ("ICUs", lambda r: count(r.icus)),
    ("Patients a month, all ICUs open", lambda r: decimal(r.per_month, digits=1)),
    ("Months to the last patient", lambda r: decimal(r.months_accrual, digits=1)),
    ("Months to the last outcome", lambda r: decimal(r.months_outcome, digits=1)),
    ("Randomized while outcomes mature", lambda r: count(r.overrun)),
)


def pace_table(plan: TrialPlan) -> TextTable:
    """Return how long the trial takes, as hoped for and slower."""
    return _table("pace", "How long the trial takes", PACE, _rows(plan.pace))


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


def flow_table(plan: TrialPlan) -> TextTable:
    """Return the expected numbers from screening to analysis."""
    columns = (
        ("Step", lambda r: words(STEP_WORDS[r.step])),
        ("Patients", lambda r: count(r.patients)),
    )
    return _table("flow", "Expected flow of patients", columns, _rows(plan.flow))


EXTRAS: dict[str, Callable[[TrialPlan], TextTable]] = {}
_ = points
