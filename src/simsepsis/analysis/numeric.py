"""Anything that a caller may give, as numbers of this machine; what is no number is named with its place."""

from __future__ import annotations

import math
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
import scipy.special
from numpy.typing import ArrayLike, NDArray

from simsepsis.arrays import FloatArray
from simsepsis.errors import DataError, SimsepsisError, UsageError

WHOLE = 2.0**53
"""Above this number not every whole number is a floating-point number."""
_NEAR_ONE = 1 - 1e-9
_ECHO = 60
"""Letters of a value that a message repeats."""


def number_array(values: ArrayLike, name: str, remedy: str = "give numbers") -> FloatArray:
    """Return anything array-like as floating-point numbers; what is missing becomes NaN."""
    if type(values) is np.ndarray and values.dtype == np.float64:
        return values
    if isinstance(values, pd.DataFrame):
        columns = [number_array(values.iloc[:, j], name, remedy) for j in range(values.shape[1])]
        return np.column_stack(columns) if columns else np.empty(values.shape)
    array = _as_array(values, name, remedy)
    if array.dtype.kind in "mMV" and array.size:
        first = place_of((0,) * array.ndim)
        raise DataError(f"{name}: {first} is {array.flat[0]}, which is no number; {remedy}")
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
        if isinstance(values, np.ndarray | pd.Series | pd.Index):
            return array
        kind = array.dtype.kind
        changed = kind in "US" or (kind == "f" and bool((np.abs(array) >= WHOLE).any()))
        return np.asarray(values, dtype=object) if changed else array
    except (ValueError, TypeError) as error:
        raise DataError(f"{name} has rows of different lengths; {remedy}") from error


def _exact(array: NDArray[Any], name: str) -> FloatArray:
    """Return whole numbers as floating-point numbers, refusing those that would change."""
    numbers = array.astype(np.float64)
    if array.dtype.itemsize == 8 and numbers.size and np.abs(numbers).max() >= WHOLE:
        # compared as Python's integers, since 2**64 has no 64-bit integer to go back to
        for place in np.argwhere(np.abs(numbers) >= WHOLE):
            value = int(array[tuple(place)])
            if int(numbers[tuple(place)]) != value:
                raise DataError(_too_exact(name, tuple(place), value))
    return numbers


def _too_exact(name: str, place: tuple[int, ...], value: object) -> str:
    return (
        f"{name}: {place_of(place)} is {shown(value)}, a whole number of more digits than calculations keep; "
        "subtract a constant or divide it first"
    )


def _from_objects(array: NDArray[Any], name: str, remedy: str) -> FloatArray:
    """Convert one by one, and name the first value that is no number."""
    numbers = np.full(array.shape, np.nan)
    for place, value in np.ndenumerate(array):
        if is_number(value):
            numbers[place] = _float_of(value)
            whole = isinstance(value, Integral) and not math.isnan(numbers[place])
            if whole and (math.isinf(numbers[place]) or int(numbers[place]) != int(value)):
                raise DataError(_too_exact(name, place, value))
        elif not (value is None or value is pd.NA):
            raise DataError(f"{name}: {place_of(place)} is {shown(value)}, which is no number; {remedy}")
    return numbers


def is_number(value: object) -> bool:
    """Whether a value is a real number or a boolean."""
    return isinstance(value, Real | Decimal | np.bool_) and not isinstance(value, np.timedelta64)


def _float_of(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def place_of(place: tuple[int, ...]) -> str:
    """Say where a value is: ``row 3, column 1``."""
    names = {1: ("row",), 2: ("row", "column"), 3: ("table", "row", "column")}.get(len(place))
    if names is None:
        return f"place {place}" if place else "the value"
    return ", ".join(f"{kind} {index}" for kind, index in zip(names, place, strict=True))


def shown(value: object) -> str:
    """Return a value as a message repeats it: on one line and not at length."""
    try:
        text = " ".join(repr(value.item() if isinstance(value, np.generic) else value).split())
    except ValueError:
        text = "a number of thousands of digits"
    return text if len(text) <= _ECHO else f"{text[: _ECHO - 1]}…"


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
    """Return one number of a stated range."""
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


def expressible(value: float, what: str) -> float:
    """Return a result, unless it is too large for a number."""
    if not math.isfinite(value):
        raise UsageError(f"{what} is beyond any number; give arguments nearer to 1")
    return value


def confidence_level(level: object) -> float:
    """Return a confidence level, between 0 and 1."""
    return finite_number(level, "level", above=0.0, below=1.0)


def normal_quantile(level: object) -> float:
    """Return the half width of a two-sided normal interval in standard errors, 1.96 for 0.95."""
    inside = confidence_level(level)
    upper = 0.5 + inside / 2
    # near 1 the upper tail is lost in rounding, the lower one is not
    return float(scipy.special.ndtri(upper) if inside < _NEAR_ONE else -scipy.special.ndtri((1 - inside) / 2))


def whole_number(value: object, name: str, *, least: int = 0) -> int:
    """Return one whole number."""
    wrong = UsageError(f"{name} = {shown(value)}; give a whole number of at least {least}")
    try:
        number = finite_number(value, name, least=least, most=WHOLE)
    except UsageError:
        raise wrong from None
    if number != int(number):
        raise wrong
    return int(number)
