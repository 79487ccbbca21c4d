"""From a DataFrame to checked arrays: one place where values meet the data dictionary."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.inputs import label_codes
from simsepsis.analysis.spec import AnalysisSpec, Scalar, missing_indicator
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import DataError, MissingColumnError, did_you_mean
from simsepsis.records import Records, Registry
from simsepsis.thesis.dictionary import COLUMNS, Kind

MISSING = "missing"
"""Level of the patients without a value, where the spec makes it one."""
_YES_NO = {"yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0}
_Values: TypeAlias = NDArray[Any] | pd.Categorical | pd.Series
"""A column: an array of numbers, a categorical, or what pandas makes of anything else."""
_LARGEST = float(np.finfo(np.float64).max)


def check_cohort(registry: Registry, spec: AnalysisSpec) -> None:
    """Refuse a cohort that the analysis cannot take, with the place and the remedy.

    Parameters
    ----------
    registry, spec
        As in `encode_cohort`, whose checks these are.

    Raises
    ------
    DataError
        As in `encode_cohort`.
    """
    encode_cohort(registry, spec)


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
        If a column is missing; a value is text, out of its range or an unknown level; the treatment
        is not 0/1, missing, or the same for all; an ICU is missing, or there is only one; a patient
        stands twice. Rows are counted from 1, without the header.
    """
    source = "registry" if isinstance(registry, Records) else str(registry.attrs.get("source", "registry"))
    names = spec.numbers_used
    columns = _columns(registry, spec, source)
    used = {name: _column(columns, name, spec, source) for name in names}
    coded = {name: _encode_column(one, name, spec, source) for name, one in used.items()}
    values = np.array([column.values for column in coded.values()], dtype=np.float64)
    _check_values(values, coded, used, spec, source)
    kinds = {name: column.kind for name, column in coded.items()}
    flagged = [name for name in names if spec.missing.get(name) == "indicator"]
    if flagged:
        values = np.vstack([values, np.isnan(values[[names.index(name) for name in flagged]])])
        kinds |= {missing_indicator(name): "binary" for name in flagged}
    rows = {name: row for row, name in enumerate(kinds)}
    return CohortArrays(
        source=source,
        values=values,
        rows=rows,
        kinds=kinds,
        levels={name: column.levels for name, column in coded.items() if column.levels},
        treated=_arms(values[rows[spec.treatment]], spec, source),
        cluster=_clusters(columns, spec, source),
        patient=_patients(columns, len(registry), spec, source),
        record=np.arange(len(registry)),
    )


def _columns(registry: Registry, spec: AnalysisSpec, source: str) -> Mapping[Any, _Values]:
    """Return the columns of the file that the spec needs, without pandas's wrapping where possible."""
    if len(registry) == 0:
        raise DataError(f"{source}: has no rows; give one row per patient")
    if isinstance(registry, Records):
        _require_columns(registry.columns, spec, source)
        return registry.columns
    if not registry.columns.is_unique:
        twice = registry.columns[registry.columns.duplicated()][0]
        raise DataError(f"{source}: column '{twice}' stands twice; leave one")
    return {name: _unwrapped(registry[name]) for name in _require_columns(registry.columns, spec, source)}


def _unwrapped(series: pd.Series) -> _Values:
    """Return an array of numbers or a categorical; anything else stays what it is."""
    if isinstance(series.dtype, np.dtype):
        return series.values if series.dtype.kind in "biuf" else series
    return series.array if isinstance(series.dtype, pd.CategoricalDtype) else series


def _require_columns(present: Collection[Any], spec: AnalysisSpec, source: str) -> list[str]:
    """Return the columns of the file that the spec needs, all of which must be there."""
    names = (*spec.numbers_used, *(name for name in (spec.cluster, spec.patient) if name))
    needed = [_file_name(column, spec) for name in names for column in spec.differences.get(name, (name,))]
    for name in needed:
        if name not in present:
            hint = did_you_mean(name, [str(known) for known in present])
            raise MissingColumnError(
                f"{source}: column '{name}' is missing{hint}; add it or name another in the spec"
            )
    return needed


def _column(columns: Mapping[Any, _Values], name: str, spec: AnalysisSpec, source: str) -> _Values:
    """Return a column of the file, recoded, or a difference of two."""
    if name in spec.differences:
        earlier, later = (
            days(pd.Series(_column(columns, column, spec, source), name=_file_name(column, spec)), source)
            for column in spec.differences[name]
        )
        return later - earlier
    column = columns[_file_name(name, spec)]
    if name in spec.recode:
        return _unwrapped(_recoded(pd.Series(column), spec.recode[name]))
    decided = name in COLUMNS or name in spec.levels or name in spec.categorical
    return column if decided or not _is_text(column) else _unwrapped(_truths(pd.Series(column)))


def _file_name(name: str, spec: AnalysisSpec) -> str:
    return spec.columns.get(name, name)


