"""The tables of a plan as facts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
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
    short_percent,
    words,
)
from simsepsis.report.trial.statement import conditions_of
from simsepsis.report.trial.text_table import TextTable
from simsepsis.report.trial.vocabulary import SHORT_SCALES
from simsepsis.trial.planning.record import TrialPlan


def people(value: float, mcse: float) -> Fact:
    """Return a mean number of people with its Monte Carlo standard error."""
    return decimal(value, mcse, digits=0)


def months(value: float, mcse: float) -> Fact:
    """Return months with their Monte Carlo standard error."""
    return decimal(value, mcse, digits=1)


def third(value: float, mcse: float) -> Fact:
    """Return a number to the third decimal with its Monte Carlo standard error."""
    return decimal(value, mcse, digits=3)


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


def _rows(frame: pd.DataFrame) -> Iterator[Any]:
    yield from frame.itertuples(index=False)


STEPS = (
    ("always", "Fixed design, nobody departs from the protocol", "n_undiluted"),
    ("diluted", "Difference diluted by departures", "n_fixed"),
    ("clustered", "Design effect of randomized ICUs", "n_clustered"),
    ("looks", "Interim analyses", "n_needed"),
    ("solved", "Loss, all arms, whole patients in each", "n_randomized"),
    ("stated", "Stated in the protocol", "n_randomized"),
    ("always", "Power of these whole patients by formula", "power"),
)


def steps_table(plan: TrialPlan, facts: Facts) -> TextTable:
    """Return how the number of patients comes about, step by step."""
    holding = conditions_of(plan)
    rows = [(words(label), facts[name]) for holds, label, name in STEPS if holds in holding]
    return TextTable(
        name="steps",
        title="How the number of patients comes about",
        heads=(words("Step"), words("Patients")),
        rows=tuple(rows),
    )


def size_table(plan: TrialPlan, power: float) -> TextTable:
    """Return the patients over control risk × effect at one power; the plan's own cell is marked."""
    cells = plan.grid[plan.grid["power"] == power]
    given = plan.size.assumptions
    scale = SHORT_SCALES[given.effect.name]
    effects = sorted(cells["effect"].unique())
    wide = cells.pivot(index="p_control", columns="effect", values="n_randomized")
    rows = tuple(
        (percent(risk), *(_size(wide.loc[risk, effect], risk, effect, power, plan) for effect in effects))
        for risk in wide.index
    )
    heads = (words("Control risk"), *(Fact(value=e, text=f"{scale} {_effect(e)}") for e in effects))
    percent_text = short_percent(power).text
    return TextTable(
        name=f"size_{round(100 * power)}",
        title=f"Patients to randomize for a power of {percent_text}, all else as planned (* the plan)",
        heads=heads,
        rows=rows,
    )


def _effect(value: float) -> str:
    return decimal(value).text if round(value, 2) == round(value, 6) else plain(value).text


def _size(patients: float, risk: float, effect: float, power: float, plan: TrialPlan) -> Fact:
    cell, given = count(patients), plan.size.assumptions
    own = all(
        math.isclose(here, there)
        for here, there in ((risk, given.p_control), (effect, given.effect.value), (power, given.power))
    )
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


MEASURES: dict[str, tuple[str, Callable[[float, float], Fact]]] = {
    "rejection": ("Claims a benefit", percent),
    "harm": ("Claims harm", percent),
    "futility": ("Stops for futility", percent),
    "early_stop": ("Stops early", percent),
    "expected_n": ("Patients randomized, mean", people),
    "sd_n": ("Patients randomized, SD", people),
    "p90_n": ("Patients randomized, 90th percentile", people),
    "expected_deaths": ("Deaths, mean", people),
    "expected_months": ("Months to the end, mean", months),
    "p90_months": ("Months to the end, 90th percentile", months),
    "bias": ("Bias of the estimate", third),
    "coverage": ("Coverage of its 95% interval", percent),
    "adjusted_median_bias": ("Median bias of the stage-wise estimate", third),
    "adjusted_coverage": ("Coverage of its 95% interval, stage-wise", percent),
    "failure": ("No test possible", percent),
}
TRUTHS = {"null": "No effect", "planned": "Planned effect"}


