from __future__ import annotations

import numpy as np
import pytest

from simsepsis.errors import UsageError
from simsepsis.trial import (
    Effect,
    design_binary,
    design_group_sequential,
    design_two_proportions,
    detectable_effect,
    diluted_risks,
    inflated_for_loss,
    power_curve,
    sample_size_grid,
    sequential_design,
)

RR = Effect(value=0.81, scale="risk_ratio")


def test_dilution_by_hand():
    assert diluted_risks(0.33, 0.27) == (0.33, 0.27)
    control, treated = diluted_risks(0.33, 0.27, nonadherence=0.1, contamination=0.308)
    assert control == pytest.approx(0.33 - 0.308 * 0.06)
    assert treated == pytest.approx(0.27 + 0.1 * 0.06)
    risk = diluted_risks(0.33, 0.33 * 0.81, nonadherence=0.2)
    assert risk[1] / risk[0] == pytest.approx(0.2 + 0.8 * 0.81)


def test_loss_is_not_dilution():
    assert inflated_for_loss(1000, 0.2) == pytest.approx(1250)
    assert inflated_for_loss(1000, 0) == 1000
    grid = sample_size_grid([0.33], [RR], powers=[0.9], nonadherence=[0.0, 0.2], loss=[0.0, 0.2])
    lost, diluted = grid["n_randomized"].iloc[1], grid["n_randomized"].iloc[2]
    assert diluted > 1.15 * lost


def test_a_grid_has_every_combination_and_keeps_what_fails():
    effects = [RR, Effect(value=-0.25, scale="risk_difference")]
    grid = sample_size_grid([0.2, 0.33], effects, powers=[0.8, 0.9])
    assert len(grid) == 8
    first = grid.iloc[0]
    assert first["n_total"] == pytest.approx(design_binary(0.2, RR, power=0.8).n_total)
    assert (first["scale"], first["failure"]) == ("risk_ratio", "")
    failed = grid[grid["failure"] != ""]
    assert failed["p_control"].tolist() == [0.2, 0.2]
    assert failed["n_total"].isna().all()
    assert "between 0 and 1" in failed["failure"].iloc[0]


def test_arms_that_swap_treatments_have_no_sample_size():
    grid = sample_size_grid([0.33], [RR], powers=[0.9], nonadherence=[0.5], contamination=[0.5])
    assert np.isnan(grid["n_total"].iloc[0])
    assert "no effect" in grid["failure"].iloc[0]


def test_the_smallest_effect_that_is_detected():
    needed = design_two_proportions(0.33, 0.27).n_total
    effect = detectable_effect(0.33, needed, scale="risk_difference")
    assert effect.value == pytest.approx(-0.06)
    assert detectable_effect(0.33, 2 * needed, scale="risk_ratio").value > 0.27 / 0.33


def test_power_curves_of_fixed_and_sequential_designs():
    fixed = design_binary(0.33, RR)
    weaker = Effect(value=0.9, scale="risk_ratio")
    curve = power_curve(fixed, [1000, 2000], effects=[RR, weaker])
    assert curve["power"].tolist() == pytest.approx(
        [fixed.power_at(effect, n_total=n) for effect in (RR, weaker) for n in (1000, 2000)]
    )
    trial = sequential_design(fixed, design_group_sequential([0.5, 1]))
    looked = power_curve(trial, [2000], effects=[RR])
    assert looked["power"].iloc[0] == pytest.approx(fixed.power_at(RR, n_total=2000), abs=0.01)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: diluted_risks(0.33, 0.27, nonadherence=1.2), "nonadherence=1.2"),
        (lambda: inflated_for_loss(1000, 1.0), "loss=1"),
        (lambda: sample_size_grid([0.33], [0.81]), "effect 0.81 has no scale"),
        (lambda: detectable_effect(0.33, 10, scale="risk_ratio"), "detects no reduction"),
    ],
)
def test_refusals_of_sensitivity(make, words: str):
    with pytest.raises(UsageError, match=words):
        make()
