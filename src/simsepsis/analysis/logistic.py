"""Logistic regression by maximum likelihood or by Firth's penalized likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.special

from simsepsis.analysis.fit import (
    Fit,
    binary_vector,
    design_matrix,
    failed_fit,
    finite_vector,
    independent_columns,
)
from simsepsis.analysis.separation import Reduction, reduce_separated, reduced_fit, whole
from simsepsis.arrays import FloatArray
from simsepsis.errors import DataError

_TOLERANCE = 1e-15
_PATIENCE = 9
_MAX_ITERATIONS = 60
_ILL_CONDITIONED = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Solution:
    """Where Newton's method stopped: coefficients, their covariance, and whether it arrived."""

    params: FloatArray
    covariance: FloatArray
    log_likelihood: float
    iterations: int
    arrived: bool
    extreme: bool


def fit_logistic(X: object, y: object, *, weights: object | None = None, firth: bool = False) -> Fit:
    """Estimate log odds ratios by logistic regression with model-based standard errors.

    Parameters
    ----------
    X
        Design matrix, shape (n, p), with the intercept column where one is wanted.
    y
        Outcome 0 or 1, shape (n,).
    weights
        Case weights ≥ 0, shape (n,); None for 1. Standard errors take them as numbers of cases.
    firth
        Maximize the likelihood times the square root of the determinant of the information (Jeffreys
        prior), which is finite under separation and has less bias with rare events.

    Returns
    -------
    Fit
        Under separation `converged` is False, `failure` names the columns, their coefficients are ±inf and
        the other coefficients are at their limits. Columns that repeat earlier ones are `dropped`.

    Raises
    ------
    DataError
        If a value is missing, the outcome is not 0 or 1, or a weight is negative.

    Notes
    -----
    Newton's method with Cholesky factors, step halving, and the stopping rule g'H⁻¹g < 1e-15. R:
    ``glm(y ~ X - 1, family = binomial, weights = w)``, or ``logistf`` for `firth`.

    References
    ----------
    McCullagh P, Nelder JA. Generalized Linear Models, 2nd ed., 1989.
    Heinze G, Schemper M. Stat Med 2002;21:2409 (Firth).
    """
    outcome = binary_vector(y, "outcome")
    design = design_matrix(X, outcome.size)
    width = design.shape[1]
    if weights is not None:
        case_weights = _case_weights(weights, outcome.size)
        used = case_weights > 0
        design, outcome, case_weights = design[used], outcome[used], case_weights[used]
    else:
        case_weights = None
    if outcome.size == 0 or width == 0:
        return failed_fit(width, "nothing to fit: there are no rows or no columns")
    if firth:
        return _fit_firth(design, outcome, case_weights)
    reduction, solution = solve_logistic(design, outcome, case_weights)
    return reduced_fit(
        design,
        reduction,
        solution.params,
        solution.covariance,
        iterations=solution.iterations,
        log_likelihood=solution.log_likelihood,
        failure=None if solution.arrived else f"no convergence in {solution.iterations} Newton steps",
    )


def linear_predictor(X: object, fit: Fit) -> FloatArray:
    """Return the fitted log odds of each row; ±inf for rows that separation decides.

    Parameters
    ----------
    X
        Design matrix, shape (n, p), the one fitted or another with the same columns.
    fit
        A logistic or GEE fit. Dropped columns count as 0, as in R's `predict`.

    Returns
    -------
    FloatArray
        Shape (n,). NaN where the fit cannot say.
    """
    design = design_matrix(X)
    silent = list(fit.dropped)
    params = fit.params.copy()
    params[silent] = 0.0
    if fit.direction is None:
        return design @ params
    margin = design @ fit.direction
    decided = np.abs(margin) > 1e-7 * np.abs(design) @ np.abs(fit.direction)
    finite = np.isfinite(params)
    log_odds = design[:, finite] @ params[finite]
    unknown = (design[:, np.isnan(params)] != 0).any(axis=1)
    log_odds[unknown] = np.nan
    return np.where(decided, np.copysign(np.inf, margin), log_odds)


def _case_weights(weights: object, rows: int) -> FloatArray:
    """Return case weights, none of them negative and one at least positive."""
    vector = finite_vector(weights, "weights", rows)
    negative = np.flatnonzero(vector < 0)
    if negative.size:
        raise DataError(f"weights: row {negative[0]} is {vector[negative[0]]:g}; give weights of 0 or more")
    return vector


def solve_logistic(
    X: FloatArray, y: FloatArray, weights: FloatArray | None = None
) -> tuple[Reduction, _Solution]:
    """Fit a logistic regression, taking out whatever separation takes to infinity.

    Parameters
    ----------
    X, y, weights
        Checked arrays, shapes (n, p), (n,) and (n,) or None.

    Returns
    -------
    tuple
        The rows and columns that have a finite solution, and the solution on these columns.
    """
    reduction = whole(X, independent_columns(X))
    while True:
        solution = _newton(X, y, weights, reduction, _PATIENCE)
        if solution.arrived and not solution.extreme:
            return reduction, solution
        smaller = reduce_separated(X, y, reduction)
        if smaller is None:
            return reduction, _newton(X, y, weights, reduction, _MAX_ITERATIONS)
        reduction = smaller


