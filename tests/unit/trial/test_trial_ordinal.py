"""Ordered categories: published sizes and estimates, and simulated trials."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simsepsis.errors import UsageError
from simsepsis.trial import common_odds_ratio, compare_pairs, design_ordinal, rank_estimands
from simsepsis.trial.ordinal import shifted
from simsepsis.trial.simulation.comparison import compare

# Worst first: 10% poor, 20% moderate, 50% good, 20% very good.
WHITEHEAD = [0.1, 0.2, 0.5, 0.2]
# Scores 8 to 1 at day 15, Beigel JH et al. N Engl J Med 2020;383:1813.
PLACEBO = [58, 121, 24, 60, 33, 8, 102, 115]
REMDESIVIR = [34, 95, 28, 58, 38, 14, 117, 157]


def test_the_published_size():
    assert design_ordinal(WHITEHEAD, 2.5, power=0.8).n_total == pytest.approx(130.8, abs=0.05)
    assert shifted(WHITEHEAD, 2.5)[-1] == pytest.approx(2.5 * 0.25 / (1 + 2.5 * 0.25))


def test_the_published_odds_ratio():
    found = common_odds_ratio(PLACEBO, REMDESIVIR)
    printed = [round(value, 3) for value in (found.estimate, found.ci_low, found.ci_high)]
    assert printed == [1.536, 1.24, 1.901]
    turned = common_odds_ratio(PLACEBO[::-1], REMDESIVIR[::-1])
    assert turned.estimate == pytest.approx(1 / found.estimate)
    two = common_odds_ratio([30, 70], [20, 80])
    assert two.estimate == pytest.approx(80 / 20 / (70 / 30))
    assert two.std_error == pytest.approx(math.sqrt(1 / 30 + 1 / 70 + 1 / 20 + 1 / 80))


def test_an_empty_category_changes_nothing():
    assert common_odds_ratio([10, 0, 20], [5, 0, 25]) == common_odds_ratio([10, 20], [5, 25])


@pytest.mark.parametrize(
    "trials", [4_000, pytest.param(20_000, marks=pytest.mark.slow)], ids=["4,000", "20,000"]
)
@pytest.mark.parametrize("odds_ratio", [1.0, 1.6])
def test_the_power_is_that_of_simulated_trials(trials, odds_ratio):
    design = design_ordinal(WHITEHEAD, 1.6, power=0.8).rounded()
    rng, n = np.random.default_rng(3), round(design.n_control)
    arms = [rng.multinomial(n, shares, trials) for shares in (WHITEHEAD, shifted(WHITEHEAD, odds_ratio))]
    z = compare(np.stack(arms, axis=1)[:, None], "probability_index").z
    power = 0.025 if odds_ratio == 1.0 else design.power
    assert abs(np.mean(z >= design.level.z) - power) < 3 * math.sqrt(power * (1 - power) / trials)


def test_every_estimand_of_ranks_has_its_truth():
    treated = shifted(WHITEHEAD, 2.0)
    true, pairs = rank_estimands(WHITEHEAD, treated), compare_pairs(WHITEHEAD, treated)
    assert true["odds_ratio"] == pytest.approx(2.0)
    assert true["win_ratio"] == pytest.approx(pairs.win / pairs.loss)
    assert true["win_odds"] == pytest.approx((pairs.win + pairs.tie / 2) / (pairs.loss + pairs.tie / 2))
    assert true["net_benefit"] == pytest.approx(2 * true["probability_index"] - 1)
    same = rank_estimands(WHITEHEAD, WHITEHEAD)
    assert [round(value, 9) for value in same.values()] == [1.0, 1.0, 1.0, 0.5, 0.0, 0.0]


def test_counts_of_nobody_are_refused():
    with pytest.raises(UsageError, match="no counts over the same categories"):
        common_odds_ratio([0, 0], [1, 2])
