import math

import numpy as np
import pytest

from simsepsis.study.arithmetic import (
    TwoByTwo,
    attainable_counts,
    one_sided_p,
    smd_percent,
    smd_percent_range,
    two_sided_p,
    wald_odds_ratio,
    wald_p,
    wald_p_range,
)

ICU_DEATHS = TwoByTwo(events=(137, 118), total=(653, 653))


def test_standardized_difference_by_hand():
    # (0.5 - 0.3) / sqrt((0.25 + 0.21) / 2)
    assert smd_percent(0.5, 0.3) == pytest.approx(100 * 0.2 / math.sqrt(0.23))
    assert smd_percent(0.3, 0.5) == smd_percent(0.5, 0.3)
    assert smd_percent(0.0, 0.0) == 0.0
    assert smd_percent(1.0, 0.0) == math.inf


@pytest.mark.parametrize(
    "pair", [((0.02, 0.03), (0.2, 0.21)), ((0.6, 0.7), (0.1, 0.4)), ((0.1, 0.3), (0.2, 0.5))]
)
def test_range_of_standardized_differences_is_that_of_a_fine_grid(pair):
    grid = [smd_percent(a, b) for a in np.linspace(*pair[0], 101) for b in np.linspace(*pair[1], 101)]
    assert smd_percent_range(*pair) == pytest.approx((min(grid), max(grid)), abs=1e-9)


def test_odds_ratio_and_limits_are_those_of_table_4():
    numbers = wald_odds_ratio(ICU_DEATHS)
    assert [round(numbers[name], 3) for name in ("odds_ratio", "ci_low", "ci_high")] == [1.204, 0.915, 1.584]


def test_an_empty_corner_has_no_odds_ratio():
    assert wald_odds_ratio(TwoByTwo(events=(3, 0), total=(653, 653))) == {}


def test_chi_square_by_hand():
    # n (ad - bc)^2 / (product of margins), 1 degree of freedom
    (a, b), (c, d) = ICU_DEATHS.counts
    statistic = 1306 * (a * d - b * c) ** 2 / (653 * 653 * (a + c) * (b + d))
    p = math.erfc(math.sqrt(statistic / 2))
    tests = two_sided_p(ICU_DEATHS)
    assert tests["chi-square"] == pytest.approx(p, rel=1e-10)
    assert tests["linear-by-linear"] == pytest.approx(
        math.erfc(math.sqrt(statistic * 1305 / 1306 / 2)), rel=1e-10
    )
    assert tests["chi-square"] < tests["chi-square with Yates' correction"]


def test_fisher_by_hand():
    # 3 of 3 against 0 of 3: 1 / C(6, 3) on one side, twice that on both
    table = TwoByTwo(events=(3, 0), total=(3, 3))
    assert one_sided_p(table) == pytest.approx(1 / 20)
    assert two_sided_p(table)["Fisher, two-sided"] == pytest.approx(2 / 20)


def test_p_value_of_an_interval_that_touches_one_is_five_percent():
    assert wald_p(2.0, 1.0, 4.0) == pytest.approx(0.05)


def test_range_of_p_values_is_that_of_a_fine_grid():
    ratio, low, high = (0.95, 0.98), (0.7, 0.74), (1.2, 1.3)
    grid = [
        wald_p(r, lo, hi)
        for r in np.linspace(*ratio, 21)
        for lo in np.linspace(*low, 21)
        for hi in np.linspace(*high, 21)
    ]
    assert wald_p_range(ratio, low, high) == pytest.approx((min(grid), max(grid)))
    assert wald_p_range((0.99, 1.01), low, high)[1] == 1.0


def test_attainable_counts():
    assert attainable_counts((20.75, 20.85), 796) == []
    assert attainable_counts((32.65, 32.75), 796) == [260]
    assert attainable_counts((0.0, 100.0), 2) == [0, 1, 2]
