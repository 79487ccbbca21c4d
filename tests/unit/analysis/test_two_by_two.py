from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import scipy.stats
from numpy.testing import assert_allclose
from statsmodels.stats.contingency_tables import SquareTable, StratifiedTable, Table2x2
from statsmodels.stats.contingency_tables import mcnemar as sm_mcnemar

from simsepsis.analysis.two_by_two import (
    breslow_day,
    chi_square,
    fisher,
    mantel_haenszel,
    mcnemar,
    odds_ratio,
    pair_table,
    paired_odds_ratio,
    paired_risk_difference,
    risk_difference,
    risk_ratio,
    smallest_expected,
    two_by_two_table,
)
from simsepsis.errors import DataError, UsageError

TABLES = [
    np.array(t, dtype=float) for t in ([[12, 30], [5, 41]], [[162, 491], [178, 475]], [[1, 99], [7, 3]])
]
TABLE = TABLES[0]


def strata(seed: int, k: int = 5, low: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, 30, (k, 2, 2)).astype(float)


def test_counting_a_table() -> None:
    table = two_by_two_table([1, 1, 1, 0, 0], [True, False, False, True, True])
    assert table.tolist() == [[1, 2], [2, 0]]
    assert pair_table([1, 1, 0, 0], [1, 0, 1, 0]).tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize("table", TABLES)
def test_ratios_equal_statsmodels(table: np.ndarray) -> None:
    reference = Table2x2(table)
    ours = odds_ratio(table, level=0.9)
    assert ours.estimate == pytest.approx(reference.oddsratio, rel=1e-12)
    assert_allclose([ours.ci_low, ours.ci_high], reference.oddsratio_confint(0.1), rtol=1e-10)
    assert ours.std_error == pytest.approx(reference.log_oddsratio_se, rel=1e-12)
    assert ours.p_value == pytest.approx(reference.oddsratio_pvalue(), rel=1e-9)
    ours = risk_ratio(table)
    assert ours.estimate == pytest.approx(reference.riskratio, rel=1e-12)
    assert_allclose([ours.ci_low, ours.ci_high], reference.riskratio_confint(), rtol=1e-10)
    assert ours.p_value == pytest.approx(reference.riskratio_pvalue(), rel=1e-9)


def test_risk_difference_by_hand() -> None:
    ours = risk_difference(TABLE)
    p1, p0 = 12 / 42, 5 / 46
    error = np.sqrt(p1 * (1 - p1) / 42 + p0 * (1 - p0) / 46)
    assert ours.estimate == pytest.approx(p1 - p0)
    assert_allclose([ours.ci_low, ours.ci_high], p1 - p0 + np.array([-1.959964, 1.959964]) * error, rtol=1e-6)
    assert ours.p_value == pytest.approx(2 * scipy.stats.norm.sf((p1 - p0) / error))


def test_paired_risk_difference_is_that_of_the_pair_differences() -> None:
    rng = np.random.default_rng(1)
    t, c = rng.integers(0, 2, (2, 200))
    ours = paired_risk_difference(pair_table(t, c))
    differences = t - c
    assert ours.estimate == pytest.approx(differences.mean())
    assert ours.std_error == pytest.approx(differences.std(ddof=0) / np.sqrt(200))


def test_pairing_narrows_the_interval_when_partners_are_alike() -> None:
    rng = np.random.default_rng(2)
    risk = rng.random(2000)
    t, c = rng.random((2, 2000)) < risk
    unpaired = risk_difference([[t.sum(), 2000 - t.sum()], [c.sum(), 2000 - c.sum()]])
    assert paired_risk_difference(pair_table(t, c)).std_error < 0.9 * unpaired.std_error


def test_conditional_odds_ratio() -> None:
    ours = paired_odds_ratio([[20, 15], [6, 59]])
    assert ours.estimate == pytest.approx(2.5)
    assert ours.std_error == pytest.approx(np.sqrt(1 / 15 + 1 / 6))


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("exact", [False, True])
def test_mcnemar_equals_statsmodels(table: np.ndarray, exact: bool) -> None:
    ours, reference = mcnemar(table, exact=exact), sm_mcnemar(table, exact=exact, correction=False)
    assert ours.statistic == pytest.approx(reference.statistic)
    assert ours.p_value == pytest.approx(reference.pvalue)
    if not exact:
        assert ours.p_value == pytest.approx(SquareTable(table, shift_zeros=False).symmetry().pvalue)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("yates", [False, True])
def test_chi_square_equals_scipy(table: np.ndarray, yates: bool) -> None:
    reference = scipy.stats.chi2_contingency(table, correction=yates)
    assert chi_square(table, yates=yates).statistic == pytest.approx(reference.statistic)
    assert smallest_expected(table) == pytest.approx(reference.expected_freq.min())


