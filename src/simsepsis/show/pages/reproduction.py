"""The report of a reproduction: the thesis's tables and figures beside their simulated twins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

from simsepsis.environment import versions
from simsepsis.reproduction.record import contents_of
from simsepsis.show.figure import Figure
from simsepsis.show.page import Block, Bullets, Page, Section, glossary, how_made
from simsepsis.show.pages.layout import lay_out
from simsepsis.show.pages.readings import reading_tables
from simsepsis.show.table import ABOVE, BELOW, INSIDE, Compared, Part, Table

if TYPE_CHECKING:
    import pandas as pd

    from simsepsis.reproduction import Reproduction
    from simsepsis.reproduction.readings import ReadingsComparison
    from simsepsis.world.scenario import Scenario

TITLE = "The thesis beside its simulated twin"
MOST_FAILURES = 30
ANSWER = 11
"""Sentences of the summary that answer the question; the others go into detail."""


def _sample(*printed: Part, corrected: tuple[str, ...] = ()) -> Compared:
    return Compared(
        printed=printed, simulated="simulated mean", interval=("95% interval",), corrected=corrected
    )


LEGEND = Table(
    title="A cell of the tables",
    heads=("Printed number", "Example"),
    rows=(
        ("inside its interval", _sample(Part("printed", INSIDE))),
        ("outside its interval", _sample(Part("printed", ABOVE), Part(", "), Part("printed", BELOW))),
        ("proven misprint", _sample(Part("printed†"), corrected=("the number that is judged",))),
    ),
    style="compared sample",
)
READ = (
    "Every replicate is one synthetic registry of the thesis's size, on which the thesis's whole "
    "analysis was run. What the analysis gave in all replicates is a distribution; the tables show its "
    "mean (of ratios the geometric mean), and the interval that holds the middle 95% of the replicates. "
    "The numbers from before matching are those that the world was fitted to; the others test it.",
    "A printed number inside its interval is what the simulated world gives with another draw of "
    "patients. A number outside is one that this world rarely gives: the world is wrong there, or the "
    "print is, or chance was at work. Of many numbers from the right world, about one in twenty lies "
    "outside.",
    LEGEND,
)
READINGS = (
    "Where the thesis's words allow more than one analysis, each is a reading. All were run on the same "
    "replicates; the tables above show the literal one. A reading can produce a printed number that "
    "lies in its 95% interval."
)


def reproduction_page(reproduction: Reproduction, figures: Sequence[Figure], *, command: str) -> Page:
    """Return the page that says what was asked and what came out, and shows all of it."""
    details = reproduction.summary[ANSWER:]
    return Page(
        kind="reproduction report",
        title=TITLE,
        question=question_of(reproduction.scenario),
        answer=reproduction.summary[:ANSWER],
        sections=(
            how_made(command, _facts(reproduction)),
            Section("read", "How to read it", READ),
            Section("figures", "Figures", figures),
            *(
                (Section("details", "The answer in detail", (Bullets(details, small=True),)),)
                if details
                else ()
            ),
            Section(
                "tables",
                "Tables: printed, simulated, interval",
                lay_out(reproduction.comparison),
                link="Tables",
            ),
            *_readings(reproduction.readings),
            Section("failures", "Failures", (_failures(reproduction.failures),)),
            glossary("reproduction"),
        ),
    )


def question_of(scenario: Scenario) -> str:
    """Return what a reproduction of the thesis in this world asks."""
    hazard_ratio = scenario.hazard_ratio
    if hazard_ratio == 1.0:
        return "If IVIgG had no effect at all, would the thesis's tables look as they do?"
    factor = f"by a factor of {hazard_ratio:.2f}"
    return f"If IVIgG changed the hazard of death {factor}, would the thesis's tables look as they do?"


def _readings(found: ReadingsComparison | None) -> Iterator[Section]:
    if found is not None:
        blocks: tuple[Block, ...] = (READINGS, Bullets(found.summary, small=True), *reading_tables(found))
        yield Section("readings", "Readings of the methods", blocks, link="Readings")


def _facts(reproduction: Reproduction) -> list[tuple[str, str]]:
    scenario = reproduction.scenario
    return [
        ("Scenario", f"{scenario.name}: {scenario.label}"),
        ("Scenario hash", scenario.hash[:12]),
        ("Replicates", f"{reproduction.replicates:,}"),
        ("Seed", str(reproduction.seed)),
        ("Time of the replicates", f"{reproduction.seconds:.1f} s"),
        *versions().items(),
    ]


def _failures(failures: pd.DataFrame) -> Block:
    """Return the failed steps, the most frequent first."""
    if failures.empty:
        return "No analysis failed in any replicate."
    ordered = failures.sort_values("replicates", ascending=False, kind="stable")
    shown = ordered.head(MOST_FAILURES)
    hidden = f"; the {MOST_FAILURES} most frequent of {len(ordered)}" if len(ordered) > len(shown) else ""
    rows = zip(shown["step"], shown["reason"], shown["replicates"], shown["first"], strict=True)
    return Table(
        title=f"Steps that gave no estimate, or not all{hidden}",
        heads=("Step", "Reason", "Replicates", "First in replicate"),
        rows=tuple((str(step), str(reason), str(count), str(first)) for step, reason, count, first in rows),
    )


def files_of_reproduction(reproduction: Reproduction, *, command: str) -> dict[str, bytes]:
    """Return everything that is written of a reproduction: its tables and record, figures and page."""
    from simsepsis.show.figure import files_of, written
    from simsepsis.show.plots.drawings import draw_reproduction

    drawn = draw_reproduction(reproduction, version=version("simsepsis"))
    figures = written(drawn, reproduction.study.layout)
    page = reproduction_page(reproduction, figures, command=command)
    return contents_of(reproduction) | files_of(figures) | {"report.html": page.html.encode()}
