"""Cells of one column read by the column's role: truths, numbers, times, dates, levels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from simsepsis.analysis.spec_types import DAYS_IN, Scalar, TimeUnit, scalars
from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import DataError, did_you_mean

MISSING_WORDS = ("", "NA", "N/A", "#N/A", "<NA>", "NaN", "nan", "NaT", "NULL", "null")
"""What other programs write for a missing number."""
Values: TypeAlias = NDArray[Any] | pd.Categorical | pd.Series
"""A column: an array of numbers, a categorical, or what pandas makes of anything else."""
_YES_NO = {"yes": 1.0, "no": 0.0, "y": 1.0, "n": 0.0, "true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}
_EXACT = 2.0**53
"""Whole numbers up to this are exact."""
_SHOWN = 6
"""Values that a message names."""
_BARE = re.compile(r"^[A-Za-z0-9_-]+$")
_COMMA = re.compile(r"^[+-]?[\d.,' ]*,\d+$")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Place:
    """Where a column stands, for messages.

    Attributes
    ----------
    source, column
        Names of the file and of the column in it.
    name
        Name of the column in the spec.
    record
        (patients,): row in the file, from 0.
    """

    source: str
    column: str
    name: str
    record: IntArray

    def refuse(self, row: int, value: object, rule: str) -> DataError:
        """Return the error about one value; `rule` says what it must be and what to write."""
        return self.error(f"has {shown(value)} in row {self.record[row] + 1}; {rule}")

    def error(self, words: str) -> DataError:
        """Return the error about the column."""
        return DataError(f"{self.source}: column '{_cut(str(self.column))}' {words}")


def shown(value: object) -> str:
    """Return a value for a message, cut where it is long."""
    if isinstance(value, str):
        return f"the value '{_cut(value)}'" if value.strip() else "a blank text"
    if isinstance(value, (bool, np.bool_)):
        return f"the value {value}"
    number = isinstance(value, (int, float, np.number))
    return f"the value {label(value)}" if number else f"the value {_cut(str(value))}"


def _cut(text: str) -> str:
    """Return a text that fits into a sentence: cut where it is long, line breaks and controls as escapes."""
    plain = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text[:61])
    return plain if len(text) <= 60 else f"{plain[:57]}…"


def label(value: object) -> str:
    """Return a value's name; 3.0 is called 3, as it is in a file without missing values."""
    if isinstance(value, (float, np.floating)):
        whole = float(value).is_integer() and abs(float(value)) < _EXACT
        return str(int(value)) if whole else f"{value:.12g}"
    return str(value).strip()


def toml(value: object) -> str:
    """Return a value as a spec writes it."""
    if isinstance(value, (bool, np.bool_)):
        return str(value).lower()
    if isinstance(value, (int, float, np.number)):
        return label(value)
    quoted = label(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_cut(quoted)}"'


def bare(name: str) -> str:
    """Return a column's name as a key of a spec, in quotes where it needs them."""
    return name if _BARE.match(name) else toml(name)


@dataclass(frozen=True, slots=True, eq=False)
class Distinct:
    """The different values of a column.

    Attributes
    ----------
    values
        Each value once, in the order in which they first appear.
    codes
        (patients,): place of each patient's value, −1 where it is missing.
    """

    values: list[Any]
    codes: IntArray

    def counts(self) -> IntArray:
        """Return how many patients have each value."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.values))

    def first(self, position: int) -> int:
        """Return the first row with a value."""
        return int(np.argmax(self.codes == position))

    def spread(self, table: Sequence[float]) -> FloatArray:
        """Return each patient's entry of a table with one number per value; NaN where it is missing."""
        return np.array([*table, np.nan])[self.codes]

    def listed(self) -> str:
        """Return the most frequent values with their numbers of rows, for a message."""
        counts = self.counts()
        order = np.argsort(-counts, kind="stable")
        parts = [f"{toml(self.values[place])} ({counts[place]} rows)" for place in order[:_SHOWN]]
        more = [f"{order.size - _SHOWN} more"] if order.size > _SHOWN else []
        return (
            " and ".join([", ".join([*parts, *more][:-1]), [*parts, *more][-1]])
            if len(parts) > 1
            else parts[0]
        )