def _newton(
    X: FloatArray, y: FloatArray, weights: FloatArray | None, reduction: Reduction, patience: int
) -> _Solution:
    """Climb the log likelihood of a reduction from zero, for so many steps at most."""
    everything = reduction.rows.all() and reduction.columns.size == X.shape[1]
    design = X if everything else X[np.ix_(reduction.rows, reduction.columns)]
    outcome = y if everything else y[reduction.rows]
    case_weights = weights if weights is None or everything else weights[reduction.rows]
    if design.size == 0:
        return _Solution(params=np.empty(0), covariance=np.empty((0, 0)), log_likelihood=0.0,
                         iterations=0, arrived=True, extreme=False)  # fmt: skip
    return _climb(design, outcome, case_weights, patience)


def _climb(X: FloatArray, y: FloatArray, weights: FloatArray | None, patience: int) -> _Solution:
    """Newton's method with step halving."""
    params = np.zeros(X.shape[1])
    eta = np.zeros(X.shape[0])
    value = _log_likelihood(eta, y, weights)
    arrived = False
    for iteration in range(1, patience + 1):
        fitted = scipy.special.expit(eta)
        variance = fitted * (1 - fitted)
        residual = y - fitted
        if weights is not None:
            variance, residual = variance * weights, residual * weights
        gradient = residual @ X
        factor, info = scipy.linalg.lapack.dpotrf(information(X, variance), lower=1, clean=1)
        if info != 0:
            break
        step = scipy.linalg.lapack.dpotrs(factor, gradient, lower=1)[0]
        arrived = bool(gradient @ step < _TOLERANCE)
        change = X @ step
        if not arrived:
            step, change, value = _halved(step, change, eta, y, weights, value)
        params, eta = params + step, eta + change
        if arrived:
            break
    covariance = np.full((X.shape[1],) * 2, np.nan)
    if info == 0:
        covariance = symmetric_inverse(factor)
    return _Solution(
        params=params,
        covariance=covariance,
        log_likelihood=_log_likelihood(eta, y, weights),
        iterations=iteration,
        arrived=arrived,
        extreme=bool(np.abs(eta).max() > 20),
    )


def information(X: FloatArray, variance: FloatArray) -> FloatArray:
    """Return X' diag(variance) X, computed as a symmetric product."""
    root = X * np.sqrt(variance)[:, None]
    return root.T @ root


def symmetric_inverse(factor: FloatArray) -> FloatArray:
    """Return the inverse of a matrix from its lower Cholesky factor."""
    lower = scipy.linalg.lapack.dpotri(factor, lower=1)[0]
    return np.tril(lower) + np.tril(lower, -1).T


def _halved(
    step: FloatArray,
    change: FloatArray,
    eta: FloatArray,
    y: FloatArray,
    weights: FloatArray | None,
    value: float,
) -> tuple[FloatArray, FloatArray, float]:
    """Shorten a step until the likelihood does not fall."""
    reached = _log_likelihood(eta + change, y, weights)
    for _ in range(20):
        if reached >= value - 1e-9 * abs(value):
            break
        step, change = step / 2, change / 2
        reached = _log_likelihood(eta + change, y, weights)
    return step, change, reached


def _log_likelihood(eta: FloatArray, y: FloatArray, weights: FloatArray | None) -> float:
    """Binomial log likelihood at a linear predictor."""
    terms = y * eta - np.logaddexp(0.0, eta)
    return float(terms.sum() if weights is None else terms @ weights)


def _fit_firth(X: FloatArray, y: FloatArray, weights: FloatArray | None) -> Fit:
    """Climb the penalized log likelihood with the modified score of Firth."""
    kept = independent_columns(X)
    design = X[:, kept]
    case_weights = np.ones(y.size) if weights is None else weights
    params = np.zeros(kept.size)
    value, factor = _penalized(design @ params, design, y, case_weights)
    arrived = False
    for iteration in range(1, 4 * _MAX_ITERATIONS + 1):
        eta = design @ params
        fitted = scipy.special.expit(eta)
        variance = case_weights * fitted * (1 - fitted)
        half = scipy.linalg.solve_triangular(factor, design.T, lower=True)
        leverage = variance * np.einsum("ij,ij->j", half, half)
        score = (case_weights * (y - fitted) + leverage * (0.5 - fitted)) @ design
        step = scipy.linalg.cho_solve((factor, True), score)
        arrived = bool(score @ step < _TOLERANCE)
        reached, next_factor = _penalized(design @ (params + step), design, y, case_weights)
        for _ in range(20):
            if arrived or reached >= value - 1e-12 * abs(value):
                break
            step = step / 2
            reached, next_factor = _penalized(design @ (params + step), design, y, case_weights)
        params, value, factor = params + step, reached, next_factor
        if arrived:
            break
    return reduced_fit(
        X,
        whole(X, kept),
        params,
        symmetric_inverse(factor),
        iterations=iteration,
        log_likelihood=value,
        failure=None if arrived else f"no convergence in {iteration} steps of the penalized likelihood",
    )


def _penalized(
    eta: FloatArray, X: FloatArray, y: FloatArray, weights: FloatArray
) -> tuple[float, FloatArray]:
    """Penalized log likelihood and the Cholesky factor of the information; −inf where it is singular."""
    fitted = scipy.special.expit(eta)
    factor, info = scipy.linalg.lapack.dpotrf(
        information(X, weights * fitted * (1 - fitted)), lower=1, clean=1
    )
    if info != 0:
        return -np.inf, factor
    return _log_likelihood(eta, y, weights) + float(np.log(np.diag(factor)).sum()), factor
