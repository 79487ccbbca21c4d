"""The report of a reproduction: printed tables and figures beside their simulated twins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

from simsepsis.environment import versions
from simsepsis.reproduction.record import contents_of
from simsepsis.show.figure import Figure
from simsepsis.show.page import Block, Bullets, Page, Section, glossary, how_made
from simsepsis.show.pages.fit import fit_sections
from simsepsis.show.pages.layout import lay_out
from simsepsis.show.pages.readings import reading_tables
from simsepsis.show.plots.arms import printed_arms
from simsepsis.show.table import ABOVE, BELOW, INSIDE, Compared, Part, Table

if TYPE_CHECKING:
    import pandas as pd

    from simsepsis.reproduction import Reproduction
    from simsepsis.reproduction.readings import ReadingsComparison
    from simsepsis.study.published import Study
    from simsepsis.world.scenario import Scenario

MOST_FAILURES = 30
ANSWER = 14
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
    "Every replicate is one synthetic registry of {called}'s size, on which {called}'s whole "
    "analysis was run. What the analysis gave in all replicates is a distribution; the tables show its "
    "mean (of ratios the geometric mean), and the interval that holds the middle 95% of the replicates. "
    "The numbers from before matching are those that the world was fitted to; the others test it.",
    "A printed number inside its interval is what the simulated world gives with another draw of "
    "patients. A number outside is one that this world rarely gives: the world is wrong there, or the "
    "print is, or chance was at work. Of many numbers from the right world, about one in twenty lies "
    "outside.",
)
READINGS = (
    "Where {called}'s words allow more than one analysis, each is a reading. All were run on the same "
    "replicates; the tables above show the literal one. A reading can produce a printed number that "
    "lies in its 95% interval."
)


def reproduction_page(reproduction: Reproduction, figures: Sequence[Figure], *, command: str) -> Page:
    """Return the page that says what was asked and what came out, and shows all of it."""
    details, study = reproduction.summary[ANSWER:], reproduction.study
    read: tuple[Block, ...] = (*(text.format(called=study.called) for text in READ), LEGEND)
    return Page(
        kind="reproduction report",
        title=f"{study.called[:1].upper()}{study.called[1:]} beside its simulated twin",
        question=question_of(reproduction.scenario, study),
        answer=reproduction.summary[:ANSWER],
        sections=(
            *fit_sections(reproduction.fit),
            how_made(command, _facts(reproduction)),
            Section("read", "How to read it", read),
            Section("figures", "Figures", figures),
            *(
                (Section("details", "The answer in detail", (Bullets(details, small=True),)),)
                if details
                else ()
            ),
            Section(
                "tables",
                "Tables: printed, simulated, interval",
                lay_out(reproduction.comparison, study),
                link="Tables",
            ),
            *_readings(reproduction.readings, study),
            Section("failures", "Failures", (_failures(reproduction.failures),)),
            glossary("reproduction", study),
        ),
    )


def question_of(scenario: Scenario, study: Study) -> str:
    """Return what a reproduction of a study in this world asks."""
    treated, hazard_ratio = printed_arms(study).treated, scenario.hazard_ratio
    if hazard_ratio == 1.0:
        supposed = f"{treated} had no effect at all"
    else:
        supposed = f"{treated} changed the hazard of death by a factor of {hazard_ratio:.2f}"
    return f"If {supposed}, would {study.called}'s tables look as they do?"


def _readings(found: ReadingsComparison | None, study: Study) -> Iterator[Section]:
    if found is not None:
        blocks: tuple[Block, ...] = (
            READINGS.format(called=study.called),
            Bullets(found.summary, small=True),
            *reading_tables(found, study),
        )
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
