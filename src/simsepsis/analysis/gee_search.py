"""The quick search for the root of a GEE: compiled loops, for data that are surely not separated."""

from __future__ import annotations

import numpy as np
from numba import njit

from simsepsis.analysis.gee_equations import FARTHEST, bread_of, evaluate, weighted_gram
from simsepsis.analysis.rank import SURELY_INDEPENDENT
from simsepsis.arrays import FloatArray, IntArray

TOLERANCE = 1e-20
"""Squared length, in standard errors, below which nothing is left to do."""
NEAR = 1.0
"""Squared length of a step, in standard errors, that is not worth a new factor or a shortening."""
LONGEST_STRIDE = 5.0
"""The most by which a step may move a log odds."""
_SURELY = 0.99
_ROUGH_STEPS = 8
_FRESH = (0, 2, 4)
_STEPS = 15
_SMALL_CHANGE = 0.5
_RATIOS = (1 / 11, 1 / 10, 1 / 9, 1 / 8, 1 / 7, 1 / 6, 1 / 5, 1 / 4, 1 / 3, 1 / 2, 1.0)
"""Terms of the exponential series over those before, enough for half a small change."""
_SUMS = {"reassoc", "contract"}
"""Sums may be taken in any order, which lets them be taken several at a time."""


@njit(cache=True)
def search(
    columns: FloatArray,
    half_sign: FloatArray,
    edges: IntArray,
    gram: FloatArray,
    pairs: float,
    rows: float,
) -> tuple[FloatArray, int]:
    """Solve the estimating equations from near the logistic regression, where that surely exists."""
    params, eta, sure = rough(columns, half_sign, gram)
    if not sure:
        return params, 0
    bread, factor = np.empty_like(gram), np.empty_like(gram)
    last_params, last_step, last_length, near = params, params, np.inf, False
    # NumPy's own diff and rows of a matrix take longer to compile than all else here
    largest = 0
    for k in range(edges.size - 1):
        largest = max(largest, edges[k + 1] - edges[k])
    size = _sizes(eta, half_sign)
    for iteration in range(1, _STEPS + 1):
        root, weighted, shared, alpha = evaluate(size, half_sign, edges, pairs, rows)
        if not (largest - 1) * alpha > -1 or not alpha < 1:
            return params, 0
        if not near:
            bread = bread_of(columns, root, shared, edges, alpha)
            if not factorize(bread, factor):
                return params, 0
        score = _product(columns, weighted) / (1 - alpha)
        step = solve_factored(factor, score)
        length = (step * score).sum()
        if length > NEAR:
            share = min(1.0, LONGEST_STRIDE / np.abs(_combination(columns, step)).max())
            step, length = share * step, share**2 * length
        # steps shrink at a steady rate, so that two of them tell how much the second one leaves to do
        left = length * min(1.0, length / last_length) if iteration > 1 else length
        if iteration > 1 and left >= TOLERANCE and length < last_length:
            turned = step - last_step
            pull = _symmetric_product(bread, turned)
            curve = (pull * turned).sum()
            # two equal steps tell nothing of the curvature
            share = (pull * step).sum() / curve if curve != 0.0 else 0.0
            move = step - share * (params - last_params + turned)
        else:
            move = step
        last_params, last_step, last_length, near = params, step, length, length <= NEAR
        params = params + move
        if left < TOLERANCE:
            return params, iteration
        change = _combination(columns, move)
        eta += change
        size = _moved_sizes(size, eta, change, half_sign)
    return params, 0


@njit(cache=True)
def _sizes(eta: FloatArray, half_sign: FloatArray) -> FloatArray:
    """Return the sizes of the Pearson residuals, exp(∓η/2)."""
    sizes: FloatArray = np.exp(-np.minimum(np.maximum(eta * half_sign, -FARTHEST), FARTHEST))
    return sizes


@njit(cache=True)
def _moved_sizes(size: FloatArray, eta: FloatArray, change: FloatArray, half_sign: FloatArray) -> FloatArray:
    """Return the same after a change of the log odds; that of a small one by a series, which is quicker."""
    if np.abs(change).max() > _SMALL_CHANGE or np.abs(eta).max() > FARTHEST:
        moved: FloatArray = _sizes(eta, half_sign)
        return moved
    moved = np.empty(size.size)
    for i in range(size.size):
        exponent = -change[i] * half_sign[i]
        series = 1.0
        for ratio in _RATIOS:
            series = 1.0 + exponent * ratio * series
        moved[i] = size[i] * series
    return moved


