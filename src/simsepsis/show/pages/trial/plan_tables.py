"""What a plan computes: sizes, looks, simulated trials, beliefs, and what becomes of it if they are wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from simsepsis.show.pages.trial.facts import NONE, Facts, count, decimal, p_value, percent, short_percent
from simsepsis.show.pages.trial.statement import conditions_of
from simsepsis.show.table import Cell, Column, Fact, Table, tabulated
from simsepsis.show.trial_words import SHORT_SCALES
from simsepsis.trial.planning.compute import TrialPlan

STEPS = (
    ("always", "Fixed design, nobody departs from the protocol", "n_undiluted"),
    ("diluted", "Difference diluted by departures", "n_fixed"),
    ("clustered", "Design effect of randomized sites", "n_clustered"),
    ("looks", "Interim analyses", "n_looked"),
    ("sparse", "Strata with one group only", "n_needed"),
    ("solved", "Loss, all arms, whole patients in each", "n_randomized"),
    ("stated", "Stated in the protocol", "n_randomized"),
    ("always", "Power of these whole patients by formula", "power"),
)


def steps_table(plan: TrialPlan, facts: Facts) -> Table:
    """Return how the number of patients comes about, step by step."""
    holding = conditions_of(plan)
    rows = [(label, facts[name]) for holds, label, name in STEPS if holds in holding]
    return Table(
        name="steps",
        title="How the number of patients comes about",
        heads=("Step", "Patients"),
        rows=tuple(rows),
    )


def size_table(plan: TrialPlan, power: float) -> Table:
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
    heads: list[str | Fact] = ["Control risk"]
    heads += [Fact(value=effect, text=f"{scale} {_effect(effect)}") for effect in effects]
    percent_text, what = short_percent(power).text, "enrol" if given.clusters else "randomize"
    return Table(
        name=f"size_{round(100 * power)}",
        title=f"Patients to {what} for a power of {percent_text}, all else as planned (* the plan)",
        heads=tuple(heads),
        rows=rows,
    )


def _effect(value: float) -> str:
    return decimal(value).text if round(value, 2) == round(value, 6) else decimal(value, digits=3).text


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
    ("Events expected, no effect / planned", lambda r: _pair(r.cum_events_null, r.cum_events_planned)),
    ("z", lambda r: decimal(r.z, digits=3)),
    ("Nominal p", lambda r: p_value(r.nominal_p)),
    ("Effect at the boundary", lambda r: _at_boundary(r)),
    ("Events at the boundary, treated v control", lambda r: _deaths(r)),
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
    (
        "Conditional power, planned effect, later looks and futility followed",
        lambda r: percent(r.cp_all),
    ),
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


def people(value: float, mcse: float) -> Fact:
    """Return a mean number of people with its Monte Carlo standard error."""
    return decimal(value, mcse, digits=0)


def months(value: float, mcse: float) -> Fact:
    """Return months with their Monte Carlo standard error."""
    return decimal(value, mcse, digits=1)


def third(value: float, mcse: float | None = None) -> Fact:
    """Return a number to the third decimal, with its Monte Carlo standard error where there is one."""
    return decimal(value, mcse, digits=3)


MEASURES: dict[str, tuple[str, Callable[[float, float], Fact]]] = {
    "rejection": ("Claims a benefit", percent),
    "harm": ("Claims harm", percent),
    "futility": ("Stops for futility", percent),
    "early_stop": ("Stops early", percent),
    "expected_n": ("Patients randomized, mean", people),
    "sd_n": ("Patients randomized, SD", people),
    "p90_n": ("Patients randomized, 90th percentile", people),
    "expected_deaths": ("Events, mean", people),
    "expected_months": ("Months to the end, mean", months),
    "p90_months": ("Months to the end, 90th percentile", months),
    "bias": ("Bias of the estimate", third),
    "coverage": ("Coverage of its 95% interval", percent),
    "adjusted_median_bias": ("Median bias of the stage-wise estimate", third),
    "adjusted_coverage": ("Coverage of its 95% interval, stage-wise", percent),
    "failure": ("No test possible", percent),
}
OF_LOOKS = (
    "futility",
    "early_stop",
    "expected_n",
    "sd_n",
    "p90_n",
    "adjusted_median_bias",
    "adjusted_coverage",
)
"""What a trial with one analysis has no need to say."""

TRUTHS = {"null": "No effect", "planned": "Planned effect"}


def operating_tables(plan: TrialPlan) -> tuple[Table, ...]:
    """Return the operating characteristics of the simulated trials; none where nothing was simulated."""
    if not plan.simulated_trials:
        return ()
    arms = [arm.name for arm in plan.protocol.arms]
    margin = plan.protocol.margin is not None
    cells = plan.operating.set_index(["arm", "truth", "measure"])
    hidden = () if len(plan.looks) else OF_LOOKS
    rows: list[tuple[Cell, ...]] = []
    for arm in dict.fromkeys(plan.operating["arm"]):
        for measure, (label, form) in MEASURES.items():
            if (arm, "null", measure) in cells.index and measure not in hidden:
                found = [cells.loc[(arm, truth, measure)] for truth in TRUTHS]
                label = "Claims non-inferiority" if margin and measure == "rejection" else label
                name = label if len(arms) == 1 else f"{arm}: {label}"
                rows.append((name, *(form(cell["value"], cell["mcse"]) for cell in found)))
    trials = count(plan.simulated_trials).text
    table = Table(
        name="operating",
        title=f"{trials} simulated trials under each truth; Monte Carlo standard errors in brackets, of "
        f"percentages in points. Estimates are {_estimates(plan)}{_ignored(plan)}",
        heads=("Measure", "Effect at the margin" if margin else "No effect", "Planned effect"),
        rows=tuple(rows),
    )
    return (table, *_simulated_looks(plan), *_tried(plan))


def _ignored(plan: TrialPlan) -> str:
    """Return what stage-wise intervals leave out; nothing without futility that does not bind."""
    futility = plan.size.assumptions.futility
    if futility is None or futility.binding:
        return ""
    return ". Stage-wise intervals leave out the futility rule, which does not bind but is followed here"


def _estimates(plan: TrialPlan) -> str:
    scale = plan.protocol.scale
    return (
        f"logarithms of the {scale.replace('_', ' ')}"
        if scale.endswith("ratio")
        else f"of the {scale.replace('_', ' ')}"
    )


SIMULATED_LOOKS: tuple[Column, ...] = (
    ("Truth", lambda r: TRUTHS[r.truth]),
    ("Look", lambda r: count(r.look)),
    ("Efficacy", lambda r: percent(r.efficacy, r.efficacy_mcse)),
    ("Harm", lambda r: percent(r.harm, r.harm_mcse)),
    ("Futility", lambda r: percent(r.futility, r.futility_mcse)),
    ("Stopped by here", lambda r: percent(r.cumulative_stop, r.cumulative_stop_mcse)),
    ("Events if it goes on to here", lambda r: count(r.mean_deaths)),
    ("Months", lambda r: decimal(r.mean_months, digits=1)),
)


def _simulated_looks(plan: TrialPlan) -> tuple[Table, ...]:
    rows = plan.tables["simulated_looks"]
    own = rows[rows["arm"] == plan.protocol.arms[plan.protocol.effect_arm].name]
    if own["look"].max() == 1:
        return ()
    title = "How the simulated trials end at each look"
    return (tabulated("simulated_looks", title, SIMULATED_LOOKS, own),)


def _tried(plan: TrialPlan) -> tuple[Table, ...]:
    rows = plan.tables["tried"]
    if len(rows) == 1:
        return ()
    columns: tuple[Column, ...] = (
        ("Patients randomized", lambda r: count(r.n_randomized)),
        ("Simulated power", lambda r: percent(r.power, r.mcse)),
    )
    return (tabulated("tried", "Sizes simulated on the way to the plan", columns, rows),)


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


ASSUMPTIONS: dict[str, tuple[str, Callable[[float], Fact]]] = {
    "p_control": ("Control risk", percent),
    "attenuation": ("Part of the effect that is real", short_percent),
    "nonadherence": ("Treatment not given", short_percent),
    "contamination": ("Open-label {outside} in controls", short_percent),
    "loss": ("Outcome unknown", short_percent),
    "icc": ("Intracluster correlation", third),
    "cac": ("Cluster autocorrelation", decimal),
}
SENSITIVITY: tuple[Column, ...] = (
    ("Value", lambda r: _marked(ASSUMPTIONS[r.assumption][1](r.value), r.planned)),
    ("Treated risk", lambda r: percent(r.p_treated)),
    ("Power of the planned patients", lambda r: percent(r.power)),
    ("Patients needed", lambda r: count(r.n_needed)),
)


def sensitivity_table(plan: TrialPlan) -> Table:
    """Return what becomes of the power, and of the patients needed, if one assumption is wrong."""
    outside = plan.protocol.offer.treatment.en
    columns: tuple[Column, ...] = (
        ("Assumption", lambda r: ASSUMPTIONS[r.assumption][0].format(outside=outside)),
        *SENSITIVITY,
    )
    return tabulated(
        "sensitivity",
        f"If one assumption is wrong (* the plan); the effect is the same on the plan's scale{_ranked(plan)}",
        columns,
        plan.sensitivity,
    )


def _ranked(plan: TrialPlan) -> str:
    if plan.size.assumptions.ranked is None:
        return ""
    return ", and on the primary outcome in proportion to the events averted"


def _marked(cell: Fact, planned: bool) -> Fact:
    return Fact(value=cell.value, text=f"{cell.text}*") if planned else cell
