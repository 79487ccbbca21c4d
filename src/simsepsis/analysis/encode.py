"""From a DataFrame to checked arrays: one place where values meet the data dictionary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.spec import AnalysisSpec, Scalar
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import DataError, did_you_mean
from simsepsis.thesis.dictionary import COLUMNS, Kind

_LARGEST = float(np.finfo(np.float64).max)


def check_cohort(registry: pd.DataFrame, spec: AnalysisSpec) -> None:
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


def encode_cohort(registry: pd.DataFrame, spec: AnalysisSpec) -> CohortArrays:
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
    source = str(registry.attrs.get("source", "registry"))
    names = spec.numbers_used
    _require_columns(registry, names, spec, source)
    values = np.empty((len(names), len(registry)))
    coded: dict[str, _Coded] = {}
    for row, name in enumerate(names):
        series = _series(registry, name, spec)
        coded[name] = _encode_column(series, name, spec, source)
        _check_values(coded[name], series, source)
        values[row] = coded[name].values
    rows = {name: row for row, name in enumerate(names)}
    patient = _patients(registry, spec, source)
    return CohortArrays(
        source=source,
        values=values,
        rows=rows,
        kinds={name: column.kind for name, column in coded.items()},
        levels={name: column.levels for name, column in coded.items() if column.levels},
        treated=_arms(values[rows[spec.treatment]], spec, source),
        cluster=_clusters(registry, spec, source),
        patient=patient,
        record=np.arange(len(registry)),
    )


def _require_columns(registry: pd.DataFrame, names: Sequence[str], spec: AnalysisSpec, source: str) -> None:
    if len(registry) == 0:
        raise DataError(f"{source}: has no rows; give one row per patient")
    if not registry.columns.is_unique:
        twice = registry.columns[registry.columns.duplicated()][0]
        raise DataError(f"{source}: column '{twice}' stands twice; leave one")
    for name in (*names, *(extra for extra in (spec.cluster, spec.patient) if extra)):
        file_name = spec.columns.get(name, name)
        if file_name not in registry.columns:
            hint = did_you_mean(file_name, [str(column) for column in registry.columns])
            raise DataError(
                f"{source}: column '{file_name}' is missing{hint}; add it or name another in the spec"
            )


def _series(registry: pd.DataFrame, name: str, spec: AnalysisSpec) -> pd.Series:
    series = registry[spec.columns.get(name, name)]
    return _recoded(series, spec.recode[name]) if name in spec.recode else series


def _recoded(series: pd.Series, recode: Mapping[str, Scalar]) -> pd.Series:
    table: dict[Any, Scalar] = dict(recode)
    for key, value in recode.items():
        try:
            table[float(key)] = value
        except ValueError:
            continue
    return series.astype(object).map(lambda value: table.get(value, value)).infer_objects()


@dataclass(frozen=True, slots=True, eq=False)
class _Coded:
    """One column as numbers, with what its values may be."""

    values: FloatArray
    kind: Kind
    low: float = -_LARGEST
    high: float = _LARGEST
    levels: tuple[str, ...] = ()


def _encode_column(series: pd.Series, name: str, spec: AnalysisSpec, source: str) -> _Coded:
    known = COLUMNS.get(name)
    if name in spec.categorical or name in spec.levels or (known is None and _is_text(series)):
        return _encode_levels(series, spec.levels.get(name))
    if known is not None and known.kind == "category":
        return _encode_levels(series, known.level_names)
    values = _numbers(series, spec.columns.get(name, name), source)
    if known is not None and known.kind != "id":
        low = -_LARGEST if known.low is None else known.low
        high = _LARGEST if known.high is None else known.high
        return _Coded(values, known.kind, low, high)
    binary = name in _binary_columns(spec) or bool(np.all((values == 0) | (values == 1) | np.isnan(values)))
    return _Coded(values, "binary", 0.0, 1.0) if binary else _Coded(values, "continuous")


def _binary_columns(spec: AnalysisSpec) -> tuple[str | None, ...]:
    return (spec.treatment, *spec.outcomes, *spec.adjuncts, spec.survival_event)


def _is_text(series: pd.Series) -> bool:
    if isinstance(series.dtype, pd.CategoricalDtype):
        return not pd.api.types.is_numeric_dtype(series.cat.categories)
    return not pd.api.types.is_numeric_dtype(series)


def _numbers(series: pd.Series, name: str, source: str) -> FloatArray:
    values = series.to_numpy()
    if values.dtype.kind in "biuf":
        plain: FloatArray = values.astype(np.float64, copy=False)
        return plain
    numbers: FloatArray = pd.to_numeric(series, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    text = np.isnan(numbers) & series.notna().to_numpy()
    if text.any():
        row = int(np.argmax(text))
        raise DataError(
            f"{source}: column '{name}' has the text '{series.iloc[row]}' in row {row + 1}; "
            "give a number, or recode it in the spec"
        )
    return numbers


def _encode_levels(series: pd.Series, levels: tuple[str, ...] | None) -> _Coded:
    """Number the levels; an unknown level becomes −1, a missing one NaN."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        present, codes = series.cat.categories, series.cat.codes.to_numpy()
    elif levels is None and series.dtype == object:
        # Mixed types have no order, their names have.
        codes, present = pd.factorize(series.map(_label, na_action="ignore"), sort=True)
    else:
        codes, present = pd.factorize(series, sort=levels is None)
    labels = [_label(level) for level in present]
    if levels is None:
        used = np.unique(codes[codes >= 0])
        levels = tuple(labels[code] for code in used)
    number = {level: float(position) for position, level in enumerate(levels)}
    # A missing value has the code −1, which picks the last entry.
    table = np.array([*(number.get(label, -1.0) for label in labels), np.nan])
    return _Coded(table[codes], "category", 0.0, float(len(levels) - 1), levels)


