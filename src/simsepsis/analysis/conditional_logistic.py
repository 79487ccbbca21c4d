"""Conditional logistic regression: log odds ratios within strata, whatever their sizes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import scipy.linalg
import scipy.special
from numba import njit
from numpy.typing import ArrayLike, NDArray

from simsepsis.analysis.binomial import symmetric_inverse
from simsepsis.analysis.fit import Fit, failed_fit, in_units, spread
from simsepsis.analysis.inputs import binary_vector, column_units, design_matrix, label_codes
from simsepsis.analysis.logistic import fit_logistic, linear_predictor
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.threads import one_thread

_MAX_ITERATIONS = 60
_TOLERANCE = 1e-16
_COMPLEX_STEP = 1e-150
_HALVINGS = 30
_SLOW = 0.25

_Number = TypeVar("_Number", np.float64, np.complex128)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Strata:
    """Rows sorted by stratum; `begin` has one entry more than there are strata."""

    X: FloatArray
    y: FloatArray
    begin: IntArray
    deaths: IntArray

    def at(self, eta: FloatArray) -> tuple[float, FloatArray]:
        """Return the conditional log likelihood and its gradient, shape (p,)."""
        expected, normal = _conditional_chances(scipy.special.expit(eta), self.begin, self.deaths)
        if not (normal > 0.0).all():
            return -np.inf, np.zeros(self.X.shape[1])
        # Σ log p over the dead and log(1 − p) over the living, less the log chance of so many deaths
        value = self.y @ eta - np.logaddexp(0.0, eta).sum() - np.log(normal).sum()
        return float(value), np.asarray((self.y - expected) @ self.X)

    def information(self, eta: FloatArray) -> FloatArray:
        """X' Cov(y | deaths) X, each column by a complex step, which is exact to rounding."""
        chance = scipy.special.expit(eta)
        slope = 1j * _COMPLEX_STEP * chance * (1.0 - chance)
        moved = np.empty(self.X.shape)
        for j, column in enumerate(self.X.T):
            expected, _ = _conditional_chances(chance + slope * column, self.begin, self.deaths)
            moved[:, j] = expected.imag / _COMPLEX_STEP
        matrix = self.X.T @ moved
        return np.asarray((matrix + matrix.T) / 2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ascent:
    """Where the climb ended, and the inverse information there; `obstacle` says why it did not arrive."""

    params: FloatArray
    covariance: FloatArray
    value: float
    iterations: int
    obstacle: str | None


@one_thread()
def fit_conditional_logistic(X: ArrayLike, y: ArrayLike, strata: ArrayLike) -> Fit:
    """Estimate log odds ratios by logistic regression conditional on the events of each stratum.

    Returns
    -------
    Fit
        With model-based standard errors. Separation is treated as in `fit_logistic`: the coefficients it
        takes to infinity are ±inf, the others at their limits.

    Notes
    -----
    The exact conditional likelihood, no approximation of ties: P(y | Σy) of independent Bernoulli variables,
    whose normalizing constant is a Poisson-binomial probability. The climb starts at the unconditional
    estimates with an intercept per stratum. R:
    ``survival::clogit(y ~ X + strata(s), method = "exact")``.

    References
    ----------
    Breslow NE, Day NE. Statistical Methods in Cancer Research, vol. 1, 1980, chapter 7.
    Gail MH, Lubin JH, Rubinstein LV. Biometrika 1981;68:703. Squire W, Trapp G. SIAM Rev 1998;40:110 (step).
    """
    outcome = binary_vector(y, "outcome")
    design = design_matrix(X, outcome.size)
    units = column_units(design)
    design = design if units is None else design / units
    codes = label_codes(strata, "strata", outcome.size)
    mixed = _mixed(outcome, codes)
    width = design.shape[1]
    if not mixed.any():
        return failed_fit(width, "no stratum has rows with and without the event")
    design, outcome, codes = design[mixed], outcome[mixed], codes[mixed]
    varying = np.flatnonzero(varies_within(design, codes))
    if varying.size == 0:
        return failed_fit(width, "no covariate varies within a stratum", dropped=range(width))
    centred = _within(design[:, varying], codes)
    return in_units(_over_all(_fit_varying(centred, outcome, codes), varying, width), units)


def _within(X: FloatArray, codes: IntArray) -> FloatArray:
    """Take each stratum's mean off, which changes no estimate, so that a large level drowns no difference."""
    _, stratum, size = np.unique(codes, return_inverse=True, return_counts=True)
    sums = np.zeros((size.size, X.shape[1]))
    np.add.at(sums, stratum, X)
    return np.asarray(X - (sums / size[:, None])[stratum])


def varies_within(X: FloatArray, codes: IntArray) -> BoolArray:
    """Say which columns differ between rows of one stratum, (p,)."""
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
    covariance = start.covariance[np.ix_(first + kept, first + kept)]
    ascent = _climb(strata, start.params[first + kept], eta[rows], covariance)
    dropped = tuple(j - first for j in start.dropped if j >= first)
    if ascent.obstacle is not None:
        return failed_fit(width, ascent.obstacle, iterations=ascent.iterations, dropped=dropped)
    params, errors, matrix = spread(kept, width, ascent.params, ascent.covariance)
    infinite = np.isinf(start.params[first:])
    direction = None if start.direction is None else start.direction[first:]
    return Fit(
        params=np.where(infinite, start.params[first:], params),
        std_errors=errors,
        covariance=matrix,
        converged=not infinite.any(),
        iterations=ascent.iterations,
        log_likelihood=ascent.value,
        dropped=dropped,
        failure=start.failure if infinite.any() else None,
        direction=direction if infinite.any() else None,
    )


def _climb(strata: _Strata, params: FloatArray, eta: FloatArray, metric: FloatArray) -> _Ascent:
    """Scoring in a fixed metric, which suits large strata; Newton's method as soon as that is slow."""
    value, gradient = strata.at(eta)
    last, arrived, iteration = np.inf, False, 0
    while not arrived and iteration < _MAX_ITERATIONS:
        iteration += 1
        step = metric @ gradient
        decrement = float(gradient @ step)
        if decrement > _SLOW * last:
            metric = _inverse(strata.information(eta))
            step = metric @ gradient
            decrement = float(gradient @ step)
        last, arrived = decrement, decrement < _TOLERANCE
        floor = value - 1e-10 * abs(value)
        for _ in range(_HALVINGS):
            change = strata.X @ step
            value, gradient = strata.at(eta + change)
            if value >= floor:
                break
            step = step / 2
        params, eta = params + step, eta + change
    covariance = _inverse(strata.information(eta))
    obstacle = None if arrived else f"no convergence in {iteration} steps"
    if not np.isfinite(covariance).all():
        obstacle = "the information is singular"
    return _Ascent(params=params, covariance=covariance, value=value, iterations=iteration, obstacle=obstacle)


def _inverse(matrix: FloatArray) -> FloatArray:
    """Return the inverse of an information matrix, NaN where it is singular."""
    factor, info = scipy.linalg.lapack.dpotrf(matrix, lower=1, clean=1)
    return symmetric_inverse(factor) if info == 0 else np.full(matrix.shape, np.nan)


@njit(cache=True, error_model="numpy")
def _conditional_chances(
    chance: NDArray[_Number], begin: IntArray, deaths: IntArray
) -> tuple[NDArray[_Number], NDArray[_Number]]:
    """Return P(y_i = 1 | Σy = d) of independent Bernoulli variables, and P(Σy = d) of each stratum.

    With F_i(j) the probability of j events among the first i rows and B_i(j) among the rows after i, these
    are p_i Σ_j F_{i−1}(j) B_i(d − 1 − j) / P(Σy = d), and F_n(d).
    """
    expected = np.zeros_like(chance)
    normal = np.zeros(deaths.size, chance.dtype)
    for s in range(deaths.size):
        d, first, size = deaths[s], begin[s], begin[s + 1] - begin[s]
        forward = np.zeros((size + 1, d + 1), chance.dtype)
        forward[0, 0] = 1.0
        for i in range(size):
            p = chance[first + i]
            forward[i + 1, 0] = forward[i, 0] * (1.0 - p)
            for j in range(1, d + 1):
                forward[i + 1, j] = forward[i, j] * (1.0 - p) + forward[i, j - 1] * p
        normal[s] = forward[size, d]
        backward = np.zeros(d + 1, chance.dtype)
        backward[0] = 1.0
        for i in range(size - 1, -1, -1):
            p = chance[first + i]
            for j in range(d):
                expected[first + i] += forward[i, j] * backward[d - 1 - j]
            expected[first + i] *= p / normal[s]
            for j in range(d, 0, -1):
                backward[j] = backward[j] * (1.0 - p) + backward[j - 1] * p
            backward[0] = backward[0] * (1.0 - p)
    return expected, normal
