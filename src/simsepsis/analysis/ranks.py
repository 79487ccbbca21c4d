"""Rank tests of many columns at once."""

from __future__ import annotations

import numpy as np
import scipy.special
from numpy.typing import ArrayLike

from simsepsis.analysis.inputs import binary_vector
from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.errors import DataError


def mann_whitney(x: ArrayLike, group: ArrayLike) -> FloatArray:
    """Mann–Whitney U test of each column: two-sided p-value, tie-corrected normal approximation.

    Parameters
    ----------
    x
        Values, shape (n, k), or (n,) for one column. NaN is left out, column by column.
    group
        0 or 1 for each row, shape (n,).

    Returns
    -------
    FloatArray
        p-values, shape (k,); 1 where all values are equal, NaN where a group is empty.

    Raises
    ------
    DataError
        If the shapes do not fit or the group is not binary.

    Notes
    -----
    z = (U − n₁n₀/2)/√(n₁n₀/12 · [(n + 1) − Σ(t³ − t)/(n(n − 1))]), without continuity correction: the
    "asymptotic significance" of SPSS. R: ``wilcox.test(x ~ g, exact = FALSE, correct = FALSE)``.

    References
    ----------
    Mann HB, Whitney DR. Ann Math Stat 1947;18:50.
    """
    arm = binary_vector(group, "group").astype(np.bool_)
    values = np.asarray(x, dtype=np.float64)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[0] != arm.size:
        raise DataError(f"x has shape {np.shape(x)}; give one row for each of the {arm.size} groups")
    missing = np.isnan(values)
    if not missing.any():
        return _p_values(values, arm)
    whole = ~missing.any(axis=0)
    result = np.empty(values.shape[1])
    result[whole] = _p_values(values[:, whole], arm)
    for column in np.flatnonzero(~whole):
        seen = ~missing[:, column]
        result[column] = _p_values(values[seen, column : column + 1], arm[seen])[0]
    return result


def _p_values(values: FloatArray, arm: BoolArray) -> FloatArray:
    """p-values of complete columns."""
    n, ones = arm.size, int(arm.sum())
    if ones in (0, n):
        return np.full(values.shape[1], np.nan)
    sums = np.array([_rank_sums(column, arm) for column in values.T]).reshape(-1, 2)
    u = sums[:, 0] - ones * (ones + 1) / 2
    variance = ones * (n - ones) / 12 * ((n + 1) - sums[:, 1] / (n * (n - 1)))
    deviation = u - ones * (n - ones) / 2
    z = np.divide(deviation, np.sqrt(variance), out=np.zeros_like(deviation), where=variance > 0)
    return np.asarray(2 * scipy.special.ndtr(-np.abs(z)))


def _rank_sums(column: FloatArray, arm: BoolArray) -> tuple[float, float]:
    """Return the sum of the mid-ranks in the arm, and Σ(t³ − t) over the groups of equal values.

    Counting the arm in each group of equal values takes two sorts of values, and no ranks.
    """
    ascending, inside = np.sort(column), np.sort(column[arm])
    later = np.flatnonzero(ascending[1:] != ascending[:-1]) + 1
    edges = np.concatenate(([0], later, [column.size]))
    size = (edges[1:] - edges[:-1]).astype(np.float64)
    reached = np.concatenate(([0], np.searchsorted(inside, ascending[later]), [inside.size]))
    count = reached[1:] - reached[:-1]
    return float(count @ (edges[:-1] + (size + 1) / 2)), float((size**3 - size).sum())