def test_chi_square_of_several_levels_leaves_out_empty_ones() -> None:
    ours = chi_square([[12, 0, 30, 4], [5, 0, 41, 9]])
    assert ours.p_value == pytest.approx(chi_square([[12, 30, 4], [5, 41, 9]]).p_value)


def test_fisher_by_hand() -> None:
    """Fisher's tea: 3 of 4 cups right has p = 17/70 one-sided and 34/70 two-sided."""
    assert fisher([[3, 1], [1, 3]], sides="greater").p_value == pytest.approx(17 / 70)
    assert fisher([[3, 1], [1, 3]]).p_value == pytest.approx(34 / 70)
    assert fisher([[3, 1], [1, 3]]).statistic == pytest.approx(9.0)


@pytest.mark.parametrize("seed", range(5))
def test_stratified_tables_equal_statsmodels(seed: int) -> None:
    tables = strata(seed)
    reference = StratifiedTable(list(tables))
    common = mantel_haenszel(tables)
    assert common.estimate == pytest.approx(reference.oddsratio_pooled, rel=1e-12)
    assert_allclose([common.ci_low, common.ci_high], reference.oddsratio_pooled_confint(), rtol=1e-9)
    ours, plain, tarone = (
        breslow_day(tables),
        reference.test_equal_odds(),
        reference.test_equal_odds(adjust=True),
    )
    assert ours.statistic == pytest.approx(plain.statistic, rel=1e-10)
    assert ours.p_value == pytest.approx(plain.pvalue, rel=1e-10)
    assert ours.tarone_statistic == pytest.approx(tarone.statistic, rel=1e-10)
    assert ours.tarone_p_value == pytest.approx(tarone.pvalue, rel=1e-10)
    assert ours.strata == 5


def test_breslow_day_unpacks_into_four_numbers() -> None:
    statistic, p_value, tarone, tarone_p_value = breslow_day(strata(1))
    assert statistic >= tarone
    assert p_value <= tarone_p_value


def test_breslow_day_of_equal_odds_ratios_is_zero() -> None:
    tables = [[[10, 20], [5, 40]], [[20, 10], [10, 20]], [[40, 10], [20, 20]]]
    assert [round(odds_ratio(t).estimate, 12) for t in tables] == [4.0, 4.0, 4.0]
    assert breslow_day(tables).statistic == pytest.approx(0, abs=1e-12)
    assert breslow_day(tables).p_value == pytest.approx(1)


def test_breslow_day_at_a_common_odds_ratio_of_one() -> None:
    """The quadratic degenerates there; the expected count is n₁m₁/n."""
    tables = [[[10, 30], [20, 20]], [[20, 20], [10, 30]]]
    assert mantel_haenszel(tables).estimate == pytest.approx(1)
    assert breslow_day(tables).statistic == pytest.approx(
        2 * 5**2 / (1 / (1 / 15 + 1 / 15 + 1 / 25 + 1 / 25))
    )


def test_breslow_day_leaves_out_strata_with_an_empty_margin() -> None:
    tables = strata(6)
    padded = np.concatenate([tables, [[[0, 9], [0, 4]], [[3, 5], [0, 0]], [[0, 0], [0, 0]]]])
    assert list(breslow_day(padded)) == pytest.approx(list(breslow_day(tables)))
    assert breslow_day(padded).strata == 5


def test_breslow_day_at_an_extreme_odds_ratio_solves_its_equation() -> None:
    tables = np.array([[[99.0, 1], [2, 98]], [[1, 0], [30, 169]], [[97, 3], [0, 1]]])
    w = mantel_haenszel(tables).estimate
    result = breslow_day(tables)
    assert w > 100
    assert np.isfinite(result.statistic)
    total = 0.0
    for (a, b), (c, d) in tables:
        e = scipy.optimize.brentq(
            lambda x, a=a, b=b, c=c, d=d: x * (d - a + x) - w * (a + b - x) * (a + c - x),
            max(0, a - d),
            min(a + b, a + c),
            xtol=1e-14,
        )
        total += (a - e) ** 2 * (1 / e + 1 / (a + c - e) + 1 / (a + b - e) + 1 / (d - a + e))
    assert result.statistic == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize(
    ("table", "estimate"),
    [
        ([[0, 10], [5, 5]], 0.0),
        ([[5, 5], [0, 10]], np.inf),
        ([[10, 0], [5, 5]], np.inf),
        ([[0, 10], [0, 10]], np.nan),
        ([[0, 0], [5, 5]], np.nan),
    ],
)
def test_zero_cells_give_the_limit_and_a_reason(table: list[list[int]], estimate: float) -> None:
    ours = odds_ratio(table)
    assert ours.estimate == pytest.approx(estimate, nan_ok=True)
    assert np.isnan([ours.std_error, ours.ci_low, ours.ci_high, ours.p_value]).all()
    assert "zero" in str(ours.failure)


