"""Aalen's additive regression within one period, and how far each row moves it."""

from __future__ import annotations

import numba
import numpy as np

from simsepsis.arrays import FloatArray

NOTHING = 1e-10
"""Share of a column's sum of squares that is left when the rows that had it have gone."""


@numba.njit(cache=True)
def aalen_increments(  # noqa: C901 (loops over small arrays)
    X: FloatArray, weight: FloatArray, stop: FloatArray, event: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    r"""Return the steps of cumulative coefficients, (p,), their square, (p, p), and how far rows move them.

    At each death :math:`dB = (X'WX)^- X'W\,dN` over those at risk, by a generalized inverse where columns are
    empty or repeat others; the square is :math:`\sum dB\,dB'`. A row moves the sum, (r, p), by
    :math:`\sum_t (X'WX)_t^- x w (dN_t - x'dB_t)` over its times at risk, divided by 1 less its leverage at a
    death (a jackknife, which small risk sets need).

    References
    ----------
    Aalen OO. Stat Med 1989;8:907. Mackinnon JG, White H. J Econom 1985;29:305 (HC3).
    """
    n, p = X.shape
    gram = X.T @ (X * weight.reshape(-1, 1))
    least = NOTHING * np.diag(gram)
    order = np.argsort(stop)
    inverse, cube = np.zeros((p, p)), np.zeros((p, p, p))
    total, square, moved = np.zeros(p), np.zeros((p, p)), np.zeros((n, p))
    begin = 0
    while begin < n:
        end, deaths = begin, np.zeros(p)
        while end < n and stop[order[end]] == stop[order[begin]]:
            row = order[end]
            deaths += X[row] * (weight[row] * event[row])
            end += 1
        if deaths.any():
            inverse = _swept(gram, least)
            step = inverse @ deaths
            total += step
            for a in range(p):
                for b in range(p):
                    square[a, b] += step[a] * step[b]
                    for c in range(p):
                        cube[a, b, c] += inverse[a, b] * step[c]
        for place in range(begin, end):
            row = order[place]
            x, w = X[row], weight[row]
            leverage = 0.0
            for a in range(p):
                pull, expected = 0.0, 0.0
                for b in range(p):
                    along = 0.0
                    for c in range(p):
                        along += cube[a, b, c] * x[c]
                    expected += along * x[b]
                    pull += inverse[a, b] * x[b]
                    gram[a, b] -= w * x[a] * x[b]
                leverage += w * x[a] * pull
                moved[row, a] = w * (event[row] * pull - expected)
            if event[row] > 0:
                moved[row] /= max(1 - leverage, NOTHING)
        begin = end
    return total, square, moved


@numba.njit(cache=True)
def _swept(matrix: FloatArray, least: FloatArray) -> FloatArray:
    """Return a generalized inverse of a symmetric matrix by sweeping, without pivots next to nothing."""
    swept = matrix.copy()
    size = least.size
    kept = np.zeros(size)
    for k in range(size):
        pivot = swept[k, k]
        if pivot <= least[k]:
            continue
        kept[k] = 1.0
        for j in range(size):
            swept[k, j] /= pivot
        for i in range(size):
            if i != k:
                factor = swept[i, k]
                for j in range(size):
                    swept[i, j] -= factor * swept[k, j]
                swept[i, k] = -factor / pivot
        swept[k, k] = 1 / pivot
    return swept * kept.reshape(-1, 1) * kept.reshape(1, -1)
