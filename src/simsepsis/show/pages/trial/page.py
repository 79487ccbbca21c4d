"""The page of a plan as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simsepsis.environment import versions
from simsepsis.show.figure import RenderedPlate
from simsepsis.show.page import EmbeddedFigure, PlainTable, embed_figures, render_page
from simsepsis.show.pages.trial.document import SECTIONS, Document
from simsepsis.show.pages.trial.vocabulary import CALIBRATION

FIGURES = {
    "Patients": ("power", "sizes"),
    "Interim analyses": ("boundaries",),
    "Belief and assurance": ("assurance",),
    "If the assumptions are wrong": ("sensitivity",),
    "Endpoints, doses and patients": ("endpoints", "enrichment"),
    "Time and flow": ("accrual", "flow"),
}
"""Heading → figures under it, those that there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSection:
    """One heading with its tables and figures."""

    title: str
    tables: tuple[PlainTable, ...]
    figures: tuple[EmbeddedFigure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPage:
    """What the page of a plan says, in its order.

    Attributes
    ----------
    title, question
        What is planned, and what the trial asks.
    answer
        Sentences, the answer first.
    calibration, calibration_ja
        What the numbers rest on.
    statement, statement_ja
        Paragraphs of the sample-size statement to paste into a protocol.
    estimand
        The estimand by its attributes.
    sections
        Tables and figures.
    command
        What to type to get the same page.
    facts
        Term and value: hash, seed, trials, seconds, versions.
    """

    title: str
    question: str
    answer: tuple[str, ...]
    calibration: str
    calibration_ja: str
    statement: tuple[str, ...]
    statement_ja: tuple[str, ...]
    estimand: PlainTable
    sections: tuple[PageSection, ...]
    command: str
    facts: tuple[tuple[str, str], ...]


def plan_html(document: Document, plates: Sequence[RenderedPlate]) -> str:
    """Return the page of a plan.

    Parameters
    ----------
    document
        As returned by `document_of`.
    plates
        Its figures.
    """
    protocol = document.plan.protocol
    page = TrialPage(
        title=protocol.label,
        question=protocol.question,
        answer=document.summary,
        calibration=CALIBRATION.en,
        calibration_ja=CALIBRATION.ja,
        statement=document.statement,
        statement_ja=document.statement_ja,
        estimand=document.estimand.plain,
        sections=_sections(document, embed_figures(plates)),
        command=document.command,
        facts=_facts(document),
    )
    return render_page("trial.html.j2", page)


def _sections(document: Document, figures: Sequence[EmbeddedFigure]) -> tuple[PageSection, ...]:
    sections = (
        PageSection(
            title=title,
            tables=tuple(table.plain for table in document.section(names)),
            figures=tuple(item for item in figures if item.name in FIGURES.get(title, ())),
        )
        for title, names in SECTIONS
    )
    return tuple(section for section in sections if section.tables or section.figures)


def _facts(document: Document) -> tuple[tuple[str, str], ...]:
    plan = document.plan
    return (
        ("Seed", str(plan.protocol.run.seed)),
        ("Simulated trials under each truth", f"{plan.simulated_trials:,}"),
        *((f"Seconds: {part}", f"{seconds:.1f}") for part, seconds in plan.seconds.items()),
        *versions().items(),
    )
