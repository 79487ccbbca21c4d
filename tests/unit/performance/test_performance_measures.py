"""Measures of estimates and standard errors: by hand, against slow loops, and against Stata's output."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.special

from simsepsis.performance.measures import (
    bias,
    empirical_se,
    median_bias,
    model_se,
    mse,
    paired_difference,
    relative_bias,
    relative_error_model_se,
    relative_precision,
    rmse,
)

NAN = np.nan
THETA = np.array([1.0, 2.0, 4.0, 5.0])  # mean 3; deviations -2, -1, 1, 2; sum of squares 10
ERRORS = np.array([1.0, 1.0, 2.0, 2.0])  # variances 1, 1, 4, 4


def numbers(measured) -> tuple[float, float, int]:
    return tuple(float(item) for item in measured)


def test_bias_by_hand():
    assert numbers(bias(THETA, 2.0)) == pytest.approx((1.0, np.sqrt(10 / 3 / 4), 4))


def test_bias_carries_the_error_of_the_truth():
    assert bias(THETA, 2.0, 0.5).mcse == pytest.approx(np.sqrt(10 / 12 + 0.25))


def test_relative_bias_by_hand():
    assert numbers(relative_bias(THETA, 2.0)) == pytest.approx((0.5, np.sqrt(10 / 12) / 2, 4))


def test_relative_bias_of_a_negative_truth_has_a_positive_error():
    value, mcse, _ = numbers(relative_bias(-THETA, -2.0))
    assert (value, mcse) == pytest.approx((0.5, np.sqrt(10 / 12) / 2))


def test_relative_bias_carries_the_error_of_the_truth_by_the_delta_method():
    # d/dθ (3/θ − 1) = −3/4 at θ = 2
    assert relative_bias(THETA, -2.0, 0.1).mcse == pytest.approx(np.hypot(np.sqrt(10 / 12) / 2, 0.075))


def test_relative_bias_is_undefined_at_zero():
    value, mcse, n = numbers(relative_bias(THETA, 0.0, 0.1))
    assert np.isnan([value, mcse]).all()
    assert n == 0


def test_median_bias_of_an_odd_and_an_even_number():
    x = np.array([[5.0, 1.0, 2.0, NAN], [5.0, 1.0, 2.0, 4.0]])
    assert median_bias(x, np.array([1.0, 1.0])).value == pytest.approx([1.0, 2.0])


def test_the_error_of_the_median_is_the_distance_of_two_order_statistics():
    # n = 25: c = round(13 − 2.5758·2.5) = round(6.56) = 7, so the 7th and the 19th value
    x = np.arange(1.0, 26.0) ** 2
    value, mcse, _ = numbers(median_bias(x[::-1].copy(), 0.0, 0.0))
    assert value == 169.0
    assert mcse == pytest.approx((19.0**2 - 7.0**2) / (2 * scipy.special.ndtri(0.995)))


def test_the_median_of_a_few_replicates_has_no_error_to_name():
    assert np.isnan(median_bias(np.arange(6.0), 0.0).mcse)
    assert np.isfinite(median_bias(np.arange(9.0), 0.0).mcse)


def test_empirical_se_by_hand():
    spread = np.sqrt(10 / 3)
    assert numbers(empirical_se(THETA, robust=False)) == pytest.approx((spread, spread / np.sqrt(6), 4))
    # T = (4, 1, 1, 4)·4/3, mean 10/3, Σ(T − R)² = 16
    assert numbers(empirical_se(THETA)) == pytest.approx(
        (spread, np.sqrt(4 / 3) * np.sqrt(16) / 4 / (2 * spread), 4)
    )


def test_model_se_is_the_root_of_the_mean_variance():
    # variances 1, 1, 4, 4: mean 2.5, variance 3
    assert numbers(model_se(ERRORS)) == pytest.approx((np.sqrt(2.5), np.sqrt(3 / (4 * 4 * 2.5)), 4))


def test_relative_error_of_the_model_se_by_hand():
    ratio = np.sqrt(2.5 / (10 / 3))
    normal = 100 * ratio * np.sqrt(3 / (4 * 4 * 2.5**2) + 1 / 6)
    assert numbers(relative_error_model_se(THETA, ERRORS, robust=False)) == pytest.approx(
        (100 * (ratio - 1), normal, 4)
    )
    # R = 1; T − B = 1 − 4, 1 − 1, 4 − 1, 4 − 4
    robust = 100 * np.sqrt(18) / 10 / (2 * ratio)
    assert numbers(relative_error_model_se(THETA, ERRORS)) == pytest.approx((100 * (ratio - 1), robust, 4))


def test_relative_error_uses_replicates_with_estimate_and_standard_error_only():
    theta, errors = np.append(THETA, [100.0, NAN]), np.append(ERRORS, [NAN, 100.0])
    assert numbers(relative_error_model_se(theta, errors)) == numbers(relative_error_model_se(THETA, ERRORS))


def test_mse_and_rmse_by_hand():
    # squared errors 1, 0, 4, 9: mean 3.5, sum of squared deviations 49
    error = np.sqrt(49 / (4 * 3))
    assert numbers(mse(THETA, 2.0)) == pytest.approx((3.5, error, 4))
    assert numbers(rmse(THETA, 2.0)) == pytest.approx((np.sqrt(3.5), error / (2 * np.sqrt(3.5)), 4))
    assert mse(THETA, 2.0, 0.5).mcse == pytest.approx(np.hypot(error, 2 * 1.0 * 0.5))


def test_rmse_of_a_perfect_method_is_zero_without_error():
    assert numbers(rmse(np.full(5, 2.0), 2.0)) == (0.0, 0.0, 5)


def test_rmse_at_no_bias_has_the_error_of_the_delta_method():
    """√(1/2K) for normal estimates; a form that adds the bias's own variance gives 0.0274."""
    x = scipy.special.ndtri((np.arange(1000) + 0.5) / 1000)
    assert rmse(x / x.std(), 0.0).mcse == pytest.approx(0.02236, abs=2e-4)


