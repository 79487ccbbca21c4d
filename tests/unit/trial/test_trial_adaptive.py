"""Bayesian adaptive trials: probabilities against draws, published characteristics, calibration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.examples import with_slow

from simsepsis.errors import UsageError
from simsepsis.trial import AdaptiveDesign, adaptive_risks, calibrate_adaptive, simulate_adaptive
from simsepsis.trial.adaptive import _alike, _allocation, _best, _densities

# Settings and results of the README of adaptr 1.4.0: 1,000 trials of each scenario.
PUBLISHED = AdaptiveDesign(
    looks=tuple(range(300, 2001, 100)),
    randomized=(*range(400, 2001, 100), 2000),
    superiority=0.9814318,
    equivalence=0.9,
    difference=0.05,
    least=0.2,
)
SCENARIOS = {
    "none": ([0.25, 0.25, 0.25], {"superiority": 0.048, "equivalence": 0.381, "expected_n": 1749.6}, 373.74),
    "some": ([0.25, 0.20, 0.30], {"superiority": 0.731, "equivalence": 0.146, "expected_n": 1242.3}, 531.19),
}


@pytest.mark.parametrize("scenario", with_slow(SCENARIOS, {"none"}))
def test_the_published_characteristics(scenario):
    risks, published, sd = SCENARIOS[scenario]
    found = simulate_adaptive(PUBLISHED, risks, trials=1_000, seed=3).characteristics()
    for name, value in published.items():
        theirs = sd if name == "expected_n" else math.sqrt(value * (1 - value))
        mine, mcse = found[name]
        assert abs(mine - value) < 3 * math.hypot(mcse, theirs / math.sqrt(1_000)), name


def test_probabilities_are_those_of_draws():
    patients, events = np.array([[100, 120, 90]]), np.array([[25, 21, 26]])
    mass, active = _densities(patients, events), np.ones((1, 3), bool)
    rng = np.random.default_rng(1)
    drawn = rng.beta(1 + events[0], 1 + patients[0] - events[0], (200_000, 3))
    best = np.bincount(drawn.argmin(axis=1), minlength=3) / 200_000
    np.testing.assert_allclose(_best(mass, active)[0], best, atol=0.005)
    alike = np.mean(np.ptp(drawn, axis=1) < 0.1)
    assert _alike(mass, active, 0.1)[0] == pytest.approx(alike, abs=0.005)
    two = np.array([[True, False, True]])
    assert _best(mass, two)[0, 0] == pytest.approx(np.mean(drawn[:, 0] < drawn[:, 2]), abs=0.005)
    assert _alike(mass, two, 0.1)[0] == pytest.approx(
        np.mean(abs(drawn[:, 0] - drawn[:, 2]) < 0.1), abs=0.005
    )


def test_no_arm_gets_less_than_its_least_share():
    chance = np.array([[0.95, 0.04, 0.01], [0.5, 0.5, 0.0]])
    active = np.array([[True, True, True], [True, True, False]])
    shares = _allocation(chance, active, PUBLISHED)
    np.testing.assert_allclose(shares, [[0.6, 0.2, 0.2], [0.5, 0.5, 0.0]])
    soft = _allocation(chance[:1], active[:1], AdaptiveDesign(looks=(9,), randomized=(9,), soften=0.0))
    np.testing.assert_allclose(soft, 1 / 3)


def test_a_threshold_is_calibrated_to_the_type_one_error(protocol):
    design = AdaptiveDesign(looks=(200, 400, 600), randomized=(250, 450, 600))
    control, treated = adaptive_risks(protocol({"effect.value": 0.5}))
    assert treated / control == pytest.approx(0.5, abs=1e-3)
    found, error, mcse = calibrate_adaptive(design, control, 2, target=0.025, trials=1_000, tolerance=2e-3)
    assert error <= 0.025
    fresh = simulate_adaptive(found, [control, control], trials=2_000, seed=99).characteristics()[
        "superiority"
    ]
    assert abs(fresh[0] - error) < 3 * math.hypot(fresh[1], mcse)
    assert 0.97 < found.superiority < 0.999
    power = simulate_adaptive(found, [control, treated], trials=400, seed=5).characteristics()
    assert power["selects_2"][0] > 0.9
    assert power["expected_n"][0] < 600


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"looks": (200, 100)}, "give rising numbers"),
        ({"randomized": (90, 200)}, "no outcome known before"),
        ({"superiority": 1.5}, "superiority=1.5"),
    ],
)
def test_refusals(changes, words):
    with pytest.raises(UsageError, match=words):
        AdaptiveDesign(**({"looks": (100, 200), "randomized": (150, 200)} | changes))