def distinct(column: Values, place: Place) -> Distinct:
    """Return the different values of a column."""
    if isinstance(column, pd.Categorical):
        used = np.bincount(np.asarray(column.codes) + 1, minlength=len(column.categories) + 1)[1:] > 0
        if used.all():
            return Distinct(list(column.categories), np.asarray(column.codes))
        renumbered = np.append(np.cumsum(used) - 1, -1)
        return Distinct(list(column.categories[used]), renumbered[column.codes])
    try:
        codes, values = pd.factorize(column)
    except TypeError as error:
        raise _nested(column, place) from error
    return Distinct(list(values), np.asarray(codes, np.int64))


def _nested(column: Values, place: Place) -> DataError:
    row = next((row for row, cell in enumerate(column) if not _hashable(cell)), 0)
    kind = type(column[row] if not isinstance(column, pd.Series) else column.iloc[row]).__name__
    return place.error(f"holds a {kind} in row {place.record[row] + 1}; give one value per cell")


def _hashable(cell: object) -> bool:
    try:
        hash(cell)
    except TypeError:
        return False
    return True


def is_text(column: Values) -> bool:
    """Whether a column holds anything but numbers and truths."""
    if isinstance(column, np.ndarray):
        return False
    dtype = column.categories.dtype if isinstance(column, pd.Categorical) else column.dtype
    return not pd.api.types.is_numeric_dtype(dtype)


def without_codes(column: Values, codes: Iterable[Scalar]) -> Values:
    """Return a column whose declared codes for a missing value are missing."""
    names = {label(code) for code in codes}
    if isinstance(column, np.ndarray):
        numbers = [number for number in map(_number_or_none, names) if number is not None]
        found = np.isin(column, numbers)
        return np.where(found, np.nan, column.astype(np.float64)) if found.any() else column
    series = pd.Series(column)
    found = series.map(label, na_action="ignore").isin(names)
    kept = series.astype(object).mask(found.to_numpy(dtype=bool))
    return (
        kept
        if is_text(kept.infer_objects())
        else kept.infer_objects().to_numpy(dtype=np.float64, na_value=np.nan)
    )


