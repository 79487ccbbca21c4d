"""Times of survival data: never negative, and equal where only rounding tells them apart."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from simsepsis.analysis.inputs import finite_vector
from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import DataError

SAME = float(np.sqrt(np.finfo(np.float64).eps))
"""Times closer than this share of the mean time are one time, 1.5e-8, as in R."""


def follow_up_times(duration: ArrayLike, rows: int) -> FloatArray:
    """Return how long each row was followed, with near ties made ties."""
    times = durations(duration, rows)
    cuts = _cuts(np.sort(times))
    return times if cuts is None else _snapped(times, cuts)


def distinct_times(times: FloatArray) -> tuple[FloatArray, IntArray]:
    """Return the different times, ascending, near ties as one, and the place of each row among them."""
    distinct, place = np.unique(times, return_inverse=True)
    cuts = _cuts(distinct)
    if cuts is None:
        return distinct, place
    return cuts, (np.searchsorted(cuts, distinct, side="right") - 1)[place]


def intervals(
    entry: ArrayLike | None, duration: ArrayLike, rows: int
) -> tuple[FloatArray | None, FloatArray]:
    """Return when each row comes under observation (None: from the start) and how long it is followed.

    Notes
    -----
    R: ``survival::aeqSurv``, which merges times of both columns and refuses an interval that vanishes.
    """
    if entry is None:
        return None, follow_up_times(duration, rows)
    begin, end = finite_vector(entry, "entry", rows), durations(duration, rows)
    cuts = _cuts(np.sort(np.concatenate((begin, end))))
    early, late = (begin, end) if cuts is None else (_snapped(begin, cuts), _snapped(end, cuts))
    wrong = np.flatnonzero(early >= late)
    if wrong.size:
        row = int(wrong[0])
        later = f"its duration {end[row]:g}" if begin[row] >= end[row] else "its duration but for rounding"
        raise DataError(
            f"entry: row {row} enters at {begin[row]:g}, which is not before {later}; "
            "give the beginning of each interval"
        )
    return early, late


def durations(duration: ArrayLike, rows: int) -> FloatArray:
    """Return times, none of them negative, as they are."""
    times = finite_vector(duration, "duration", rows)
    if times.size and times.min() < 0:
        row = int(np.argmax(times < 0))
        raise DataError(f"duration: row {row} is {times[row]:g}; give times of 0 or more")
    return times


def _cuts(ordered: FloatArray) -> FloatArray | None:
    """Return the first of each run of times that only rounding tells apart; None where there is no run.

    R's rule: neighbours among the distinct times are one time when their gap is at most 1.5e-8 of the mean
    distinct time. R also merges gaps of 1.5e-8 in whatever unit; that part is left out, so that results do
    not depend on the unit of time.
    """
    if not _close(ordered):
        return None
    distinct = ordered[np.concatenate(([True], ordered[1:] > ordered[:-1]))]
    scale = np.abs(distinct).max()
    near = np.diff(distinct / scale) <= SAME * np.abs(distinct / scale).mean()
    return distinct[np.concatenate(([True], ~near))] if near.any() else None


@njit(cache=True)
def _close(ordered: FloatArray) -> bool:
    """Whether any gap is so small that it needs a closer look: the mean is no more than the largest time."""
    if ordered.size == 0:
        return False
    greatest = SAME * max(-ordered[0], ordered[-1])
    found = False
    for i in range(1, ordered.size):
        found |= 0.0 < ordered[i] - ordered[i - 1] <= greatest
    return found


def _snapped(times: FloatArray, cuts: FloatArray) -> FloatArray:
    """Return the last cut up to each time."""
    return np.asarray(cuts[np.searchsorted(cuts, times, side="right") - 1])
