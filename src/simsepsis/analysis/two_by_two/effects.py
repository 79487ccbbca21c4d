"""Effect measures of a two-by-two table with Wald intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.special
from numpy.typing import ArrayLike

from simsepsis.analysis.numeric import normal_quantile
from simsepsis.analysis.two_by_two.counts import cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """An effect measure with its Wald interval and two-sided p-value.

    `std_error` is that of the log for ratios, and of the measure itself for differences.
    """

    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    p_value: float
    failure: str | None = None


def odds_ratio(table: ArrayLike, *, level: float = 0.95) -> Effect:
    """Odds ratio ad/(bc) with its Wald interval on the log scale (Woolf).

    Parameters
    ----------
    table
        Counts, shape (2, 2).
    level
        Confidence level.

    Returns
    -------
    Effect
        With a zero cell: the limit 0 or inf (NaN if both diagonals have a zero), no interval, and the reason.

    References
    ----------
    Woolf B. Ann Hum Genet 1955;19:251.
    """
    a, b, c, d = cells(table)
    if min(a, b, c, d) == 0:
        return undefined(ratio(a * d, b * c), "a cell is zero, so the interval has no finite width")
    return ratio_effect(a * d / (b * c), np.sqrt(1 / a + 1 / b + 1 / c + 1 / d), level)


def risk_ratio(table: ArrayLike, *, level: float = 0.95) -> Effect:
    """Risk ratio with its Wald interval on the log scale (Katz).

    Parameters
    ----------
    table
        Counts, shape (2, 2).
    level
        Confidence level.

    References
    ----------
    Katz D et al. Biometrics 1978;34:469.
    """
    a, b, c, d = cells(table)
    if a == 0 or c == 0:
        risks = ratio(a, a + b), ratio(c, c + d)
        return undefined(ratio(*risks), "an arm has no event, so the interval has no finite width")
    error = np.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))
    return ratio_effect((a / (a + b)) / (c / (c + d)), error, level)


def risk_difference(table: ArrayLike, *, level: float = 0.95) -> Effect:
    """Risk difference of two independent arms with its Wald interval.

    Parameters
    ----------
    table
        Counts, shape (2, 2).
    level
        Confidence level.
    """
    a, b, c, d = cells(table)
    if a + b == 0 or c + d == 0:
        return undefined(np.nan, "an arm is empty")
    treated, control = a / (a + b), c / (c + d)
    error = np.sqrt(treated * (1 - treated) / (a + b) + control * (1 - control) / (c + d))
    return difference_effect(treated - control, error, level)


def paired_risk_difference(pairs: ArrayLike, *, level: float = 0.95) -> Effect:
    """Risk difference of 1:1 matched pairs with the paired standard error.

    Parameters
    ----------
    pairs
        Counts of pairs, shape (2, 2), from `pair_table`.
    level
        Confidence level.

    Notes
    -----
    (b − c)/n with SE √((b + c) − (b − c)²/n)/n; b pairs with the event in the treated member only, c in
    the control only.

    References
    ----------
    Austin PC. Int J Biostat 2009;5:13.
    """
    both, b, c, neither = cells(pairs)
    n = both + b + c + neither
    if n == 0:
        return undefined(np.nan, "there is no pair")
    return difference_effect((b - c) / n, np.sqrt(max((b + c) - (b - c) ** 2 / n, 0.0)) / n, level)


def paired_odds_ratio(pairs: ArrayLike, *, level: float = 0.95) -> Effect:
    """Conditional odds ratio b/c of 1:1 matched pairs.

    Parameters
    ----------
    pairs
        Counts of pairs, shape (2, 2), from `pair_table`.
    level
        Confidence level.
    """
    _, b, c, _ = cells(pairs)
    if b == 0 or c == 0:
        return undefined(ratio(b, c), "one kind of discordant pair is missing")
    return ratio_effect(b / c, np.sqrt(1 / b + 1 / c), level)


def ratio(up: float, down: float) -> float:
    """Return a quotient, with inf for a positive number over zero and NaN for zero over zero."""
    if down == 0:
        return float("inf") if up > 0 else float("nan")
    return up / down


def undefined(estimate: float, failure: str) -> Effect:
    """Return an effect without interval or test."""
    nothing = float("nan")
    return Effect(
        estimate=estimate,
        std_error=nothing,
        ci_low=nothing,
        ci_high=nothing,
        p_value=nothing,
        failure=failure,
    )


def ratio_effect(estimate: float, log_error: float, level: float) -> Effect:
    """Return a ratio with its interval and test from the log scale."""
    if log_error == 0:
        return undefined(estimate, "the standard error is zero, so there is no interval and no test")
    return _wald(float(estimate), float(np.log(estimate)), float(log_error), level, log=True)


def difference_effect(estimate: float, error: float, level: float) -> Effect:
    """Return a difference with its interval and test."""
    if error == 0:
        return undefined(estimate, "the standard error is zero, so there is no interval and no test")
    return _wald(float(estimate), float(estimate), float(error), level, log=False)


def _wald(estimate: float, value: float, error: float, level: float, *, log: bool) -> Effect:
    """Return the Wald interval around a value, and back from the log scale for a ratio."""
    half = normal_quantile(level) * error
    low, high = value - half, value + half
    if log:
        with np.errstate(over="ignore", under="ignore"):
            low, high = np.exp(low), np.exp(high)
    return Effect(
        estimate=estimate,
        std_error=error,
        ci_low=float(low),
        ci_high=float(high),
        p_value=float(2 * scipy.special.ndtr(-abs(value) / error)),
    )
