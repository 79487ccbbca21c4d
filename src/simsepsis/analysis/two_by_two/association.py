"""Tests of no association in a table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.special
from numpy.typing import ArrayLike

from simsepsis.analysis.two_by_two.counts import cells, counts_of
from simsepsis.analysis.two_by_two.effects import ratio
from simsepsis.arrays import FloatArray
from simsepsis.errors import UsageError

_SAME_CHANCE = 1e-7
_MOST_TABLES = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationTest:
    """A test statistic and its p-value; NaN with a reason where the table does not allow the test."""

    statistic: float
    p_value: float
    failure: str | None = None


def chi_square(table: ArrayLike, *, yates: bool = False) -> AssociationTest:
    """Pearson's chi-square test of no association, with or without Yates's correction.

    Parameters
    ----------
    table
        Counts, shape (r, c); Yates's correction for 2 × 2 only.
    yates
        Move each observed count towards the expected one by 0.5, or by all of a smaller difference.

    Raises
    ------
    DataError
        If a count is no whole number of 0 or more: weights are no patients, and have another variance.

    Notes
    -----
    Empty rows and columns are left out. R: ``chisq.test(table, correct = yates)``.
    """
    counts = counts_of(table, whole=True)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if min(counts.shape) < 2:
        return AssociationTest(statistic=np.nan, p_value=np.nan, failure="a margin is empty")
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
    excess = np.abs(counts - expected)
    if yates and counts.shape == (2, 2):
        excess = excess - np.minimum(0.5, excess)
    statistic = float((excess**2 / expected).sum())
    df = (counts.shape[0] - 1) * (counts.shape[1] - 1)
    return AssociationTest(statistic=statistic, p_value=float(scipy.special.chdtrc(df, statistic)))


def smallest_expected(table: ArrayLike) -> float:
    """Smallest expected count under no association; Fisher's test is the custom below 5.

    Parameters
    ----------
    table
        Counts, shape (r, c).
    """
    counts = counts_of(table)
    total = counts.sum()
    return float((counts.sum(axis=1)[:, None] * counts.sum(axis=0) / total).min()) if total else 0.0


def fisher(table: ArrayLike, *, sides: str = "two-sided") -> AssociationTest:
    """Fisher's exact test; the statistic is the sample odds ratio.

    Parameters
    ----------
    table
        Counts, shape (2, 2).
    sides
        ``"two-sided"`` (tables no more likely than the observed one), ``"less"`` or ``"greater"``.

    Raises
    ------
    DataError
        If a count is no whole number of 0 or more.
    UsageError
        If the side is unknown.

    Notes
    -----
    R: ``fisher.test(table, alternative = sides)$p.value``, with its tolerance for equally likely tables.
    """
    a, b, c, d = cells(table, whole=True)
    if sides not in ("two-sided", "less", "greater"):
        raise UsageError(f"sides '{sides}' is unknown; choose two-sided, less or greater")
    least, most = max(0.0, a - d), min(a + b, a + c)
    if most - least > _MOST_TABLES:
        reason = (
            f"{most - least + 1:.3g} tables have these margins, too many for an exact test; use chi_square"
        )
        return AssociationTest(statistic=ratio(a * d, b * c), p_value=np.nan, failure=reason)
    counts = np.arange(least, most + 1)
    chance = _hypergeometric(counts, a + b, c + d, a + c)
    observed = chance[int(a - counts[0])]
    extreme = {
        "two-sided": chance <= observed * (1 + _SAME_CHANCE),
        "less": counts <= a,
        "greater": counts >= a,
    }[sides]
    odds_ratio = ratio(a * d, b * c)
    return AssociationTest(
        statistic=odds_ratio,
        p_value=min(1.0, float(chance[extreme].sum())),
        failure="a margin is empty, so there is no odds ratio" if np.isnan(odds_ratio) else None,
    )


def _hypergeometric(counts: FloatArray, treated: float, control: float, events: float) -> FloatArray:
    """Chance of so many events among the treated, with the margins given."""
    log = scipy.special.gammaln
    ways = (
        log(treated + 1)
        - log(counts + 1)
        - log(treated - counts + 1)
        + log(control + 1)
        - log(events - counts + 1)
        - log(control - events + counts + 1)
    )
    chance = np.exp(ways - ways.max())
    return np.asarray(chance / chance.sum())


def mcnemar(pairs: ArrayLike, *, exact: bool = False, correction: bool = False) -> AssociationTest:
    """McNemar's test of equal risks in matched pairs.

    Parameters
    ----------
    pairs
        Counts of pairs, shape (2, 2), from `pair_table`.
    exact
        Binomial test of the discordant pairs; the statistic is then the smaller of the two counts.
    correction
        Edwards's continuity correction, (|b − c| − 1)²/(b + c).

    Raises
    ------
    DataError
        If a count is no whole number of 0 or more.

    References
    ----------
    McNemar Q. Psychometrika 1947;12:153.
    """
    _, b, c, _ = cells(pairs, whole=True)
    if b + c == 0:
        return AssociationTest(statistic=np.nan, p_value=1.0, failure="there is no discordant pair")
    if exact:
        from scipy.stats import binomtest

        p = binomtest(int(min(b, c)), int(b + c)).pvalue
        return AssociationTest(statistic=float(min(b, c)), p_value=float(p))
    distance = max(abs(b - c) - 1, 0) if correction else abs(b - c)
    statistic = distance**2 / (b + c)
    return AssociationTest(statistic=float(statistic), p_value=float(scipy.special.chdtrc(1, statistic)))
