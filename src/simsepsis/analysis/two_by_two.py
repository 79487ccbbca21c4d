"""Two-by-two tables: effect measures with intervals, tests of association, and stratified tables.

A table has rows treated, control and columns event, no event: ``[[a, b], [c, d]]``. A zero cell never raises and
never warns: what it makes undefined is NaN (or the limit 0 or inf) and `failure` says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.stats

from simsepsis.arrays import FloatArray
from simsepsis.errors import DataError, UsageError


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


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationTest:
    """A test statistic and its p-value; NaN with a reason where the table does not allow the test."""

    statistic: float
    p_value: float
    failure: str | None = None


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


def two_by_two_table(treated: object, event: object) -> FloatArray:
    """Count a table, rows treated and control, columns event and no event.

    Parameters
    ----------
    treated, event
        Boolean or 0/1 vectors of one length.
    """
    arm = np.asarray(treated, dtype=np.bool_)
    case = np.asarray(event, dtype=np.bool_)
    code = 2 * ~arm + ~case
    return np.bincount(code, minlength=4).reshape(2, 2).astype(np.float64)


def odds_ratio(table: object, *, level: float = 0.95) -> Effect:
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
    a, b, c, d = _cells(table)
    if min(a, b, c, d) == 0:
        return _undefined(_ratio(a * d, b * c), "a cell is zero, so the log odds ratio has no finite standard error")
    return _ratio_effect(a * d / (b * c), np.sqrt(1 / a + 1 / b + 1 / c + 1 / d), level)


def risk_ratio(table: object, *, level: float = 0.95) -> Effect:
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
    a, b, c, d = _cells(table)
    if a == 0 or c == 0:
        risks = _ratio(a, a + b), _ratio(c, c + d)
        return _undefined(_ratio(*risks), "an arm has no event, so the log risk ratio has no finite standard error")
    error = np.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))
    return _ratio_effect((a / (a + b)) / (c / (c + d)), error, level)


def risk_difference(table: object, *, level: float = 0.95) -> Effect:
    """Risk difference of two independent arms with its Wald interval.

    Parameters
    ----------
    table
        Counts, shape (2, 2).
    level
        Confidence level.
    """
    a, b, c, d = _cells(table)
    if a + b == 0 or c + d == 0:
        return _undefined(np.nan, "an arm is empty")
    treated, control = a / (a + b), c / (c + d)
    error = np.sqrt(treated * (1 - treated) / (a + b) + control * (1 - control) / (c + d))
    return _difference_effect(treated - control, error, level)


def pair_table(treated_event: object, control_event: object) -> FloatArray:
    """Count matched pairs, rows the treated member's event and none, columns the control's.

    Parameters
    ----------
    treated_event, control_event
        Outcomes of the two members of each pair, shape (m,).

    Returns
    -------
    FloatArray
        ``[[both, treated only], [control only, neither]]``.
    """
    return two_by_two_table(treated_event, control_event)


def paired_risk_difference(pairs: object, *, level: float = 0.95) -> Effect:
    """Risk difference of 1:1 matched pairs with the paired standard error.

    Parameters
    ----------
    pairs
        Counts of pairs, shape (2, 2), from `pair_table`.
    level
        Confidence level.

    Notes
    -----
    (b − c)/n with SE √((b + c) − (b − c)²/n)/n; b pairs with the event in the treated only, c in the control only.

    References
    ----------
    Austin PC. Int J Biostat 2009;5:13.
    """
    both, b, c, neither = _cells(pairs)
    n = both + b + c + neither
    if n == 0:
        return _undefined(np.nan, "there is no pair")
    return _difference_effect((b - c) / n, np.sqrt((b + c) - (b - c) ** 2 / n) / n, level)


def paired_odds_ratio(pairs: object, *, level: float = 0.95) -> Effect:
    """Conditional odds ratio b/c of 1:1 matched pairs.

    Parameters
    ----------
    pairs
        Counts of pairs, shape (2, 2), from `pair_table`.
    level
        Confidence level.
    """
    _, b, c, _ = _cells(pairs)
    if b == 0 or c == 0:
        return _undefined(_ratio(b, c), "one kind of discordant pair is missing")
    return _ratio_effect(b / c, np.sqrt(1 / b + 1 / c), level)


def chi_square(table: object, *, yates: bool = False) -> AssociationTest:
    """Pearson's chi-square test of no association, with or without Yates's correction.

    Parameters
    ----------
    table
        Counts, shape (r, c); Yates's correction for 2 × 2 only.
    yates
        Move each observed count towards the expected one by 0.5, or by all of a smaller difference.

    Notes
    -----
    Empty rows and columns are left out. R: ``chisq.test(table, correct = yates)``.
    """
    counts = _counts(table)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if min(counts.shape) < 2:
        return AssociationTest(statistic=np.nan, p_value=np.nan, failure="a margin is empty, nothing to compare")
    answer = scipy.stats.chi2_contingency(counts, correction=yates)
    return AssociationTest(statistic=float(answer.statistic), p_value=float(answer.pvalue))


def smallest_expected(table: object) -> float:
    """Smallest expected count under no association; Fisher's test is the custom below 5.

    Parameters
    ----------
    table
        Counts, shape (r, c).
    """
    counts = _counts(table)
    total = counts.sum()
    return float((counts.sum(axis=1)[:, None] * counts.sum(axis=0) / total).min()) if total else 0.0


def fisher(table: object, *, sides: str = "two-sided") -> AssociationTest:
    """Fisher's exact test; the statistic is the sample odds ratio.

    Parameters
    ----------
    table
        Counts, shape (2, 2).
    sides
        ``"two-sided"`` (tables no more likely than the observed one), ``"less"`` or ``"greater"``.
    """
    a, b, c, d = _cells(table)
    if sides not in ("two-sided", "less", "greater"):
        raise UsageError(f"sides '{sides}' is unknown; choose two-sided, less or greater")
    answer = scipy.stats.fisher_exact([[a, b], [c, d]], alternative=sides)
    return AssociationTest(statistic=_ratio(a * d, b * c), p_value=float(answer.pvalue))


def mcnemar(pairs: object, *, exact: bool = False, correction: bool = False) -> AssociationTest:
    """McNemar's test of equal risks in matched pairs.

    Parameters
    ----------
    pairs
        Counts of pairs, shape (2, 2), from `pair_table`.
    exact
        Binomial test of the discordant pairs; the statistic is then the smaller of the two counts.
    correction
        Edwards's continuity correction, (|b − c| − 1)²/(b + c).

    References
    ----------
    McNemar Q. Psychometrika 1947;12:153.
    """
    _, b, c, _ = _cells(pairs)
    if b + c == 0:
        return AssociationTest(statistic=np.nan, p_value=1.0, failure="there is no discordant pair")
    if exact:
        p = scipy.stats.binomtest(int(min(b, c)), int(b + c)).pvalue
        return AssociationTest(statistic=float(min(b, c)), p_value=float(p))
    distance = max(abs(b - c) - 1, 0) if correction else abs(b - c)
    statistic = distance**2 / (b + c)
    return AssociationTest(statistic=float(statistic), p_value=float(scipy.stats.chi2.sf(statistic, 1)))


def mantel_haenszel(tables: object, *, level: float = 0.95) -> Effect:
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
    a, b, c, d = _strata(tables)
    n = a + b + c + d
    r, s = a * d / n, b * c / n
    concordant, discordant = (a + d) / n, (b + c) / n
    up, down = float(r.sum()), float(s.sum())
    if up == 0 or down == 0:
        return _undefined(_ratio(up, down), "no stratum has events and non-events across both arms")
    variance = (
        (concordant * r).sum() / (2 * up**2)
        + (concordant * s + discordant * r).sum() / (2 * up * down)
        + (discordant * s).sum() / (2 * down**2)
    )
    return _ratio_effect(up / down, np.sqrt(variance), level)


def breslow_day(tables: object) -> BreslowDay:
    """Breslow–Day test that the odds ratio is the same in all strata, with Tarone's correction.

    Parameters
    ----------
    tables
        Counts, shape (K, 2, 2).

    Returns
    -------
    BreslowDay
        Chi-square statistics with (strata with no empty margin) − 1 degrees of freedom. NaN with a reason when
        fewer than two such strata remain or the common odds ratio is 0 or infinite.

    Notes
    -----
    e_k is the expected number of exposed cases given the margins and w = OR_MH, the root of
    (1 − w)e² + (n₀ − m₁ + w(n₁ + m₁))e − w n₁m₁ = 0; v_k = 1/(1/e + 1/(m₁ − e) + 1/(n₁ − e) + 1/(n₀ − m₁ + e)).
    The statistic is Σ(a − e)²/v; Tarone subtracts (Σ(a − e))²/Σv. R: ``DescTools::BreslowDayTest``.

    References
    ----------
    Breslow NE, Day NE. Statistical Methods in Cancer Research I. IARC 1980. Tarone RE. Biometrika 1985;72:91.
    """
    a, b, c, d = _strata(tables)
    informative = (a + b > 0) & (c + d > 0) & (a + c > 0) & (b + d > 0)
    a, b, c, d = a[informative], b[informative], c[informative], d[informative]
    strata = int(a.size)
    common = mantel_haenszel(np.stack([a, b, c, d], axis=1).reshape(-1, 2, 2)) if strata else None
    if strata < 2 or common is None or common.failure is not None:
        reason = "fewer than two strata have no empty margin" if strata < 2 else "the common odds ratio is 0 or infinite"
        return BreslowDay(statistic=np.nan, p_value=np.nan, tarone_statistic=np.nan, tarone_p_value=np.nan,
                          strata=strata, failure=reason)  # fmt: skip
    expected = _expected_exposed_cases(a + b, c + d, a + c, common.estimate)
    cells = np.stack([expected, a + c - expected, a + b - expected, d - a + expected])
    variance = 1 / (1 / cells).sum(axis=0)
    statistic = float(((a - expected) ** 2 / variance).sum())
    tarone = statistic - float((a - expected).sum() ** 2 / variance.sum())
    law = scipy.stats.chi2(strata - 1)
    return BreslowDay(
        statistic=statistic,
        p_value=float(law.sf(statistic)),
        tarone_statistic=tarone,
        tarone_p_value=float(law.sf(tarone)),
        strata=strata,
    )


def _expected_exposed_cases(n1: FloatArray, n0: FloatArray, m1: FloatArray, w: float) -> FloatArray:
    """Solve the quadratic for the exposed cases that give odds ratio w, without cancellation near w = 1."""
    linear = n0 - m1 + w * (n1 + m1)
    constant = w * n1 * m1
    root = np.sqrt(linear**2 - 4 * (w - 1) * constant)
    return np.asarray(2 * constant / (linear + root))


def _counts(table: object) -> FloatArray:
    """Return a table of finite counts ≥ 0."""
    counts = np.asarray(table, dtype=np.float64)
    if counts.ndim != 2 or not np.isfinite(counts).all() or (counts < 0).any():
        raise DataError(f"table {np.asarray(table).tolist()} is not a table of counts; give numbers of 0 or more")
    return counts


def _cells(table: object) -> tuple[float, float, float, float]:
    """Return the four counts of a 2 × 2 table."""
    counts = _counts(table)
    if counts.shape != (2, 2):
        raise DataError(f"table has shape {counts.shape}; give rows treated, control and columns event, no event")
    (a, b), (c, d) = counts.tolist()
    return a, b, c, d


def _strata(tables: object) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return the four counts of each table with at least one patient."""
    counts = np.asarray(tables, dtype=np.float64)
    if counts.ndim != 3 or counts.shape[1:] != (2, 2):
        raise DataError(f"tables have shape {counts.shape}; give (strata, 2, 2)")
    if not np.isfinite(counts).all() or (counts < 0).any():
        raise DataError("tables hold a count that is negative or missing; give numbers of 0 or more")
    counts = counts[counts.sum(axis=(1, 2)) > 0]
    return counts[:, 0, 0], counts[:, 0, 1], counts[:, 1, 0], counts[:, 1, 1]


