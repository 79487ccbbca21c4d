"""Where a measure crosses a level along a setting, by straight lines between the cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simsepsis.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Where a line first crosses a level.

    Attributes
    ----------
    x
        The place; NaN if it never does.
    low, high
        95% Monte Carlo interval of the place; infinite where it goes on beyond the cells.
    starts_above
        Whether the line lies at the level or above at its first point.
    crossings
        How often the line crosses.
    """

    x: float
    low: float
    high: float
    starts_above: bool
    crossings: int


def find_crossing(
    x: FloatArray, value: FloatArray, low: FloatArray, high: FloatArray, level: float
) -> Crossing:
    """Return where the line through values at ascending places first crosses a level.

    Notes
    -----
    Straight lines between neighbours. The interval is from where the first of the two lines through the
    limits crosses to where the last does: the places that pointwise limits do not exclude. It is open where a
    line of limits begins beyond the level, or never reaches it.
    """
    above = value >= level
    changes = np.flatnonzero(above[1:] != above[:-1])
    near, far = (low, high) if above[0] else (high, low)
    return Crossing(
        x=first_crossing(x, value, level) if changes.size else np.nan,
        low=_end(x, near, level, starts_above=bool(above[0])),
        high=_end(x, far, level, starts_above=bool(above[0])),
        starts_above=bool(above[0]),
        crossings=int(changes.size),
    )


def first_crossing(x: FloatArray, value: FloatArray, level: float) -> float:
    """Return where a line first changes its side of a level; NaN where it does not."""
    above = value >= level
    changes = np.flatnonzero(above[1:] != above[:-1])
    if not changes.size:
        return float("nan")
    at = changes[0]
    share = (level - value[at]) / (value[at + 1] - value[at])
    return float(x[at] + share * (x[at + 1] - x[at]))


def _end(x: FloatArray, limits: FloatArray, level: float, *, starts_above: bool) -> float:
    """Return one end of the interval of the place."""
    if bool(limits[0] >= level) != starts_above:
        return -np.inf
    found = first_crossing(x, limits, level)
    return np.inf if np.isnan(found) else found
