"""Quantile functions, cut points, joint tables."""

import numpy as np
import pytest
from scipy.special import ndtr

from simsepsis.errors import ScenarioError
from simsepsis.studies.jseptic_ivigg.world.margins import (
    Z_GRID,
    arm_cdf,
    cut_points,
    fit_joint,
    graded,
    pooled_quantiles,
    split_normal_cdf,
    tabulated,
)
from simsepsis.studies.jseptic_ivigg.world.people import Margin

AGE = Margin(family="split_normal", ivigg=(61, 70, 79), control=(63, 73, 81), low=16, high=104)
PLATELETS = Margin(family="split_lognormal", ivigg=(54, 107, 172), control=(72, 130, 203), low=1, high=1200)


def test_split_normal_has_its_quartiles():
    assert split_normal_cdf(np.array([2.0, 3.0, 7.0]), (2.0, 3.0, 7.0)) == pytest.approx([0.25, 0.5, 0.75])


@pytest.mark.parametrize("margin", [AGE, PLATELETS], ids=["normal", "lognormal"])
@pytest.mark.parametrize("arm", ["ivigg", "control"])
def test_each_arm_has_its_printed_quartiles(margin, arm):
    assert arm_cdf(margin, arm, np.array(getattr(margin, arm))) == pytest.approx([0.25, 0.5, 0.75])


@pytest.mark.parametrize("margin", [AGE, PLATELETS], ids=["normal", "lognormal"])
def test_pooled_quantiles_invert_the_mixture(margin):
    p = np.linspace(0.02, 0.98, 25)
    x = pooled_quantiles(margin, 0.3, p)
    mixture = 0.3 * arm_cdf(margin, "ivigg", x) + 0.7 * arm_cdf(margin, "control", x)
    assert mixture == pytest.approx(p, abs=1e-4)
    assert np.all(np.diff(x) > 0)


def test_pooled_quantiles_stay_within_the_limits():
    x = pooled_quantiles(AGE, 0.3, np.array([0.0, 1e-12, 1 - 1e-12, 1.0]))
    assert x.min() >= 16
    assert x.max() <= 104


def test_cut_points_give_the_probabilities_back():
    cuts = cut_points(np.array([0.1, 0.2, 0.4, 0.3]), Z_GRID, ndtr(Z_GRID))
    assert np.diff(np.concatenate([[0], ndtr(cuts), [1]])) == pytest.approx([0.1, 0.2, 0.4, 0.3], abs=1e-4)


def test_tabulated_equals_interpolation():
    rng = np.random.default_rng(3)
    table = np.cumsum(rng.random(Z_GRID.size))
    z = rng.normal(scale=3.0, size=5_000)
    assert tabulated(z, table) == pytest.approx(np.interp(z, Z_GRID, table), rel=1e-9)


def test_joint_table_has_the_margins_and_keeps_odds_ratios_and_zeros():
    seed = np.array([[3.0, 1.0, 0.0], [1.0, 3.0, 2.0]])
    rows, columns = np.array([0.4, 0.6]), np.array([0.3, 0.5, 0.2])
    table = fit_joint(seed, {0: rows, 1: columns})
    assert table.sum(axis=1) == pytest.approx(rows)
    assert table.sum(axis=0) == pytest.approx(columns)
    assert table[0, 2] == 0.0
    odds = table[0, 0] * table[1, 1] / (table[0, 1] * table[1, 0])
    assert odds == pytest.approx(9.0)


def test_impossible_margins_are_refused():
    seed = np.array([[1.0, 0.0], [1.0, 1.0]])
    with pytest.raises(ScenarioError, match="impossible combination"):
        fit_joint(seed, {0: np.array([0.7, 0.3]), 1: np.array([0.4, 0.6])})


@pytest.mark.parametrize("cuts", [[-0.5, 0.0, 1.25], [0.3], [-0.5, 0.0, 0.0, 0.0, 2.0], []])
def test_graded_counts_the_cuts_reached(cuts):
    cuts = np.array(cuts, dtype=np.float64)
    z = np.concatenate([cuts, np.random.default_rng(4).normal(size=2_000)])
    assert np.array_equal(graded(z, cuts), np.searchsorted(cuts, z, side="right"))
