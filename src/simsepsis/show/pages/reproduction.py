"""The report of a reproduction: the thesis's tables and figures beside their simulated twins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simsepsis.environment import versions
from simsepsis.files import write_files
from simsepsis.show.figure import RenderedPlate
from simsepsis.show.page import PlainTable, ReproductionPage, embed_figures, render_page
from simsepsis.show.pages.readings import reading_tables
from simsepsis.show.table import lay_out

if TYPE_CHECKING:
    import pandas as pd

    from simsepsis.reproduction import Reproduction
    from simsepsis.world.scenario import Scenario

TITLE = "The thesis beside its simulated twin"
MOST_FAILURES = 30
ANSWER = 11
"""Sentences of the summary that answer the question; the others go into detail."""


def reproduction_html(reproduction: Reproduction, figures: Sequence[RenderedPlate], *, command: str) -> str:
    """Return one HTML page that says what was asked and what came out, and shows all of it.

    Parameters
    ----------
    reproduction
        As returned by `simsepsis.reproduction.reproduce`.
    figures
        As returned by `simsepsis.show.plots.render_plate`; embedded, so the page needs no other file.
    command
        What to type to get the same page.
    """
    page = reproduction_page(reproduction, figures, command=command)
    return render_page("reproduction.html.j2", page)


def write_reproduction_report(
    reproduction: Reproduction, figures: Sequence[RenderedPlate], path: Path | str, *, command: str
) -> Path:
    """Write the page of `reproduction_html` and return where it stands.

    Parameters
    ----------
    reproduction, figures, command
        As of `reproduction_html`.
    path
        File to write; its folder is made if it does not exist.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    target, html = Path(path), reproduction_html(reproduction, figures, command=command)
    (written,) = write_files(target.parent, {target.name: html.encode("utf-8")})
    return written


def reproduction_page(
    reproduction: Reproduction, figures: Sequence[RenderedPlate], *, command: str
) -> ReproductionPage:
    """Return what the report says; parameters as of `reproduction_html`."""
    return ReproductionPage(
        title=TITLE,
        question=question_of(reproduction.scenario),
        answer=reproduction.summary[:ANSWER],
        details=reproduction.summary[ANSWER:],
        command=command,
        facts=tuple(_facts(reproduction)),
        figures=embed_figures(figures),
        tables=lay_out(reproduction.comparison),
        failures=_failures(reproduction.failures),
        readings=() if reproduction.readings is None else reproduction.readings.summary,
        extras=() if reproduction.readings is None else reading_tables(reproduction.readings),
    )


def question_of(scenario: Scenario) -> str:
    """Return what a reproduction of the thesis in this world asks.

    Parameters
    ----------
    scenario
        Its true effect decides the words.
    """
    hazard_ratio = scenario.hazard_ratio
    if hazard_ratio == 1.0:
        return "If IVIgG had no effect at all, would the thesis's tables look as they do?"
    factor = f"by a factor of {hazard_ratio:.2f}"
    return f"If IVIgG changed the hazard of death {factor}, would the thesis's tables look as they do?"


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


def _failures(failures: pd.DataFrame) -> PlainTable:
    """Return the failed steps, the most frequent first."""
    ordered = failures.sort_values("replicates", ascending=False, kind="stable")
    shown = ordered.head(MOST_FAILURES)
    hidden = f"; the {MOST_FAILURES} most frequent of {len(ordered)}" if len(ordered) > len(shown) else ""
    rows = zip(shown["step"], shown["reason"], shown["replicates"], shown["first"], strict=True)
    return PlainTable(
        title=f"Steps that gave no estimate, or not all{hidden}",
        heads=("Step", "Reason", "Replicates", "First in replicate"),
        rows=tuple((str(step), str(reason), str(count), str(first)) for step, reason, count, first in rows),
    )
