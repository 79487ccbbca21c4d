"""What departures and loss do to a trial, and what is refused of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simsepsis.errors import UsageError
from simsepsis.trial import Effect, design_binary, diluted_risks, inflated_for_loss
from simsepsis.trial.planning.grids import size_grid
from simsepsis.trial.sizing.assumptions import Assumptions
from simsepsis.trial.sizing.size import detectable, plan_size

RR = Effect(value=0.81, scale="risk_ratio")
PLAIN = Assumptions(test="two_proportions", p_control=0.33, effect=RR)


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
    lost, diluted = (plan_size(replace(PLAIN, **{name: 0.2})) for name in ("loss", "nonadherence"))
    assert diluted.n_randomized > 1.15 * lost.n_randomized


def test_a_grid_has_every_combination_and_keeps_what_fails():
    planned = replace(PLAIN, effect=Effect(value=-0.06, scale="risk_difference"))
    grid = size_grid(planned, control_risks=[0.2, 0.33], effects=[-0.25, -0.06])
    assert len(grid) == 8
    small = grid[(grid["p_control"] == 0.2) & (grid["effect"] == -0.06) & (grid["power"] == 0.8)].iloc[0]
    needed = design_binary(0.2, Effect(value=-0.06, scale="risk_difference"), power=0.8).n_total
    assert needed <= small["n_randomized"] < needed + 2
    failed = grid[grid["failure"] != ""]
    assert failed["p_control"].tolist() == [0.2, 0.2]
    assert failed["n_randomized"].isna().all()
    assert "between 0 and 1" in failed["failure"].iloc[0]


def test_arms_that_swap_treatments_have_no_sample_size():
    with pytest.raises(UsageError, match="leave no difference between the arms"):
        plan_size(replace(PLAIN, nonadherence=0.5, contamination=0.5))


def test_the_smallest_effect_that_is_detected():
    size = plan_size(PLAIN)
    assert detectable(size) == pytest.approx(0.33 * 0.19, abs=1e-4)
    for patients in (500, 5_000, 100_000):
        given = plan_size(PLAIN, n_randomized=patients)
        found = Effect(value=-detectable(given), scale="risk_difference")
        assert design_binary(0.33, found).n_total == pytest.approx(patients, rel=1e-5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: diluted_risks(0.33, 0.27, nonadherence=1.2), "nonadherence=1.2"),
        (lambda: inflated_for_loss(1000, 1.0), "loss=1"),
        (lambda: detectable(plan_size(PLAIN, n_randomized=10)), "detects no reduction"),
    ],
)
def test_refusals_of_sensitivity(make, words: str):
    with pytest.raises(UsageError, match=words):
        make()