def operating_tables(plan: TrialPlan) -> tuple[TextTable, ...]:
    """Return the operating characteristics of the simulated trials; none where nothing was simulated."""
    if not plan.simulated_trials:
        return ()
    arms = [arm.name for arm in plan.protocol.arms]
    cells = plan.operating.set_index(["arm", "truth", "measure"])
    rows = []
    for arm in dict.fromkeys(plan.operating["arm"]):
        for measure, (label, form) in MEASURES.items():
            if (arm, "null", measure) in cells.index:
                found = [cells.loc[(arm, truth, measure)] for truth in TRUTHS]
                name = label if len(arms) == 1 else f"{arm}: {label}"
                rows.append((words(name), *(form(cell["value"], cell["mcse"]) for cell in found)))
    trials = count(plan.simulated_trials).text
    table = TextTable(
        name="operating",
        title=f"{trials} simulated trials under each truth; Monte Carlo standard errors in brackets, of "
        f"percentages in points. Estimates are {_estimates(plan)}",
        heads=(words("Measure"), *(words(label) for label in TRUTHS.values())),
        rows=tuple(rows),
    )
    return (table, *_simulated_looks(plan), *_tried(plan))


def _estimates(plan: TrialPlan) -> str:
    scale = plan.protocol.scale
    return (
        f"logarithms of the {scale.replace('_', ' ')}"
        if scale.endswith("ratio")
        else f"of the {scale.replace('_', ' ')}"
    )


SIMULATED_LOOKS: tuple[Column, ...] = (
    ("Truth", lambda r: words(TRUTHS[r.truth])),
    ("Look", lambda r: count(r.look)),
    ("Efficacy", lambda r: percent(r.efficacy, r.efficacy_mcse)),
    ("Harm", lambda r: percent(r.harm, r.harm_mcse)),
    ("Futility", lambda r: percent(r.futility, r.futility_mcse)),
    ("Stopped by here", lambda r: percent(r.cumulative_stop, r.cumulative_stop_mcse)),
    ("Deaths if it goes on to here", lambda r: count(r.mean_deaths)),
    ("Months", lambda r: decimal(r.mean_months, digits=1)),
)


def _simulated_looks(plan: TrialPlan) -> tuple[TextTable, ...]:
    rows = plan.tables["simulated_looks"]
    own = rows[rows["arm"] == plan.protocol.arms[plan.protocol.effect_arm].name]
    if own["look"].max() == 1:
        return ()
    title = "How the simulated trials end at each look"
    return (_table("simulated_looks", title, SIMULATED_LOOKS, _rows(own)),)


def _tried(plan: TrialPlan) -> tuple[TextTable, ...]:
    rows = plan.tables["tried"]
    columns: tuple[Column, ...] = (
        ("Patients randomized", lambda r: count(r.n_randomized)),
        ("Simulated power", lambda r: percent(r.power, r.mcse)),
    )
    return (_table("tried", "Sizes simulated on the way to the plan", columns, _rows(rows)),)


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


ENDPOINT_WORDS = {
    "death_28d": "Death by day 28",
    "icu_death": "Death in the ICU",
    "hospital_death": "Death in hospital",
    "time_to_death": "Time to death, censored at day 28",
    "ventilator_free_days": "Ventilator-free days to day 28",
    "win_ratio": "Win ratio: death by day 28, then ventilator-free days",
}


def endpoints_table(plan: TrialPlan) -> TextTable:
    """Return the power of every endpoint on the same simulated patients."""
    rows = plan.tables["endpoints"]
    columns: tuple[Column, ...] = (
        ("Endpoint", lambda r: words(ENDPOINT_WORDS[r.endpoint])),
        ("Power", lambda r: percent(r.power, r.power_mcse)),
        ("Against the plan's endpoint, paired (points)", lambda r: _gain(r)),
        ("Patients for the same power, times the plan's", lambda r: decimal(r.n_ratio)),
    )
    trials = count(int(rows["n_sim"].iloc[0])).text
    title = f"Endpoints on the same patients and looks ({trials} simulated trials)"
    return _table("endpoints", title, columns, _rows(rows))