def test_relative_precision_by_hand():
    reference = np.array([0.0, 3.0, 3.0, 6.0])  # deviations -3, 0, 0, 3; sum of squares 18
    rho2 = 12.0**2 / (10 * 18)
    normal = 200 * 1.8 * np.sqrt((1 - rho2) / 3)
    assert numbers(relative_precision(THETA, reference, robust=False)) == pytest.approx((80.0, normal, 4))
    # T − 1.8·B = 9 − 7.2, −1.8, −1.8, 9 − 7.2
    assert numbers(relative_precision(THETA, reference)) == pytest.approx((80.0, 100 * 3.6 / 10, 4))


def test_relative_precision_uses_complete_pairs():
    own, reference = np.append(THETA, [NAN, 8.0]), np.array([0.0, 3.0, 3.0, 6.0, 2.0, NAN])
    assert numbers(relative_precision(own, reference)) == numbers(relative_precision(THETA, reference[:4]))


@pytest.mark.parametrize("robust", [True, False])
def test_a_method_against_itself_has_no_gain_and_no_error(robust: bool):
    x = np.random.default_rng(3).normal(size=997)
    assert numbers(relative_precision(x, x.copy(), robust=robust)) == (0.0, 0.0, 997)


def test_the_paired_difference_leaves_out_shared_noise():
    value, mcse, n = numbers(
        paired_difference(np.array([1.5, 2.5, NAN, 4.5]), np.array([1.0, 2.0, 3.0, 4.0]))
    )
    assert (value, mcse, n) == (0.5, 0.0, 3)


