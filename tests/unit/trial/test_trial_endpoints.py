from __future__ import annotations

import numpy as np
import pytest

from simsepsis.errors import UsageError
from simsepsis.trial import (
    Effect,
    compare_pairs,
    design_rank_sum,
    design_two_proportions,
    design_ventilator_free_days,
    design_win_ratio,
    design_win_ratio_ordinal,
    ventilator_free_days,
)

VENTILATED = np.r_[0.4, np.full(28, 0.6 / 28)]


def test_death_is_the_worst_ventilator_free_day():
    free = ventilator_free_days(0.3, VENTILATED)
    assert free.sum() == pytest.approx(1)
    assert free[0] == pytest.approx(0.3 + 0.7 * 0.6 / 28)
    assert free[28] == pytest.approx(0.7 * 0.4)


def test_pairs_are_counted_by_hand():
    pairs = compare_pairs([0.5, 0.3, 0.2], [0.2, 0.3, 0.5])
    assert pairs.win == pytest.approx(0.3 * 0.5 + 0.5 * 0.8)
    assert pairs.tie == pytest.approx(0.1 + 0.09 + 0.1)
    assert pairs.probability_index == pytest.approx(pairs.win + 0.5 * pairs.tie)
    assert pairs.win_ratio == pytest.approx(pairs.win / pairs.loss)


def test_noether_by_hand():
    wanted = (1.959963985 + 1.281551566) ** 2 / (12 * 0.25 * 0.05**2)
    assert design_rank_sum(0.55).n_total == pytest.approx(wanted)
    uneven = (1.959963985 + 1.281551566) ** 2 / (12 * (2 / 9) * 0.05**2)
    assert design_rank_sum(0.45, ratio=2).n_total == pytest.approx(uneven)


def test_yu_and_ganju_by_hand():
    variance = 4 * 1.1 / (3 * 0.25 * 0.9)
    wanted = variance * (1.959963985 + 1.281551566) ** 2 / np.log(1.5) ** 2
    assert design_win_ratio(1.5, 0.1).n_total == pytest.approx(wanted)


@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_with_two_categories_the_rank_test_is_the_test_of_proportions(ratio: float):
    ranks = design_ventilator_free_days([0.33, 0.67], [0.27, 0.73], ratio=ratio)
    assert ranks.n_total == pytest.approx(design_two_proportions(0.33, 0.27, ratio=ratio).n_total)
    wins = design_win_ratio_ordinal([0.33, 0.67], [0.27, 0.73], ratio=ratio)
    odds = design_two_proportions(0.33, 0.27, ratio=ratio, formula="log_odds_ratio")
    assert wins.n_total == pytest.approx(odds.n_total)


def test_many_categories_and_a_small_effect_come_near_the_formulas_without_ties():
    control = np.full(2000, 1 / 2000)
    treated = control * (1 + 0.1 * np.linspace(-1, 1, 2000))
    treated /= treated.sum()
    pairs = compare_pairs(control, treated)
    exact = design_ventilator_free_days(control, treated)
    assert exact.n_total == pytest.approx(design_rank_sum(pairs.probability_index).n_total, rel=0.01)
    wins = design_win_ratio_ordinal(control, treated)
    assert wins.n_total == pytest.approx(design_win_ratio(pairs.win_ratio, pairs.tie).n_total, rel=0.01)


def test_ties_save_patients_at_a_given_index():
    control, treated = ventilator_free_days(0.33, VENTILATED), ventilator_free_days(0.27, VENTILATED)
    sizes = {
        formula: design_ventilator_free_days(control, treated, formula=formula).n_total
        for formula in ("noether", "ties", "u_statistic")
    }
    assert sizes["ties"] < sizes["noether"]
    assert sizes["u_statistic"] == pytest.approx(sizes["ties"], rel=0.02)


def test_power_of_a_rank_design_at_other_effects():
    design = design_win_ratio(1.3, 0.2)
    assert design.power_at(Effect(value=1.3, scale="win_ratio")) == pytest.approx(0.9)
    assert design.power_at(Effect(value=1.0, scale="win_ratio")) == pytest.approx(0.025)
    assert "simulated trial" in design.notes[0]
    assert design.events is None
    assert design.p_treated is None


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: design_rank_sum(0.5), "no effect"),
        (lambda: design_rank_sum(1.2), "probability_index=1.2"),
        (lambda: design_win_ratio(1.5, 1.0), "tie_probability=1"),
        (lambda: design_win_ratio(-1, 0.1), "win_ratio=-1"),
        (lambda: ventilator_free_days(0.3, [0.5, 0.5]), "2 entries for a horizon of 28"),
        (lambda: compare_pairs([0.5, 0.6], [0.5, 0.5]), "control sums to 1.1"),
        (lambda: compare_pairs([0.5, 0.5], [0.2, 0.3, 0.5]), "2 categories and treated 3"),
        (lambda: compare_pairs([1.0, 0.0], [0.0, 1.0]), "never overlap"),
        (
            lambda: design_rank_sum(0.6).power_at(Effect(value=1.2, scale="win_ratio")),
            "effect is a win_ratio, but rank_sum is about a probability_index",
        ),
        (lambda: design_ventilator_free_days([0.5, 0.5], [0.4, 0.6], formula="t"), "formula='t'"),
    ],
)
def test_refusals_of_rank_endpoints(make, words: str):
    with pytest.raises(UsageError, match=words):
        make()
