"""The page of a scenario as one self-contained HTML file, and its numbers as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from simsepsis.environment import versions
from simsepsis.files import write_files
from simsepsis.show.figure import RenderedPlate, render_plate
from simsepsis.show.page import EmbeddedFigure, PlainTable, embed_figures, render_page
from simsepsis.spreadsheet import csv_bytes
from simsepsis.studies.jseptic_ivigg.describe.description import ScenarioDescription, describe_scenario
from simsepsis.studies.jseptic_ivigg.describe.plates import draw_description
from simsepsis.studies.jseptic_ivigg.describe.tables import (
    changes_table,
    margins_table,
    reached_table,
    solved_table,
    truth_table,
)
from simsepsis.studies.jseptic_ivigg.describe.words import FAR, sentences_of
from simsepsis.world.write import scenario_toml

if TYPE_CHECKING:
    from simsepsis.world.scenario import Scenario

TABLES = ("changes", "reached", "solved", "nodes", "margins", "facts", "truth")
"""Frames that no figure draws, written as CSV."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioPage:
    """What the page of a scenario says, in its order.

    Attributes
    ----------
    title, question
        Name and label of the scenario.
    answer
        What it is, in sentences.
    base
        Name of the scenario that it is compared with.
    command
        What to type to get the same page.
    facts
        Term and value: seed, sizes, hash, versions.
    diagram
        The causal diagram.
    truth, changes, reached, solved, margins
        Tables; without rows where there is nothing to tell.
    far
        Sampling standard errors from which a simulated margin is marked.
    figures
        The other pictures.
    """

    title: str
    question: str
    answer: tuple[str, ...]
    base: str
    command: str
    facts: tuple[tuple[str, str], ...]
    diagram: tuple[EmbeddedFigure, ...]
    truth: PlainTable
    changes: PlainTable
    reached: PlainTable
    solved: PlainTable
    margins: PlainTable
    far: float
    figures: tuple[EmbeddedFigure, ...]


def files_of(scenario: Scenario, *, seed: int, population: int, command: str) -> dict[str, bytes]:
    """Return file name → content of all that ``simsepsis describe`` writes.

    Parameters
    ----------
    scenario
        The world.
    seed, population
        As of `describe_scenario`.
    command
        What to type to get the same page.
    """
    description = describe_scenario(scenario, seed=seed, population=population)
    plates = [render_plate(plate) for plate in draw_description(description, version=version("simsepsis"))]
    contents = description_contents(description)
    for plate in plates:
        contents |= {f"figures/{name}": content for name, content in plate.contents.items()}
    return contents | {"report.html": description_html(description, plates, command=command).encode()}


def description_html(
    description: ScenarioDescription, plates: Sequence[RenderedPlate], *, command: str
) -> str:
    """Return one HTML page that says what a scenario is, and shows all of it.

    Parameters
    ----------
    description
        As returned by `describe_scenario`.
    plates
        Its figures as returned by `render_plate`; embedded, so the page needs nothing else.
    command
        What to type to get the same page.
    """
    return render_page("scenario.html.j2", scenario_page(description, plates, command=command))


def write_scenario_report(
    description: ScenarioDescription, plates: Sequence[RenderedPlate], path: Path | str, *, command: str
) -> Path:
    """Write the page of `description_html` and return where it stands.

    Parameters
    ----------
    description, plates, command
        As of `description_html`.
    path
        File to write; its folder is made if it does not exist.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    target, html = Path(path), description_html(description, plates, command=command)
    (written,) = write_files(target.parent, {target.name: html.encode("utf-8")})
    return written


def description_contents(description: ScenarioDescription) -> dict[str, bytes]:
    """Return file name → content of the numbers that no figure draws, and of the settled scenario.

    Parameters
    ----------
    description
        As returned by `describe_scenario`.
    """
    tables = {
        f"tables/{name}.csv": csv_bytes(getattr(description, name), float_format="%.10g", lineterminator="\n")
        for name in TABLES
    }
    return {**tables, "settled.toml": scenario_toml(description.settled).encode()}


def scenario_page(
    description: ScenarioDescription, plates: Sequence[RenderedPlate], *, command: str
) -> ScenarioPage:
    """Return what the page says; parameters as of `description_html`."""
    figures = embed_figures(plates)
    return ScenarioPage(
        title=description.scenario.name,
        question=description.scenario.label,
        answer=sentences_of(description),
        base=description.base,
        command=command,
        facts=tuple(_facts(description)),
        diagram=tuple(item for item in figures if item.name == "diagram"),
        truth=truth_table(description.truth),
        changes=changes_table(description),
        reached=reached_table(description.reached),
        solved=solved_table(description.solved),
        margins=margins_table(description.margins),
        far=FAR,
        figures=tuple(item for item in figures if item.name != "diagram"),
    )


def _facts(description: ScenarioDescription) -> list[tuple[str, str]]:
    return [
        ("Scenario hash", description.scenario.hash[:12]),
        ("Patients of one registry", f"{description.scenario.n:,}"),
        ("Patients in margins and pictures", f"{description.n:,}"),
        ("Patients in the truth", f"{description.population:,}"),
        ("Seed", str(description.seed)),
        *versions().items(),
    ]
