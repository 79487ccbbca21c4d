"""Slopes of mortality where a coefficient is 0."""

import numpy as np
import pytest
import scipy.special

from simsepsis.studies.jseptic_ivigg.world.resolve import STEP, Slopes, resolve_scenario
from simsepsis.world.files import load_scenario


def test_slopes_of_counts_are_known_at_zero():
    shares = np.random.default_rng(1).random(40_000)

    def deaths(values):
        return np.array([np.mean(shares < scipy.special.expit(value)) for value in values])

    at = np.array([0.0, -4.0, 1e-9])
    risk = scipy.special.expit(at)
    exact = np.diag(risk * (1 - risk))
    # A step moves n·slope·STEP patients, whose number varies like a binomial one.
    error = np.sqrt(exact / (shares.size * STEP)) + STEP * exact
    assert (np.abs(Slopes(deaths)(at) - exact) <= 4 * error).all()


def test_later_slopes_agree_with_the_last_move_and_ask_for_nothing():
    asked = []

    def curved(values):
        asked.append(values)
        return np.array([values[0] ** 2 + values[1], np.exp(values[1]) - values[0]])

    slopes = Slopes(curved)
    first, then = np.array([0.3, -0.2]), np.array([0.5, 0.1])
    slopes(first)
    asked.clear()
    np.testing.assert_allclose(slopes(then) @ (then - first), curved(then) - curved(first), atol=1e-12)
    assert {tuple(values) for values in asked} == {tuple(first), tuple(then)}


@pytest.mark.slow
def test_crude_mortality_is_held_where_care_starts_at_none():
    world = load_scenario("unmeasured-held")
    hazard = world.course.ward_death.model_copy(update={"care": 0.0})
    course = world.course.model_copy(update={"ward_death": hazard})
    found = resolve_scenario(world.model_copy(update={"course": course}))
    assert found.reached[0].value < 0.1
