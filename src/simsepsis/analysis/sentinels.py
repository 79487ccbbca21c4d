"""Numbers that stand for a missing value, such as −9 or 999, found by how far from all others they lie."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile

import numpy as np

from simsepsis.analysis.values import Place, bare
from simsepsis.arrays import FloatArray, IntArray

_NEGATIVE_CODES = (-1, -7, -8, -9, *(-digit * ones for digit in (7, 8, 9) for ones in (11, 111, 1111, 11111)))
_POSITIVE_CODES = (7, 8, 9, *(digit * ones for digit in (7, 8, 9) for ones in (11, 111, 1111, 11111)))
_CODES = {*_NEGATIVE_CODES, *_POSITIVE_CODES}
_FAR = 3.0
"""A code for a missing value is at least so many times the largest other value."""
_HIGH = 20.0
"""−1 may be a grade of a scale unless the scale goes higher than this."""


def sentinel(values: FloatArray) -> float | None:
    """Return a number that looks like a code for a missing value, or None.

    Such a number is 9, 99, 999 … or 7, 8, 77, 88 …, also negative, stands twice or more, and lies far from
    all others: below 0 where nothing else does, or at least three times as high as the rest.
    """
    if not {np.nanmin(values, initial=np.inf), np.nanmax(values, initial=-np.inf)} & _CODES:
        return None
    present, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    low = _outermost(present, counts, _NEGATIVE_CODES)
    rest = present[len(low) :]
    if low and rest.size > 1 and rest[0] >= 0 and (low[0] < -1 or rest[-1] > _HIGH):
        return low[0]
    high = _outermost(present[::-1], counts[::-1], _POSITIVE_CODES)
    for taken in range(1, min(len(high), present.size - 2) + 1):
        if 0 < present[-taken - 1] * _FAR <= high[taken - 1]:
            return high[0]
    return None


def _outermost(present: FloatArray, counts: IntArray, codes: tuple[int, ...]) -> list[float]:
    """Return the values at the beginning that are codes and stand twice or more."""
    found = takewhile(lambda pair: pair[0] in codes and pair[1] > 1, zip(present, counts, strict=True))
    return [float(value) for value, _ in found]


def refuse_sentinel(values: FloatArray, place: Place, declared: object, low: float) -> None:
    """Refuse numbers that look like codes for missing values, unless the spec says what they are.

    `declared` is the spec's ``missing_codes``: a column named there has been thought of. Numbers below `low`
    are never meant.
    """
    if isinstance(declared, Mapping) and place.name in declared:
        return
    code = sentinel(values)
    if code is None:
        return
    rows = np.flatnonzero(values == code)
    rest = values[np.isfinite(values) & (values != code)]
    name = bare(place.name)
    meant = f", or missing_codes.{name} = [] if it is meant" if code >= low else ""
    raise place.error(
        f"has the value {code:g} in {rows.size} rows, first in row {place.record[rows[0]] + 1}, while all "
        f"others lie between {rest.min():g} and {rest.max():g}; write missing_codes.{name} = [{code:g}] in "
        f"the spec if it stands for a missing value{meant}"
    )
