"""Chained Bayesian regressions and Rubin's rules."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from numpy.testing import assert_allclose

from simsepsis.analysis.imputation import impute, pool
from simsepsis.errors import ConvergenceError, DataError


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


@pytest.mark.parametrize("unit", [2.0**-700, 2.0**700])
def test_the_unit_of_a_column_does_not_matter(unit: float) -> None:
    columns, others = sample(60, 3)
    columns[0, :9] = np.nan
    plain = impute(columns, others, cycles=2, rng=np.random.default_rng(1))
    scaled = impute(columns * [[unit], [1.0]], others * unit, cycles=2, rng=np.random.default_rng(1))
    assert_allclose(scaled / [[unit], [1.0]], plain, rtol=1e-9)


def test_constants_are_imputed_as_they_are() -> None:
    columns, others = sample(60, 3)
    columns[0], others[0] = 3.7, 1.0
    columns[0, :9] = np.nan
    filled = impute(columns, others, cycles=2, rng=np.random.default_rng(1))
    assert_allclose(filled[0], 3.7, rtol=1e-15)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (0, np.inf, "columns: row 0, column 2 is inf"),
        (0, "tall", "columns: row 0, column 2 is 'tall'"),
        (1, np.nan, "others: row 0, column 2 is nan"),
        (1, 1j, "others: row 0, column 2 is 1j"),
    ],
)
def test_what_cannot_be_imputed_is_refused(place: int, value: object, words: str) -> None:
    given = [part.astype(object) for part in sample(60, 3)]
    given[place][0, 2] = value
    with pytest.raises(DataError, match=words):
        impute(*given, cycles=1, rng=np.random.default_rng(1))
    with pytest.raises(DataError, match="rows of 60 values and others of 59"):
        impute(sample(60, 3)[0], sample(59, 3)[1], cycles=1, rng=np.random.default_rng(1))


@pytest.mark.parametrize("unit", [1e-300, 1.0, 1e300])
def test_rubins_rules_in_any_unit(unit: float) -> None:
    plain = pool([1.0, 1.2, 0.8], [0.3, 0.4, 0.5])
    scaled = pool(np.array([1.0, 1.2, 0.8]) * unit, np.array([0.3, 0.4, 0.5]) * unit)
    assert scaled.estimate / unit == pytest.approx(plain.estimate)
    assert scaled.std_error / unit == pytest.approx(plain.std_error)
    assert scaled.df == pytest.approx(plain.df)
    assert scaled.p_value() == pytest.approx(plain.p_value())


def test_nothing_to_pool_is_said() -> None:
    with pytest.raises(ConvergenceError, match="the standard error is zero"):
        pool([0.4, 0.4, 0.4], [0.0, 0.0, 0.0])
    assert pool([0.4, 0.5, 0.4], [0.0, 0.0, 0.0]).std_error > 0
    for estimates, errors, words in (
        ([1.0], [1.0], "estimates has 1 values"),
        ([1.0, np.nan], [1.0, 1.0], "estimates: row 1 is nan"),
        ([1.0, 2.0], [1.0, -1.0], "std_errors: row 1 is -1; give 0 or more"),
        ([1.0, 2.0], [1.0], "std_errors has shape"),
    ):
        with pytest.raises(DataError, match=words):
            pool(estimates, errors)
