"""From a DataFrame to checked arrays: the role of a column in the spec decides how it is read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from simsepsis.analysis.consistency import find_contradictions, rules_of
from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.dates import elapsed
from simsepsis.analysis.doubts import category_notes, cluster_notes
from simsepsis.analysis.eligibility import eligible
from simsepsis.analysis.identifiers import cluster_codes, identifiers
from simsepsis.analysis.reading_notes import reading_notes, values_where
from simsepsis.analysis.sentinels import refuse_sentinel
from simsepsis.analysis.spec import AnalysisSpec, missing_indicator
from simsepsis.analysis.spec_types import DAYS_IN, Scalar, scalars
from simsepsis.analysis.values import (
    Distinct,
    Place,
    Values,
    bare,
    distinct,
    is_category,
    is_text,
    label,
    named_arms,
    numbers,
    truths,
    without_codes,
    yes_or_no,
)
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import DataError, MissingColumnError, did_you_mean
from simsepsis.records import Records, Registry
from simsepsis.study.variables import Kind
from simsepsis.words import plain

MISSING = "missing"
"""Level of the patients without a value, where the spec makes it one."""
Role: TypeAlias = Literal["treatment", "event", "time", "truth", "number", "category", "covariate"]
_LARGEST = float(np.finfo(np.float64).max)


def encode_cohort(registry: Registry, spec: AnalysisSpec) -> CohortArrays:
    """Return the columns that the analysis uses as checked arrays.

    Parameters
    ----------
    registry
        One row per patient.
    spec
        Names the columns.

    Raises
    ------
    DataError
        If a column is missing, or a value is not what the column's role takes: treatment and outcomes are
        0/1 or yes/no unless the spec says which values mean 1; times and numbers are numbers; levels of a
        category are known; a patient's number stands once and every patient has an ICU. Rows are counted
        from 1, without the header.
    """
    source = str(getattr(registry, "attrs", {}).get("source", "registry"))
    columns = _columns(registry, spec, source)
    everybody = _File(
        columns, spec, source, np.arange(len(registry)), checked=not isinstance(registry, Records)
    )
    excluded: tuple[tuple[str, int], ...] = ()
    if spec.exclude or spec.include:
        everybody, excluded = _who_takes_part(everybody)
    treated = _arms(everybody)
    compared = ~np.isnan(treated)
    file = everybody if compared.all() else everybody.rows(compared)
    used = {name: file.cells(name) for name in spec.numbers_used}
    roles = column_roles(spec)
    coded = {
        name: _Coded(treated[compared], "binary", 0.0, 1.0)
        if name == spec.treatment
        else _encode_column(cells, file.place(name), roles[name], file)
        for name, cells in used.items()
    }
    values = np.array([column.values for column in coded.values()], dtype=np.float64)
    _check_values(values, coded, used, file)
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
    doubts = (*category_notes(cohort, spec), *cluster_notes(cohort, spec))
    if not spec.own:
        broken = find_contradictions(cohort, rules_of(str(spec.study)))
        doubts += tuple(f"{one.sentence}; correct them in the file." for one in broken)
    cells = words[spec.treatment]
    treated, control = (
        tuple(map(label, values_where(cells, side))) for side in (cohort.treated, ~cohort.treated)
    )
    return replace(cohort, notes=(*found, *read, *doubts), arm_values=(treated, control))


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


def _who_takes_part(file: _File) -> tuple[_File, tuple[tuple[str, int], ...]]:
    """Return the patients whom no rule excludes, and how many left for which reason."""
    spec, patients = file.spec, file.record.size
    stay, left = eligible(spec.exclude, spec.include, file.cells, patients=patients, source=file.source)
    return file.rows(stay), left


@dataclass(frozen=True, slots=True, eq=False)
class _File:
    """The columns of a file that a spec needs, and where they stand."""

    columns: Mapping[Any, Values]
    spec: AnalysisSpec
    source: str
    record: IntArray
    checked: bool
    """Whether the cells are a user's, so that what looks wrong is looked for; simulated ones are known."""

    def rows(self, keep: BoolArray) -> _File:
        """Return some of the patients."""
        columns = {name: column[keep] for name, column in self.columns.items()}
        return replace(self, columns=columns, record=self.record[keep])

    def place(self, name: str) -> Place:
        """Return where a column of the spec stands in the file."""
        column = self.spec.columns.get(name, name)
        return Place(source=self.source, column=column, name=name, record=self.record)

    def cells(self, name: str) -> Values:
        """Return a column without declared codes for missing values, recoded; or a difference of two."""
        spec = self.spec
        if name in spec.differences:
            start, end = spec.differences[name]
            places = (self.place(start), self.place(end))
            days = elapsed(self.cells(start), self.cells(end), places, spec.date_format)
            return days / DAYS_IN[spec.time_unit]
        column = self.written(name)
        codes = self.codes(name)
        column = without_codes(column, codes) if codes else column
        return _unwrapped(_recoded(pd.Series(column), spec.recode[name])) if name in spec.recode else column

    def written(self, name: str) -> Values:
        """Return a column as it is in the file."""
        return self.columns[self.spec.columns.get(name, name)]

    def codes(self, name: str) -> tuple[Scalar, ...]:
        """Return the declared codes for a missing value of a column."""
        declared = self.spec.missing_codes
        return tuple(declared.get(name, ())) if isinstance(declared, Mapping) else declared


