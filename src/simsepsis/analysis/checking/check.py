"""A study looked through before it is analysed: what is decided, what is doubtful, what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from simsepsis.analysis.checking.file_doubts import file_doubts
from simsepsis.analysis.checking.refusals import left_to_user, refusals
from simsepsis.analysis.checking.suspicions import suspicions
from simsepsis.analysis.cohort_file import read_cohort
from simsepsis.analysis.data import CohortArrays, Flow, complete_cases
from simsepsis.analysis.doubts import Doubt
from simsepsis.analysis.drafting.column_facts import ColumnFacts, facts_of
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.errors import SimsepsisError
from simsepsis.study.published import Study
from simsepsis.study.variables import Role

DECIDED, DOUBTFUL, WRONG = VERDICTS = ("decided", "doubtful", "wrong")
CHECK_COLUMNS = ("verdict", "column", "what", "count", "rows", "remedy")
_ROWS = 5
"""Rows that are told."""
_KINDS = {"number": "a number", "ordinal": "points", "binary": "yes or no", "category": "levels"}


def check_study(study: Study) -> pd.DataFrame:
    """Return what is decided, doubtful and wrong in a study's own cohort.

    Returns
    -------
    DataFrame
        One row each, in this order of `verdict`: ``decided``, ``doubtful``, ``wrong`` (what `analyze` would
        refuse, the first as it says it); `column` that it is about, `what` in words, `count` of patients,
        levels or clusters, `rows` of the file (from 1; the first five), `remedy`.
    """
    path = study.patients
    try:
        spec = study.spec
    except SimsepsisError as error:
        return _frame(wrong=_unread(study, path, error))
    found = check_cohort(path, spec)
    differ = [*_differently_named(study, spec)]
    return found if not differ else pd.concat([found, _frame(doubtful=differ)]).pipe(_in_order)


def _unread(study: Study, path: Path, error: SimsepsisError) -> Iterator[Doubt]:
    """Yield what is wrong with a spec; where lines are left open, what may stand there."""
    text = (study.folder / "analysis.toml").read_text("utf-8", "replace")
    if "left to you" in str(error):
        frame = read_cohort(path)
        yield from left_to_user(text, _facts(frame), f"{study.name}/analysis.toml")
    else:
        yield Doubt(column="", what=str(error))


def _facts(frame: pd.DataFrame) -> dict[str, ColumnFacts]:
    return {str(name): facts_of(str(name), frame[name]) for name in frame.columns}


def _differently_named(study: Study, spec: AnalysisSpec) -> Iterator[Doubt]:
    """Yield columns that the data dictionary gives another role than the analysis."""
    roles: dict[str, Role] = {name: "outcome" for name in spec.all_outcomes}
    roles[spec.treatment] = "treatment"
    for name, role in roles.items():
        variable = study.variables.get(name)
        if variable is not None and variable.role != role:
            what = f"variables.csv calls '{name}' {variable.role}, the analysis uses it as {role}"
            yield Doubt(column=name, what=what, remedy=f"write {role} in its row")


def check_cohort(path: str | Path, spec: AnalysisSpec) -> pd.DataFrame:
    """Return what is decided, doubtful and wrong in a file under a spec, as `check_study`."""
    try:
        frame = read_cohort(path, spec)
    except SimsepsisError as error:
        return _frame(wrong=[Doubt(column="", what=str(error))])
    cohort, wrong = refusals(frame, spec)
    doubtful = list(file_doubts(frame, _facts(frame), spec.date_format))
    if cohort is None:
        return _frame(doubtful=doubtful, wrong=wrong)
    doubtful = [*suspicions(cohort, spec), *doubtful]
    told = {doubt.sentence for doubt in doubtful}
    return _frame(decided=_decided(cohort, spec, told), doubtful=doubtful)


def _decided(cohort: CohortArrays, spec: AnalysisSpec, told: set[str]) -> Iterator[Doubt]:
    """Yield what was decided of the patients and of each column."""
    flow = complete_cases(cohort, spec)[1]
    yield from _flow(flow)
    yield from (Doubt(column="", what=note.rstrip(".")) for note in cohort.notes if note not in told)
    if spec.cluster is not None:
        yield Doubt(column=spec.cluster, what="the clusters", count=len(set(cohort.cluster.tolist())))  # type: ignore[union-attr]
    if spec.patient is not None:
        yield Doubt(column=spec.patient, what="names the patients", count=cohort.n)
    lists = {
        "covariate": spec.covariates,
        "numeric outcome": spec.numeric_outcomes,
        "duration": spec.durations,
    }
    for role, names in lists.items():
        yield from (_column(cohort, spec, name, role) for name in names)
    if spec.survival_time is not None:
        what = f"time to '{spec.survival_event}' in {spec.time_unit}, censoring '{spec.censoring}'"
        yield Doubt(column=spec.survival_time, what=f"{what}; means to {spec.rmst_horizon:g} are compared")


def _flow(flow: Flow) -> Iterator[Doubt]:
    steps = {
        "patients in the file": flow.registered,
        **{f"excluded: {reason}": count for reason, count in flow.excluded},
        "in neither arm": flow.elsewhere,
        "leave without a covariate": flow.missing_day1,
        "leave without an outcome or an adjunct": flow.missing_later,
        "analysed": flow.analysed,
        "of them treated": flow.analysed_treated,
    }
    always = ("patients in the file", "analysed", "of them treated")
    yield from (Doubt(column="", what=what, count=n) for what, n in steps.items() if n or what in always)


def _column(cohort: CohortArrays, spec: AnalysisSpec, name: str, role: str) -> Doubt:
    values = cohort.column(name)
    gaps = int((values != values).sum())
    rule = {"indicator": "the score says who lacks it", "category": "missing is a level"}.get(
        spec.missing.get(name, ""), "who lacks it leaves" if role == "covariate" else ""
    )
    levels = f" ({', '.join(cohort.levels[name][:8])})" if name in cohort.levels else ""
    gap = f", missing in {gaps}{f': {rule}' if rule else ''}" if gaps or "level" in rule else ""
    return Doubt(column=name, what=f"{role}, {_KINDS[cohort.kinds[name]]}{levels}{gap}", count=gaps)


def _frame(
    *, decided: Iterable[Doubt] = (), doubtful: Iterable[Doubt] = (), wrong: Iterable[Doubt] = ()
) -> pd.DataFrame:
    """Return findings as rows, what is decided first."""
    rows = [
        (verdict, found.column, found.what, found.count, _rows(found.rows), found.remedy)
        for verdict, findings in zip(VERDICTS, (decided, doubtful, wrong), strict=True)
        for found in findings
    ]
    return pd.DataFrame(rows, columns=list(CHECK_COLUMNS)).astype({"count": "int64"})


def _rows(rows: tuple[int, ...]) -> str:
    more = f" and {len(rows) - _ROWS} more" if len(rows) > _ROWS else ""
    return f"{', '.join(map(str, rows[:_ROWS]))}{more}"


def _in_order(found: pd.DataFrame) -> pd.DataFrame:
    place = found["verdict"].map({verdict: place for place, verdict in enumerate(VERDICTS)})
    return found.iloc[place.argsort(kind="stable")].reset_index(drop=True)
