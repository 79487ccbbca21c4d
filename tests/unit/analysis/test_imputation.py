"""Chained Bayesian regressions and Rubin's rules."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from numpy.testing import assert_allclose

from simsepsis.analysis.imputation import impute, pool
from simsepsis.errors import ConvergenceError


def sample(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, n))
    return np.vstack([1.0 + 2.0 * x - z + 0.5 * rng.normal(size=n), x]), z[None]


def test_what_is_known_stays_and_gaps_follow_the_regression() -> None:
    columns, others = sample(4_000, 1)
    truth = columns[0].copy()
    gone = np.random.default_rng(2).random(4_000) < 0.3
    columns[0, gone] = np.nan
    filled = impute(columns, others, cycles=1, rng=np.random.default_rng(3))
    assert_allclose(filled[0, ~gone], truth[~gone])
    assert_allclose(filled[1], columns[1])
    expected = 1.0 + 2.0 * columns[1, gone] - others[0, gone]
    residual = filled[0, gone] - expected
    size = gone.sum()
    # the drawn coefficients add little to the standard error of a mean of `size` residuals
    assert abs(residual.mean()) < 5 * 0.5 / np.sqrt(size)
    assert abs(residual.std() - 0.5) < 5 * 0.5 / np.sqrt(2 * size)


def test_gaps_at_random_given_the_others_leave_the_mean_unbiased() -> None:
    means = []
    for seed in range(60):
        columns, others = sample(300, seed)
        rng = np.random.default_rng(1_000 + seed)
        gone = rng.random(300) < scipy.stats.norm.cdf(columns[1])
        columns[0, gone] = np.nan
        means.append(impute(columns, others, cycles=2, rng=rng)[0].mean())
    # the SD of the variable is √5.25
    assert abs(np.mean(means) - 1.0) < 4 * np.std(means) / np.sqrt(60)
    assert np.std(means) < 3 * np.sqrt(5.25 / 300)


def test_two_columns_with_gaps_keep_their_association() -> None:
    rng = np.random.default_rng(5)
    both = rng.multivariate_normal([0.0, 0.0], [[1.0, 0.8], [0.8, 1.0]], size=6_000).T
    holed = np.where(rng.random(both.shape) < 0.3, np.nan, both)
    filled = impute(holed, np.empty((0, 6_000)), cycles=5, rng=rng)
    assert abs(np.corrcoef(filled)[0, 1] - 0.8) < 0.03


def test_the_same_generator_gives_the_same_draws_and_the_input_stays() -> None:
    columns, others = sample(200, 4)
    columns[0, :50] = np.nan
    before = columns.copy()
    first, second = (impute(columns, others, cycles=2, rng=np.random.default_rng(6)) for _ in range(2))
    assert_allclose(first, second)
    assert_allclose(columns, before)


def test_too_few_values_are_refused() -> None:
    columns, others = sample(20, 4)
    columns[0, 2:] = np.nan
    with pytest.raises(ConvergenceError, match="too few to impute"):
        impute(columns, others, cycles=1, rng=np.random.default_rng(1))


def test_a_column_of_nothing_is_refused() -> None:
    columns, others = sample(20, 4)
    columns[0] = np.nan
    with pytest.raises(ConvergenceError, match="no value at all"):
        impute(columns, others, cycles=1, rng=np.random.default_rng(1))


def test_rubins_rules() -> None:
    estimates, errors = np.array([1.0, 1.2, 0.8]), np.array([0.3, 0.4, 0.5])
    pooled = pool(estimates, errors)
    within, between = np.mean([0.09, 0.16, 0.25]), 0.04
    assert pooled.estimate == pytest.approx(1.0)
    assert pooled.std_error == pytest.approx(np.sqrt(within + 4 / 3 * between))
    df = 2 * (1 + within / (4 / 3 * between)) ** 2
    assert pooled.df == pytest.approx(df)
    law = scipy.stats.t(df)
    assert_allclose(pooled.limits(), 1.0 + law.ppf([0.025, 0.975]) * pooled.std_error)
    assert pooled.p_value() == pytest.approx(2 * law.sf(1.0 / pooled.std_error))


def test_without_spread_between_draws_the_normal_distribution_is_left() -> None:
    pooled = pool(np.full(5, 0.7), np.full(5, 0.2))
    assert pooled.std_error == pytest.approx(0.2)
    assert_allclose(pooled.limits(), 0.7 + scipy.stats.norm.ppf([0.025, 0.975]) * 0.2)
