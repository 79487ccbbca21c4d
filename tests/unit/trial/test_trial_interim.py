from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr

from simsepsis.errors import ConvergenceError, UsageError
from simsepsis.trial import (
    Futility,
    adjusted_inference,
    conditional_power,
    design_group_sequential,
    predictive_power,
    repeated_confidence_interval,
    update_boundaries,
)
from simsepsis.trial.sequential.inference import exceedance

PLAN = design_group_sequential([0.5, 1])
THREE = design_group_sequential([0.4, 0.7, 1])
T = 148 / 320


def test_conditional_power_in_closed_form():
    z, u, rest = 1.2, PLAN.z[-1], 1 - T
    trend = ndtr((z / math.sqrt(T) - u) / math.sqrt(rest))
    assert conditional_power(PLAN, z, T) == pytest.approx(trend)
    planned = ndtr((z * math.sqrt(T) + 3.2 * rest - u) / math.sqrt(rest))
    assert conditional_power(PLAN, z, T, drift=3.2) == pytest.approx(planned)


def test_the_planned_fraction_would_give_another_number():
    assert abs(conditional_power(PLAN, 1.2, T) - conditional_power(PLAN, 1.2, 0.5)) > 0.03


def test_predictive_power_in_closed_form_is_not_conditional_power():
    z, u = 1.2, PLAN.z[-1]
    flat = ndtr((z - u * math.sqrt(T)) / math.sqrt(1 - T))
    assert predictive_power(PLAN, z, T) == pytest.approx(flat)
    assert predictive_power(PLAN, z, T) > conditional_power(PLAN, z, T)
    assert predictive_power(PLAN, 2.5, T) < conditional_power(PLAN, 2.5, T)


def test_a_sure_prior_turns_predictive_into_conditional_power():
    sure = predictive_power(PLAN, 1.2, T, prior=(3.2, 1e-6))
    assert sure == pytest.approx(conditional_power(PLAN, 1.2, T, drift=3.2))


def test_looks_still_to_come_count_on_request():
    once = conditional_power(THREE, 1.5, 0.4, drift=3.0)
    all_looks = conditional_power(THREE, 1.5, 0.4, drift=3.0, looks="all")
    assert all_looks > once
    assert predictive_power(THREE, 1.5, 0.4, looks="all") > predictive_power(THREE, 1.5, 0.4)
    assert conditional_power(PLAN, 1.2, 0.5, looks="all") == pytest.approx(conditional_power(PLAN, 1.2, 0.5))


def test_conditional_power_averages_to_power():
    """The law of total probability over Z at the first look ties conditional power to the recursion."""
    drift, high = 3.0, float(THREE.z[0])
    centre = drift * math.sqrt(0.4)
    nodes, weights = np.polynomial.legendre.leggauss(80)
    low = centre - 8
    z = low + (high - low) * (nodes + 1) / 2
    density = np.exp(-0.5 * (z - centre) ** 2) / math.sqrt(2 * math.pi)
    later = [conditional_power(THREE, float(value), 0.4, drift=drift, looks="all") for value in z]
    total = float(weights @ (np.array(later) * density)) * (high - low) / 2
    assert total + THREE.exits(drift).upper[0] == pytest.approx(THREE.power(drift), abs=1e-9)


def test_futility_to_come_lowers_conditional_power():
    stop = design_group_sequential([0.4, 0.7, 1], futility=Futility(z=(0.0, 1.0)))
    assert conditional_power(stop, 1.5, 0.4, looks="all") < conditional_power(THREE, 1.5, 0.4, looks="all")


def test_repeated_intervals_use_the_bound_of_the_look():
    low, high = repeated_confidence_interval(
        PLAN, look=1, information_fraction=0.5, estimate=0.2, std_error=0.1
    )
    assert (low + high) / 2 == pytest.approx(0.2)
    assert (high - low) / 2 == pytest.approx(0.1 * PLAN.z[0])


def test_at_the_first_look_nothing_is_adjusted():
    out = adjusted_inference(PLAN, look=1, information_fraction=0.5, z=3.2, std_error=0.1)
    assert out.estimate == pytest.approx(out.naive)
    assert (out.ci_low, out.ci_high) == pytest.approx((0.32 - 0.1959964, 0.32 + 0.1959964))
    assert out.p_value == pytest.approx(float(ndtr(-3.2)))


