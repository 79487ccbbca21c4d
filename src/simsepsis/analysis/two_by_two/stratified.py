"""Two-by-two tables over strata: a common odds ratio, and whether there is one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.special
from numpy.typing import ArrayLike

from simsepsis.analysis.two_by_two.counts import strata_cells
from simsepsis.analysis.two_by_two.effects import Effect, ratio, ratio_effect, undefined
from simsepsis.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class BreslowDay:
    """Test of equal odds ratios, plain and with Tarone's correction; unpacks into its four numbers.

    `strata` is the number of tables without an empty margin, on which the test rests.
    """

    statistic: float
    p_value: float
    tarone_statistic: float
    tarone_p_value: float
    strata: int
    failure: str | None = None

    def __iter__(self) -> Iterator[float]:
        """Give statistic, p_value, tarone_statistic and tarone_p_value."""
        return iter((self.statistic, self.p_value, self.tarone_statistic, self.tarone_p_value))


def mantel_haenszel(tables: ArrayLike, *, level: float = 0.95) -> Effect:
    """Common odds ratio over strata (Mantel–Haenszel) with the interval of Robins, Breslow and Greenland.

    Parameters
    ----------
    tables
        Counts, shape (K, 2, 2).
    level
        Confidence level.

    Notes
    -----
    Σ ad/n ÷ Σ bc/n. R: ``mantelhaen.test``.

    References
    ----------
    Robins J, Breslow N, Greenland S. Biometrics 1986;42:311.
    """
    a, b, c, d = strata_cells(tables)
    n, r, s = _cross_products(a, b, c, d)
    concordant, discordant = (a + d) / n, (b + c) / n
    up, down = float(r.sum()), float(s.sum())
    if up == 0 or down == 0:
        return undefined(ratio(up, down), "no stratum has events and non-events across both arms")
    variance = (
        (concordant * r).sum() / (2 * up**2)
        + (concordant * s + discordant * r).sum() / (2 * up * down)
        + (discordant * s).sum() / (2 * down**2)
    )
    return ratio_effect(up / down, np.sqrt(variance), level)


def _cross_products(
    a: FloatArray, b: FloatArray, c: FloatArray, d: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return n, ad/n and bc/n of each stratum; sums of the latter two have the common odds ratio."""
    n = a + b + c + d
    return n, a * d / n, b * c / n


def breslow_day(tables: ArrayLike) -> BreslowDay:
    """Breslow–Day test that the odds ratio is the same in all strata, with Tarone's correction.

    Parameters
    ----------
    tables
        Counts, shape (K, 2, 2).

    Returns
    -------
    BreslowDay
        Chi-square statistics with (strata with no empty margin) − 1 degrees of freedom. NaN with a reason
        when fewer than two such strata remain or the common odds ratio is 0 or infinite.

    Raises
    ------
    DataError
        If a count is no whole number of 0 or more.

    Notes
    -----
    e_k is the expected number of exposed cases given the margins and w = OR_MH, the root of
    (1 − w)e² + (n₀ − m₁ + w(n₁ + m₁))e − w n₁m₁ = 0;
    v_k = 1/(1/e + 1/(m₁ − e) + 1/(n₁ − e) + 1/(n₀ − m₁ + e)). The statistic is Σ(a − e)²/v; Tarone subtracts
    (Σ(a − e))²/Σv. R: ``DescTools::BreslowDayTest``.

    References
    ----------
    Breslow NE, Day NE. Statistical Methods in Cancer Research I. IARC 1980. Tarone RE. Biometrika 1985;72:91.
    """
    a, b, c, d = strata_cells(tables, whole=True)
    informative = (a + b > 0) & (c + d > 0) & (a + c > 0) & (b + d > 0)
    a, b, c, d = a[informative], b[informative], c[informative], d[informative]
    strata = int(a.size)
    if strata < 2:
        return _no_test(strata, "fewer than two strata have no empty margin")
    _, r, s = _cross_products(a, b, c, d)
    up, down = float(r.sum()), float(s.sum())
    if up == 0 or down == 0:
        return _no_test(strata, "the common odds ratio is 0 or infinite")
    expected = _expected_exposed_cases(a + b, c + d, a + c, up / down)
    cells = np.stack([expected, a + c - expected, a + b - expected, d - a + expected])
    if not (cells > 0).all():
        return _no_test(strata, "an expected count is zero but for rounding")
    variance = 1 / (1 / cells).sum(axis=0)
    statistic = float(((a - expected) ** 2 / variance).sum())
    tarone = statistic - float((a - expected).sum() ** 2 / variance.sum())
    return BreslowDay(
        statistic=statistic,
        p_value=float(scipy.special.chdtrc(strata - 1, statistic)),
        tarone_statistic=tarone,
        tarone_p_value=float(scipy.special.chdtrc(strata - 1, tarone)),
        strata=strata,
    )


def _no_test(strata: int, failure: str) -> BreslowDay:
    """Return a test that could not be made, with the reason."""
    nothing = float("nan")
    return BreslowDay(
        statistic=nothing,
        p_value=nothing,
        tarone_statistic=nothing,
        tarone_p_value=nothing,
        strata=strata,
        failure=failure,
    )


def _expected_exposed_cases(n1: FloatArray, n0: FloatArray, m1: FloatArray, w: float) -> FloatArray:
    """Solve the quadratic for the exposed cases that give odds ratio w, without cancellation near w = 1."""
    linear = n0 - m1 + w * (n1 + m1)
    constant = w * n1 * m1
    root = np.sqrt(linear**2 - 4 * (w - 1) * constant)
    return np.asarray(2 * constant / (linear + root))