def _columns(registry: Registry, spec: AnalysisSpec, source: str) -> Mapping[Any, Values]:
    """Return the columns of the file that the spec needs, without pandas's wrapping where possible."""
    if not isinstance(registry, (Records, pd.DataFrame)):
        raise DataError(f"a {type(registry).__name__} is no table of patients; give a pandas DataFrame")
    if len(registry) == 0:
        raise DataError(f"{source}: has no rows; give one row per patient")
    if isinstance(registry, Records):
        _require_columns(registry.columns, spec, source)
        return registry.columns
    if not registry.columns.is_unique:
        twice = registry.columns[registry.columns.duplicated()][0]
        raise DataError(f"{source}: column '{twice}' stands twice; leave one")
    return {name: _unwrapped(registry[name]) for name in _require_columns(registry.columns, spec, source)}


def _unwrapped(series: pd.Series) -> Values:
    """Return an array of numbers or a categorical; anything else stays what it is."""
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        return _native(series.to_numpy()) if dtype.kind in "biuf" else series
    if isinstance(dtype, (pd.ArrowDtype, pd.SparseDtype)):
        return _unwrapped(series.astype(object).infer_objects())
    return series.array if isinstance(dtype, pd.CategoricalDtype) else series


def _native(numbers: NDArray[Any]) -> NDArray[Any]:
    """Return numbers of a kind that compiled code takes: no halves, no extended ones, bytes in order."""
    usual = numbers.dtype.itemsize in (4, 8) or numbers.dtype.kind != "f"
    return numbers.astype(numbers.dtype.newbyteorder("=") if usual else np.float64, copy=False)


def _require_columns(present: Collection[Any], spec: AnalysisSpec, source: str) -> list[str]:
    """Return the columns of the file that the spec needs, all of which must be there."""
    names = (*spec.numbers_used, *(name for name in (spec.cluster, spec.patient) if name))
    names += tuple(rule.column for rule in (*spec.exclude, *spec.include))
    asked = [column for name in names for column in spec.differences.get(name, (name,))]
    needed = [spec.columns.get(column, column) for column in asked]
    lacking = [place for place, name in enumerate(needed) if name not in present]
    if lacking:
        raise MissingColumnError(f"{source}: {_lacking(lacking, asked, needed, present, spec)}")
    return needed


def _lacking(
    lacking: list[int], asked: list[str], needed: list[str], present: Collection[Any], spec: AnalysisSpec
) -> str:
    name = needed[lacking[0]]
    if not spec.own and 2 * len(lacking) > len(needed):
        return (
            f"is not the thesis's registry, {len(lacking)} of whose {len(needed)} columns it lacks, '{name}' "
            "among them; give a spec that names your own columns, as in --spec study.toml"
        )
    hint = did_you_mean(name, [str(known) for known in present])
    key = f"columns.{bare(asked[lacking[0]])}"
    return (
        f"column '{name}' is missing{hint}; add it, or write {key} = \"…\" in the spec with the name that "
        "the file has for it"
    )


