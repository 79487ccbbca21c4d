"""Rank tests of many columns at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.special
from numpy.typing import ArrayLike

from simsepsis.analysis.inputs import binary_vector
from simsepsis.analysis.numeric import number_array
from simsepsis.analysis.tallies import members_of, rank_sum, tally
from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import DataError


def average_ranks(values: FloatArray) -> FloatArray:
    """Return the ranks of values, (n,), from 1; ties share their mean."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = count.cumsum()
    return np.asarray((last - (count - 1) / 2)[place])


def mann_whitney(x: ArrayLike, group: ArrayLike) -> FloatArray:
    """Mann–Whitney U test of each column: two-sided p-value, tie-corrected normal approximation.

    Notes
    -----
    z = (U − n₁n₀/2)/√(n₁n₀/12 · [(n + 1) − Σ(t³ − t)/(n(n − 1))]), without continuity correction: the
    "asymptotic significance" of SPSS. R: ``wilcox.test(x ~ g, exact = FALSE, correct = FALSE)``.

    References
    ----------
    Mann HB, Whitney DR. Ann Math Stat 1947;18:50.
    """
    arm = binary_vector(group, "group").astype(np.bool_)
    values = number_array(x, "x")
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[0] != arm.size:
        raise DataError(f"x has shape {values.shape}; give one row for each of the {arm.size} groups")
    members = members_of([np.flatnonzero(arm), np.flatnonzero(~arm)])
    return rank_p_values([tally(column, members).count for column in values.T])


def rank_p_values(counts: Sequence[IntArray]) -> FloatArray:
    """Mann–Whitney p-values, shape (k,), as in `mann_whitney`."""
    sums = np.array([rank_sum(*count) for count in counts]).reshape(-1, 2)
    ones, others = np.array([count.sum(axis=1) for count in counts], np.float64).reshape(-1, 2).T
    n = ones + others
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = ones * others / 12 * ((n + 1) - sums[:, 1] / (n * (n - 1)))
        deviation = sums[:, 0] - ones * (n + 1) / 2
        z = np.where(variance > 0, deviation / np.sqrt(variance), 0.0)
    return np.where((ones > 0) & (others > 0), 2 * scipy.special.ndtr(-np.abs(z)), np.nan)
