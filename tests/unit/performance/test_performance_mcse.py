"""Means, proportions, ratios and roots with their Monte Carlo errors, against numbers worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from simsepsis.performance import wilson_half_width, wilson_limits
from simsepsis.performance.mcse import (
    Measured,
    mean_of,
    proportion_of,
    quotient,
    ratio_of,
    root_of,
    with_truth_error,
)

NAN = np.nan


def test_a_mean_leaves_out_what_is_missing():
    value, mcse, n = mean_of(np.array([[1.0, NAN, 3.0, 5.0], [NAN, NAN, NAN, 2.0], [NAN] * 4]))
    assert value == pytest.approx([3.0, 2.0, NAN], nan_ok=True)
    assert mcse == pytest.approx([2.0 / np.sqrt(3.0), NAN, NAN], nan_ok=True)
    assert n.tolist() == [3, 1, 0]


def test_a_mean_with_an_infinite_value_is_infinite_without_an_error_to_name():
    value, mcse, n = mean_of(np.array([1.0, np.inf]))
    assert (float(value), int(n)) == (np.inf, 2)
    assert np.isnan(mcse)


def test_a_proportion_has_the_binomial_error():
    value, mcse, n = proportion_of(np.array([1.0, 1.0, 1.0, 0.0, NAN]))
    assert (float(value), int(n)) == (0.75, 4)
    assert mcse == pytest.approx(np.sqrt(0.75 * 0.25 / 4))


def test_a_ratio_has_the_sandwich_error():
    top, bottom = np.array([1.0, 2.0, 4.0, NAN]), np.array([1.0, 1.0, 2.0, 7.0])
    value, mcse, n = ratio_of(top, bottom)
    assert (float(value), int(n)) == (7 / 4, 3)
    sums = 21.0 - 2 * 1.75 * 11.0 + 1.75**2 * 6.0
    assert mcse == pytest.approx(np.sqrt(sums) / 4.0)


def test_a_root_follows_the_delta_method_and_has_no_error_where_there_is_none():
    n = np.array([9, 9, 1])
    value, mcse, _ = root_of(Measured(np.array([4.0, 0.0, 4.0]), np.array([0.4, 0.0, NAN]), n))
    assert value == pytest.approx([2.0, 0.0, 2.0])
    assert mcse == pytest.approx([0.1, 0.0, NAN], nan_ok=True)


def test_the_error_of_the_truth_is_added_in_quadrature():
    measured = Measured(np.array(1.0), np.array(0.3), np.array(5))
    assert with_truth_error(measured, -0.4).mcse == pytest.approx(0.5)


def test_over_zero_is_undefined():
    assert np.isnan(quotient([1.0, 0.0], 0.0)).all()


def test_wilson_limits_are_those_of_the_textbook():
    # R: prop.test(190, 200, correct = FALSE)
    low, high = wilson_limits(0.95, 200)
    assert (float(low), float(high)) == pytest.approx((0.910421851861, 0.972617354399), abs=1e-12)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_the_wilson_width_is_positive_where_the_binomial_error_is_zero(p: float):
    z2 = 1.959963984540054**2
    assert wilson_half_width(p, 50) == pytest.approx(z2 / (2 * (50 + z2)))
    low, high = wilson_limits(p, 50)
    assert 0.0 <= low < high <= 1.0
    assert p in (float(low), float(high))


def test_without_replicates_there_are_no_wilson_limits():
    for share in (NAN, 0.5):
        assert np.isnan([wilson_half_width(share, 0), *wilson_limits(share, 0)]).all()