def _recoded(series: pd.Series, recode: Mapping[str, Scalar]) -> pd.Series:
    table: dict[Any, Scalar] = dict(recode)
    for key, value in recode.items():
        try:
            table[float(key)] = value
        except ValueError:
            continue
    recoded = series.astype(object).map(lambda value: table.get(value, value))
    return (recoded.fillna(recode[""]) if "" in recode else recoded).infer_objects()


def _arms(file: _File) -> FloatArray:
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


def _both_arms(treated: BoolArray, file: _File) -> BoolArray:
    if treated.all() or not treated.any():
        where = f"is {int(treated[0])} for all {treated.size} patients"
        raise file.place(file.spec.treatment).error(
            f"{where}, one arm is empty; give a cohort with both arms"
        )
    return treated


@dataclass(frozen=True, slots=True, eq=False)
class _Coded:
    """One column as numbers, with what its values may be."""

    values: FloatArray
    kind: Kind
    low: float = -_LARGEST
    high: float = _LARGEST
    levels: tuple[str, ...] = ()


def _encode_column(cells: Values, place: Place, role: Role, file: _File) -> _Coded:
    spec, name = file.spec, place.name
    levels = _levels_of(cells, place, role, spec)
    rule = spec.missing.get(name)
    if rule not in (None, "complete", "indicator" if levels is None else "category"):
        other = "numbers; write 'indicator'" if levels is None else "levels; write 'category'"
        raise DataError(f"{file.source}: missing.{name} = '{rule}', but the column has {other} in the spec")
    if levels is not None:
        found = _encode_levels(cells, levels or None, gap_is_level=rule == "category", place=place)
        _refuse_unknown_strata(found.levels, place, spec)
        return found
    if role in ("event", "truth"):
        key = "event" if role == "event" else "recode"
        return _Coded(truths(cells, place, _ones(cells, place, role, spec), key), "binary", 0.0, 1.0)
    values = numbers(cells, place, spec.time_unit)
    if file.checked and spec.own and not file.codes(name):
        low = 0.0 if role == "time" else -_LARGEST
        refuse_sentinel(np.asarray(values, np.float64), place, spec.missing_codes, low)
    return _numbers_coded(values, name, role, spec)


def _numbers_coded(values: NDArray[Any], name: str, role: Role, spec: AnalysisSpec) -> _Coded:
    known = spec.variables.get(name)
    if known is not None and known.kind:
        low = -_LARGEST if known.low is None else known.low
        return _Coded(values, known.kind, low, _LARGEST if known.high is None else known.high)
    if role == "time":
        return _Coded(values, "number", 0.0)
    binary = bool(np.all((values == 0) | (values == 1) | np.isnan(values)))
    return _Coded(values, "binary", 0.0, 1.0) if binary else _Coded(values, "number")


def _levels_of(cells: Values, place: Place, role: Role, spec: AnalysisSpec) -> tuple[str, ...] | None:
    """Return a category's levels, empty where the file decides; None for a column that is no category."""
    name, known = place.name, spec.variables.get(place.name)
    if name in spec.levels:
        return spec.levels[name]
    if name == spec.cluster or name in spec.categorical or role == "category":
        return ()
    if known is not None:
        return known.level_names if known.kind == "category" else None
    return () if role == "covariate" and is_category(cells, place) else None


def _ones(cells: Values, place: Place, role: Role, spec: AnalysisSpec) -> tuple[Scalar, ...]:
    """Return the values of an outcome that mean the event; none where the column says so itself."""
    if role != "event" or spec.event is None:
        return ()
    if isinstance(spec.event, Mapping):
        return scalars(spec.event.get(place.name))
    found = distinct(cells, place)
    named = label(spec.event) in [label(value) for value in found.values]
    return (spec.event,) if named or yes_or_no(found) is None else ()


