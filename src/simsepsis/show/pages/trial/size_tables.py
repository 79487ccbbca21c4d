"""The patients of a plan, step by step, and over control risk and effect."""

from __future__ import annotations

import math

from simsepsis.show.pages.trial.fact import Facts, count, decimal, percent, short_percent
from simsepsis.show.pages.trial.statement import conditions_of
from simsepsis.show.pages.trial.vocabulary import SHORT_SCALES
from simsepsis.show.table import Fact, Table
from simsepsis.trial.planning.record import TrialPlan

STEPS = (
    ("always", "Fixed design, nobody departs from the protocol", "n_undiluted"),
    ("diluted", "Difference diluted by departures", "n_fixed"),
    ("clustered", "Design effect of randomized ICUs", "n_clustered"),
    ("looks", "Interim analyses", "n_needed"),
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
    percent_text = short_percent(power).text
    return Table(
        name=f"size_{round(100 * power)}",
        title=f"Patients to randomize for a power of {percent_text}, all else as planned (* the plan)",
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
