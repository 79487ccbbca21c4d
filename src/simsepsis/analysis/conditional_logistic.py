"""Conditional logistic regression: log odds ratios within strata, whatever their sizes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import scipy.linalg
import scipy.special
from numba import njit
from numpy.typing import ArrayLike, NDArray

from simsepsis.analysis.fit import Fit, failed_fit, spread
from simsepsis.analysis.inputs import binary_vector, design_matrix, label_codes
from simsepsis.analysis.logistic import fit_logistic, linear_predictor
from simsepsis.arrays import BoolArray, FloatArray, IntArray

_MAX_ITERATIONS = 60
_TOLERANCE = 1e-16
_COMPLEX_STEP = 1e-150

_Number = TypeVar("_Number", np.float64, np.complex128)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Strata:
    """Rows sorted by stratum; `begin` has one entry more than there are strata."""

    X: FloatArray
    y: FloatArray
    begin: IntArray
    deaths: IntArray

    def expected(self, eta: NDArray[_Number]) -> NDArray[_Number]:
        """Probability of the event of each row, given the number of events in its stratum."""
        return _expected(eta, self.begin, self.deaths)

    def information(self, eta: FloatArray) -> FloatArray:
        """X' Cov(y | events) X, each column by a complex step, which is exact to rounding."""
        moved = np.empty((len(self.X), self.X.shape[1]))
        for j, column in enumerate(self.X.T):
            moved[:, j] = self.expected(eta + 1j * _COMPLEX_STEP * column).imag / _COMPLEX_STEP
        matrix = self.X.T @ moved
        return np.asarray((matrix + matrix.T) / 2)


def fit_conditional_logistic(X: ArrayLike, y: ArrayLike, strata: ArrayLike) -> Fit:
    """Estimate log odds ratios by logistic regression conditional on the events of each stratum.

    Parameters
    ----------
    X
        Covariates without intercept, shape (n, p). What is constant within every stratum is dropped.
    y
        Outcome 0 or 1, shape (n,).
    strata
        Stratum label of each row, shape (n,). Strata in which all or none have the event tell nothing.

    Returns
    -------
    Fit
        With model-based standard errors. Separation is treated as in `fit_logistic`: the coefficients it
        takes to infinity are ±inf, the others at their limits.

    Raises
    ------
    DataError
        If a value is missing or the outcome is not 0 or 1.

    Notes
    -----
    The exact conditional likelihood, no approximation of ties: P(y | Σy) of independent Bernoulli variables,
    whose normalizing constant is a Poisson-binomial probability. Scoring starts at the unconditional
    estimates with an intercept per stratum, whose information is also the metric of the steps. R:
    ``survival::clogit(y ~ X + strata(s), method = "exact")``.

    References
    ----------
    Breslow NE, Day NE. Statistical Methods in Cancer Research, vol. 1, 1980, chapter 7.
    Gail MH, Lubin JH, Rubinstein LV. Biometrika 1981;68:703. Squire W, Trapp G. SIAM Rev 1998;40:110 (step).
    """
    outcome = binary_vector(y, "outcome")
    design = design_matrix(X, outcome.size)
    codes = label_codes(strata, "strata", outcome.size)
    mixed = _mixed(outcome, codes)
    width = design.shape[1]
    if not mixed.any():
        return failed_fit(width, "no stratum has rows with and without the event")
    design, outcome, codes = design[mixed], outcome[mixed], codes[mixed]
    varying = np.flatnonzero(varies_within(design, codes))
    if varying.size == 0:
        return failed_fit(width, "no covariate varies within a stratum", dropped=range(width))
    return _over_all(_fit_varying(design[:, varying], outcome, codes), varying, width)


def varies_within(X: FloatArray, codes: IntArray) -> BoolArray:
    """Say which columns differ between rows of one stratum, (p,).

    Parameters
    ----------
    X
        Shape (n, p).
    codes
        Stratum of each row, (n,).
    """
    _, first, stratum = np.unique(codes, return_index=True, return_inverse=True)
    own = X[first][stratum]
    varies: BoolArray = (own != X).any(axis=0)
    return varies


def _fit_varying(design: FloatArray, outcome: FloatArray, codes: IntArray) -> Fit:
    """Fit columns that all vary within strata that all have both outcomes."""
    width = design.shape[1]
    free = np.hstack([(codes[:, None] == np.unique(codes)).astype(np.float64), design])
    start = fit_logistic(free, outcome)
    kept = np.flatnonzero(start.estimated[free.shape[1] - width :])
    if kept.size == 0:
        reason = start.failure or "no covariate tells the rows of a stratum apart"
        return replace(failed_fit(width, reason), params=start.params[-width:].copy())
    eta = linear_predictor(free, start)
    return _conditional(_sorted(design[:, kept], outcome, codes, np.isfinite(eta)), start, eta, kept, width)