def days(series: pd.Series, source: str) -> FloatArray:
    """Return dates as numbers of days; numbers are taken as such already.

    Parameters
    ----------
    series
        Numbers, dates, or text such as 2019-02-28.
    source
        Name of the file, for the message.

    Raises
    ------
    DataError
        If a text is no date.
    """
    if pd.api.types.is_numeric_dtype(series):
        return np.asarray(_numbers(_unwrapped(series), str(series.name), source), np.float64)
    dates = pd.to_datetime(series, format="ISO8601", errors="coerce")
    wrong = dates.isna() & series.notna()
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{source}: column '{series.name}' has '{series.iloc[row]}' in row {row + 1}, which is no date; "
            "give numbers of days or dates as 2019-02-28"
        )
    elapsed = (dates - pd.Timestamp(0)) / pd.Timedelta(days=1)
    return np.asarray(elapsed.to_numpy(dtype=np.float64))


def _truths(series: pd.Series) -> pd.Series:
    """Return 1 for yes and 0 for no where a column holds nothing else; any other column as it is."""
    present = [str(value).strip().lower() for value in series.dropna().unique()]
    if not present or not set(present) <= set(_YES_NO):
        return series
    return series.map(lambda value: _YES_NO[str(value).strip().lower()], na_action="ignore").astype(float)


def _recoded(series: pd.Series, recode: Mapping[str, Scalar]) -> pd.Series:
    table: dict[Any, Scalar] = dict(recode)
    for key, value in recode.items():
        try:
            table[float(key)] = value
        except ValueError:
            continue
    recoded = series.astype(object).map(lambda value: table.get(value, value))
    return (recoded.fillna(recode[""]) if "" in recode else recoded).infer_objects()


@dataclass(frozen=True, slots=True, eq=False)
class _Coded:
    """One column as numbers, with what its values may be."""

    values: FloatArray
    kind: Kind
    low: float = -_LARGEST
    high: float = _LARGEST
    levels: tuple[str, ...] = ()


def _encode_column(column: _Values, name: str, spec: AnalysisSpec, source: str) -> _Coded:
    known = COLUMNS.get(name)
    levels = _levels_of(column, name, spec)
    rule = spec.missing.get(name)
    if rule not in (None, "complete", "indicator" if levels is None else "category"):
        other = "numbers; write 'indicator'" if levels is None else "levels; write 'category'"
        raise DataError(f"{source}: missing.{name} = '{rule}', but the column has {other} in the spec")
    if levels is not None:
        return _encode_levels(column, levels or None, gap_is_level=rule == "category")
    values = _numbers(column, _file_name(name, spec), source)
    if known is not None and known.kind != "id":
        low = -_LARGEST if known.low is None else known.low
        high = _LARGEST if known.high is None else known.high
        return _Coded(values, known.kind, low, high)
    binary = name in _binary_columns(spec) or bool(np.all((values == 0) | (values == 1) | np.isnan(values)))
    return _Coded(values, "binary", 0.0, 1.0) if binary else _Coded(values, "continuous")


def _levels_of(column: _Values, name: str, spec: AnalysisSpec) -> tuple[str, ...] | None:
    """Return a category's levels, empty where the file decides; None for a column that is no category."""
    known = COLUMNS.get(name)
    if name in spec.levels:
        return spec.levels[name]
    if name == spec.cluster or name in spec.categorical or (known is None and _is_text(column)):
        return ()
    return known.level_names if known is not None and known.kind == "category" else None


def _binary_columns(spec: AnalysisSpec) -> tuple[str | None, ...]:
    return (spec.treatment, *spec.outcomes, *spec.adjuncts, spec.survival_event)


def _is_text(column: _Values) -> bool:
    if isinstance(column, np.ndarray):
        return False
    if isinstance(column, pd.Categorical):
        return not pd.api.types.is_numeric_dtype(column.categories)
    return not pd.api.types.is_numeric_dtype(column)