def _gain(row: Any) -> Fact:
    return (
        words("–")
        if row.difference_mcse == 0
        else decimal(100 * row.difference, 100 * row.difference_mcse, digits=1)
    )


DOSES: tuple[Column, ...] = (
    ("Dose (g/kg)", lambda r: plain(r.dose)),
    ("Control risk", lambda r: percent(r.p_control)),
    ("Treated risk", lambda r: percent(r.p_treated)),
    ("Risk ratio", lambda r: decimal(r.risk_ratio, digits=3)),
    ("Power of the planned patients", lambda r: percent(r.power)),
    ("Patients needed", lambda r: count(r.n_randomized)),
)


def doses_table(plan: TrialPlan) -> TextTable:
    """Return what the assumed dose–response makes of other doses."""
    title = "Other doses under the assumed dose–response (an input, not an estimate)"
    return _table("doses", title, DOSES, _rows(plan.tables["doses"]))


POPULATION_WORDS = {
    "all": "All septic patients",
    "severe": "APACHE II ≥ 29",
    "low_igg": "IgG < 6.5 g/L",
    "severe_or_low_igg": "APACHE II ≥ 29 or IgG < 6.5 g/L",
}
ENRICHMENT: tuple[Column, ...] = (
    ("Population", lambda r: words(POPULATION_WORDS[r.population])),
    ("Interaction: factor on the log hazard ratio", lambda r: plain(r.interaction)),
    ("Share of the screened", lambda r: percent(r.share)),
    ("Control risk", lambda r: percent(r.p_control)),
    ("Risk ratio", lambda r: decimal(r.risk_ratio, digits=3)),
    ("Patients to randomize", lambda r: count(r.n_randomized)),
    ("To screen", lambda r: count(r.screened)),
    ("Months of accrual", lambda r: count(r.months)),
)


def enrichment_table(plan: TrialPlan) -> TextTable:
    """Return what restricting the trial buys."""
    title = (
        "Restricting the trial: the effect on average over all septic patients is the planned one, and "
        "stronger by the factor in severe or low-IgG patients (an input, not an estimate)"
    )
    return _table("enrichment", title, ENRICHMENT, _rows(plan.tables["enrichment"]))


QUANTITIES: dict[str, tuple[str, Callable[[float], Fact]]] = {
    "risk_control": ("Risk of death by day 28, control", percent),
    "risk_treated": ("Risk of death by day 28, treated", percent),
    "risk_difference": ("Difference of the risks", percent),
    "days_control": ("Mean ventilator-free days, control", decimal),
    "days_treated": ("Mean ventilator-free days, treated", decimal),
    "days_difference": ("Difference of the means", decimal),
}
REPLAY: tuple[Column, ...] = (
    ("Quantity", lambda r: words(QUANTITIES[r.quantity][0])),
    ("If treatment has", lambda r: words({"none": "no effect", "planned": "the planned effect"}[r.truth])),
    ("Published", lambda r: QUANTITIES[r.quantity][1](r.published)),
    ("Simulated mean", lambda r: QUANTITIES[r.quantity][1](r.simulated)),
    ("90% interval of single trials", lambda r: _between(r)),
    ("Inside?", lambda r: words("yes" if r.inside else "no")),
)


def replay_table(plan: TrialPlan) -> TextTable:
    """Return the published results beside those of simulated trials."""
    trials = count(int(plan.tables["replay"]["n_sim"].iloc[0])).text
    title = f"The trial that was held, against {trials} simulated ones"
    return _table("replay", title, REPLAY, _rows(plan.tables["replay"]))


def _between(row: Any) -> Fact:
    form = QUANTITIES[row.quantity][1]
    return words(f"{form(row.low).text} to {form(row.high).text}")


EXTRAS: dict[str, Callable[[TrialPlan], TextTable]] = {
    "endpoints": endpoints_table,
    "doses": doses_table,
    "enrichment": enrichment_table,
    "replay": replay_table,
}
