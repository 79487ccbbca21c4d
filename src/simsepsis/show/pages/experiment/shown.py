"""All that is shown of a run: figures, answer, tables and page, as the content of files."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from simsepsis.files import write_gallery
from simsepsis.show.figure import Figure, files_of
from simsepsis.show.page import Line
from simsepsis.show.pages.experiment.page import experiment_page
from simsepsis.show.pages.experiment.words import answer_lines, plain_lines
from simsepsis.show.plots.experiment.experiment_figures import draw_findings
from simsepsis.spreadsheet import csv_bytes

if TYPE_CHECKING:
    from simsepsis.experiment import Run

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
    """Return a run's figures and answer from its stored rows.

    Parameters
    ----------
    run
        As returned by `run_experiment` or `summarize_run`; it need not have come to its end.
    """
    drawn = draw_findings(run, version=version("simsepsis"))
    return Shown(
        findings=run,
        figures=drawn,
        answer=answer_lines(run),
    )


def write_figures(folder: Path, shown: Shown) -> None:
    """Write the figures of a run in place of those that it had.

    Parameters
    ----------
    folder
        The run folder; what somebody else put into its folder of figures stays.
    shown
        As returned by `show_findings`.

    Raises
    ------
    OutputError
        If a file cannot be written; then none has been replaced.
    """
    write_gallery(folder, _figures(shown), LISTING)


def write_shown(folder: Path, shown: Shown) -> None:
    """Write figures, tables, answer and page of a run; parameters and errors as of `write_figures`."""
    write_gallery(folder, _contents(shown), LISTING)


def _figures(shown: Shown) -> dict[str, bytes]:
    """Return file name → content of the figures: PNG, SVG and the numbers drawn."""
    return files_of(shown.figures, FIGURES)


def _contents(shown: Shown) -> dict[str, bytes]:
    """Return file name → content of all that is shown of a run.

    Parameters
    ----------
    shown
        As returned by `show_findings`.
    """
    plan = shown.findings.plan
    answer = "\n".join([f"# {plan.question}", "", *plain_lines(shown.answer, "-"), ""])
    tables = {
        f"{name}.csv": csv_bytes(getattr(shown.findings, name), float_format="%.10g", lineterminator="\n")
        for name in TABLES
    }
    page = {"report.html": experiment_page(shown.findings, shown.figures, shown.answer).html.encode()}
    return _figures(shown) | tables | {"answer.md": answer.encode()} | page
