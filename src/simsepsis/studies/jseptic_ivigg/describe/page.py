"""The page of a scenario as one self-contained HTML file, and its numbers as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

from simsepsis.environment import versions
from simsepsis.show.figure import Figure, written
from simsepsis.show.figure import files_of as figure_files
from simsepsis.show.page import Block, Page, Section, glossary, how_made
from simsepsis.spreadsheet import csv_bytes
from simsepsis.studies.jseptic_ivigg.columns import STUDY
from simsepsis.studies.jseptic_ivigg.describe.description import ScenarioDescription, describe_scenario
from simsepsis.studies.jseptic_ivigg.describe.scenario_figures import draw_description
from simsepsis.studies.jseptic_ivigg.describe.tables import (
    changes_table,
    margins_table,
    reached_table,
    solved_table,
    truth_table,
)
from simsepsis.studies.jseptic_ivigg.describe.words import FAR, sentences_of
from simsepsis.study.published import open_study
from simsepsis.world.write import scenario_toml

if TYPE_CHECKING:
    from simsepsis.world.scenario import Scenario

TABLES = ("changes", "reached", "solved", "nodes", "margins", "facts", "truth")
"""Frames that no figure draws, written as CSV."""
TRUTH = (
    "Each patient's course was simulated twice, with IVIgG and without, from the same random numbers. The "
    "first column weights patients by their probability of IVIgG; the second counts everybody alike, "
    "which is what a trial that gives IVIgG by coin would find unadjusted."
)
MARGINS = (
    f"▲ and ▼: the simulated number is more than {FAR:g} of the thesis's sampling standard errors above or "
    "below the printed one; of quartiles, the farthest decides. Proven misprints are corrected. Every "
    "number of Tables 1 to 3 before matching is in tables/margins.csv."
)


def files_of(scenario: Scenario, *, seed: int, population: int, command: str) -> dict[str, bytes]:
    """Return file name → content of all that ``simsepsis describe`` writes."""
    description = describe_scenario(scenario, seed=seed, population=population)
    drawn = draw_description(description, version=version("simsepsis"))
    figures = written(drawn, open_study("jseptic-ivigg").layout)
    page = scenario_page(description, figures, command=command)
    contents = description_contents(description) | figure_files(figures)
    return contents | {"report.html": page.html.encode()}


def description_contents(description: ScenarioDescription) -> dict[str, bytes]:
    """Return file name → content of the numbers that no figure draws, and of the settled scenario."""
    tables = {
        f"tables/{name}.csv": csv_bytes(getattr(description, name), float_format="%.10g", lineterminator="\n")
        for name in TABLES
    }
    return {**tables, "settled.toml": scenario_toml(description.settled).encode()}


def scenario_page(description: ScenarioDescription, figures: Sequence[Figure], *, command: str) -> Page:
    """Return the page that says what a scenario is, and shows all of it."""
    diagram = tuple(item for item in figures if item.name == "diagram")
    others = tuple(item for item in figures if item.name != "diagram")
    return Page(
        kind="scenario",
        title=description.scenario.name,
        question=description.scenario.label,
        heading="In short",
        answer=sentences_of(description),
        aside="In brackets: Monte Carlo standard errors.",
        sections=(
            Section("changes", "What it changes", tuple(_changes(description))),
            Section("diagram", "Who causes what", diagram),
            Section("truth", "What is true", (TRUTH, truth_table(description.truth))),
            Section("patients", "Its patients", others),
            Section("margins", "Its margins beside print", (MARGINS, margins_table(description.margins))),
            how_made(command, _facts(description)),
            glossary("scenario", STUDY),
        ),
    )


def _changes(description: ScenarioDescription) -> Iterator[Block]:
    """Yield settings that differ, requests with what is reached, and coefficients solved for them."""
    changes, reached = changes_table(description), reached_table(description.reached)
    solved = solved_table(description.solved)
    yield changes if changes.rows else f"Every setting is that of the scenario “{description.base}”."
    yield reached if reached.rows else "It asks for nothing that had to be checked against a request."
    if solved.rows:
        yield solved


def _facts(description: ScenarioDescription) -> list[tuple[str, str]]:
    return [
        ("Scenario hash", description.scenario.hash[:12]),
        ("Patients of one registry", f"{description.scenario.n:,}"),
        ("Patients in margins and pictures", f"{description.n:,}"),
        ("Patients in the truth", f"{description.population:,}"),
        ("Seed", str(description.seed)),
        *versions().items(),
    ]
