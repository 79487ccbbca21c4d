"""Newton's method of the logistic regression, and what separation takes to infinity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from simsepsis.analysis.binomial import PIECE, BinomialPoint, information, point_at, symmetric_inverse
from simsepsis.analysis.rank import SURELY_INDEPENDENT, independent_columns, well_conditioned
from simsepsis.analysis.secant import secant_step
from simsepsis.analysis.separation import Reduction, part_of, reduce_separated, whole
from simsepsis.arrays import FloatArray

TOLERANCE = 1e-15
"""Of g'H⁻¹g, where Newton's method has arrived."""
MOST_FACTORS = 60
_PATIENCE = 9
_KEPT = 0.1
_LARGE = 50_000
_SURELY_IN_SINGLE_PRECISION = 1e-3
_FINE = 1e-3
_HALVINGS = 20
_FAR = 10.0
"""Log odds beyond which a kept factor no longer tells how much is left to do."""
_EXTREME = 20.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogisticSolution:
    """Where Newton's method stopped.

    Attributes
    ----------
    params, covariance
        Coefficients (q,) and their model-based covariance (q, q), NaN where it was not wanted.
    log_likelihood
        Log likelihood there.
    iterations
        Steps with a fresh factor.
    arrived
        Whether the score is zero.
    extreme
        Whether some fitted log odds are so far out that the data may be separated.
    doubtful
        Whether the columns may repeat each other, so that nothing was tried.
    heading
        The last step, shape (q,); None where there was none.
    """

    params: FloatArray
    covariance: FloatArray
    log_likelihood: float
    iterations: int
    arrived: bool
    extreme: bool = False
    doubtful: bool = False
    heading: FloatArray | None = None


def solve_logistic(
    X: FloatArray,
    y: FloatArray,
    weights: FloatArray | None = None,
    *,
    start: FloatArray | None = None,
    heading: FloatArray | None = None,
    errors: bool = True,
) -> tuple[Reduction, LogisticSolution]:
    """Fit a logistic regression, taking out whatever separation takes to infinity."""
    reduction = whole(X, np.arange(X.shape[1]))
    suspected = (
        None if heading is None else reduce_separated(X, y, reduction, heading=heading, thorough=False)
    )
    if suspected is not None:
        reduction = suspected
        solution = _newton(X, y, weights, reduction, _PATIENCE, start, errors=errors)
    else:
        solution = _climb(X, y, weights, _PATIENCE, start, errors=errors)
    if solution.doubtful:
        reduction = whole(X, independent_columns(X))
        solution = _newton(X, y, weights, reduction, _PATIENCE, errors=errors)
    while not solution.arrived or solution.extreme:
        smaller = reduce_separated(X, y, reduction, heading=solution.heading)
        if smaller is None:
            return reduction, _newton(X, y, weights, reduction, MOST_FACTORS, errors=errors)
        reduction = smaller
        solution = _newton(X, y, weights, reduction, _PATIENCE, errors=errors)
    return reduction, solution


def _at_the_mean(X: FloatArray, y: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Return the coefficients with which an intercept in the first column fits the mean; else zero."""
    params = np.zeros(X.shape[1])
    mean = float(np.average(y, weights=weights)) if y.size else 0.0
    if X.size and 0 < mean < 1 and (X[:, 0] == 1).all():
        params[0] = np.log(mean / (1 - mean))
    return params


def _newton(
    X: FloatArray,
    y: FloatArray,
    weights: FloatArray | None,
    reduction: Reduction,
    patience: int,
    start: FloatArray | None = None,
    *,
    errors: bool,
) -> LogisticSolution:
    """Climb the log likelihood of a reduction, in an orthonormal basis where the columns nearly repeat."""
    rows = reduction.rows
    design, outcome = part_of(X, rows, reduction.columns), y[rows]
    cases = None if weights is None else weights[rows]
    begin = None if start is None else start[reduction.columns]
    solution = _climb(design, outcome, cases, patience, begin, errors=errors)
    if not solution.doubtful:
        return solution
    basis, triangle = scipy.linalg.qr(design, mode="economic")
    solution = _climb(basis, outcome, cases, patience, errors=errors)
    back = scipy.linalg.solve_triangular(triangle, np.eye(len(triangle)))
    return replace(
        solution,
        params=back @ solution.params,
        covariance=back @ solution.covariance @ back.T,
        heading=None if solution.heading is None else back @ solution.heading,
    )


