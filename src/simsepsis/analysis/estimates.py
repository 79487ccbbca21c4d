"""One row per result: an estimate with its uncertainty, or the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
import pandas as pd
import scipy.special

from simsepsis.arrays import FloatArray
from simsepsis.errors import FailureKind

Z_95 = float(scipy.special.ndtri(0.975))
"""Half width of a 95% confidence interval in standard errors."""

NO_SPREAD = 1e-10
"""Standard error that is zero but for rounding."""

UNTESTED = "the standard error is zero, so there is no interval and no test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One estimate of one estimand by one method.

    Attributes
    ----------
    method, estimand
        Names as listed by ``simsepsis list``.
    estimate, std_error, ci_low, ci_high, p_value
        On the scale of the estimand (log odds ratio, risk difference …); NaN where not estimable. The
        p value is that of the method's own test.
    n_used
        Patients that the estimate rests on.
    converged
        Whether there is an estimate that solves the method's equations.
    failure
        One sentence with the reason where there is none; None otherwise.
    seconds
        Wall time of the steps behind the row, matching included; rows of one fit repeat it.
    failure_kind
        Which kind of failure it is, as in `simsepsis.errors.FailureKind`; empty where there is an estimate.
    """

    method: str
    estimand: str
    estimate: float = math.nan
    std_error: float = math.nan
    ci_low: float = math.nan
    ci_high: float = math.nan
    p_value: float = math.nan
    n_used: int = 0
    converged: bool = False
    failure: str | None = None
    seconds: float = 0.0
    failure_kind: FailureKind = ""

    def __post_init__(self) -> None:
        """Call a failure whose kind nobody says one of convergence."""
        if self.failure is not None and not self.failure_kind:
            object.__setattr__(self, "failure_kind", "not converged")


ESTIMATE_COLUMNS = tuple(item.name for item in fields(Estimate))
"""Columns of a frame of estimates, in order."""


def normal_tests(
    estimate: FloatArray | float, std_error: FloatArray | float, df: float | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return 95% limits and two-sided p values of estimates by the normal distribution, or by t."""
    usable = np.isfinite(estimate) & np.isfinite(std_error)
    value = np.where(usable, estimate, np.nan)
    error = np.where(usable, std_error, np.nan)
    z = np.divide(np.abs(value), error, out=np.full(value.shape, np.nan), where=error > 0)
    if df is not None:
        half = scipy.special.stdtrit(df, 0.975) * error
        return value - half, value + half, 2.0 * scipy.special.stdtr(df, -z)
    return value - Z_95 * error, value + Z_95 * error, 2.0 * scipy.special.ndtr(-z)


def normal_estimate(
    method: str,
    estimand: str,
    estimate: float,
    std_error: float,
    *,
    n_used: int,
    p_value: float | None = None,
    failure: str | None = None,
    seconds: float = 0.0,
    df: float | None = None,
) -> Estimate:
    """Return an estimate with its normal interval; without a finite standard error it is a failure."""
    if not (math.isfinite(estimate) and math.isfinite(std_error)):
        reason = failure or "not estimable from these data"
        return Estimate(method=method, estimand=estimand, n_used=n_used, failure=reason, seconds=seconds)
    low, high, wald = (float(value) for value in normal_tests(estimate, std_error, df))
    return Estimate(
        method=method,
        estimand=estimand,
        estimate=estimate,
        std_error=std_error,
        ci_low=low,
        ci_high=high,
        p_value=wald if p_value is None else p_value,
        n_used=n_used,
        converged=True,
        seconds=seconds,
    )


class Failed(Protocol):
    """A step that gave nothing, and why."""

    @property
    def failure(self) -> str | None:
        """One sentence with the reason."""
        ...

    @property
    def kind(self) -> FailureKind:
        """Which kind of failure it is."""
        ...

    @property
    def seconds(self) -> float:
        """How long it took."""
        ...


def failed(method: str, estimand: str, step: Failed) -> Estimate:
    """Return the row of an estimand whose step gave nothing."""
    return Estimate(
        method=method,
        estimand=estimand,
        failure=step.failure,
        seconds=step.seconds,
        failure_kind=step.kind,
    )


def with_spread(row: Estimate) -> Estimate:
    """Return a row as it is, or as a failure where the estimate has no spread, since nothing is certain."""
    if not row.converged or row.std_error > NO_SPREAD:
        return row
    return Estimate(
        method=row.method, estimand=row.estimand, n_used=row.n_used, failure=UNTESTED, seconds=row.seconds
    )


def estimates_frame(rows: Iterable[Estimate]) -> pd.DataFrame:
    """Return estimates as a frame with the columns `ESTIMATE_COLUMNS`."""
    listed = list(rows)
    return pd.DataFrame({name: [getattr(row, name) for row in listed] for name in ESTIMATE_COLUMNS})