@njit(cache=True)
def rough(
    columns: FloatArray, half_sign: FloatArray, gram: FloatArray
) -> tuple[FloatArray, FloatArray, bool]:
    """Return coefficients near the logistic regression's, log odds, and whether that surely exists.

    The tuple says True only where the likelihood has a maximum.

    A step s that solves X'VXs = X'r, with any variances V > 0, proves that the data are not separated if
    v|Xs| < |r| in every row. For let d separate them, with margins m = ±Xd ≥ 0, some of them positive. As
    residuals have the sign of the outcome, Σ|r|m = d'X'r = d'X'VXs ≤ Σ v|Xs|m, which some row must allow.
    Equality occurs, so that a hundredth is left to rounding.
    """
    params, eta = _at_the_mean(columns, half_sign)
    variance, factor = np.zeros(eta.size), np.empty_like(gram)
    for iteration in range(_ROUGH_STEPS):
        fresh = iteration in _FRESH
        residual = _residuals(eta, half_sign, variance, fresh)
        if fresh:
            # at the mean all variances are alike
            curvature = variance.max() * gram if iteration == 0 else weighted_gram(columns, np.sqrt(variance))
            if not factorize(curvature, factor) or (iteration == 0 and not _independent(curvature, factor)):
                break
        step = solve_factored(factor, _product(columns, residual))
        change = _combination(columns, step)
        params, eta = params + step, eta + change
        sure = True
        for i in range(eta.size):
            sure &= half_sign[i] == 0.0 or variance[i] * abs(change[i]) < _SURELY * abs(residual[i])
        if sure:
            return params, eta, True
    return params, eta, False


@njit(cache=True)
def _at_the_mean(columns: FloatArray, half_sign: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the coefficients with which an intercept in the first column fits the mean, else 0; log odds."""
    params = np.zeros(len(columns))
    events, others = (half_sign > 0).sum(), (half_sign < 0).sum()
    if events > 0 and others > 0 and (columns[0] == 1).all():
        params[0] = np.log(events / others)
    return params, params[0] * columns[0]


@njit(cache=True)
def _residuals(eta: FloatArray, half_sign: FloatArray, variance: FloatArray, fresh: bool) -> FloatArray:
    """Return y − μ, free of cancellation, and where it is asked for fill in μ(1 − μ); 0 in separated rows."""
    residual = np.zeros(eta.size)
    for i in range(eta.size):
        if half_sign[i] != 0.0:
            wrong = 1.0 / (1.0 + np.exp(2.0 * half_sign[i] * eta[i]))
            residual[i] = 2.0 * half_sign[i] * wrong
            if fresh:
                variance[i] = wrong * (1.0 - wrong)
    return residual


@njit(cache=True, fastmath=_SUMS)
def _product(columns: FloatArray, values: FloatArray) -> FloatArray:
    """X'v, shape (p,)."""
    product = np.empty(len(columns))
    for j in range(len(columns)):
        total = 0.0
        for i in range(values.size):
            total += columns[j, i] * values[i]
        product[j] = total
    return product


@njit(cache=True)
def _combination(columns: FloatArray, step: FloatArray) -> FloatArray:
    """Xs, shape (n,)."""
    combination = np.zeros(columns.shape[1])
    for j in range(step.size):
        for i in range(combination.size):
            combination[i] += step[j] * columns[j, i]
    return combination


@njit(cache=True)
def _symmetric_product(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    product = np.zeros(vector.size)
    for j in range(vector.size):
        product += matrix[j] * vector[j]
    return product


@njit(cache=True)
def factorize(matrix: FloatArray, factor: FloatArray) -> bool:
    """Fill in the lower Cholesky factor; return whether the matrix is positive definite."""
    for j in range(len(matrix)):
        for i in range(j, len(matrix)):
            total = matrix[i, j]
            for k in range(j):
                total -= factor[i, k] * factor[j, k]
            if i > j:
                factor[i, j] = total / factor[j, j]
            elif total > 0.0:
                factor[j, j] = np.sqrt(total)
            else:
                return False
    return True


@njit(cache=True)
def solve_factored(factor: FloatArray, vector: FloatArray) -> FloatArray:
    """Solve LL'x = v."""
    x = vector.copy()
    for i in range(x.size):
        for k in range(i):
            x[i] -= factor[i, k] * x[k]
        x[i] /= factor[i, i]
    for i in range(x.size - 1, -1, -1):
        x[i] /= factor[i, i]
        for k in range(i):
            x[k] -= factor[i, k] * x[i]
    return x


@njit(cache=True)
def _independent(matrix: FloatArray, factor: FloatArray) -> bool:
    """Whether every column is clearly new after those before it, as in `rank.well_conditioned`."""
    clear, least = True, 1.0
    for j in range(len(matrix)):
        share = factor[j, j] / np.sqrt(matrix[j, j])
        clear &= share * least > SURELY_INDEPENDENT
        least = min(least, share)
    return clear
