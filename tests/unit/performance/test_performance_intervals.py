"""Measures of intervals and tests, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from simsepsis.performance.measures import (
    bias_eliminated_coverage,
    ci_width,
    convergence,
    coverage,
    coverage_best_case,
    exaggeration,
    noncoverage_left,
    noncoverage_right,
    rejection,
    rejection_failure_as_no,
    rejection_failure_as_yes,
    wrong_sign,
)

NAN = np.nan
LOW = np.array([0.0, 1.0, 2.0, -3.0, NAN])
HIGH = np.array([2.0, 2.0, 4.0, 0.5, NAN])


def numbers(measured) -> tuple[float, float, int]:
    return tuple(float(item) for item in measured)


def binomial(p: float, n: int) -> float:
    return float(np.sqrt(p * (1 - p) / n))


def test_coverage_counts_limits_that_equal_the_truth():
    assert numbers(coverage(LOW, HIGH, 1.0)) == pytest.approx((0.5, binomial(0.5, 4), 4))


def test_coverage_carries_the_error_of_the_truth_as_half_a_difference():
    # At 2.5 only the third interval covers, at −0.5 only the fourth; at 2 the first three, at 0 two.
    assert coverage(LOW, HIGH, 1.0, 1.5).mcse == pytest.approx(binomial(0.5, 4))
    assert coverage(LOW, HIGH, 1.0, 1.0).mcse == pytest.approx(np.hypot(binomial(0.5, 4), (0.75 - 0.5) / 2))
    assert noncoverage_left(LOW, HIGH, 1.0, 1.0).mcse == pytest.approx(
        np.hypot(binomial(0.25, 4), (0 - 0.5) / 2)
    )
    run = np.ones(5, dtype=bool)
    bound = coverage_best_case(LOW, HIGH, run, 1.0, 1.0)
    assert numbers(bound) == pytest.approx((0.6, np.hypot(binomial(0.6, 5), (0.8 - 0.6) / 2), 5))


def test_non_coverage_says_on_which_side_the_truth_lies():
    assert numbers(noncoverage_left(LOW, HIGH, 1.0)) == pytest.approx((0.25, binomial(0.25, 4), 4))
    assert numbers(noncoverage_right(LOW, HIGH, 1.0)) == pytest.approx((0.25, binomial(0.25, 4), 4))


def test_a_limit_at_the_truth_is_no_miss():
    assert noncoverage_left(LOW, HIGH, 2.0).value == 0.0
    assert noncoverage_right(LOW, HIGH, 2.0).value == 0.25


def test_bias_eliminated_coverage_looks_for_the_mean_estimate_between_both_limits():
    """Limits of unequal reach: with low taken for a half width on both sides, all four would cover."""
    estimate = np.array([10.0, 11.0, 12.0, 13.0, 14.0])  # mean 12, the last without limits
    low, high = np.array([9.0, 10.0, 11.0, 12.5, NAN]), np.array([10.5, 12.0, 13.0, 20.0, NAN])
    assert numbers(bias_eliminated_coverage(estimate, low, high)) == pytest.approx((0.5, 0.25, 4))


def test_width_by_hand():
    # widths 2, 1, 2, 3.5: mean 2.125
    assert numbers(ci_width(LOW, HIGH)) == pytest.approx((2.125, np.std([2, 1, 2, 3.5], ddof=1) / 2, 4))


def test_rejection_and_its_bounds():
    verdict, run = np.array([1.0, 0.0, 0.0, NAN, NAN]), np.array([True, True, True, True, False])
    assert numbers(rejection(verdict)) == pytest.approx((1 / 3, binomial(1 / 3, 3), 3))
    assert numbers(rejection_failure_as_no(verdict, run)) == pytest.approx((0.25, binomial(0.25, 4), 4))
    assert numbers(rejection_failure_as_yes(verdict, run)) == pytest.approx((0.5, binomial(0.5, 4), 4))


def test_bounds_of_a_method_that_always_failed_are_missing_not_zero():
    nothing, run = np.full((1, 3), NAN), np.ones((1, 3), dtype=bool)
    for bound in (rejection_failure_as_no, rejection_failure_as_yes):
        value, mcse, _ = bound(nothing, run)
        assert np.isnan([value, mcse]).all()


def test_convergence_counts_attempts_only():
    estimate, run = np.array([1.0, NAN, 2.0, NAN]), np.array([True, True, True, False])
    assert numbers(convergence(estimate, run)) == pytest.approx((2 / 3, binomial(2 / 3, 3), 3))


def test_exaggeration_is_the_mean_size_of_what_is_significant():
    estimate, verdict = np.array([1.0, -2.0, 3.0, 0.1]), np.array([1.0, 1.0, 1.0, 0.0])
    value, mcse, n = numbers(exaggeration(estimate, verdict, -0.5))
    assert (value, mcse, n) == pytest.approx((4.0, 2.0 / np.sqrt(3), 3))
    assert exaggeration(estimate, verdict, -0.5, 0.1).mcse == pytest.approx(np.hypot(2 / np.sqrt(3), 0.8))


def test_the_wrong_sign_rate_is_among_what_is_significant():
    estimate, verdict = np.array([1.0, -2.0, 3.0, 4.0]), np.array([1.0, 1.0, 1.0, 0.0])
    assert numbers(wrong_sign(estimate, verdict, -0.5)) == pytest.approx((2 / 3, binomial(2 / 3, 3), 3))


def test_exaggeration_and_wrong_sign_are_about_the_null_value():
    estimate, verdict = np.array([1.5, 3.0]), np.ones(2)
    assert exaggeration(estimate, verdict, 2.5, null=2.0).value == pytest.approx(1.5)  # 0.5 and 1, over 0.5
    assert wrong_sign(estimate, verdict, 2.5, null=2.0).value == 0.5
    assert wrong_sign(np.array([1.5, 3.0, 4.0]), np.ones(3), 1.0, null=2.0).value == pytest.approx(2 / 3)


@pytest.mark.parametrize("measure", [exaggeration, wrong_sign])
def test_a_true_null_has_neither_exaggeration_nor_a_wrong_sign(measure):
    value, mcse, n = numbers(measure(np.array([1.0, 2.0]), np.ones(2), 0.0))
    assert np.isnan([value, mcse]).all()
    assert n == 0
