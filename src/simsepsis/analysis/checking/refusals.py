"""What an analysis would refuse, all at once: it stops at the first, and people like to know the rest."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from simsepsis.analysis.coded_columns import check_values, encode_column
from simsepsis.analysis.cohort_columns import CohortColumns, columns_of
from simsepsis.analysis.data import CohortArrays, complete_cases
from simsepsis.analysis.doubts import Doubt
from simsepsis.analysis.drafting.column_facts import ColumnFacts
from simsepsis.analysis.drafting.guessed_roles import Chosen, choose
from simsepsis.analysis.encode import arms_of, column_roles, encode_cohort, who_takes_part
from simsepsis.analysis.identifiers import cluster_codes, identifiers
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.analysis.spec_files import LEFT_OPEN, left_open
from simsepsis.analysis.thesis_analysis import further_methods
from simsepsis.errors import SimsepsisError

Facts = Mapping[str, ColumnFacts]
_MOST = 6


def refusals(frame: pd.DataFrame, spec: AnalysisSpec) -> tuple[CohortArrays | None, list[Doubt]]:
    """Return the cohort, None where it is refused, and every reason, the first as `analyze` says it."""
    try:
        further_methods(spec)
        cohort = encode_cohort(frame, spec)
        complete_cases(cohort, spec)
    except SimsepsisError as error:
        sentences = dict.fromkeys((str(error), *_further(frame, spec)))
        return None, [Doubt(column=_column_in(one), what=one) for one in sentences]
    return cohort, []


def _column_in(sentence: str) -> str:
    """Return the column that a sentence of refusal names."""
    return sentence.partition("column '")[2].partition("'")[0]


def _further(frame: pd.DataFrame, spec: AnalysisSpec) -> Iterator[str]:
    """Yield what each column by itself is refused for."""
    source = str(frame.attrs.get("source", "registry"))
    try:
        columns = columns_of(frame, spec, source)
        file = CohortColumns(columns, spec, source, np.arange(len(frame)), checked=True)
        if spec.exclude or spec.include:
            file = who_takes_part(file)[0]
    except SimsepsisError as error:
        yield str(error)
        return
    for step in _steps(file):
        try:
            step()
        except SimsepsisError as error:
            yield str(error)


def _steps(file: CohortColumns) -> Iterator[Callable[[], Any]]:
    spec = file.spec
    yield partial(arms_of, file)
    for name, role in column_roles(spec).items():
        if name != spec.treatment:
            yield partial(_read, file, name, role)
    if spec.cluster is not None:
        yield lambda: cluster_codes(file.written(str(spec.cluster)), file.place(str(spec.cluster)))
    if spec.patient is not None:
        yield lambda: identifiers(file.written(str(spec.patient)), file.place(str(spec.patient)))


def _read(file: CohortColumns, name: str, role: Any) -> None:
    cells = file.cells(name)
    coded = encode_column(cells, file.place(name), role, file)
    values = np.array([coded.values], dtype=np.float64)
    check_values(values, {name: coded}, {name: cells}, file)


def left_to_user(text: str, facts: Facts, place: str) -> Iterator[Doubt]:
    """Yield the lines of a drafted spec that are left open, with what may be written there."""
    document = tomllib.loads(text)
    for key in left_open(document):
        likely = _candidates(key, document, facts)
        among = f"write one of {', '.join(likely[:_MOST])}" if likely else "write the name of a column"
        more = f" or {len(likely) - _MOST} more" if len(likely) > _MOST else ""
        what = f'{place}: {key} = "{LEFT_OPEN}" is left to you'
        yield Doubt(column=_column_of(key, document), what=what, count=len(likely), remedy=f"{among}{more}")


def _column_of(key: str, document: Mapping[str, Any]) -> str:
    """Return the column whose values a line is about, or nothing where the column itself is left open."""
    if key.startswith("event."):
        return key.removeprefix("event.")
    return str(document.get("treatment", "")) if key.partition(".")[0] in ("treated", "arms") else ""


def _candidates(key: str, document: Mapping[str, Any], facts: Facts) -> list[str]:
    """Return what may be written in an open line: columns, or the values of one."""
    column = facts.get(_column_of(key, document))
    if column is not None:
        return [repr(one) for one in column.labels]
    if key == "covariates":
        return []
    role = "outcome" if "outcomes" in key else "treatment"
    outcomes = tuple(name for name in document.get("outcomes", ()) if name in facts)
    treatment = document.get("treatment")
    given = Chosen(
        treatment=treatment if treatment in facts else None,
        outcomes=outcomes,
        given=frozenset({"treatment"} if treatment in facts else ()) | ({"outcome"} if outcomes else set()),
    )
    chosen = choose(facts, given)
    return [repr(name) for name in chosen.candidates.get(role, ())]
