"""From a DataFrame to checked arrays: the role of a column in the spec decides how it is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from simsepsis.analysis.coded_columns import Coded, Role, check_values, encode_column
from simsepsis.analysis.cohort_columns import CohortColumns, columns_of, is_in_own_words
from simsepsis.analysis.consistency import find_contradictions, rules_of
from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.doubts import Doubt, category_doubts, cluster_doubts, spelling_doubts
from simsepsis.analysis.eligibility import eligible
from simsepsis.analysis.identifiers import cluster_codes, identifiers
from simsepsis.analysis.reading_notes import reading_notes, values_where
from simsepsis.analysis.spec import AnalysisSpec, in_own_words, missing_indicator
from simsepsis.analysis.spec_types import scalars
from simsepsis.analysis.values import (
    Place,
    Values,
    distinct,
    label,
    named_arms,
    truths,
)
from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.errors import DataError
from simsepsis.records import Records, Registry
from simsepsis.words import plain


def encode_cohort(registry: Registry, spec: AnalysisSpec) -> CohortArrays:
    """Return the columns that the analysis uses as checked arrays."""
    source = str(getattr(registry, "attrs", {}).get("source", "registry"))
    if isinstance(registry, Records) or is_in_own_words(registry, spec):
        spec = in_own_words(spec)
    columns = columns_of(registry, spec, source)
    everybody = CohortColumns(
        columns, spec, source, np.arange(len(registry)), checked=not isinstance(registry, Records)
    )
    excluded: tuple[tuple[str, int], ...] = ()
    if spec.exclude or spec.include:
        everybody, excluded = who_takes_part(everybody)
    treated = arms_of(everybody)
    compared = ~np.isnan(treated)
    file = everybody if compared.all() else everybody.rows(compared)
    used = {name: file.cells(name) for name in spec.numbers_used}
    roles = column_roles(spec)
    coded = {
        name: Coded(treated[compared], "binary", 0.0, 1.0)
        if name == spec.treatment
        else encode_column(cells, file.place(name), roles[name], file)
        for name, cells in used.items()
    }
    values = np.array([column.values for column in coded.values()], dtype=np.float64)
    check_values(values, coded, used, file)
    kinds = {name: column.kind for name, column in coded.items()}
    flagged = [name for name in coded if spec.missing.get(name) == "indicator"]
    if flagged:
        values = np.vstack([values, np.isnan(values[[list(coded).index(name) for name in flagged]])])
        kinds |= {missing_indicator(name): "binary" for name in flagged}
    cohort = CohortArrays(
        source=source,
        values=values,
        rows={name: row for row, name in enumerate(kinds)},
        kinds=kinds,
        levels={name: tuple(map(plain, column.levels)) for name, column in coded.items() if column.levels},
        treated=_both_arms(treated[compared] == 1.0, file),
        cluster=None
        if spec.cluster is None
        else cluster_codes(file.written(spec.cluster), file.place(spec.cluster)),
        patient=(
            file.record + 1
            if spec.patient is None
            else identifiers(file.written(spec.patient), file.place(spec.patient))
        ),
        record=file.record,
        elsewhere=int(compared.size - compared.sum()),
        excluded=excluded,
    )
    if not file.checked:
        return cohort
    words = {name: used[name] for name, role in roles.items() if role in ("treatment", "event")}
    return _annotated(cohort, spec, words, getattr(registry, "attrs", {}).get("notes", ()))


def _annotated(
    cohort: CohortArrays, spec: AnalysisSpec, words: Mapping[str, Values], found: tuple[str, ...]
) -> CohortArrays:
    """Add what was decided when the file was read, and what is doubtful in it."""
    read = reading_notes(cohort, spec, words)
    doubts = tuple(doubt.sentence for doubt in doubts_of(cohort, spec))
    cells = words[spec.treatment]
    treated, control = (
        tuple(map(label, values_where(cells, side))) for side in (cohort.treated, ~cohort.treated)
    )
    return replace(cohort, notes=(*found, *read, *doubts), arm_values=(treated, control))


def doubts_of(cohort: CohortArrays, spec: AnalysisSpec) -> Iterator[Doubt]:
    """Yield what is doubtful in the patients of both arms, whoever leaves later for lack of a value."""
    yield from spelling_doubts(cohort)
    yield from category_doubts(cohort, spec)
    yield from cluster_doubts(cohort, spec)
    if not spec.own:
        yield from (found.doubt for found in find_contradictions(cohort, rules_of(str(spec.study))))


def column_roles(spec: AnalysisSpec) -> dict[str, Role]:
    """Return the role by which each column is read; the first that a column has counts."""
    listed: tuple[tuple[Role, Iterable[str | None]], ...] = (
        ("treatment", (spec.treatment,)),
        ("event", (*spec.outcomes, spec.survival_event)),
        ("time", (spec.survival_time, *spec.durations)),
        ("truth", spec.adjuncts),
        ("number", (*spec.numeric_outcomes, *spec.transfusions, *spec.later_scores)),
        ("number", (one.column for one in spec.subgroups if one.at_least is not None)),
        ("category", (one.column for one in spec.subgroups if one.value is not None)),
        ("covariate", (*spec.covariates, *spec.score, *spec.exact)),
    )
    roles: dict[str, Role] = {}
    for role, names in listed:
        for name in names:
            if name:
                roles.setdefault(name, role)
    return roles


def who_takes_part(file: CohortColumns) -> tuple[CohortColumns, tuple[tuple[str, int], ...]]:
    """Return the patients whom no rule excludes, and how many left for which reason."""
    spec, patients = file.spec, file.record.size
    stay, left = eligible(spec.exclude, spec.include, file.cells, patients=patients, source=file.source)
    return file.rows(stay), left


def arms_of(file: CohortColumns) -> FloatArray:
    """Return 1 for the treated, 0 for controls, NaN for patients in neither arm."""
    spec, place = file.spec, file.place(file.spec.treatment)
    cells = file.cells(spec.treatment)
    if isinstance(cells, np.ndarray) and not spec.arms and spec.treated is None:
        arms = truths(cells, place, (), "treated")
    else:
        found = distinct(cells, place)
        if (found.codes < 0).any():
            raise _no_arm(place, int(np.argmax(found.codes < 0)))
        if spec.arms:
            return found.spread(named_arms(found, spec.arms, place))
        return truths(cells, place, scalars(spec.treated), "treated")
    if np.isnan(arms).any():
        raise _no_arm(place, int(np.argmax(np.isnan(arms))))
    return arms


def _no_arm(place: Place, row: int) -> DataError:
    return place.error(f"is empty in row {place.record[row] + 1}; every patient needs 0 or 1")


def _both_arms(treated: BoolArray, file: CohortColumns) -> BoolArray:
    if treated.all() or not treated.any():
        where = f"is {int(treated[0])} for all {treated.size} patients"
        raise file.place(file.spec.treatment).error(
            f"{where}, one arm is empty; give a cohort with both arms"
        )
    return treated