def _number_or_none(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def named_arms(found: Distinct, arms: Mapping[str, Any], place: Place) -> list[float]:
    """Return 1 for each value of the treated arm, 0 for the controls' and NaN for all others."""
    named = {
        label(value): float(arm == "treated") for arm, values in arms.items() for value in scalars(values)
    }
    names = [label(value) for value in found.values]
    _refuse_unknown(list(named), names, found, place, "arms")
    return [named.get(name, np.nan) for name in names]


def _refuse_unknown(
    wanted: Sequence[str], names: Sequence[str], found: Distinct, place: Place, key: str
) -> None:
    unknown = next((one for one in wanted if one not in names), None)
    if unknown is not None:
        hint = did_you_mean(unknown, names).rstrip("?")
        raise place.error(f"has no value '{_cut(unknown)}'{hint}; it has {found.listed()}, correct '{key}'")


def yes_or_no(found: Distinct) -> list[float] | None:
    """Return 1 or 0 for each value where all of them are 0/1, yes/no or true/false; else None."""
    table = [_YES_NO.get(_folded(value)) for value in found.values]
    return None if None in table or not table else [float(value) for value in table if value is not None]


def truths(column: Values, place: Place, ones: Sequence[Scalar], key: str) -> NDArray[Any]:
    """Return 1 where a column says yes, 0 where it says no, NaN where it says nothing."""
    if not ones and isinstance(column, np.ndarray) and _zeros_and_ones(column):
        return column
    found = distinct(column, place)
    if ones:
        return found.spread(_named(found, place, ones, key))
    table = yes_or_no(found)
    if table is None and found.values:
        raise place.error(f"{_unclear(found, place)}; {_line(found, key, place)}")
    return found.spread(table or [])


def _folded(value: object) -> str:
    return label(value).lower().removesuffix(".0")


@njit(cache=True)
def _zeros_and_ones(column: NDArray[Any]) -> bool:
    wrong = 0
    for value in column:
        wrong += (value != 0) & (value != 1) & (value == value)
    return wrong == 0


def _named(found: Distinct, place: Place, ones: Sequence[Scalar], key: str) -> list[float]:
    """Return 1 for the values that were named, 0 for the one that is left."""
    names = [label(value) for value in found.values]
    wanted = [label(one) for one in ones]
    if len(wanted) == 1 or key == "treated":
        _refuse_unknown(wanted, names, found, place, key)
    table = [float(name in wanted) for name in names]
    if table.count(0.0) > 1:
        raise place.error(f"has {len(names)} values, {found.listed()}; {_line(found, key, place)}")
    return table


def _unclear(found: Distinct, place: Place) -> str:
    clear = {_folded(value) in _YES_NO for value in found.values}
    if clear == {True, False}:
        odd = next(i for i, value in enumerate(found.values) if _folded(value) not in _YES_NO)
        row = place.record[found.first(odd)] + 1
        return f"has {shown(found.values[odd])} in row {row}; it must be 0 or 1, or yes or no"
    only = "only " if len(found.values) == 1 else ""
    return f"has {only}{found.listed()}, which does not say what counts as 1"


def _line(found: Distinct, key: str, place: Place) -> str:
    """Return the line of the spec that would make the column clear."""
    values = [toml(value) for value in found.values[:_SHOWN]]
    if len(found.values) > _SHOWN and key != "treated":
        return "name another column, or recode it in the spec"
    if key == "treated" and len(values) <= 2:
        return f"write treated = {values[0]} in the spec if that is the treated arm"
    if key == "treated":
        rest = ", ".join(values[1:3])
        return f"write arms = {{ treated = [{values[0]}], control = [{rest}] }} with the values of each arm"
    if key == "event" and len(values) <= 2:
        return f"write event = {values[0]} in the spec if that is the event"
    pairs = ", ".join(f"{toml(label(value))} = {int(not i)}" for i, value in enumerate(found.values))
    return f"write recode.{bare(place.name)} = {{ {pairs} }} in the spec, with 1 for each value that counts"


def numbers(column: Values, place: Place, unit: TimeUnit = "days") -> NDArray[Any]:
    """Return a column of numbers as numbers, with NaN where one is missing; time spans in `unit`."""
    if isinstance(column, np.ndarray):
        return column.astype(np.float64) if column.dtype.kind == "b" else column
    series = pd.Series(column) if isinstance(column, pd.Categorical) else column.infer_objects()
    if pd.api.types.is_timedelta64_dtype(series.dtype):
        return np.asarray(series / pd.Timedelta(days=1), np.float64) / DAYS_IN[unit]
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        raise place.error("holds dates; name the span between two of them under 'differences' in the spec")
    if pd.api.types.is_complex_dtype(series.dtype):
        raise place.error("holds complex numbers; give real ones")
    if pd.api.types.is_numeric_dtype(series.dtype):
        return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
    found = distinct(series, place)
    table = yes_or_no(found)
    if table is None:
        table = parsed(found)
        _refuse_stray(found, table, place, levels=False)
    return found.spread(table)


def is_category(column: Values, place: Place) -> bool:
    """Whether a column has levels; one that mixes numbers with text is neither."""
    if not is_text(column) or (isinstance(column, pd.Series) and column.dtype.kind in "mM"):
        return False
    found = distinct(column, place)
    if yes_or_no(found) is not None:
        return False
    table = parsed(found)
    if not np.isnan(table).all() or all(_COMMA.match(str(value)) for value in found.values):
        _refuse_stray(found, table, place, levels=True)
    return any(_is_stray(value, number) for value, number in zip(found.values, table, strict=True))


def parsed(found: Distinct) -> list[float]:
    """Return each value as a number, NaN where it is none."""
    cells = [value if isinstance(value, (int, float, Decimal)) else str(value) for value in found.values]
    return [float(number) for number in pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce")]


def _is_stray(value: object, number: float) -> bool:
    return bool(np.isnan(number)) and str(value).strip() not in MISSING_WORDS


def _refuse_stray(found: Distinct, table: Sequence[float], place: Place, *, levels: bool) -> None:
    """Refuse text that is neither a number nor a word for a missing one."""
    stray = [i for i, pair in enumerate(zip(found.values, table, strict=True)) if _is_stray(*pair)]
    if not stray:
        return
    text = found.values[stray[0]]
    mark = 'file.decimal = "," or file.thousands = "," if it is a number, ' if _COMMA.match(str(text)) else ""
    row = place.record[found.first(stray[0])] + 1
    raise place.error(
        f"has the text {toml(text)} in row {row}; give a number, or write {mark}"
        f"missing_codes = [{toml(text)}] in the spec if it stands for a missing value"
        f"{', or categorical = [' + toml(place.name) + '] if the column has levels' if levels else ''}"
    )
