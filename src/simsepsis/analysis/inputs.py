"""Checks of what the kernels are given; every message names the row, the value and the remedy."""

from __future__ import annotations

import math
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import DataError, SimsepsisError, UsageError

_FEW = 4
"""Labels that are whole numbers up to this many times the rows are counted, not sorted."""
_WHOLE = 2.0**53
"""Above this number not every whole number is a floating-point number."""
_EXTREME = 2.0**100
"""Columns of this size, or of less than its inverse, are fitted in a unit of their own."""
_WEIGHTS = 1e100
"""Greatest weight, and the inverse of the least one above 0."""
_ECHO = 60
"""Letters of a value that a message repeats."""


def number_array(values: ArrayLike, name: str, remedy: str = "give numbers") -> FloatArray:
    """Return anything array-like as floating-point numbers; what is missing becomes NaN.

    Parameters
    ----------
    values
        Numbers or booleans in an array, list, Series or DataFrame; None, NaN, `pandas.NA` and masked values
        are missing.
    name
        What the values are, for the message.
    remedy
        What to give instead, for the message.

    Returns
    -------
    FloatArray
        Of the shape of `values`.

    Raises
    ------
    DataError
        If a value is no real number (text, a date, a complex number, a list), or a whole number that no
        floating-point number equals.
    """
    if type(values) is np.ndarray and values.dtype == np.float64:
        return values
    if isinstance(values, pd.DataFrame):
        columns = [number_array(values.iloc[:, j], name, remedy) for j in range(values.shape[1])]
        return np.column_stack(columns) if columns else np.empty(values.shape)
    array = _as_array(values, name, remedy)
    if array.dtype.kind in "mMV" and array.size:
        raise DataError(
            f"{name}: {_place((0,) * array.ndim)} is {array.flat[0]}, which is no number; {remedy}"
        )
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            numbers = array.astype(np.float64)
    elif array.dtype.kind in "biu":
        numbers = _exact(array, name)
    else:
        numbers = _from_objects(array.astype(object), name, remedy)
    return np.where(np.ma.getmaskarray(values), np.nan, numbers) if np.ma.isMA(values) else numbers


def _as_array(values: ArrayLike, name: str, remedy: str) -> NDArray[Any]:
    """Return any array of one shape; a list that NumPy would turn into text or round stays one of objects."""
    try:
        array = np.asarray(values)
        kind = array.dtype.kind
        changed = kind in "US" or (kind == "f" and bool((np.abs(array) > _WHOLE).any()))
        listed = not isinstance(values, np.ndarray | pd.Series | pd.Index)
        return np.asarray(values, dtype=object) if changed and listed else array
    except (ValueError, TypeError) as error:
        raise DataError(f"{name} has rows of different lengths; {remedy}") from error


def _exact(array: NDArray[Any], name: str) -> FloatArray:
    """Return whole numbers as floating-point numbers, refusing those that would change."""
    numbers = array.astype(np.float64)
    if array.dtype.itemsize == 8 and numbers.size and np.abs(numbers).max() > _WHOLE:
        # compared as Python's integers, since 2**64 has no 64-bit integer to go back to
        for place in np.argwhere(np.abs(numbers) > _WHOLE):
            value = int(array[tuple(place)])
            if int(numbers[tuple(place)]) != value:
                raise DataError(_too_exact(name, tuple(place), value))
    return numbers


def _too_exact(name: str, place: tuple[int, ...], value: object) -> str:
    return (
        f"{name}: {_place(place)} is {shown(value)}, a whole number with more digits than calculations keep; "
        "subtract a constant or divide it first"
    )


def _from_objects(array: NDArray[Any], name: str, remedy: str) -> FloatArray:
    """Convert one by one, and name the first value that is no number."""
    numbers = np.full(array.shape, np.nan)
    for place, value in np.ndenumerate(array):
        if _is_number(value):
            numbers[place] = _float_of(value)
            whole = isinstance(value, Integral) and not math.isnan(numbers[place])
            if whole and (math.isinf(numbers[place]) or int(numbers[place]) != int(value)):
                raise DataError(_too_exact(name, place, value))
        elif not (value is None or value is pd.NA):
            raise DataError(f"{name}: {_place(place)} is {shown(value)}, which is no number; {remedy}")
    return numbers


def _is_number(value: object) -> bool:
    return isinstance(value, Real | Decimal | np.bool_)


