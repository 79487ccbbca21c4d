"""One column as checked numbers, by its role: levels numbered, events 0/1, values within their limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from simsepsis.analysis.cohort_columns import CohortColumns
from simsepsis.analysis.sentinels import refuse_sentinel
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.analysis.spec_types import Scalar, scalars
from simsepsis.analysis.values import (
    Distinct,
    Place,
    Values,
    distinct,
    is_category,
    is_text,
    label,
    numbers,
    truths,
    yes_or_no,
)
from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.errors import DataError, did_you_mean
from simsepsis.study.variables import Kind

MISSING = "missing"
"""Level of the patients without a value, where the spec makes it one."""
Role: TypeAlias = Literal["treatment", "event", "time", "truth", "number", "category", "covariate"]
_LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """One column as numbers, with what its values may be."""

    values: FloatArray
    kind: Kind
    low: float = -_LARGEST
    high: float = _LARGEST
    levels: tuple[str, ...] = ()


def encode_column(cells: Values, place: Place, role: Role, file: CohortColumns) -> Coded:
    """Return a column as numbers, read by its role."""
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
        return Coded(truths(cells, place, _ones(cells, place, role, spec), key), "binary", 0.0, 1.0)
    values = numbers(cells, place, spec.time_unit)
    known = spec.variables.get(name)
    limited = known is not None and (known.low is not None or known.high is not None)
    if file.checked and not limited and not file.codes(name):
        low = 0.0 if role == "time" else -_LARGEST
        refuse_sentinel(np.asarray(values, np.float64), place, spec.missing_codes, low)
    return _numbers_coded(values, name, role, spec)


def _numbers_coded(values: NDArray[Any], name: str, role: Role, spec: AnalysisSpec) -> Coded:
    known = spec.variables.get(name)
    if known is not None and known.kind:
        low = -_LARGEST if known.low is None else known.low
        return Coded(values, known.kind, low, _LARGEST if known.high is None else known.high)
    if role == "time":
        return Coded(values, "number", 0.0)
    binary = bool(np.all((values == 0) | (values == 1) | np.isnan(values)))
    return Coded(values, "binary", 0.0, 1.0) if binary else Coded(values, "number")


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
) -> Coded:
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
    return Coded(table[found.codes], "category", 0.0, float(len(levels) - 1), levels)


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


def check_values(
    values: FloatArray, coded: Mapping[str, Coded], used: Mapping[str, Values], file: CohortColumns
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


def _rule(column: Coded) -> str:
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