def test_risk_measures_without_events_or_patients() -> None:
    assert risk_ratio([[0, 10], [5, 5]]).estimate == 0
    assert risk_ratio([[5, 5], [0, 10]]).estimate == np.inf
    assert risk_ratio([[0, 10], [0, 10]]).failure is not None
    everybody = risk_ratio([[10, 0], [7, 0]])
    assert everybody.estimate == 1
    assert "standard error is zero" in str(everybody.failure)
    assert risk_difference([[0, 0], [1, 2]]).failure == "an arm is empty"
    assert risk_difference([[0, 9], [4, 0]]).estimate == -1
    assert "standard error is zero" in str(risk_difference([[0, 9], [4, 0]]).failure)
    assert paired_risk_difference(np.zeros((2, 2))).failure == "there is no pair"
    assert paired_odds_ratio([[1, 2], [0, 1]]).estimate == np.inf


def test_tests_without_information() -> None:
    assert chi_square([[0, 0], [5, 5]]).failure is not None
    assert chi_square([[0, 9], [0, 5]]).failure is not None
    assert mcnemar([[5, 0], [0, 5]]).p_value == 1
    assert mcnemar([[5, 0], [0, 5]]).failure is not None
    assert fisher([[0, 5], [0, 9]]).p_value == 1
    assert smallest_expected(np.zeros((2, 2))) == 0
    assert "fewer than two" in str(breslow_day([TABLE]).failure)
    assert "0 or infinite" in str(breslow_day([[[0, 5], [4, 4]], [[0, 3], [2, 7]]]).failure)
    assert np.isnan(list(breslow_day([TABLE]))).all()
    assert mantel_haenszel([[[0, 5], [4, 4]]]).failure is not None
    assert mantel_haenszel(np.empty((0, 2, 2))).failure is not None


def test_refuses_what_is_no_table() -> None:
    for bad in ([[1, 2]], [[1, -2], [3, 4]], [[1, np.nan], [3, 4]], [1, 2, 3, 4]):
        with pytest.raises(DataError, match="table"):
            odds_ratio(bad)
    with pytest.raises(DataError, match="tables have shape"):
        breslow_day(TABLE)
    with pytest.raises(DataError, match="negative or missing"):
        breslow_day(-strata(1))
    with pytest.raises(UsageError, match="sides 'both' is unknown"):
        fisher(TABLE, sides="both")
    with pytest.raises(DataError, match="treated: row 1 is 2"):
        two_by_two_table([1, 2], [0, 1])


@pytest.mark.parametrize(
    "test",
    [fisher, chi_square, mcnemar, partial(mcnemar, exact=True), lambda table: breslow_day([table, TABLE])],
)
def test_a_test_of_counts_takes_no_weights(test: Callable[[object], object]) -> None:
    with pytest.raises(DataError, match=r"row 0, column 1 is 2\.5, no whole number"):
        test([[3, 2.5], [4, 6]])


def test_measures_of_effect_take_corrected_counts() -> None:
    """Haldane's half in every cell, for which an odds ratio exists though no test of counts does."""
    found = odds_ratio(np.array([[5, 0], [3, 9]]) + 0.5)
    assert found.estimate == pytest.approx(5.5 * 9.5 / (0.5 * 3.5))
    assert found.failure is None
    assert mantel_haenszel([[[5.5, 0.5], [3.5, 9.5]]]).estimate == pytest.approx(found.estimate)


@pytest.mark.parametrize("bad", [np.inf, 1e300, 1e-300, -1, None, "9", 2**60])
@pytest.mark.parametrize(
    "measure",
    [odds_ratio, risk_ratio, risk_difference, paired_odds_ratio, fisher, chi_square, mcnemar],
)
def test_a_cell_is_a_number_of_patients(measure: Callable[[object], object], bad: object) -> None:
    with pytest.raises(DataError, match="table: row 1, column 0 is "):
        measure([[3, 2], [bad, 6]])


def test_fisher_says_when_there_are_too_many_tables() -> None:
    huge = fisher([[10**9, 10**9], [10**9, 10**9]])
    assert np.isnan(huge.p_value)
    assert "too many for an exact test; use chi_square" in str(huge.failure)
    assert huge.statistic == 1.0
    assert "no odds ratio" in str(fisher([[0, 5], [0, 9]]).failure)


@pytest.mark.parametrize("level", [0.0, 1.0, -0.5, 95, np.nan, None, "0.95"])
def test_levels_lie_between_0_and_1(level: float) -> None:
    for measure in (odds_ratio, risk_ratio, risk_difference, paired_odds_ratio, paired_risk_difference):
        with pytest.raises(UsageError, match="level = "):
            measure([[5, 6], [7, 9]], level=level)
