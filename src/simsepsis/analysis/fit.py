"""The record that every regression returns, and the tests and intervals drawn from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.linalg
import scipy.stats
from numpy.typing import ArrayLike

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import DataError

RANK_TOLERANCE = 1e-11
"""A column is a combination of the columns before it when less than this share of its length is new (R: `glm`)."""

_SURELY_INDEPENDENT = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """Estimated coefficients of one regression and how the estimation went.

    A coefficient may be used where both `params` and `std_errors` are finite; `estimated` says where.
    Everything else is marked, never filled in: NaN for a dropped column or a failed fit, ±inf for a
    coefficient that the data push to infinity.

    Attributes
    ----------
    params
        Coefficients, shape (p,).
    std_errors
        Standard errors, shape (p,).
    covariance
        Covariance of the coefficients, shape (p, p).
    converged
        Whether the estimating equations were solved for every column that was not dropped.
    iterations
        Newton or scoring steps taken.
    correlation
        Working correlation α (GEE only).
    log_likelihood
        Maximized log likelihood (log partial likelihood for Cox); None where there is none.
    dropped
        Columns that repeat earlier ones and were left out, as R does.
    failure
        One sentence saying what went wrong; None when nothing did.
    direction
        Under separation (monotone likelihood) the direction, shape (p,), along which the likelihood
        rises for ever; None otherwise.
    """

    params: FloatArray
    std_errors: FloatArray
    covariance: FloatArray
    converged: bool
    iterations: int
    correlation: float | None = None
    log_likelihood: float | None = None
    dropped: tuple[int, ...] = ()
    failure: str | None = None
    direction: FloatArray | None = None

    @property
    def estimated(self) -> np.typing.NDArray[np.bool_]:
        """Where a coefficient and its standard error are both finite, shape (p,)."""
        return np.isfinite(self.params) & np.isfinite(self.std_errors)

    @property
    def separated(self) -> tuple[int, ...]:
        """Columns whose coefficients have no finite estimate because of separation."""
        return () if self.direction is None else tuple(np.flatnonzero(self.direction).tolist())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WaldTests:
    """Wald tests and intervals of each coefficient; every array has shape (p,)."""

    statistic: FloatArray
    p_value: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray


def wald_tests(fit: Fit, *, df: float | None = None, level: float = 0.95) -> WaldTests:
    """Test each coefficient against zero and give its confidence interval.

    Parameters
    ----------
    fit
        The fitted regression.
    df
        Degrees of freedom of the t distribution (clusters minus columns for a small-sample GEE);
        None for the normal distribution.
    level
        Confidence level of the interval.

    Returns
    -------
    WaldTests
        On the scale of the coefficients; NaN where nothing was estimated.

    References
    ----------
    Li P, Redden DT. Stat Med 2015;34:281, for t with few clusters.
    """
    law = scipy.stats.norm() if df is None else scipy.stats.t(df)
    usable = fit.estimated
    params = np.where(usable, fit.params, np.nan)
    errors = np.where(usable, fit.std_errors, np.nan)
    statistic = np.divide(params, errors, out=np.full(params.shape, np.nan), where=errors > 0)
    half = law.ppf(0.5 + level / 2) * errors
    return WaldTests(
        statistic=statistic,
        p_value=2 * law.sf(np.abs(statistic)),
        ci_low=params - half,
        ci_high=params + half,
    )


def failed_fit(width: int, failure: str, *, iterations: int = 0, dropped: Sequence[int] = ()) -> Fit:
    """Return the fit of a regression that gave nothing: all NaN, with the reason.

    Parameters
    ----------
    width
        Number of columns p.
    failure
        One sentence with the reason.
    iterations
        Steps taken before it failed.
    dropped
        Columns that had been left out.
    """
    empty = np.full(width, np.nan)
    return Fit(
        params=empty,
        std_errors=empty.copy(),
        covariance=np.full((width, width), np.nan),
        converged=False,
        iterations=iterations,
        dropped=tuple(dropped),
        failure=failure,
    )


def spread(
    kept: IntArray, width: int, params: FloatArray, covariance: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Put the results of the kept columns back into all columns, NaN elsewhere.

    Parameters
    ----------
    kept
        Indices of the columns that were fitted, shape (q,).
    width
        Number of all columns p.
    params, covariance
        Results for the kept columns, shapes (q,) and (q, q).

    Returns
    -------
    tuple
        Coefficients (p,), standard errors (p,) and covariance (p, p).
    """
    full_params = np.full(width, np.nan)
    full_covariance = np.full((width, width), np.nan)
    full_params[kept] = params
    full_covariance[np.ix_(kept, kept)] = covariance
    return full_params, np.sqrt(np.diag(full_covariance)), full_covariance