def test_after_the_first_look_the_estimate_is_drawn_in():
    out = adjusted_inference(THREE, look=2, information_fraction=0.7, z=2.6, std_error=0.1)
    assert 0 < out.estimate < out.naive
    assert out.ci_low < out.estimate < out.ci_high
    assert out.p_value > ndtr(-2.6)


def test_the_interval_agrees_with_the_boundary():
    """At the last boundary the p-value is alpha and the 1 − 2α interval begins at no effect."""
    out = adjusted_inference(THREE, look=3, information_fraction=1.0, z=float(THREE.z[-1]), std_error=1.0)
    assert out.p_value == pytest.approx(0.025, abs=1e-10)
    assert out.ci_low == pytest.approx(0.0, abs=1e-8)


def test_two_sided_results_are_symmetric():
    plan = design_group_sequential([0.4, 0.7, 1], alpha=0.05, sides=2)
    up, down = (
        adjusted_inference(plan, look=2, information_fraction=0.7, z=z, std_error=0.1) for z in (2.7, -2.7)
    )
    assert up.estimate == pytest.approx(-down.estimate)
    assert (up.ci_low, up.ci_high) == pytest.approx((-down.ci_high, -down.ci_low))
    assert up.p_value == pytest.approx(down.p_value)


def test_the_ordering_has_no_gap_at_the_last_look():
    plan = design_group_sequential([0.5, 1], futility=Futility(z=(0.3,), binding=True))
    u = float(plan.z[-1])
    for drift in (0.0, 2.0):
        above, below = (exceedance(plan, 2, u + step, drift) for step in (1e-9, -1e-9))
        assert above == pytest.approx(below, abs=1e-8)
    assert exceedance(plan, 1, 0.2999, 0.0) > exceedance(plan, 2, -4.0, 0.0)


def test_a_rule_that_does_not_bind_is_not_counted():
    alone = design_group_sequential([0.5, 1])
    free = design_group_sequential([0.5, 1], futility=Futility(z=(0.3,)))
    assert exceedance(free, 2, 2.1, 0.0) == pytest.approx(exceedance(alone, 2, 2.1, 0.0))


def test_an_updated_plan_answers_for_the_observed_fraction():
    seen = update_boundaries(PLAN, [T])
    out = repeated_confidence_interval(seen, look=1, information_fraction=T, estimate=0.0, std_error=1.0)
    assert out[1] == pytest.approx(seen.z[0])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: repeated_confidence_interval(
                PLAN, look=1, information_fraction=T, estimate=0.2, std_error=0.1
            ),
            "information_fraction=0.4625 was observed at look 1, but its boundary is for 0.5",
        ),
        (
            lambda: repeated_confidence_interval(
                PLAN, look=3, information_fraction=1, estimate=0.2, std_error=0.1
            ),
            "look=3 does not exist",
        ),
        (lambda: conditional_power(PLAN, 1.2, 1.0), "information_fraction=1 is outside"),
        (lambda: conditional_power(PLAN, 1.2, T, looks="all"), "is no look of these boundaries"),
        (lambda: conditional_power(PLAN, 1.2, T, looks="next"), "looks='next'"),
        (lambda: conditional_power(PLAN, math.nan, T), "z=nan"),
        (lambda: predictive_power(PLAN, 1.2, T, prior=(0.0, 0.0)), "prior SD"),
        (
            lambda: adjusted_inference(PLAN, look=1, information_fraction=0.5, z=1.0, std_error=0.1),
            "z=1 at look 1 lies between -inf and 2.96.* so the trial goes on",
        ),
        (
            lambda: adjusted_inference(PLAN, look=1, information_fraction=0.5, z=3.2, std_error=0.0),
            "std_error=0",
        ),
    ],
)
def test_refusals_at_a_look(make, words: str):
    with pytest.raises(UsageError, match=words):
        make()


def test_an_absurd_statistic_is_said_to_be_one():
    with pytest.raises(ConvergenceError, match="check z"):
        adjusted_inference(THREE, look=3, information_fraction=1.0, z=200.0, std_error=1.0)
