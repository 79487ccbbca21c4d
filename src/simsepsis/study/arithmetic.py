"""What printed numbers imply for each other: differences, 2 × 2 tables, confidence limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, ndtr, ndtri

Interval = tuple[float, float]
"""Least and greatest value that rounding leaves possible."""

Z95 = float(-ndtri(0.025))


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoByTwo:
    """Deaths (or any event) in two arms: `events` of `total`, treated first."""

    events: tuple[float, float]
    total: tuple[float, float]

    @property
    def counts(self) -> list[list[float]]:
        """Return [[events, others] of the treated, [events, others] of the controls]."""
        return [[e, n - e] for e, n in zip(self.events, self.total, strict=True)]


def smd_percent(treated: float, control: float) -> float:
    r"""Return the standardized difference of two proportions in percent, without sign.

    Notes
    -----
    .. math:: 100 |p_1 - p_0| / \sqrt{(p_1(1-p_1) + p_0(1-p_0)) / 2}
    """
    variance = (treated * (1 - treated) + control * (1 - control)) / 2
    if variance <= 0:
        return 0.0 if treated == control else float("inf")
    return float(100 * abs(treated - control) / variance**0.5)


def smd_percent_range(treated: Interval, control: Interval) -> Interval:
    """Return the least and greatest standardized difference (percent) of proportions in two intervals.

    The difference grows with the distance of either proportion from the other, so that the extremes lie
    at corners of the rectangle, or at 0 where the intervals overlap.
    """
    treated, control = _proportions(treated), _proportions(control)
    widest = max(smd_percent(treated[0], control[1]), smd_percent(treated[1], control[0]))
    if treated[0] <= control[1] and control[0] <= treated[1]:
        return 0.0, widest
    nearest = min(smd_percent(treated[0], control[1]), smd_percent(treated[1], control[0]))
    return nearest, widest


def _proportions(interval: Interval) -> Interval:
    return max(interval[0], 0.0), min(interval[1], 1.0)


def two_sided_p(table: TwoByTwo) -> dict[str, float]:
    """Return every two-sided p value that SPSS prints below a 2 × 2 table, by the test's name.

    Plain and continuity-corrected chi-square, likelihood ratio, Fisher's exact test, and the
    linear-by-linear association, (N − 1) / N times the plain chi-square.
    """
    from scipy.stats import chi2_contingency, fisher_exact

    counts = table.counts
    total = sum(table.total)
    plain = chi2_contingency(counts, correction=False)
    return {
        "chi-square": float(plain.pvalue),
        "chi-square with Yates' correction": float(chi2_contingency(counts, correction=True).pvalue),
        "likelihood ratio": float(
            chi2_contingency(counts, correction=False, lambda_="log-likelihood").pvalue
        ),
        "linear-by-linear": float(chdtrc(1, plain.statistic * (total - 1) / total)),
        "Fisher, two-sided": float(fisher_exact(counts).pvalue),
    }


def one_sided_p(table: TwoByTwo) -> float:
    """Return Fisher's exact p value in the direction in which the table points."""
    from scipy.stats import fisher_exact

    alternatives = ("less", "greater")
    return float(min(fisher_exact(table.counts, alternative=side).pvalue for side in alternatives))


def wald_odds_ratio(table: TwoByTwo) -> dict[str, float]:
    r"""Return the odds ratio with its 95 % Wald limits, by statistic.

    Notes
    -----
    .. math:: \log OR \pm 1.96 \sqrt{1/a + 1/b + 1/c + 1/d}
    """
    (a, b), (c, d) = table.counts
    if min(a, b, c, d) <= 0:
        return {}
    log_ratio = float(np.log(a * d / (b * c)))
    half = Z95 * (1 / a + 1 / b + 1 / c + 1 / d) ** 0.5
    return {
        "odds_ratio": float(np.exp(log_ratio)),
        "ci_low": float(np.exp(log_ratio - half)),
        "ci_high": float(np.exp(log_ratio + half)),
    }


def wald_p(ratio: float, low: float, high: float) -> float:
    """Return the two-sided Wald p value that a ratio and its 95 % limits imply on the log scale."""
    std_error = np.log(high / low) / (2 * Z95)
    return float(2 * ndtr(-abs(np.log(ratio)) / std_error))


