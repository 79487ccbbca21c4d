"""Logistic regression by maximum likelihood or by Firth's penalized likelihood."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.linalg
import scipy.special
from numpy.typing import ArrayLike

from simsepsis.analysis.firth import fit_firth
from simsepsis.analysis.fit import Fit, failed_fit, in_units
from simsepsis.analysis.inputs import (
    binary_vector,
    case_weights,
    coefficients,
    column_units,
    design_matrix,
    label_codes,
)
from simsepsis.analysis.logistic_newton import MOST_FACTORS, TOLERANCE, solve_logistic
from simsepsis.analysis.separation import reduced_fit
from simsepsis.arrays import FloatArray
from simsepsis.errors import DataError
from simsepsis.threads import one_thread

_DECIDED = 1e-9
"""Share of a margin's terms that rounding may leave where separation decides nothing."""


@one_thread()
def fit_logistic(
    X: ArrayLike,
    y: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    firth: bool = False,
    start: ArrayLike | None = None,
    heading: ArrayLike | None = None,
    errors: bool = True,
) -> Fit:
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
    start
        Coefficients to start from, shape (p,); None for zero. Not used by `firth`.
    heading
        A combination of the columns that may separate the data, as `Fit.direction` of a regression on some
        of these columns, shape (p,); it is tried first. Not used by `firth`.
    errors
        Whether standard errors are wanted. Without them covariance and standard errors are NaN, which takes a
        third less time where only the fitted values matter. `firth` gives them always.

    Returns
    -------
    Fit
        Under separation `converged` is False, `failure` names the columns, their coefficients are ±inf and
        the other coefficients are at their limits. Columns that repeat earlier ones are `dropped`.

    Raises
    ------
    DataError
        If a value is no number or missing, the outcome is not 0 or 1, or a weight is negative.

    Notes
    -----
    Newton's method with Cholesky factors, step halving, and the stopping rule g'H⁻¹g < 1e-15. A column of a
    size beyond 2^±100 is fitted in a unit of its own. R: ``glm(y ~ X - 1, family = binomial, weights = w)``,
    or ``logistf`` for `firth`.

    References
    ----------
    McCullagh P, Nelder JA. Generalized Linear Models, 2nd ed., 1989.
    Heinze G, Schemper M. Stat Med 2002;21:2409 (Firth).
    """
    design, outcome, cases = _used_rows(X, y, weights)
    width = design.shape[1]
    if design.size == 0:
        return failed_fit(width, "nothing to fit: there are no rows or no columns")
    units = column_units(design)
    if units is not None:
        design = design / units
    if firth:
        weighted = np.ones(outcome.size) if cases is None else cases
        fit = fit_firth(design, outcome, weighted, tolerance=TOLERANCE, most=2 * MOST_FACTORS)
        return _penalized_in_units(fit, units)
    begin, suspect = (
        None if values is None else coefficients(values, name, units, width)
        for values, name in ((start, "start"), (heading, "heading"))
    )
    reduction, solution = solve_logistic(design, outcome, cases, start=begin, heading=suspect, errors=errors)
    if not solution.arrived:
        reason = f"no convergence in {solution.iterations} Newton steps"
        return failed_fit(width, reason, iterations=solution.iterations, dropped=reduction.repeated)
    fit = reduced_fit(
        design,
        reduction,
        solution.params,
        solution.covariance,
        iterations=solution.iterations,
        log_likelihood=solution.log_likelihood,
    )
    return in_units(fit, units)


def _penalized_in_units(fit: Fit, units: FloatArray | None) -> Fit:
    """Return a penalized fit of the columns themselves; the penalty, a determinant, changes with the unit."""
    if units is None or fit.log_likelihood is None:
        return fit
    kept = np.delete(units, list(fit.dropped))
    return in_units(replace(fit, log_likelihood=fit.log_likelihood + float(np.log(kept).sum())), units)


def sandwich_covariance(
    X: ArrayLike,
    y: ArrayLike,
    fit: Fit,
    *,
    weights: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
) -> FloatArray:
    """Robust covariance of a (weighted) logistic regression, over rows or over clusters.

    Returns
    -------
    FloatArray
        B⁻¹ (Σ U U') B⁻¹ with B⁻¹ the model-based covariance and U the sum of w(y − p)x over a cluster,
        shape (p, p); NaN where the fit has no estimate, and everywhere with a single cluster. No small-sample
        factor. R:
        ``sandwich::vcovCL(fit, cluster, type = "HC0", cadjust = FALSE)``.

    References
    ----------
    Huber PJ. 1967. White H. Econometrica 1982;50:1.
    """
    outcome = binary_vector(y, "outcome")
    design = design_matrix(X, outcome.size)
    units = column_units(design)
    if units is not None:
        column = int(np.argmax(units != 1))
        raise DataError(
            f"covariates: column {column} is of the size of {units[column]:g}, so that variances have no "
            "number; divide it by a constant"
        )
    residual = outcome - scipy.special.expit(linear_predictor(design, fit))
    if weights is not None:
        residual = residual * case_weights(weights, outcome.size)
    codes = np.arange(outcome.size) if cluster is None else label_codes(cluster, "cluster", outcome.size)
    single = codes.size == 0 or np.ptp(codes) == 0
    known = fit.estimated & (not single)
    scores = np.zeros((int(codes.max(initial=0)) + 1, int(known.sum())))
    np.add.at(scores, codes, design[:, known] * residual[:, None])
    half = scores @ fit.covariance[np.ix_(known, known)]
    robust = np.full(fit.covariance.shape, np.nan)
    robust[np.ix_(known, known)] = half.T @ half
    return robust


def linear_predictor(X: ArrayLike, fit: Fit) -> FloatArray:
    """Return the fitted log odds of each row; ±inf for rows that separation decides."""
    design = design_matrix(X)
    if design.shape[1] != fit.params.size:
        raise DataError(
            f"covariates have {design.shape[1]} columns and the fit has {fit.params.size}; "
            "give the columns that were fitted"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        return predicted(design, fit)


def predicted(design: FloatArray, fit: Fit) -> FloatArray:
    """Return the same as `linear_predictor` of a design that has been checked already."""
    if fit.direction is None or fit.finite_part is None:
        silent = np.isin(np.arange(fit.params.size), fit.dropped)
        return np.asarray(design @ np.where(silent, 0.0, fit.params))
    margin = design @ fit.direction
    decided = np.abs(margin) > _DECIDED * (np.abs(design) @ np.abs(fit.direction))
    return np.where(decided, np.copysign(np.inf, margin), design @ fit.finite_part)


def _used_rows(
    X: ArrayLike, y: ArrayLike, weights: ArrayLike | None
) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """Check the data and leave out rows of weight 0."""
    outcome = binary_vector(y, "outcome")
    design = design_matrix(X, outcome.size)
    if weights is None:
        return design, outcome, None
    cases = case_weights(weights, outcome.size)
    used = cases > 0
    return design[used], outcome[used], cases[used]