def _climb(
    X: FloatArray,
    y: FloatArray,
    weights: FloatArray | None,
    patience: int,
    start: FloatArray | None = None,
    *,
    errors: bool,
) -> LogisticSolution:
    """Newton's method with step halving; `patience` is in factorizations.

    The factor is by far the dearest part. It only steers the search: single precision is enough, and one
    factor is kept for two steps, then helped by secants as long as it shrinks each step well. Only standard
    errors need it exactly, and at the end.
    """
    width = X.shape[1]
    params = _at_the_mean(X, y, weights) if start is None else start
    here = point_at(X @ params, y, weights)
    covariance = np.full((width, width), np.nan)
    arrived, doubtful, kept, factored, last = X.size == 0, False, False, 0, np.inf
    tolerance = TOLERANCE * (1.0 if weights is None else float(weights.mean() if weights.size else 1.0))
    rough, single = (np.float64, X) if X.size <= _LARGE else (np.float32, _in_single_precision(X))
    step: FloatArray | None = None
    before: FloatArray | None = None
    while not arrived and (kept or factored < patience):
        if not kept:
            exact = rough is np.float64 or (errors and last < tolerance)
            # at first all fitted probabilities are alike, so that the factor shows how new each column is
            precision = np.float64 if exact else rough
            found = _factor(X if exact else single, here.variance, precision, first=factored == 0)
            if found is None and not exact:
                found = _factor(X, here.variance, np.float64, first=factored == 0)
            if found is None:
                doubtful = factored == 0
                break
            factor, factored = found, factored + 1
        gradient = here.residual @ X
        step = scipy.linalg.lapack.dpotrs(factor, gradient, lower=1)[0]
        decrement = float(gradient @ step)
        # steps with one factor shrink at a steady rate, so that two of them tell what is left
        left = decrement * min(1.0, decrement / last) if kept and not errors else decrement
        fresh = not kept and (exact or not errors)
        arrived = left < tolerance and (fresh or not (errors or here.farthest > _FAR))
        if arrived:
            params = params + step
            break
        now, move = np.array([params, step, gradient]), step
        if kept and before is not None and decrement < last:
            move = secant_step(step, *(now - before))
        least = _FINE * tolerance if errors else tolerance
        kept = least <= decrement and (not kept or decrement < _KEPT * last)
        before, last = now, decrement
        move, here = _halved(move, X @ move, here, y, weights)
        params = params + move
    if arrived and errors and X.size:
        covariance = symmetric_inverse(factor)
    return LogisticSolution(
        params=params,
        covariance=covariance,
        log_likelihood=here.value,
        iterations=factored,
        arrived=arrived,
        extreme=here.farthest > _EXTREME,
        doubtful=doubtful,
        heading=step,
    )


def _in_single_precision(X: FloatArray) -> NDArray[np.floating[Any]]:
    """Return X by rows; what is too large becomes inf, so that it has no factor and is done in double."""
    if len(X) > PIECE:
        return X  # a tall matrix is changed piece by piece where it is used, and never held twice
    with np.errstate(over="ignore"):
        return X.astype(np.float32, order="C")


def _factor(
    X: NDArray[np.floating[Any]], variance: FloatArray, precision: type[np.floating[Any]], *, first: bool
) -> FloatArray | None:
    """Return the Cholesky factor of the information; None where it is singular, or at first nearly so."""
    with np.errstate(over="ignore", invalid="ignore"):
        curvature = information(X, variance, precision)
    least = SURELY_INDEPENDENT if precision is np.float64 else _SURELY_IN_SINGLE_PRECISION
    return _sound_factor(curvature, least * first)


def _sound_factor(curvature: FloatArray, least: float) -> FloatArray | None:
    """Return a Cholesky factor; None where there is none, or a column has no more than this share new."""
    factor, info = scipy.linalg.lapack.dpotrf(curvature, lower=1, clean=1)
    sound = info == 0 and (least == 0 or well_conditioned(curvature, factor, least))
    return np.asarray(factor) if sound else None


def _halved(
    step: FloatArray, change: FloatArray, here: BinomialPoint, y: FloatArray, weights: FloatArray | None
) -> tuple[FloatArray, BinomialPoint]:
    """Shorten a step until the likelihood does not fall, rounding apart."""
    floor = here.value - 1e-9 * abs(here.value)
    for _ in range(_HALVINGS):
        there = point_at(here.eta + change, y, weights)
        if there.value >= floor:
            break
        step, change = step / 2, change / 2
    return step, there
