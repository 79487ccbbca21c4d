"""The page of an experiment, and all that is written beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from simsepsis.environment import versions
from simsepsis.files import write_gallery
from simsepsis.show.checklist import checklist_file
from simsepsis.show.figure import Figure, files_of
from simsepsis.show.page import Block, Bullets, Line, Page, Section, Terms, glossary, how_made
from simsepsis.show.pages.experiment.checklist import ADEMP_ITEMS, AUTHOR
from simsepsis.show.pages.experiment.tables import (
    autopsy_table,
    bounds_table,
    claims_table,
    informative_table,
    ladder_tables,
    methods_table,
    performance_table,
    progress_table,
    reasons_table,
    truth_table,
)
from simsepsis.show.pages.experiment.words import (
    answer_lines,
    command_of,
    deviations,
    plain_lines,
    range_text,
)
from simsepsis.show.plots.experiment.experiment_figures import draw_findings
from simsepsis.spreadsheet import csv_bytes

if TYPE_CHECKING:
    from simsepsis.experiment import Plan, Run


ADEMP = ("aims", "data", "estimands", "methods", "performance")
BRACKETS = (
    "In brackets: Monte Carlo standard errors, and how many rows a number rests on where more than 5% "
    "lack it."
)
CLAIMS = (
    "Written into the plan before the run. A claim passes where the 95% Monte Carlo limits of every "
    "series lie in its range, fails where those of one lie outside, and is inconclusive otherwise. Where "
    "more than 5% of a series' rows have no such number, the rows that have it stand behind the value."
)
TRUTH = (
    "What each method is measured against. Contrasts of potential outcomes come from one large population "
    "in which every patient's course is simulated with and without treatment; conditional effects (_twin) "
    "are what the same method gives where treatment is randomized. Where treatment does nothing all "
    "truths are exactly 0."
)
PERFORMANCE = (
    "All measures are in performance.csv. Where all replicates agree, the limit of the share is in "
    "brackets in place of the Monte Carlo standard error. Where more than 5% of a method's rows have no "
    "such number, the rows that have it stand behind the error."
)
AUTOPSY = (
    "Observed coverage beside what bias and standard error together, each alone, and neither would make "
    "of it if estimates were normal. What is unexplained is shape, and standard errors that go with the "
    "estimates."
)
LADDER = (
    "From the truth to the mean estimate of the last method, on the replicates in which every method has "
    "an estimate. Each column is what its method (in square brackets) has in it that the one before has "
    "not; a line adds up to its estimate."
)
INFORMATIVE = (
    "These failures go with the other methods' estimates: leaving the replicates out would change the answer."
)


def experiment_page(findings: Run, figures: Sequence[Figure], answer: Sequence[Line] | None = None) -> Page:
    """Return the page with the answer to an experiment's question and all that it rests on."""
    plan, ladders = findings.plan, ladder_tables(findings)
    return Page(
        kind="experiment" if findings.complete else "experiment · unfinished",
        title=plan.name,
        question=plan.question,
        answer=answer_lines(findings) if answer is None else tuple(answer),
        aside=BRACKETS,
        sections=(
            *((Section("claims", "Claims", (CLAIMS, claims_table(findings))),) if findings.accepted else ()),
            Section("design", "Design", (Terms(_ademp(plan)), methods_table(findings))),
            Section("run", "Planned and run", (Bullets(deviations(findings)), progress_table(findings))),
            Section("figures", "Figures", figures),
            Section("truth", "Truth", (TRUTH, truth_table(findings))),
            Section("performance", "Performance", (PERFORMANCE, performance_table(findings))),
            Section("autopsy", "Coverage autopsy", (AUTOPSY, autopsy_table(findings))),
            *((Section("ladder", "Ladder", (LADDER, *ladders)),) if ladders else ()),
            Section("failures", "Failures", tuple(_failures(findings))),
            how_made(command_of(plan), _facts(findings)),
            glossary("experiment"),
        ),
    )


def _ademp(plan: Plan) -> tuple[tuple[str, str], ...]:
    return tuple((name.capitalize(), getattr(plan.ademp, name)) for name in ADEMP)


def _failures(findings: Run) -> Iterator[Block]:
    """Yield why methods failed, what that may hide, and which failures go with other methods' estimates."""
    reasons, informative = reasons_table(findings), informative_table(findings)
    if not reasons.rows:
        yield "Every method gave an estimate in every replicate."
        return
    yield reasons
    yield bounds_table(findings)
    if informative.rows:
        yield INFORMATIVE
        yield informative
    else:
        yield "No failure was found to go with another method's estimate in the same replicate."


def _facts(findings: Run) -> list[tuple[str, str]]:
    plan = findings.plan
    return [
        ("Plan hash", plan.hash),
        ("Seed", str(plan.run.seed)),
        ("Cells", str(len(findings.settings))),
        ("Replicates per cell", range_text(findings.progress["replicates"])),
        ("Patients behind each truth", f"{plan.run.truth_population:,}"),
        *versions().items(),
    ]


FIGURES = "figures"
LISTING = f"{FIGURES}/written.json"
"""Which figures were written, so that one that is no longer asked for does not stay."""

TABLES = ("ladder", "autopsy")
"""Frames of the findings that are written as CSV."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """A run as people see it.

    Attributes
    ----------
    findings
        What the stored rows say.
    figures
        The figures.
    answer
        The answer in sentences.
    """

    findings: Run
    figures: tuple[Figure, ...]
    answer: tuple[Line, ...]


def show_findings(run: Run) -> Shown:
    """Return a run's figures and answer from its stored rows."""
    drawn = draw_findings(run, version=version("simsepsis"))
    return Shown(
        findings=run,
        figures=drawn,
        answer=answer_lines(run),
    )


def write_figures(folder: Path, shown: Shown) -> None:
    """Write the figures of a run in place of those that it had."""
    write_gallery(folder, _figures(shown), LISTING)


def write_shown(folder: Path, shown: Shown) -> None:
    """Write figures, tables, answer and page of a run."""
    write_gallery(folder, _contents(shown), LISTING)


def _figures(shown: Shown) -> dict[str, bytes]:
    """Return file name → content of the figures: PNG, SVG and the numbers drawn."""
    return files_of(shown.figures, FIGURES)


def _contents(shown: Shown) -> dict[str, bytes]:
    """Return file name → content of all that is shown of a run."""
    plan = shown.findings.plan
    answer = "\n".join([f"# {plan.question}", "", *plain_lines(shown.answer, "-"), ""])
    tables = {
        f"{name}.csv": csv_bytes(getattr(shown.findings, name), float_format="%.10g", lineterminator="\n")
        for name in TABLES
    }
    page = {"report.html": experiment_page(shown.findings, shown.figures, shown.answer).html.encode()}
    items = checklist_file(ADEMP_ITEMS, shown.findings, AUTHOR)
    return _figures(shown) | tables | items | {"answer.md": answer.encode()} | page