def _encode_levels(
    column: Values, levels: tuple[str, ...] | None, *, gap_is_level: bool, place: Place
) -> _Coded:
    """Number the levels; an unknown level becomes −1, a missing one NaN or, if that is a level, the last."""
    found = distinct(column, place)
    labels = [label(level) for level in found.values]
    levels = _own_levels(column, found, labels) if levels is None else levels
    nothing = np.nan
    if gap_is_level and (found.codes < 0).any():
        levels, nothing = (*levels, MISSING), float(len(levels))
    number = {level: float(position) for position, level in enumerate(levels)}
    # A missing value has the code −1, which picks the last entry.
    table = np.array([*(number.get(one, -1.0) for one in labels), nothing])
    return _Coded(table[found.codes], "category", 0.0, float(len(levels) - 1), levels)


def _refuse_unknown_strata(levels: tuple[str, ...], place: Place, spec: AnalysisSpec) -> None:
    for subgroup in spec.subgroups:
        if subgroup.column == place.name and label(subgroup.value) not in levels:
            hint = did_you_mean(label(subgroup.value), levels)
            raise place.error(
                f"has no level '{subgroup.value}', which the subgroup '{subgroup.name}' names{hint}; it has "
                f"{', '.join(levels[:10])}"
            )


def _own_levels(column: Values, found: Distinct, labels: list[str]) -> tuple[str, ...]:
    """Order levels as the file's own categories or numbers are, text by how many patients have it."""
    if isinstance(column, pd.Categorical):
        order = list(range(len(labels)))
    elif is_text(column):
        counts = found.counts()
        order = sorted(range(len(labels)), key=lambda place: (-counts[place], labels[place]))
    else:
        order = sorted(range(len(labels)), key=lambda place: found.values[place])
    return tuple(dict.fromkeys(labels[place] for place in order))


def _check_values(
    values: FloatArray, coded: Mapping[str, _Coded], used: Mapping[str, Values], file: _File
) -> None:
    """Refuse values outside the limits of their columns; NaN passes, it is for the flow to count."""
    low, high = (np.array([getattr(column, end) for column in coded.values()]) for end in ("low", "high"))
    whole = [
        column.kind in ("binary", "ordinal") and column.values.dtype.kind not in "iub"
        for column in coded.values()
    ]
    wrong_column = _first_wrong(values, low, high, np.array(whole))
    if wrong_column < 0:
        return
    name, column = list(coded.items())[wrong_column]
    wrong = (column.values < column.low) | (column.values > column.high)
    row = int(np.argmax(wrong | _fractional(column.values) if whole[wrong_column] else wrong))
    cells = used[name]
    value = cells.iloc[row] if isinstance(cells, pd.Series) else cells[row]
    raise file.place(name).refuse(row, value, _rule(column))


@njit(cache=True)
def _first_wrong(values: FloatArray, low: FloatArray, high: FloatArray, whole: BoolArray) -> int:
    """Return the first row of values with one that is outside its limits, or no whole number; −1 if none."""
    for j in range(len(values)):
        # without a branch, so that several values are compared at a time
        row, least, most, wrong = values[j], low[j], high[j], 0
        for i in range(row.size):
            wrong += (row[i] < least) + (row[i] > most)
        if whole[j]:
            for i in range(row.size):
                wrong += (np.rint(row[i]) != row[i]) & (row[i] == row[i])
        if wrong > 0:
            return j
    return -1


def _fractional(values: FloatArray) -> BoolArray:
    fractional: BoolArray = (np.rint(values) != values) & ~np.isnan(values)
    return fractional


def _rule(column: _Coded) -> str:
    """Return what a value must be, and what to do."""
    if column.kind == "category":
        return f"known are {', '.join(column.levels)}; correct it or recode it in the spec"
    if column.kind == "binary":
        return "it must be 0 or 1; correct it or recode it in the spec"
    whole = "a whole number " if column.kind == "ordinal" else ""
    low = "" if column.low == -_LARGEST else f"at least {column.low:g}"
    high = "finite" if column.high == _LARGEST else f"at most {column.high:g}"
    limits = " and ".join(part for part in (low, high) if part)
    return f"it must be {whole}{limits}; correct it, leave it empty or name it in missing_codes"