def _over_all(fit: Fit, varying: IntArray, width: int) -> Fit:
    """Put the fit of the varying columns into all columns; the others are dropped."""
    params, errors, covariance = spread(varying, width, fit.params, fit.covariance)
    constant = np.setdiff1d(np.arange(width), varying)
    direction = None
    if fit.direction is not None:
        direction = np.zeros(width)
        direction[varying] = fit.direction
    return replace(
        fit,
        params=params,
        std_errors=errors,
        covariance=covariance,
        dropped=tuple(sorted([*constant.tolist(), *varying[list(fit.dropped)].tolist()])),
        direction=direction,
    )


def _mixed(outcome: FloatArray, codes: IntArray) -> BoolArray:
    """Rows of strata that have both outcomes."""
    share = (np.bincount(codes, weights=outcome) / np.bincount(codes))[codes]
    mixed: BoolArray = (share > 0) & (share < 1)
    return mixed


def _sorted(
    design: FloatArray, outcome: FloatArray, codes: IntArray, undecided: BoolArray
) -> tuple[_Strata, IntArray]:
    """Lay the undecided rows out by stratum; return them and the rows' places."""
    rows = np.flatnonzero(undecided)
    rows = rows[np.argsort(codes[rows], kind="stable")]
    first = np.flatnonzero(np.diff(codes[rows], prepend=-1))
    y = outcome[rows]
    strata = _Strata(
        X=np.ascontiguousarray(design[rows]),
        y=y,
        begin=np.append(first, rows.size),
        deaths=np.add.reduceat(y, first).astype(np.int64),
    )
    return strata, rows


def _conditional(
    laid_out: tuple[_Strata, IntArray], start: Fit, eta: FloatArray, kept: IntArray, width: int
) -> Fit:
    """Climb from the unconditional estimates and report over all columns."""
    strata, rows = laid_out
    first = start.params.size - width
    metric = start.covariance[np.ix_(first + kept, first + kept)]
    params, steps, arrived, iterations = start.params[first + kept], eta[rows], False, 0
    while not arrived and iterations < _MAX_ITERATIONS:
        iterations += 1
        gradient = (strata.y - strata.expected(steps)) @ strata.X
        step = metric @ gradient
        params, steps = params + step, steps + strata.X @ step
        arrived = bool(gradient @ step < _TOLERANCE)
    dropped = tuple(j - first for j in start.dropped if j >= first)
    factor, info = scipy.linalg.lapack.dpotrf(strata.information(steps), lower=1, clean=1)
    if not arrived or info != 0:
        reason = "the information is singular" if arrived else f"no convergence in {iterations} steps"
        return failed_fit(width, reason, iterations=iterations, dropped=dropped)
    covariance = scipy.linalg.cho_solve((factor, True), np.eye(kept.size))
    full, errors, matrix = spread(kept, width, params, covariance)
    direction = None if start.direction is None else start.direction[first:]
    infinite = np.isinf(start.params[first:])
    return Fit(
        params=np.where(infinite, start.params[first:], full),
        std_errors=errors,
        covariance=matrix,
        converged=not infinite.any(),
        iterations=iterations,
        dropped=dropped,
        failure=start.failure if infinite.any() else None,
        direction=direction if infinite.any() else None,
    )


def _expected(eta: NDArray[_Number], begin: IntArray, deaths: IntArray) -> NDArray[_Number]:
    chance = scipy.special.expit(eta.real)
    if np.iscomplexobj(eta):
        # expit of a complex number for an imaginary part far below rounding
        chance = chance + 1j * chance * (1.0 - chance) * eta.imag
    expected: NDArray[_Number] = _conditional_chances(chance, begin, deaths)
    return expected


@njit(cache=True)
def _conditional_chances(chance: NDArray[_Number], begin: IntArray, deaths: IntArray) -> NDArray[_Number]:
    """Return P(y_i = 1 | Σy = d) of independent Bernoulli variables in each stratum.

    With F_i(j) the probability of j events among the first i rows and B_i(j) among the rows after i, that is
    p_i Σ_j F_{i−1}(j) B_i(d − 1 − j) / Σ_j F_i(j) B_i(d − j).
    """
    expected = np.zeros_like(chance)
    for s in range(deaths.size):
        d, first, size = deaths[s], begin[s], begin[s + 1] - begin[s]
        forward = np.zeros((size + 1, d + 1), chance.dtype)
        forward[0, 0] = 1.0
        for i in range(size):
            p = chance[first + i]
            forward[i + 1, 0] = forward[i, 0] * (1.0 - p)
            for j in range(1, d + 1):
                forward[i + 1, j] = forward[i, j] * (1.0 - p) + forward[i, j - 1] * p
        backward = np.zeros(d + 1, chance.dtype)
        backward[0] = 1.0
        for i in range(size - 1, -1, -1):
            p = chance[first + i]
            for j in range(d):
                expected[first + i] += forward[i, j] * backward[d - 1 - j]
            expected[first + i] *= p / forward[size, d]
            for j in range(d, 0, -1):
                backward[j] = backward[j] * (1.0 - p) + backward[j - 1] * p
            backward[0] = backward[0] * (1.0 - p)
    return expected
