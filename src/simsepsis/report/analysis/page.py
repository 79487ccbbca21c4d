"""The page of one cohort's analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simsepsis.figures.plate import RenderedPlate
from simsepsis.report.analysis.numbers import Numbers, numbers_of
from simsepsis.report.analysis.tables import (
    care_tables,
    effects_table,
    failures_table,
    flow_table,
    patients_table,
    score_table,
    sensitivity_rows,
    survival_table,
)
from simsepsis.report.analysis.words import answer_of, question_of
from simsepsis.report.page import EmbeddedFigure, PlainTable, embed_figures, render_page
from simsepsis.reproduction.record import versions

if TYPE_CHECKING:
    import pandas as pd

    from simsepsis.analysis.thesis_analysis import Analysis


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisPage:
    """What the analysis report says, in the order of the page.

    Attributes
    ----------
    title, question, treated
        What the page is about, what was asked, and the name of the treatment.
    answer
        Sentences, computed.
    command
        What to type to get the same page.
    facts
        Term and value: file, choices, versions.
    figures
        Pictures.
    results
        Effects on death, survival and, where it was asked for, sensitivity.
    patients
        Flow, propensity score, covariates, other treatments, deaths and durations.
    failures
        What could not be estimated.
    """

    title: str
    question: str
    treated: str
    answer: tuple[str, ...]
    command: str
    facts: tuple[tuple[str, str], ...]
    figures: tuple[EmbeddedFigure, ...]
    results: tuple[PlainTable, ...]
    patients: tuple[PlainTable, ...]
    failures: PlainTable


def analysis_html(
    analysis: Analysis,
    figures: Sequence[RenderedPlate],
    sensitivity: pd.DataFrame | None = None,
    *,
    source: str,
    command: str,
) -> str:
    """Return one HTML page with everything that an analysis found in a cohort.

    Parameters
    ----------
    analysis
        As returned by `simsepsis.analysis.thesis_analysis.analyze`.
    figures
        As returned by `simsepsis.figures.render_plate`; embedded, so the page needs no other file.
    sensitivity
        As returned by `simsepsis.analysis.sensitivity.sensitivity_table`; None to leave it out.
    source
        Name of the file.
    command
        What to type to get the same page.
    """
    page = analysis_page(analysis, figures, sensitivity, source=source, command=command)
    return render_page("analysis.html.j2", page)


def analysis_page(
    analysis: Analysis,
    figures: Sequence[RenderedPlate],
    sensitivity: pd.DataFrame | None = None,
    *,
    source: str,
    command: str,
) -> AnalysisPage:
    """Return what the report says; parameters as of `analysis_html`."""
    numbers = numbers_of(analysis)
    survival = survival_table(numbers)
    known = sensitivity is not None and len(sensitivity) > 0
    return AnalysisPage(
        title=f"{numbers.treated} and death in {source}",
        question=question_of(numbers),
        treated=numbers.treated,
        answer=answer_of(numbers, sensitivity),
        command=command,
        facts=_facts(numbers, source),
        figures=embed_figures(figures),
        results=(
            effects_table(numbers),
            *(() if survival is None else (survival,)),
            *((sensitivity_rows(numbers, sensitivity),) if known and sensitivity is not None else ()),
        ),
        patients=(
            flow_table(numbers),
            score_table(numbers),
            patients_table(numbers),
            *care_tables(numbers),
        ),
        failures=failures_table(numbers),
    )


def _censoring(rule: str | float) -> str:
    """Return how follow-up of those ends who do not die."""
    words = {
        "discharge": "ends when they leave",
        "day28_alive": "ends on day 28, also of those who left",
        "administrative": "ends with the study",
    }
    return words[rule] if isinstance(rule, str) else f"ends when they leave, or on day {rule:g}"


def _facts(numbers: Numbers, source: str) -> tuple[tuple[str, str], ...]:
    spec = numbers.analysis.result.spec
    width = "none" if spec.caliper is None else f"{spec.caliper:g}"
    unit = {"overall": "SD of both arms", "pooled": "pooled SD", "raw": ""}[spec.caliper_sd]
    scale = {"logit": "logit of the score", "ps": "score"}[spec.scale]
    choice = {"nearest": "nearest control", "random_in_caliper": "any control within the caliper"}[
        spec.select
    ]
    return (
        ("File", source),
        ("Spec", spec.name),
        ("Matching", f"1:1, {choice}, {spec.order} order, without replacement"),
        ("Caliper", f"{width} {unit} of the {scale}".replace("  ", " ")),
        ("Clusters", spec.cluster or "none in the file"),
        ("Follow-up of the living", _censoring(spec.censoring)),
        *versions().items(),
    )
