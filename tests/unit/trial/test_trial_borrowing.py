"""Borrowed controls: exact errors against published ones, and against draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import beta, betabinom

from simsepsis.errors import UsageError
from simsepsis.trial import BetaMixture, borrowing_power, map_prior

PRIOR = BetaMixture(weights=(1.0,), a=(4.0,), b=(16.0,))


def test_the_published_type_one_errors():
    errors = borrowing_power(PRIOR, 20, 40, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], lower_is_better=False)
    assert (100 * errors).round(1).tolist() == [0.1, 1.7, 6.1, 13.4, 26.1, 44.9]


@pytest.mark.parametrize("odds_ratio", [pytest.param(1.0, marks=pytest.mark.slow), 0.3])
def test_exact_errors_are_those_of_drawn_trials(odds_ratio):
    mixture, rng, trials = PRIOR.robust(0.3), np.random.default_rng(2), 3_000
    odds = 0.35 / 0.65 * odds_ratio
    x0, x1 = rng.binomial(30, 0.35, trials), rng.binomial(30, odds / (1 + odds), trials)
    claimed = 0
    for control, treated in zip(x0, x1, strict=True):
        after = mixture.posterior(control, 30)
        part = rng.choice(2, 2_000, p=after.weights)
        drawn = rng.beta(np.array(after.a)[part], np.array(after.b)[part])
        claimed += np.mean(beta.cdf(drawn, 1 + treated, 31 - treated)) > 0.95
    expected = borrowing_power(mixture, 30, 30, [0.35], odds_ratio=odds_ratio, threshold=0.95)[0]
    assert abs(claimed / trials - expected) < 3 * np.sqrt(expected * (1 - expected) / trials) + 0.004


def test_parts_that_foresaw_the_data_gain_weight():
    mixture = PRIOR.robust(0.2)
    after = mixture.posterior(18, 20)
    likely = [betabinom.pmf(18, 20, a, b) for a, b in ((4, 16), (1, 1))]
    expected = 0.2 * likely[1] / (0.8 * likely[0] + 0.2 * likely[1])
    assert after.weights[1] == pytest.approx(expected)
    assert expected > 0.9
    assert mixture.mean == pytest.approx(0.8 * 0.2 + 0.2 * 0.5)
    assert mixture.effective_patients == pytest.approx(0.8 * 20 + 0.2 * 2)


def test_a_robust_part_caps_the_error_under_bias():
    prior = BetaMixture(weights=(1.0,), a=(60.0,), b=(120.0,))
    # Controls of the trial whose log odds of death are 0.6 less than those of the source.
    risks = [1 / 3, 1 / (1 + 2 * math.exp(0.6))]
    bare, safe = (borrowing_power(one, 100, 100, risks) for one in (prior, prior.robust(0.3)))
    assert bare[0] < 0.025
    assert bare[1] > 0.1 > safe[1]


def test_a_predictive_prior_is_wider_where_trials_differ():
    alike, apart = map_prior([30, 45, 33], [100, 150, 110]), map_prior([10, 75, 33], [100, 150, 110])
    assert alike.mean == pytest.approx(0.3, abs=0.01)
    assert alike.effective_patients > 3 * apart.effective_patients
    with pytest.raises(UsageError, match="two groups or more"):
        map_prior([3], [10])
    with pytest.raises(UsageError, match="must sum to 1"):
        BetaMixture(weights=(0.5,), a=(1.0,), b=(1.0,))