def wald_p_range(ratio: Interval, low: Interval, high: Interval) -> Interval:
    """Return the least and greatest Wald p value of a ratio and limits that are known to intervals only.

    p falls as the ratio leaves 1 and rises with the width of the interval, so that the extremes lie at
    the ends; it is 1 where the ratio may be 1.
    """
    narrow, wide = (low[1], high[0]), (low[0], high[1])
    least = min(wald_p(end, *narrow) for end in ratio)
    greatest = 1.0 if ratio[0] <= 1 <= ratio[1] else max(wald_p(end, *wide) for end in ratio)
    return least, greatest


def attainable_counts(percent: Interval, total: float) -> list[int]:
    """Return the whole counts of `total` whose percentage lies in the interval (GRIM test)."""
    first = int(np.ceil(percent[0] * total / 100 - 1e-9))
    last = int(np.floor(percent[1] * total / 100 + 1e-9))
    return list(range(first, last + 1))


def attainable_sums(mean: Interval, total: int) -> list[int]:
    """Return the whole sums of `total` whole numbers whose mean lies in the interval (GRIM test).

    References
    ----------
    Brown NJL, Heathers JAJ. Soc Psychol Personal Sci 2017;8:363.
    """
    first = int(np.ceil(mean[0] * total - 1e-9))
    return list(range(first, int(np.floor(mean[1] * total + 1e-9)) + 1))


def attainable_spread(sums: list[int], sd: Interval, total: int) -> bool:
    r"""Tell whether `total` whole numbers with one of the sums can have a standard deviation in the interval.

    Notes
    -----
    The sum of squares is whole, as odd or even as the sum is, and :math:`\sum x^2 = (n-1)s^2 + (\sum x)^2/n`
    (GRIMMER test); deviations with n in place of n − 1 are taken as well.

    References
    ----------
    Allard A. Analytic-GRIMMER, 2018.
    """
    return any(
        _whole_between(sd[0] ** 2 * freedom + start, sd[1] ** 2 * freedom + start, parity=one % 2)
        for one in sums
        for start in [one * one / total]
        for freedom in (total - 1, total)
    )


def _whole_between(low: float, high: float, *, parity: int) -> bool:
    """Tell whether a whole number of a parity lies between two numbers."""
    slack = 1e-9 * (1 + abs(high))
    first = int(np.ceil(low - slack))
    return first + (first % 2 != parity) <= high + slack


def difference_range(first: Interval, second: Interval) -> Interval:
    """Return the least and greatest distance of two numbers that are known to intervals only."""
    apart = max(first[0] - second[1], second[0] - first[1], 0.0)
    return apart, max(first[1] - second[0], second[1] - first[0])


def smd_of_means_range(means: tuple[Interval, Interval], sds: tuple[Interval, Interval]) -> Interval:
    """Return the least and greatest standardized difference (percent) of means with their deviations."""
    least, greatest = difference_range(*means)
    low, high = (((sds[0][end] ** 2 + sds[1][end] ** 2) / 2) ** 0.5 for end in (0, 1))
    return 100 * least / high if high else 0.0, 100 * greatest / low if low else float("inf")


def t_test_range(
    means: tuple[Interval, Interval], sds: tuple[Interval, Interval], sizes: tuple[float, float]
) -> Interval:
    """Return the least and greatest p of Student's and Welch's test of means known to intervals only."""
    from scipy.stats import t as student

    (n, m), (least, greatest) = sizes, difference_range(*means)
    ps = []
    for end, apart in ((0, greatest), (1, least)):
        s, r = sds[0][end] ** 2, sds[1][end] ** 2
        pooled = ((n - 1) * s + (m - 1) * r) / (n + m - 2)
        for variance, freedom in (
            (pooled * (1 / n + 1 / m), n + m - 2),
            (s / n + r / m, _welch(s / n, r / m, n, m)),
        ):
            ps.append(
                float(2 * student.sf(apart / variance**0.5, freedom)) if variance > 0 else float(not apart)
            )
    return min(ps), max(ps)


def _welch(first: float, second: float, n: float, m: float) -> float:
    """Return the degrees of freedom of Welch's test, from the squared standard errors of both means."""
    spread = first**2 / (n - 1) + second**2 / (m - 1)
    return (first + second) ** 2 / spread if spread else n + m - 2
