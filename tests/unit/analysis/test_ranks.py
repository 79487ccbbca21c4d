from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from numpy.testing import assert_allclose

from simsepsis.analysis.ranks import mann_whitney
from simsepsis.errors import DataError


def by_scipy(x: np.ndarray, group: np.ndarray) -> float:
    test = scipy.stats.mannwhitneyu(x[group == 1], x[group == 0], use_continuity=False, method="asymptotic")
    return float(test.pvalue)


@pytest.mark.parametrize("scale", [0.3, 2.0, 50.0])
def test_equals_scipy_with_and_without_ties(scale: float) -> None:
    rng = np.random.default_rng(1)
    x = np.round(rng.normal(0, scale, (300, 6)))
    group = (rng.random(300) < 0.4).astype(int)
    assert_allclose(mann_whitney(x, group), [by_scipy(column, group) for column in x.T], rtol=1e-12)


def test_one_column_may_be_a_vector() -> None:
    x, group = np.arange(20.0), np.arange(20) % 3 == 0
    assert mann_whitney(x, group) == pytest.approx(by_scipy(x, group))


def test_missing_values_are_left_out_column_by_column() -> None:
    rng = np.random.default_rng(2)
    x = rng.poisson(3, (200, 3)).astype(float)
    group = rng.integers(0, 2, 200)
    x[:40, 1] = np.nan
    expected = [by_scipy(x[:, 0], group), by_scipy(x[40:, 1], group[40:]), by_scipy(x[:, 2], group)]
    assert_allclose(mann_whitney(x, group), expected, rtol=1e-12)


def test_a_constant_column_shows_no_difference() -> None:
    assert mann_whitney(np.ones(10), np.arange(10) < 4) == pytest.approx(1.0)


def test_an_empty_group_has_no_test() -> None:
    x = np.column_stack([np.arange(6.0), [1.0, 2.0, np.nan, np.nan, np.nan, np.nan]])
    assert np.isnan(mann_whitney(x, np.zeros(6))).all()
    assert list(np.isnan(mann_whitney(x, [1, 1, 0, 0, 0, 0]))) == [False, True]


def test_groups_may_be_swapped() -> None:
    rng = np.random.default_rng(3)
    x, group = rng.normal(size=(50, 2)), rng.integers(0, 2, 50)
    assert_allclose(mann_whitney(x, group), mann_whitney(x, 1 - group))


def test_refuses_bad_data() -> None:
    with pytest.raises(DataError, match="one row for each of the 3 groups"):
        mann_whitney(np.ones((4, 2)), [0, 1, 1])
    with pytest.raises(DataError, match="group: row 0 is 2"):
        mann_whitney(np.ones(3), [2, 1, 1])