def _numbers(column: _Values, name: str, source: str) -> NDArray[Any]:
    if isinstance(column, np.ndarray):
        # whole numbers become floats where all columns are put together
        return column.astype(np.float64) if column.dtype.kind == "b" else column
    series = pd.Series(column)
    numbers: FloatArray = pd.to_numeric(series, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    text = np.isnan(numbers) & series.notna().to_numpy()
    if text.any():
        row = int(np.argmax(text))
        raise DataError(
            f"{source}: column '{name}' has the text '{series.iloc[row]}' in row {row + 1}; "
            "give a number, or recode it in the spec"
        )
    return numbers


def _encode_levels(column: _Values, levels: tuple[str, ...] | None, *, gap_is_level: bool) -> _Coded:
    """Number the levels; an unknown level becomes −1, a missing one NaN or, if that is a level, the last."""
    if isinstance(column, pd.Categorical):
        present, codes = column.categories, column.codes
    elif levels is None and column.dtype == object:
        # Mixed types have no order, their names have.
        codes, present = pd.factorize(pd.Series(column).map(_label, na_action="ignore"), sort=True)
    else:
        codes, present = pd.factorize(column, sort=levels is None)
    labels = [_label(level) for level in present]
    if levels is None:
        used = np.unique(codes[codes >= 0])
        levels = tuple(labels[code] for code in used)
    nothing = np.nan
    if gap_is_level and (codes < 0).any():
        levels, nothing = (*levels, MISSING), float(len(levels))
    number = {level: float(position) for position, level in enumerate(levels)}
    # A missing value has the code −1, which picks the last entry.
    table = np.array([*(number.get(label, -1.0) for label in labels), nothing])
    return _Coded(table[codes], "category", 0.0, float(len(levels) - 1), levels)


def _label(level: object) -> str:
    """Return a level's name; 3.0 is called 3, as it is in a file without missing values."""
    return str(int(level)) if isinstance(level, float) and level.is_integer() else str(level)


def _check_values(
    values: FloatArray,
    coded: Mapping[str, _Coded],
    used: Mapping[str, _Values],
    spec: AnalysisSpec,
    source: str,
) -> None:
    """Refuse values outside the limits of their columns; NaN passes, it is for the flow to count."""
    low, high = (np.array([getattr(column, end) for column in coded.values()]) for end in ("low", "high"))
    whole = [
        column.kind in ("binary", "ordinal") and one.dtype.kind not in "iub"
        for column, one in zip(coded.values(), used.values(), strict=True)
    ]
    place = _first_wrong(values, low, high, np.array(whole))
    if place < 0:
        return
    name, column = list(coded.items())[place]
    wrong = (column.values < column.low) | (column.values > column.high)
    row = int(np.argmax(wrong | _fractional(column.values) if whole[place] else wrong))
    raise DataError(
        f"{source}: column '{_file_name(name, spec)}' has the value {_quoted(_value(used[name], row))} "
        f"in row {row + 1}; {_rule(column)}"
    )


def _value(column: _Values, row: int) -> object:
    return column.iloc[row] if isinstance(column, pd.Series) else column[row]


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


def _quoted(value: object) -> str:
    if isinstance(value, str):
        return f"'{value}'"
    return f"{value:g}" if isinstance(value, (int, float, np.number)) else str(value)


def _rule(column: _Coded) -> str:
    if column.kind == "category":
        return f"known are {', '.join(column.levels)}; correct it or recode it in the spec"
    if column.kind == "binary":
        return "it must be 0 or 1; correct it or recode it in the spec"
    whole = "a whole number " if column.kind == "ordinal" else ""
    low = "" if column.low == -_LARGEST else f"at least {column.low:g}"
    high = "finite" if column.high == _LARGEST else f"at most {column.high:g}"
    limits = " and ".join(part for part in (low, high) if part)
    return f"it must be {whole}{limits}; correct it or leave it empty"


def _arms(treatment: FloatArray, spec: AnalysisSpec, source: str) -> BoolArray:
    name = _file_name(spec.treatment, spec)
    missing = np.isnan(treatment)
    if missing.any():
        row = int(np.argmax(missing)) + 1
        raise DataError(f"{source}: column '{name}' is empty in row {row}; every patient needs 0 or 1")
    treated: BoolArray = treatment == 1.0
    if treated.all() or not treated.any():
        value = int(treated[0])
        raise DataError(
            f"{source}: column '{name}' is {value} for all {treated.size} patients, one arm is empty; "
            "give a cohort with both arms"
        )
    return treated


def _clusters(columns: Mapping[Any, _Values], spec: AnalysisSpec, source: str) -> IntArray | None:
    if spec.cluster is None:
        return None
    name = _file_name(spec.cluster, spec)
    codes = _numbered(columns[name], name)
    if (codes < 0).any():
        row = int(np.argmax(codes < 0)) + 1
        raise DataError(f"{source}: column '{name}' is empty in row {row}; every patient needs an ICU")
    if codes.max() == 0:
        raise DataError(
            f"{source}: column '{name}' is {_value(columns[name], 0)} for all patients; "
            "give two clusters or more, or a spec without 'cluster'"
        )
    return codes


def _numbered(column: _Values, name: str) -> IntArray:
    """Number the distinct values in ascending order; −1 for a missing one."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "iu":
        return label_codes(column, name, column.size)
    return np.asarray(pd.factorize(column, sort=True)[0], np.int64)


def _patients(columns: Mapping[Any, _Values], patients: int, spec: AnalysisSpec, source: str) -> NDArray[Any]:
    if spec.patient is None:
        return np.arange(1, patients + 1)
    name = _file_name(spec.patient, spec)
    column = columns[name]
    identifiers: NDArray[Any] = column if isinstance(column, np.ndarray) else pd.Series(column).to_numpy()
    if not _ascending(identifiers) and not (series := pd.Series(column)).is_unique:
        row = int(np.argmax(series.duplicated().to_numpy()))
        raise DataError(
            f"{source}: column '{name}' has the value {series.iloc[row]} again in row {row + 1}; "
            "give one row per patient"
        )
    return identifiers


def _ascending(values: NDArray[Any]) -> bool:
    """Whether each number is above the one before, which is the quickest proof that none stands twice."""
    return values.dtype.kind in "iuf" and bool((values[1:] > values[:-1]).all())
