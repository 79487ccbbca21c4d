"""How often each value of a number occurs in each group: all that quartiles and rank tests need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from simsepsis.arrays import FloatArray, IntArray

_SCALES = (1.0, 10.0, 100.0)
"""Clinical numbers are written with no more than two decimals, so that most columns lie on a coarse grid."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Members:
    """The patients of some groups, which may overlap.

    Attributes
    ----------
    rows, group
        Row of each member, and the number of the group, from 0; shape (members,).
    groups
        How many groups there are.
    """

    rows: IntArray
    group: IntArray
    groups: int


def members_of(rows: Sequence[IntArray]) -> Members:
    """Return the members of groups that are given by their rows."""
    group = np.repeat(np.arange(len(rows)), [own.size for own in rows])
    return Members(rows=np.concatenate(rows), group=group, groups=len(rows))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tally:
    """The distribution of one number in each group; missing values are left out.

    Attributes
    ----------
    value
        Values in ascending order, m of them; some may occur in no group.
    count
        Members with each value, (groups, m).
    """

    value: FloatArray
    count: IntArray


def tally(column: FloatArray, members: Members) -> Tally:
    """Count the values of a column in each group.

    Notes
    -----
    Numbers on a coarse grid are counted without being sorted, which is several times quicker.
    """
    value, place = _on_grid(column) or _among_all(column)
    return Tally(value=value, count=_count(place, members.rows, members.group, members.groups, value.size))


def level_counts(codes: FloatArray, members: Members, levels: int) -> IntArray:
    """Count the levels of a category in each group."""
    place = _steps(codes, 1.0, 0.0)
    return np.asarray(_count(place, members.rows, members.group, members.groups, levels))


def _on_grid(column: FloatArray) -> tuple[FloatArray, IntArray] | None:
    """Return the values of a grid and the place of each number on it; None where there is no coarse one."""
    for scale in _SCALES:
        low, size = _grid(column, scale)
        if size:
            return (low + np.arange(size)) / scale, _steps(column, scale, low)
    return None


def _among_all(column: FloatArray) -> tuple[FloatArray, IntArray]:
    """Return the distinct values and places."""
    value, place = np.unique(column, return_inverse=True)
    size = int(np.searchsorted(value, np.nan))
    return value[:size], np.where(place < size, place, -1)


@njit(cache=True)
def _grid(column: FloatArray, scale: float) -> tuple[float, int]:
    """Return first step and number of steps of 1/scale on which all numbers lie; 0 where it is not coarse."""
    low, high = np.inf, -np.inf
    for number in column:
        step = np.rint(number * scale)
        if step / scale == number:
            low, high = min(low, step), max(high, step)
        elif number == number:
            return 0.0, 0
    return (low, int(high - low) + 1) if high - low < column.size else (0.0, 0)


@njit(cache=True)
def _steps(column: FloatArray, scale: float, low: float) -> IntArray:
    """Return how many steps each number lies above the lowest; −1 for a missing one."""
    place = np.empty(column.size, np.int64)
    for i in range(column.size):
        place[i] = int(np.rint(column[i] * scale) - low) if column[i] == column[i] else -1
    return place


@njit(cache=True)
def _count(place: IntArray, rows: IntArray, group: IntArray, groups: int, size: int) -> IntArray:
    count = np.zeros((groups, size), np.int64)
    for j in range(rows.size):
        if place[rows[j]] >= 0:
            count[group[j], place[rows[j]]] += 1
    return count


@njit(cache=True)
def quartiles_of(value: FloatArray, count: IntArray) -> FloatArray:
    """Return the quartiles of each group, (groups, 3): the number at rank p(n + 1), as `quartiles` says."""
    found = np.full((count.shape[0], 3), np.nan)
    for g in range(count.shape[0]):
        total = count[g].sum()
        below, at = 0, -1
        for q in range(3 * (total > 0)):
            rank = min(max(0.25 * (q + 1) * (total + 1), 1.0), float(total))
            whole = int(rank)
            while below < whole:
                at += 1
                below += count[g, at]
            after = at
            while below == whole and after + 1 < value.size and rank > whole:
                after += 1
                if count[g, after] > 0:
                    break
            found[g, q] = value[at] + (rank - whole) * (value[after] - value[at])
    return found


@njit(cache=True)
def moments_of(value: FloatArray, count: IntArray) -> FloatArray:
    """Return mean and variance (divisor n − 1; 0 for one member) of each group, (groups, 2); NaN if empty."""
    found = np.full((count.shape[0], 2), np.nan)
    for g in range(count.shape[0]):
        total = float(count[g].sum())
        if total > 0.0:
            # from the first value on, so that a constant has no spread at all
            first = value[np.argmax(count[g] > 0)]
            mean = first + (count[g] * (value - first)).sum() / total
            found[g, 0] = mean
            found[g, 1] = (count[g] * (value - mean) ** 2).sum() / max(total - 1.0, 1.0)
    return found


@njit(cache=True)
def rank_sum(one: IntArray, other: IntArray) -> tuple[float, float]:
    """Return the sum of the mid-ranks in one of two groups, and Σ(t³ − t) over all equal values."""
    below, total, ties = 0.0, 0.0, 0.0
    for j in range(one.size):
        equal = float(one[j] + other[j])
        total += one[j] * (below + (equal + 1.0) / 2.0)
        ties += equal * equal * equal - equal
        below += equal
    return total, ties
