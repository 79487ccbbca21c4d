"""Missing numbers drawn from what the other columns say of them, several times over."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.special
from numpy.typing import ArrayLike

from simsepsis.analysis.estimates import UNTESTED
from simsepsis.analysis.inputs import column_units, finite_vector
from simsepsis.analysis.numeric import number_array
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import ConvergenceError, DataError

_ALIKE = 1e9
"""Degrees of freedom at which t is the normal distribution."""

RIDGE = 1e-8
"""Share of its diagonal that is added to the information, so that repeated columns do no harm."""


def impute(columns: ArrayLike, others: ArrayLike, *, cycles: int, rng: np.random.Generator) -> FloatArray:
    """Fill gaps by chained Bayesian linear regressions: one draw from the predictive distribution.

    Notes
    -----
    σ² is drawn as RSS/χ²(n − p), coefficients from N(β̂, σ²(X'X)⁻¹), values from N(xβ, σ²), under the usual
    flat prior. R: ``mice::mice.impute.norm`` and its chained equations.

    References
    ----------
    Rubin DB. Multiple Imputation for Nonresponse in Surveys, 1987, p. 167.
    van Buuren S, Groothuis-Oudshoorn K. J Stat Softw 2011;45(3).
    """
    gaps = np.isnan(number_array(columns, "columns"))
    holed, complete = _finite_rows(columns, "columns", gaps), _finite_rows(others, "others", False)
    if holed.shape[1] != complete.shape[1]:
        raise DataError(
            f"columns has rows of {holed.shape[1]} values and others of {complete.shape[1]}; "
            "give rows of one length"
        )
    if gaps.all(axis=1).any():
        raise ConvergenceError("a column has no value at all to impute it from; leave it out")
    units = column_units(np.where(gaps, 0.0, holed).T)
    if units is not None:
        holed = holed / units[:, None]
    scaled = _standardized(np.vstack([holed, _in_own_unit(complete)]))
    filled = np.where(np.isnan(scaled), 0.0, scaled)
    design = np.vstack([filled, np.ones(holed.shape[1])])
    products = design @ design.T
    for _ in range(cycles):
        for row in np.flatnonzero(gaps.any(axis=1)):
            design[row] = _redrawn(design, products, int(row), np.flatnonzero(gaps[row]), rng)
            products[row] = products[:, row] = design @ design[row]
    known = np.where(gaps, np.nan, holed)
    centre, spread = np.nanmean(known, axis=1, keepdims=True), _spread(known)
    imputed = np.where(gaps, centre + spread * design[: len(holed)], holed)
    return imputed if units is None else imputed * units[:, None]


def _finite_rows(values: ArrayLike, name: str, allowed: BoolArray | bool) -> FloatArray:
    """Return rows of numbers of which none is missing or infinite but where that is allowed."""
    rows = number_array(values, name)
    if rows.ndim != 2:
        raise DataError(f"{name} has shape {rows.shape}; give one row for each column of the data")
    wrong = ~(np.isfinite(rows) | allowed)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise DataError(f"{name}: row {row}, column {column} is {rows[row, column]}; give finite numbers")
    return rows


def _in_own_unit(rows: FloatArray) -> FloatArray:
    """Bring rows of huge or tiny numbers to a size at which squares can be summed."""
    units = column_units(rows.T)
    return rows if units is None else rows / units[:, None]


def _spread(rows: FloatArray) -> FloatArray:
    spread = np.nanstd(rows, axis=1, keepdims=True)
    return np.where(spread > 0.0, spread, 1.0)


def _standardized(rows: FloatArray) -> FloatArray:
    return np.asarray((rows - np.nanmean(rows, axis=1, keepdims=True)) / _spread(rows))


def _redrawn(
    design: FloatArray, products: FloatArray, row: int, gap: IntArray, rng: np.random.Generator
) -> FloatArray:
    """Return one row of the design with its gaps drawn anew, given the other rows.

    `products` are those of all rows with each other, so that only those of the gaps need be taken off.
    """
    terms, n = len(design) - 1, design.shape[1] - gap.size
    if n <= terms + 1:
        raise ConvergenceError(f"a column has {n} values, too few to impute it from {terms} others")
    others = np.delete(np.arange(len(design)), row)
    lacking = design[:, gap]
    seen = products - lacking @ lacking.T
    information = seen[np.ix_(others, others)]
    information[np.diag_indices(terms)] += RIDGE * np.diag(information) + RIDGE
    factor = scipy.linalg.cholesky(information, lower=True)
    params = np.zeros(len(design))
    params[others] = scipy.linalg.cho_solve((factor, True), seen[others, row])
    residual = np.delete(design[row] - params @ design, gap)
    sigma = math.sqrt(float(residual @ residual) / rng.chisquare(n - terms))
    noise = scipy.linalg.solve_triangular(factor, rng.standard_normal(terms), lower=True, trans="T")
    params[others] += sigma * noise
    drawn: FloatArray = design[row].copy()
    drawn[gap] = params @ lacking + sigma * rng.standard_normal(gap.size)
    return drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """One estimate from several completed data sets: value, standard error, degrees of freedom."""

    estimate: float
    std_error: float
    df: float

    def limits(self) -> tuple[float, float]:
        """Return the 95% limits of the t distribution."""
        half = float(scipy.special.stdtrit(self.df, 0.975)) * self.std_error
        return self.estimate - half, self.estimate + half

    def p_value(self) -> float:
        """Return the two-sided p value of no effect."""
        return 2.0 * float(scipy.special.stdtr(self.df, -abs(self.estimate) / self.std_error))


def pool(estimates: ArrayLike, std_errors: ArrayLike) -> Pooled:
    """Combine the estimates of several completed data sets.

    Notes
    -----
    T = W̄ + (1 + 1/m) B, with degrees of freedom (m − 1)(1 + W̄/((1 + 1/m) B))². R: ``mice::pool``, without
    its correction for small samples.

    References
    ----------
    Rubin DB. Multiple Imputation for Nonresponse in Surveys, 1987, p. 76.
    """
    values = finite_vector(estimates, "estimates")
    errors = finite_vector(std_errors, "std_errors", values.size)
    m = values.size
    if m < 2:
        raise DataError(f"estimates has {m} values; give one for each of several completed data sets")
    negative = np.flatnonzero(errors < 0)
    if negative.size:
        raise DataError(f"std_errors: row {negative[0]} is {errors[negative[0]]:g}; give 0 or more")
    mean = float((values / m).sum())
    unit = float(max(errors.max(), np.abs(values - mean).max()))
    if unit == 0.0:
        raise ConvergenceError(UNTESTED)
    # in units of the largest, whose square is 1
    within, between = float(((errors / unit) ** 2).mean()), float(((values - mean) / unit).var(ddof=1))
    added = (1 + 1 / m) * between
    share = min(within / added, _ALIKE) if added > 0.0 else _ALIKE
    df = min((m - 1) * (1 + share) ** 2, _ALIKE)
    return Pooled(estimate=mean, std_error=unit * math.sqrt(within + added), df=df)
