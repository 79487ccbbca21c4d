"""The page of a learned world: what it asks for, what is true in it, and who its patients are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simsepsis.environment import versions
from simsepsis.estimand import POPULATIONS, Estimand
from simsepsis.show.figure import Figure
from simsepsis.show.figure import files_of as figure_files
from simsepsis.show.page import Page, Section, how_made
from simsepsis.show.plots.learned_world import plot_propensity
from simsepsis.show.table import Table
from simsepsis.spreadsheet import csv_bytes
from simsepsis.truth import true_estimands
from simsepsis.words import plain
from simsepsis.words.numbers import with_error
from simsepsis.world.cohort import generate_cohort
from simsepsis.world.write import scenario_toml

if TYPE_CHECKING:
    from simsepsis.world.fitted.scenario import FittedScenario

SHOWN = ("att", "ate", "ato")
PATIENTS = 20_000
SETTINGS = ("treatment", "effect", "unmeasured", "sites", "observation")


def learned_world_files(
    scenario: FittedScenario, *, seed: int, population: int, command: str
) -> dict[str, bytes]:
    """Return file name → content of all that ``simsepsis describe`` writes of a learned world."""
    settled = scenario.resolved()
    truth = true_estimands(settled, population=population, seed=seed)
    cohort = generate_cohort(settled, seed=seed, n=PATIENTS)
    margins = _margins(scenario, cohort.registry)
    assert cohort.oracle is not None
    scores = _propensities(
        cohort.oracle.propensity, cohort.registry[scenario.learned.treatment].to_numpy() == 1
    )
    figure = Figure(
        name="propensity",
        title="True probability of treatment",
        caption="Everybody's probability of treatment given all that precedes it, by arm; "
        f"{PATIENTS:,} patients, seed {seed}, simsepsis {version('simsepsis')}.",
        alt="Histogram of the true propensity score by arm.",
        draw=partial(plot_propensity, scores),
        data=scores,
    )
    page = _page(scenario, settled, truth, margins, figure, command=command, seed=seed)
    tables = {"truth": truth, "margins": margins}
    contents = {
        f"tables/{name}.csv": csv_bytes(frame, float_format="%.10g", lineterminator="\n")
        for name, frame in tables.items()
    }
    contents |= figure_files([figure]) | {"settled.toml": scenario_toml(settled).encode()}
    return contents | {"report.html": page.html.encode()}


def _propensities(propensity: np.ndarray, treated: np.ndarray) -> pd.DataFrame:
    edges = np.linspace(0.0, 1.0, 41)
    parts = []
    for arm, side in (("treated", treated), ("control", ~treated)):
        counts, _ = np.histogram(propensity[side], edges)
        share = 100.0 * counts / max(int(side.sum()), 1)
        parts.append(pd.DataFrame({"arm": arm, "bin_low": edges[:-1], "bin_high": edges[1:], "share": share}))
    return pd.concat(parts, ignore_index=True)


def _margins(scenario: FittedScenario, registry: pd.DataFrame) -> pd.DataFrame:
    """Return mean or share of every column by arm."""
    treated = registry[scenario.learned.treatment].to_numpy() == 1
    rows = []
    for name in registry.columns:
        if name in (scenario.learned.patient, scenario.learned.treatment):
            continue
        column = registry[name]
        levels = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else [None]
        for level in levels:
            values = column.astype(float) if level is None else (column == level).astype(float)
            means = (float(values[side].mean()) for side in (treated, ~treated))
            rows.append((name, "" if level is None else level, *means))
    return pd.DataFrame(rows, columns=["variable", "level", "treated", "control"])


def _page(
    scenario: FittedScenario,
    settled: FittedScenario,
    truth: pd.DataFrame,
    margins: pd.DataFrame,
    figure: Figure,
    *,
    command: str,
    seed: int,
) -> Page:
    return Page(
        kind="scenario",
        title=plain(scenario.name),
        question=plain(scenario.label),
        heading="In short",
        answer=tuple(_sentences(scenario, settled, truth)),
        aside="In brackets: Monte Carlo standard errors.",
        sections=(
            Section("settings", "What it asks for", (_settings(scenario),)),
            Section("truth", "What is true", (_truth(scenario, truth),)),
            Section("patients", "Its patients", (figure, _margin_table(scenario, margins))),
            how_made(command, (("Seed", str(seed)), *versions().items())),
        ),
    )


def _sentences(scenario: FittedScenario, settled: FittedScenario, truth: pd.DataFrame) -> Iterator[str]:
    profile = scenario.learned
    share = scenario.treatment.prevalence or profile.prevalence
    yield (
        f"Learned from {plain(profile.source)}: {profile.patients:,} patients, {len(profile.columns)} "
        f"covariates; {share:.0%} are treated."
    )
    outcome = scenario.outcome
    scale = "md" if outcome in profile.numeric_outcomes else "rd"
    row = truth.set_index("estimand").loc[Estimand(scale, outcome, "att").name]
    if settled.is_null:
        yield "The treatment does nothing to anybody."
    else:
        shown = _shown(scale, row["value"], row["mcse"])
        unit = Estimand(scale, outcome).on.unit
        yield f"True {_words(scale, outcome, scenario)} in the treated: {shown}{f' {unit}' if unit else ''}."
    hidden = scenario.unmeasured
    if hidden.kind == "none":
        yield "Nothing that confounds is hidden."
    else:
        yield (
            f"A {hidden.kind} confounder is hidden: odds ratio of treatment {hidden.or_treatment:g}, "
            f"hazard or odds ratio of the outcome {hidden.hr_outcome:g}."
        )


def _words(scale: str, outcome: str, scenario: FittedScenario) -> str:
    return Estimand(scale, outcome).label(scenario.learned.labels.get(outcome, ""))


def _shown(scale: str, value: float, mcse: float) -> str:
    factor = Estimand(scale, "x").on.factor
    decimals = 2 if factor > 1.0 or abs(value) >= 10.0 else 3
    return with_error(factor * value, factor * mcse, decimals) if math.isfinite(value) else "–"


def _settings(scenario: FittedScenario) -> Table:
    values = scenario.model_dump(mode="json", exclude_none=True)
    rows = [
        (f"{section}.{key}", str(value))
        for section in SETTINGS
        for key, value in values.get(section, {}).items()
        if value != ""
    ]
    return Table(title="Settings of the world", heads=("Key", "Value"), rows=tuple(rows))


def _truth(scenario: FittedScenario, truth: pd.DataFrame) -> Table:
    """Return the truth of every estimand, populations as columns."""
    values = truth.set_index("estimand")
    read = [Estimand.parse(name) for name in values.index]
    stems = dict.fromkeys(one.stem for one in read if one.population == SHOWN[0])
    rows = []
    for stem in stems:
        one = Estimand.parse(f"{stem}_{SHOWN[0]}")
        cells = [values.loc[one.of(population).name] for population in SHOWN]
        texts = [_shown(one.scale, float(cell["value"]), float(cell["mcse"])) for cell in cells]
        unit = f" ({one.on.unit})" if one.on.unit else ""
        rows.append((f"{one.label(scenario.learned.labels.get(one.outcome, ''))}{unit}", *texts))
    heads = ("Estimand", *(POPULATIONS[population] for population in SHOWN))
    return Table(title="True effect of the treatment against none", heads=heads, rows=tuple(rows))


def _margin_table(scenario: FittedScenario, margins: pd.DataFrame) -> Table:
    labels = scenario.learned.labels
    rows = tuple(
        (
            f"{labels.get(row.variable, row.variable)}{f', {row.level}' if row.level else ''}",
            f"{row.treated:.3g}",
            f"{row.control:.3g}",
        )
        for row in margins.itertuples(index=False)
    )
    return Table(title="Mean or share by arm", heads=("Column", "Treated", "Control"), rows=rows)
