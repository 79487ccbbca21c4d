"""The page of an experiment as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simsepsis.environment import versions
from simsepsis.show.figure import RenderedPlate
from simsepsis.show.page import EmbeddedFigure, PlainTable, embed_figures, render_page
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
from simsepsis.show.pages.experiment.words import Line, answer_lines, command_of, deviations, range_text

if TYPE_CHECKING:
    from simsepsis.experiment import Findings

ADEMP = ("aims", "data", "estimands", "methods", "performance")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentPage:
    """What the page of an experiment says, in its order.

    Attributes
    ----------
    title, question
        Name and question of the experiment.
    complete
        Whether all planned replicates are stored.
    answer
        Sentences, computed.
    claims
        Claims with their verdicts; without rows where the plan makes none.
    ademp
        Aims, data, estimands, methods and performance in the words of the plan.
    methods
        The methods in words.
    deviations, progress
        What was planned and what was run.
    truth, performance
        True values, and the main measures with their MCSEs.
    figures
        Pictures.
    autopsy
        Coverage taken apart.
    reasons, bounds, informative
        Failures: why, what they may hide, and which go with the other methods' estimates.
    ladders
        What each source of error adds; none where no two methods stand on one ladder.
    command, facts
        How to get the same numbers: command, hash, seed, versions.
    """

    title: str
    question: str
    complete: bool
    answer: tuple[Line, ...]
    claims: PlainTable
    ademp: tuple[tuple[str, str], ...]
    methods: PlainTable
    deviations: tuple[str, ...]
    progress: PlainTable
    truth: PlainTable
    performance: PlainTable
    figures: tuple[EmbeddedFigure, ...]
    autopsy: PlainTable
    reasons: PlainTable
    bounds: PlainTable
    informative: PlainTable
    ladders: tuple[PlainTable, ...]
    command: str
    facts: tuple[tuple[str, str], ...]


def experiment_html(
    findings: Findings, plates: Sequence[RenderedPlate], answer: Sequence[Line] | None = None
) -> str:
    """Return one HTML page with the answer to an experiment's question and all that it rests on.

    Parameters
    ----------
    findings
        As returned by `simsepsis.experiment.examine_run`.
    plates
        Its figures as returned by `render_plate`; embedded, so the page needs nothing else.
    answer
        The answer in sentences; None for what the findings say.
    """
    return render_page("experiment.html.j2", experiment_page(findings, plates, answer))


def experiment_page(
    findings: Findings, plates: Sequence[RenderedPlate], answer: Sequence[Line] | None = None
) -> ExperimentPage:
    """Return what the page says; parameters as of `experiment_html`."""
    plan = findings.plan
    return ExperimentPage(
        title=plan.name,
        question=plan.question,
        complete=findings.complete,
        answer=answer_lines(findings) if answer is None else tuple(answer),
        claims=claims_table(findings),
        ademp=tuple((name.capitalize(), getattr(plan.ademp, name)) for name in ADEMP),
        methods=methods_table(findings),
        deviations=deviations(findings),
        progress=progress_table(findings),
        truth=truth_table(findings),
        performance=performance_table(findings),
        figures=embed_figures(plates),
        autopsy=autopsy_table(findings),
        reasons=reasons_table(findings),
        bounds=bounds_table(findings),
        informative=informative_table(findings),
        ladders=ladder_tables(findings),
        command=command_of(plan),
        facts=tuple(_facts(findings)),
    )


def _facts(findings: Findings) -> list[tuple[str, str]]:
    plan = findings.plan
    return [
        ("Plan hash", plan.hash),
        ("Seed", str(plan.run.seed)),
        ("Cells", str(len(findings.settings))),
        ("Replicates per cell", range_text(findings.progress["replicates"])),
        ("Patients behind each truth", f"{plan.run.truth_population:,}"),
        *versions().items(),
    ]