def test_one_replicate_has_no_monte_carlo_error():
    one = np.array([2.0])
    for measured in (bias(one, 1.0), mse(one, 1.0), model_se(one)):
        assert np.isfinite(measured.value)
        assert np.isnan(measured.mcse)
    for measured in (
        empirical_se(one),
        empirical_se(one, robust=False),
        relative_error_model_se(one, one),
        relative_precision(one, one),
        relative_precision(one, one, robust=False),
    ):
        assert np.isnan([measured.value, measured.mcse]).all()


def test_the_error_and_precision_of_stata_simsum():
    """Stata's `simsum` 2.3.1 prints the moments of its check data; these give its other numbers."""
    n = 100
    z = scipy.special.ndtri((np.arange(n) + 0.5) / n)
    z = (z - z.mean()) / z.std(ddof=1)
    theta = -0.0119478 + 0.2101996 * z
    mean_variance, sd_variance = 0.2058237**2, 0.0014974 * np.sqrt(4 * n) * 0.2058237
    errors = np.sqrt(mean_variance + sd_variance * z)
    assert numbers(bias(theta, 0.0)) == pytest.approx((-0.0119478, 0.02102, n), abs=1e-6)
    assert numbers(empirical_se(theta, robust=False)) == pytest.approx((0.2101996, 0.0149382, n), abs=1e-6)
    assert numbers(mse(theta, 0.0))[0] == pytest.approx(0.0438848, abs=1e-6)
    assert numbers(rmse(theta, 0.0))[0] == pytest.approx(0.2094869, abs=1e-6)
    assert numbers(model_se(errors)) == pytest.approx((0.2058237, 0.0014974, n), abs=1e-7)
    printed = (-2.081764, 6.995112, n)
    assert numbers(relative_error_model_se(theta, errors, robust=False)) == pytest.approx(printed, abs=2e-4)


def jackknife(statistic: Callable[..., float], *columns: np.ndarray) -> float:
    """Return the jackknife standard error of a statistic of columns, leaving out one replicate at a time."""
    n = columns[0].size
    left = np.array([statistic(*(np.delete(column, i) for column in columns)) for i in range(n)])
    return float(np.sqrt((n - 1) / n * np.sum((left - left.mean()) ** 2)))


def plain_sd(x: np.ndarray) -> float:
    return float(np.sqrt(np.sum((x - x.mean()) ** 2) / (x.size - 1)))


ROBUST = {
    "empirical_se": (lambda a, b, v: empirical_se(a), lambda a, b, v: plain_sd(a)),
    "model_se": (lambda a, b, v: model_se(v), lambda a, b, v: np.sqrt(np.mean(v**2))),
    "relative_error": (
        lambda a, b, v: relative_error_model_se(a, v),
        lambda a, b, v: 100 * (np.sqrt(np.mean(v**2)) / plain_sd(a) - 1),
    ),
    "relative_precision": (
        lambda a, b, v: relative_precision(a, b),
        lambda a, b, v: 100 * ((plain_sd(b) / plain_sd(a)) ** 2 - 1),
    ),
    "rmse": (lambda a, b, v: rmse(a, 0.3), lambda a, b, v: np.sqrt(np.mean((a - 0.3) ** 2))),
    "relative_bias": (lambda a, b, v: relative_bias(a, -0.3), lambda a, b, v: np.mean((a + 0.3) / -0.3)),
}


@pytest.mark.parametrize("name", ROBUST)
def test_the_robust_error_is_the_jackknife_error(name: str):
    """The two differ by terms of order 1/n: 2% is ample at n = 600, skewed and correlated."""
    fast, slow = ROBUST[name]
    rng = np.random.default_rng(11)
    a = rng.gamma(2.0, size=600)
    b, v = 0.6 * a + rng.normal(size=600), np.sqrt(0.2 + 0.5 * a)
    measured = fast(a, b, v)
    assert measured.value == pytest.approx(slow(a, b, v))
    assert measured.mcse == pytest.approx(jackknife(slow, a, b, v), rel=0.02)
