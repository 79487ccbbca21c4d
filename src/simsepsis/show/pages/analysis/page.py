"""The page of one cohort's analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simsepsis.environment import versions
from simsepsis.show.figure import RenderedPlate
from simsepsis.show.page import EmbeddedFigure, PlainTable, embed_figures, render_page
from simsepsis.show.pages.analysis.numbers import Numbers, numbers_of
from simsepsis.show.pages.analysis.tables import (
    care_tables,
    effects_table,
    estimates_table,
    failures_table,
    flow_table,
    patients_table,
    score_table,
    sensitivity_rows,
    survival_table,
)
from simsepsis.show.pages.analysis.words import answer_of, question_of

if TYPE_CHECKING:
    import pandas as pd

    from simsepsis.analysis.spec import AnalysisSpec
    from simsepsis.analysis.thesis_analysis import Analysis


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisPage:
    """What the analysis report says, in the order of the page.

    Attributes
    ----------
    title, question, treatment
        What the page is about, what was asked, and the name of the treatment.
    notes
        What was decided when the file was read, and what is doubtful.
    answer
        Sentences, computed.
    command
        What to type to get the same page.
    facts
        Term and value: file, choices, versions.
    figures
        Pictures.
    results
        Effects on the outcomes, survival, every estimate and, where it was asked for, sensitivity.
    patients
        Flow, propensity score, covariates, other treatments, outcomes and durations.
    failures
        What could not be estimated or drawn.
    """

    title: str
    question: str
    treatment: str
    notes: tuple[str, ...]
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
    left_out: Sequence[tuple[str, str]] = (),
) -> str:
    """Return one HTML page with everything that an analysis found in a cohort.

    Parameters
    ----------
    analysis
        As returned by `simsepsis.analysis.thesis_analysis.analyze`.
    figures
        As returned by `simsepsis.show.plots.render_plate`; embedded, so the page needs no other file.
    sensitivity
        As returned by `simsepsis.analysis.sensitivity.sensitivity_table`; None to leave it out.
    source
        Name of the file.
    command
        What to type to get the same page.
    left_out
        Title and reason of each figure that could not be drawn.
    """
    page = analysis_page(analysis, figures, sensitivity, source=source, command=command, left_out=left_out)
    return render_page("analysis.html.j2", page)


def analysis_page(
    analysis: Analysis,
    figures: Sequence[RenderedPlate],
    sensitivity: pd.DataFrame | None = None,
    *,
    source: str,
    command: str,
    left_out: Sequence[tuple[str, str]] = (),
) -> AnalysisPage:
    """Return what the report says; parameters as of `analysis_html`."""
    numbers = numbers_of(analysis)
    survival = survival_table(numbers)
    known = sensitivity is not None and len(sensitivity) > 0
    return AnalysisPage(
        title=f"{numbers.treatment} and {numbers.outcome} in {source}",
        question=question_of(numbers),
        treatment=numbers.treatment,
        notes=analysis.result.cohort.notes,
        answer=answer_of(numbers, sensitivity),
        command=command,
        facts=_facts(numbers, source),
        figures=embed_figures(figures),
        results=(
            effects_table(numbers),
            *(() if survival is None else (survival,)),
            estimates_table(numbers),
            *((sensitivity_rows(numbers, sensitivity),) if known and sensitivity is not None else ()),
        ),
        patients=(
            flow_table(numbers),
            score_table(numbers),
            patients_table(numbers),
            *care_tables(numbers),
        ),
        failures=failures_table(numbers, left_out),
    )


def _follow_up(spec: AnalysisSpec) -> str:
    """Return how follow-up of those ends who do not have the event."""
    rule, thesis = spec.censoring, spec.study == "thesis"
    end = "ends when they leave" if thesis else "ends at the recorded time"
    words = {
        "discharge": end,
        "day28_alive": f"{end}; it goes on to 28 for those who left before",
        "administrative": "ends with the study" if thesis else end,
    }
    if thesis and rule == "day28_alive":
        return "ends on day 28, also of those who left"
    if isinstance(rule, str):
        return words[rule]
    last = f"on day {rule:g}" if spec.time_unit == "days" else f"at {rule:,g} {spec.time_unit}"
    return f"{end}, or {last}"


def _matching(spec: AnalysisSpec) -> str:
    """Return who was matched to whom, in words."""
    choice = {"nearest": "nearest control", "random_in_caliper": "any control within the caliper"}
    again = "with replacement" if spec.replace else "without replacement"
    exact = f", exactly on {', '.join(spec.exact)}" if spec.exact else ""
    return f"1:{spec.ratio}, {choice[spec.select]}, {spec.order} order, {again}{exact}"


def _facts(numbers: Numbers, source: str) -> tuple[tuple[str, str], ...]:
    spec = numbers.analysis.result.spec
    width = "none" if spec.caliper is None else f"{spec.caliper:g}"
    unit = {"overall": "SD of both arms", "pooled": "pooled SD", "raw": ""}[spec.caliper_sd]
    scale = {"logit": "logit of the score", "ps": "score"}[spec.scale]
    timed = (("Unit of time", spec.time_unit),) if spec.survival_time or spec.durations else ()
    living = "Follow-up of the living" if spec.study == "thesis" else "Follow-up without the event"
    return (
        ("File", source),
        ("Spec", spec.name),
        ("Arms", f"{numbers.arms.treated} against {numbers.arms.control}"),
        ("Matching", _matching(spec)),
        ("Caliper", f"{width} {unit} of the {scale}".replace("  ", " ")),
        ("Clusters", spec.cluster or "none in the spec"),
        *timed,
        *(((living, _follow_up(spec)),) if spec.survival_time or spec.study == "thesis" else ()),
        *versions().items(),
    )
