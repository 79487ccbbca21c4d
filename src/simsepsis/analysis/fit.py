"""The record that every regression returns, and the tests and intervals drawn from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.special

from simsepsis.analysis.numeric import confidence_level, finite_number
from simsepsis.arrays import BoolArray, FloatArray, IntArray


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
    finite_part
        Under separation the likelihood approaches its supremum along finite_part + t·direction as t grows,
        shape (p,); rows that the direction leaves alone get their fitted values from it. None otherwise.
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
    finite_part: FloatArray | None = None

    @property
    def estimated(self) -> BoolArray:
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

    References
    ----------
    Li P, Redden DT. Stat Med 2015;34:281, for t with few clusters.
    """
    level = confidence_level(level)
    df = None if df is None else finite_number(df, "df", above=0.0)
    usable = fit.estimated
    params = np.where(usable, fit.params, np.nan)
    errors = np.where(usable, fit.std_errors, np.nan)
    statistic = np.divide(params, errors, out=np.full(params.shape, np.nan), where=errors > 0)
    center = 0.5 + level / 2
    half = (scipy.special.ndtri(center) if df is None else scipy.special.stdtrit(df, center)) * errors
    tail = -np.abs(statistic)
    return WaldTests(
        statistic=statistic,
        p_value=2 * (scipy.special.ndtr(tail) if df is None else scipy.special.stdtr(df, tail)),
        ci_low=params - half,
        ci_high=params + half,
    )


def failed_fit(width: int, failure: str, *, iterations: int = 0, dropped: Sequence[int] = ()) -> Fit:
    """Return the fit of a regression that gave nothing: all NaN, with the reason."""
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


def in_units(fit: Fit, units: FloatArray | None) -> Fit:
    """Return the fit of columns that were divided by units as the fit of the columns themselves."""
    if units is None:
        return fit
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        moved = replace(
            fit,
            params=fit.params / units,
            std_errors=fit.std_errors / units,
            covariance=fit.covariance / units / units[:, None],
            direction=None if fit.direction is None else fit.direction / units,
            finite_part=None if fit.finite_part is None else fit.finite_part / units,
        )
    beyond = np.isfinite(fit.params) & ~np.isfinite(moved.params)
    lost = np.flatnonzero(beyond | (fit.estimated & ~moved.estimated))
    if not lost.size:
        return moved
    reason = f"the coefficient of column {lost[0]} is beyond any number; multiply the column by a constant"
    return failed_fit(fit.params.size, reason, iterations=fit.iterations, dropped=fit.dropped)


def spread(
    kept: IntArray, width: int, params: FloatArray, covariance: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Put the results of the kept columns back into all columns, NaN elsewhere."""
    if kept.size == width:
        return params, np.sqrt(np.diag(covariance)), covariance
    full_params = np.full(width, np.nan)
    full_covariance = np.full((width, width), np.nan)
    full_params[kept] = params
    full_covariance[np.ix_(kept, kept)] = covariance
    return full_params, np.sqrt(np.diag(full_covariance)), full_covariance