def _float_of(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _place(place: tuple[int, ...]) -> str:
    """Say where a value is."""
    names = ("row", "column")
    if len(place) > len(names) or not place:
        return f"place {place}" if place else "the value"
    return ", ".join(f"{kind} {index}" for kind, index in zip(names, place, strict=False))


def shown(value: object) -> str:
    """Return a value as a message repeats it: on one line and not at length.

    Parameters
    ----------
    value
        Anything.
    """
    try:
        text = " ".join(repr(value.item() if isinstance(value, np.generic) else value).split())
    except ValueError:
        text = "a number of thousands of digits"
    return text if len(text) <= _ECHO else f"{text[: _ECHO - 1]}…"


def design_matrix(X: ArrayLike, rows: int | None = None) -> FloatArray:
    """Return the covariates as a finite (n, p) float matrix.

    Parameters
    ----------
    X
        Anything array-like; one dimension is read as a single column.
    rows
        Number of rows there must be.

    Raises
    ------
    DataError
        If the shape is wrong, or a value is no number, missing or infinite.
    """
    matrix = number_array(X, "covariates")
    matrix = matrix[:, None] if matrix.ndim == 1 else matrix
    if matrix.ndim != 2 or (rows is not None and matrix.shape[0] != rows):
        expected = "a matrix" if rows is None else f"one row for each of the {rows} outcomes"
        raise DataError(f"covariates have shape {matrix.shape}; give {expected}")
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise DataError(
            f"covariates: row {row}, column {column} is {matrix[row, column]}; "
            "leave out or impute incomplete rows first"
        )
    return matrix


def column_units(X: FloatArray) -> FloatArray | None:
    """Return the unit in which each column is of a size that its squares can be summed.

    Parameters
    ----------
    X
        Finite, shape (n, p).

    Returns
    -------
    FloatArray or None
        Powers of two, shape (p,), by which columns divide without rounding: 1 for a column of a usual size.
        None where all are.
    """
    size = np.abs(X).max(axis=0, initial=0.0)
    extreme = (size > _EXTREME) | ((size < 1 / _EXTREME) & (size > 0))
    return np.where(extreme, np.exp2(np.frexp(size)[1] - 1.0), 1.0) if extreme.any() else None


def finite_vector(values: ArrayLike, name: str, rows: int | None = None) -> FloatArray:
    """Return values as a finite vector of floats.

    Parameters
    ----------
    values
        Anything array-like of one dimension.
    name
        What the values are, for the message.
    rows
        Number of values there must be.

    Raises
    ------
    DataError
        If the shape is wrong, or a value is no number, missing or infinite.
    """
    vector = _vector(number_array(values, name), name, rows)
    if not np.isfinite(vector).all():
        row = int(np.flatnonzero(~np.isfinite(vector))[0])
        raise DataError(f"{name}: row {row} is {vector[row]}; leave out incomplete rows first")
    return vector


def _vector(vector: FloatArray, name: str, rows: int | None) -> FloatArray:
    if vector.ndim != 1 or (rows is not None and vector.size != rows):
        expected = "a vector" if rows is None else f"{rows} values"
        raise DataError(f"{name} has shape {vector.shape}; give {expected}")
    return vector


def binary_vector(values: ArrayLike, name: str, rows: int | None = None) -> FloatArray:
    """Return a vector of zeros and ones as floats.

    Parameters
    ----------
    values
        Booleans or numbers 0 and 1.
    name
        What the values are, for the message.
    rows
        Number of values there must be.

    Raises
    ------
    DataError
        If a value is anything else.
    """
    vector = _vector(number_array(values, name, "give 0 or 1"), name, rows)
    if ((vector == 0) | (vector == 1)).all():
        return vector
    vector = finite_vector(vector, name, rows)
    row = int(np.flatnonzero((vector != 0) & (vector != 1))[0])
    raise DataError(f"{name}: row {row} is {vector[row]:g}; give 0 or 1")


def coefficients(values: ArrayLike, name: str, units: FloatArray | None, width: int) -> FloatArray:
    """Return coefficients to begin with, for columns divided by their units.

    Parameters
    ----------
    values
        One for each column.
    name
        What the values are, for the message.
    units
        From `column_units`, shape (p,).
    width
        Number of columns.

    Raises
    ------
    DataError
        If the shape is wrong, or a value is no number, missing, or beyond any that a fit returns.
    """
    vector = finite_vector(values, name, width)
    with np.errstate(over="ignore"):
        scaled = vector if units is None else vector * units
    far = np.flatnonzero(np.abs(scaled) > _WEIGHTS)
    if far.size:
        raise DataError(f"{name}: row {far[0]} is {vector[far[0]]:g}; give coefficients of an earlier fit")
    return scaled


def case_weights(weights: ArrayLike, rows: int) -> FloatArray:
    """Return case weights, finite and none of them negative.

    Parameters
    ----------
    weights
        One weight for each row.
    rows
        Number of rows.

    Raises
    ------
    DataError
        If a weight is no number, missing, negative, or beyond what can be summed.
    """
    vector = finite_vector(weights, "weights", rows)
    negative = np.flatnonzero(vector < 0)
    if negative.size:
        raise DataError(f"weights: row {negative[0]} is {vector[negative[0]]:g}; give weights of 0 or more")
    beyond = np.flatnonzero((vector > _WEIGHTS) | ((vector < 1 / _WEIGHTS) & (vector > 0)))
    if beyond.size:
        raise DataError(
            f"weights: row {beyond[0]} is {vector[beyond[0]]:g}; give 0 or weights from {1 / _WEIGHTS:g} "
            f"to {_WEIGHTS:g}"
        )
    return vector


def label_codes(labels: ArrayLike, name: str, rows: int) -> IntArray:
    """Return the labels of groups, clusters or strata as integers from 0, in sorted order of the labels.

    Parameters
    ----------
    labels
        One label for each row: numbers, text, dates or any other one type that sorts.
    name
        What the labels are, for the message.
    rows
        Number of rows.

    Raises
    ------
    DataError
        If there is not one label for each row, one is missing, or they are of several kinds.
    """
    values = _label_array(labels, name)
    if values.shape != (rows,):
        raise DataError(f"{name} has shape {values.shape}; give one label for each of the {rows} rows")
    if values.dtype.kind in "iu" and rows and values.min() >= 0 and values.max() < _FEW * rows:
        present = np.bincount(values) > 0
        return np.asarray((np.cumsum(present) - 1)[values])
    missing = np.flatnonzero(pd.isna(values))
    if missing.size:
        raise DataError(f"{name}: row {missing[0]} has no label; leave out incomplete rows first")
    if values.dtype.kind == "O":
        _check_one_kind(values, name)
    try:
        return np.unique(values, return_inverse=True)[1].astype(np.int64, copy=False)
    except TypeError as error:
        raise DataError(
            f"{name}: row 0 has the label {shown(values[0])}, of a type that does not sort; "
            "give numbers or text"
        ) from error


def _label_array(labels: ArrayLike, name: str) -> NDArray[Any]:
    """Return labels as they are: no list is turned into text or rounded, no mask forgotten."""
    if np.ma.isMA(labels):
        return np.where(np.ma.getmaskarray(labels), None, np.asarray(labels, dtype=object))
    try:
        values = np.asarray(labels)
        given = isinstance(labels, np.ndarray | pd.Series | pd.Index) or values.dtype.kind in "biu"
        return values if given else np.asarray(labels, dtype=object)
    except (ValueError, TypeError) as error:
        raise DataError(f"{name} is a list of lists; give one label for each row") from error


def _check_one_kind(values: NDArray[Any], name: str) -> None:
    """Refuse labels of which some are numbers and some text, for what equals what is then a guess."""
    kinds = [_kind(value) for value in values]
    other = next((row for row, kind in enumerate(kinds) if kind is not kinds[0]), None)
    if other is not None:
        raise DataError(
            f"{name}: row {other} has the label {shown(values[other])} and row 0 {shown(values[0])}; "
            "give labels of one kind, all numbers or all text"
        )


def _kind(value: object) -> type:
    return float if _is_number(value) else str if isinstance(value, str) else type(value)


def finite_number(
    value: object,
    name: str,
    *,
    above: float = -math.inf,
    least: float = -math.inf,
    below: float = math.inf,
    most: float = math.inf,
    endless: bool = False,
    error: type[SimsepsisError] = UsageError,
) -> float:
    """Return one number of a stated range.

    Parameters
    ----------
    value
        A real number; no boolean, no text.
    name
        What it is, for the message.
    above, least, below, most
        The range; the first and third do not belong to it.
    endless
        Whether it may be infinite.
    error
        What to raise.

    Raises
    ------
    UsageError
        If it is anything else.
    """
    plain = value.item() if isinstance(value, np.ndarray | np.generic) and np.ndim(value) == 0 else value
    number = _float_of(plain) if isinstance(plain, Real) and not isinstance(plain, bool) else math.nan
    if endless and number == math.inf:
        return number
    if math.isfinite(number) and above < number < below and least <= number <= most:
        return number
    raise error(f"{name} = {shown(plain)}; give a number{_range(above, least, below, most)}")


def _range(above: float, least: float, below: float, most: float) -> str:
    """Say which numbers are allowed."""
    ends = ((above, "above"), (least, "of at least"), (below, "below"), (most, "of at most"))
    parts = [f"{word} {end:g}" for end, word in ends if math.isfinite(end)]
    return f" {' and '.join(parts)}" if parts else " that is finite"


def confidence_level(level: object) -> float:
    """Return a confidence level, between 0 and 1.

    Parameters
    ----------
    level
        For instance 0.95.

    Raises
    ------
    UsageError
        If it is anything else.
    """
    return finite_number(level, "level", above=0.0, below=1.0)


def whole_number(value: object, name: str, *, least: int = 0) -> int:
    """Return one whole number.

    Parameters
    ----------
    value
        A number without a fraction, up to 2⁵³.
    name
        What it is, for the message.
    least
        Least value.

    Raises
    ------
    UsageError
        If it is anything else.
    """
    number = finite_number(value, name, least=least, most=_WHOLE)
    if number != int(number):
        raise UsageError(f"{name} = {shown(value)}; give a whole number of at least {least}")
    return int(number)