def _label(level: object) -> str:
    """Return a level's name; 3.0 is called 3, as it is in a file without missing values."""
    return str(int(level)) if isinstance(level, float) and level.is_integer() else str(level)


def _check_values(column: _Coded, series: pd.Series, source: str) -> None:
    """Refuse values outside the limits; NaN passes, it is for the flow to count."""
    values = column.values
    counts = column.kind in ("binary", "ordinal") and series.dtype.kind not in "iub"
    fraction = _fractional(values) if counts else np.zeros(1, np.bool_)
    # Two reductions and no temporary array for the many columns in which all is well.
    if not (np.fmin.reduce(values) < column.low or np.fmax.reduce(values) > column.high or fraction.any()):
        return
    wrong = (values < column.low) | (values > column.high) | fraction
    row = int(np.argmax(wrong))
    raise DataError(
        f"{source}: column '{series.name}' has the value {_quoted(series.iloc[row])} in row {row + 1}; "
        f"{_rule(column)}"
    )


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
    name = spec.columns.get(spec.treatment, spec.treatment)
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


def _clusters(registry: pd.DataFrame, spec: AnalysisSpec, source: str) -> IntArray | None:
    if spec.cluster is None:
        return None
    name = spec.columns.get(spec.cluster, spec.cluster)
    codes, present = pd.factorize(registry[name], sort=True)
    if (codes < 0).any():
        row = int(np.argmax(codes < 0)) + 1
        raise DataError(f"{source}: column '{name}' is empty in row {row}; every patient needs an ICU")
    if len(present) == 1:
        raise DataError(
            f"{source}: column '{name}' is {present[0]} for all patients; give two clusters or more, "
            "or a spec without 'cluster'"
        )
    number: IntArray = codes.astype(np.int64, copy=False)
    return number


def _patients(registry: pd.DataFrame, spec: AnalysisSpec, source: str) -> NDArray[Any]:
    if spec.patient is None:
        return np.arange(1, len(registry) + 1)
    name = spec.columns.get(spec.patient, spec.patient)
    series = registry[name]
    if not series.is_unique:
        row = int(np.argmax(series.duplicated().to_numpy()))
        raise DataError(
            f"{source}: column '{name}' has the value {series.iloc[row]} again in row {row + 1}; "
            "give one row per patient"
        )
    identifiers: NDArray[Any] = series.to_numpy()
    return identifiers
