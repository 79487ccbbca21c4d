"""The page of one cohort's analysis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from simsepsis.environment import versions
from simsepsis.show.figure import Figure
from simsepsis.show.page import Bullets, Page, Section, glossary, how_made
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
from simsepsis.show.table import Table
from simsepsis.study.published import open_study

MADE = (
    "A logistic regression gives every patient the probability of {treatment} from what was known "
    "beforehand: the propensity score. Each treated patient is matched to one untreated patient, or to "
    "as many as the spec says, of nearly the same score. Matched patients are compared as they came; "
    "what nobody measured can still differ between the arms."
)
PATIENTS = (
    "Counts with percentages, medians with quartiles. Standardized differences above 10% are called "
    "imbalance. A dash stands where an arm is empty or nothing varies, and for tests that count "
    "patients where controls carry weights."
)

if TYPE_CHECKING:
    import pandas as pd

    from simsepsis.analysis.spec import AnalysisSpec
    from simsepsis.analysis.thesis_analysis import Analysis


def analysis_page(
    analysis: Analysis,
    figures: Sequence[Figure],
    sensitivity: pd.DataFrame | None = None,
    *,
    source: str,
    command: str,
    left_out: Sequence[tuple[str, str]] = (),
) -> Page:
    """Return the page with everything that an analysis found in a cohort."""
    numbers = numbers_of(analysis)
    failures = failures_table(numbers, left_out)
    notes = analysis.result.cohort.notes
    return Page(
        kind="analysis report",
        title=f"{numbers.treatment} and {numbers.outcome} in {source}",
        question=question_of(numbers),
        answer=answer_of(numbers, sensitivity),
        preface=(Section("read", "How the file was read", (Bullets(notes),), style="notes"),)
        if notes
        else (),
        sections=(
            how_made(command, _facts(numbers, source), MADE.format(treatment=numbers.treatment)),
            Section("results", "Results", tuple(_results(numbers, sensitivity))),
            Section("figures", "Figures", figures),
            Section("patients", "Patients and balance", (PATIENTS, *_patients(numbers))),
            Section(
                "failures", "Failures", (failures if failures.rows else "Every step gave its estimate.",)
            ),
            glossary("analysis"),
        ),
    )


def _results(numbers: Numbers, sensitivity: pd.DataFrame | None) -> Iterator[Table]:
    """Yield effects on the outcomes, survival, every estimate and, where it was asked for, sensitivity."""
    yield effects_table(numbers)
    survival = survival_table(numbers)
    if survival is not None:
        yield survival
    yield estimates_table(numbers)
    if sensitivity is not None and len(sensitivity):
        yield sensitivity_rows(numbers, sensitivity)


def _patients(numbers: Numbers) -> tuple[Table, ...]:
    """Return flow, propensity score, covariates, other treatments, outcomes and durations."""
    return flow_table(numbers), score_table(numbers), patients_table(numbers), *care_tables(numbers)


def _follow_up(spec: AnalysisSpec) -> str:
    """Return how follow-up of those ends who do not have the event."""
    rule, own = spec.censoring, _own_words(spec)
    end = own.get("discharge", "ends at the recorded time")
    words = {
        "discharge": end,
        "day28_alive": f"{end}; it goes on to 28 for those who left before",
        "administrative": end,
        **own,
    }
    if isinstance(rule, str):
        return words[rule]
    last = f"on day {rule:g}" if spec.time_unit == "days" else f"at {rule:,g} {spec.time_unit}"
    return f"{end}, or {last}"


def _own_words(spec: AnalysisSpec) -> Mapping[str, str]:
    """Return how a study says that the follow-up of the living ends, by its rule."""
    return {} if spec.own else open_study(spec.study).layout.follow_up


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
    own = _own_words(spec)
    living = own.get("heading", "Follow-up without the event")
    return (
        ("File", source),
        ("Spec", spec.name),
        ("Arms", f"{numbers.arms.treated} against {numbers.arms.control}"),
        ("Matching", _matching(spec)),
        ("Caliper", f"{width} {unit} of the {scale}".replace("  ", " ")),
        ("Clusters", spec.cluster or "none in the spec"),
        *timed,
        *(((living, _follow_up(spec)),) if spec.survival_time or own else ()),
        *versions().items(),
    )