def _ratio(up: float, down: float) -> float:
    """Return a ratio, with inf for a positive number over zero and NaN for zero over zero."""
    if down == 0:
        return float("inf") if up > 0 else float("nan")
    return up / down


def _undefined(estimate: float, failure: str) -> Effect:
    """Return an effect without interval and the reason."""
    nothing = float("nan")
    return Effect(
        estimate=estimate, std_error=nothing, ci_low=nothing, ci_high=nothing, p_value=nothing, failure=failure
    )


def _ratio_effect(estimate: float, log_error: float, level: float) -> Effect:
    """Return a ratio with its interval from the log scale."""
    return _wald(float(estimate), float(np.log(estimate)), float(log_error), level, ratio=True)


def _difference_effect(estimate: float, error: float, level: float) -> Effect:
    """Return a difference with its interval; no test when the standard error is zero."""
    if error == 0:
        return _undefined(estimate, "both risks are 0 or 1, so the standard error is zero")
    return _wald(float(estimate), float(estimate), float(error), level, ratio=False)


def _wald(estimate: float, value: float, error: float, level: float, *, ratio: bool) -> Effect:
    """Return the Wald interval around a value, and back from the log scale for a ratio."""
    half = scipy.stats.norm.ppf(0.5 + level / 2) * error
    low, high = value - half, value + half
    p_value = 2 * float(scipy.stats.norm.sf(abs(value) / error)) if error > 0 else float("nan")
    if ratio:
        low, high = np.exp(low), np.exp(high)
    return Effect(estimate=estimate, std_error=error, ci_low=float(low), ci_high=float(high), p_value=p_value)
