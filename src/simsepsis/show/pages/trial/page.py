"""The page of a plan as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simsepsis.environment import versions
from simsepsis.show.figure import Figure
from simsepsis.show.page import Aside, Block, Page, Section, how_made
from simsepsis.show.pages.trial.document import SECTIONS, Document
from simsepsis.show.pages.trial.vocabulary import CALIBRATION, Phrase

FIGURES = {
    "Patients": ("power", "sizes"),
    "Interim analyses": ("boundaries",),
    "Belief and assurance": ("assurance",),
    "If the assumptions are wrong": ("sensitivity",),
    "Endpoints, doses and patients": ("endpoints", "enrichment"),
    "Time and flow": ("accrual", "flow"),
}
"""Heading → figures under it, those that there are."""
PASTE = Phrase(
    "To paste into a protocol; it reports what DELTA2 asks for.",
    "実施計画書にそのまま転記できる（DELTA2準拠）。",
)


def plan_page(document: Document, figures: Sequence[Figure]) -> Page:
    """Return the page of a plan.

    Parameters
    ----------
    document
        As returned by `document_of`.
    figures
        Its figures.
    """
    protocol = document.plan.protocol
    return Page(
        kind="plan of a trial",
        title=protocol.label,
        question=protocol.question,
        heading="In short",
        answer=document.summary,
        aside=CALIBRATION.en,
        sections=(
            Section("statement", "Sample size", (Aside(PASTE.en), *document.statement)),
            Section(
                "statement-ja",
                "症例数設定",
                (Aside(PASTE.ja), *document.statement_ja, Aside(CALIBRATION.ja)),
                lang="ja",
            ),
            Section("estimand", "Estimand", (document.estimand,)),
            *_sections(document, figures),
            how_made(document.command, _facts(document)),
        ),
    )


def _sections(document: Document, figures: Sequence[Figure]) -> Iterator[Section]:
    """Yield the tables and figures under each heading that has any."""
    for number, (title, names) in enumerate(SECTIONS, start=1):
        shown = (item for item in figures if item.name in FIGURES.get(title, ()))
        blocks: tuple[Block, ...] = (*document.section(names), *shown)
        if blocks:
            yield Section(f"section-{number}", title, blocks, style="wrapping")


def _facts(document: Document) -> tuple[tuple[str, str], ...]:
    plan = document.plan
    return (
        ("Seed", str(plan.protocol.run.seed)),
        ("Simulated trials under each truth", f"{plan.simulated_trials:,}"),
        *((f"Seconds: {part}", f"{seconds:.1f}") for part, seconds in plan.seconds.items()),
        *versions().items(),
    )