def independent_columns(X: FloatArray, gram: FloatArray | None = None) -> IntArray:
    """Find the columns that R would keep: each that is not a combination of kept columns before it.

    Parameters
    ----------
    X
        Design matrix, shape (n, p).
    gram
        ``X.T @ X`` if it is at hand, shape (p, p).

    Returns
    -------
    IntArray
        Indices of the kept columns, ascending. A column is dropped when the part of it that the kept
        columns before it do not explain is shorter than `RANK_TOLERANCE` of its length.

    Notes
    -----
    A Cholesky factor of the scaled cross-product clears the common case; only a doubtful matrix pays for
    Householder QR, restarted after each dropped column, which is LINPACK `dqrdc2` as R uses it.
    """
    gram = X.T @ X if gram is None else gram
    length = np.sqrt(np.diag(gram))
    if np.all(length > 0):
        factor, info = scipy.linalg.lapack.dpotrf(gram / np.outer(length, length), lower=1)
        if info == 0 and np.diag(factor).min() > _SURELY_INDEPENDENT:
            return np.arange(X.shape[1])
    return _independent_by_qr(X)


def _independent_by_qr(X: FloatArray) -> IntArray:
    """Drop the first column that adds nothing, again and again, until every column adds something."""
    length = np.linalg.norm(X, axis=0)
    kept = np.flatnonzero(length > 0)
    scaled = X[:, kept] / length[kept]
    while kept.size:
        new = np.zeros(kept.size)
        triangle = np.linalg.qr(scaled, mode="r")
        new[: triangle.shape[0]] = np.abs(np.diag(triangle))
        repeats = np.flatnonzero(new < RANK_TOLERANCE)
        if repeats.size == 0:
            break
        kept, scaled = np.delete(kept, repeats[0]), np.delete(scaled, repeats[0], axis=1)
    return kept


def design_matrix(X: ArrayLike, rows: int | None = None) -> FloatArray:
    """Return the covariates as a finite (n, p) float matrix.

    Parameters
    ----------
    X
        Anything array-like; one dimension is read as a single column.
    rows
        Number of rows there must be.

    Raises
    ------
    DataError
        If the shape is wrong or a value is missing or infinite.
    """
    matrix = np.asarray(X, dtype=np.float64)
    matrix = matrix[:, None] if matrix.ndim == 1 else matrix
    if matrix.ndim != 2 or (rows is not None and matrix.shape[0] != rows):
        raise DataError(f"covariates have shape {np.shape(X)}; give one row for each of the {rows} outcomes")
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise DataError(
            f"covariates: row {row}, column {column} is {matrix[row, column]}; "
            "leave out or impute incomplete rows first"
        )
    return matrix


def finite_vector(values: ArrayLike, name: str, rows: int | None = None) -> FloatArray:
    """Return values as a finite vector of floats.

    Parameters
    ----------
    values
        Anything array-like of one dimension.
    name
        What the values are, for the message.
    rows
        Number of values there must be.

    Raises
    ------
    DataError
        If the shape is wrong or a value is missing or infinite.
    """
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1 or (rows is not None and vector.size != rows):
        expected = "a vector" if rows is None else f"{rows} values"
        raise DataError(f"{name} has shape {vector.shape}; give {expected}")
    if not np.isfinite(vector).all():
        row = int(np.flatnonzero(~np.isfinite(vector))[0])
        raise DataError(f"{name}: row {row} is {vector[row]}; leave out incomplete rows first")
    return vector


def binary_vector(values: ArrayLike, name: str, rows: int | None = None) -> FloatArray:
    """Return a vector of zeros and ones as floats.

    Parameters
    ----------
    values
        Booleans or numbers 0 and 1.
    name
        What the values are, for the message.
    rows
        Number of values there must be.

    Raises
    ------
    DataError
        If a value is anything else.
    """
    vector = finite_vector(values, name, rows)
    wrong = np.flatnonzero((vector != 0) & (vector != 1))
    if wrong.size:
        raise DataError(f"{name}: row {wrong[0]} is {vector[wrong[0]]:g}; give 0 or 1")
    return vector


def case_weights(weights: ArrayLike, rows: int) -> FloatArray:
    """Return case weights, finite and none of them negative.

    Parameters
    ----------
    weights
        One weight for each row.
    rows
        Number of rows.

    Raises
    ------
    DataError
        If a weight is missing, infinite or negative.
    """
    vector = finite_vector(weights, "weights", rows)
    negative = np.flatnonzero(vector < 0)
    if negative.size:
        raise DataError(f"weights: row {negative[0]} is {vector[negative[0]]:g}; give weights of 0 or more")
    return vector


def label_codes(labels: ArrayLike, name: str, rows: int) -> IntArray:
    """Return the labels of clusters or strata as integers from 0, in sorted order of the labels.

    Parameters
    ----------
    labels
        One label for each row, of any type that sorts.
    name
        What the labels are, for the message.
    rows
        Number of rows.

    Raises
    ------
    DataError
        If there is not one label for each row, or one is missing.
    """
    values = np.asarray(labels)
    if values.shape != (rows,):
        raise DataError(f"{name} has shape {values.shape}; give one label for each of the {rows} rows")
    missing = np.flatnonzero(pd.isna(values))
    if missing.size:
        raise DataError(f"{name}: row {missing[0]} has no label; leave out incomplete rows first")
    return np.unique(values, return_inverse=True)[1].astype(np.int64, copy=False)
