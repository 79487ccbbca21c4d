from __future__ import annotations

import math

import pytest

from simsepsis.errors import UsageError
from simsepsis.trial import (
    Effect,
    design_binary,
    design_log_rank,
    design_two_proportions,
    power_two_proportions,
)
from simsepsis.trial.designs.two_proportions import FORMULAS

RR = Effect(value=0.81, scale="risk_ratio")


@pytest.mark.parametrize(
    ("formula", "per_arm"),
    [
        ("pooled", 1223.79),
        ("unpooled", 1220.61),  # (1.95996 + 1.28155)² (0.2211 + 0.1971) / 0.06²
        ("arcsine", 1223.11),
        ("continuity", 1256.90),  # pooled, then n/4 (1 + √(1 + 4/(n·0.06)))²
    ],
)
def test_patients_per_arm_by_formula(formula: str, per_arm: float):
    design = design_two_proportions(0.33, 0.27, formula=formula)
    assert design.n_control == pytest.approx(per_arm, abs=0.01)
    assert design.n_treated == design.n_control
    assert design.formula == formula
    assert design.reference


def test_the_continuity_correction_is_the_textbook_one():
    plain = design_two_proportions(0.33, 0.27).n_control
    wanted = plain / 4 * (1 + math.sqrt(1 + 4 / (plain * 0.06))) ** 2
    assert design_two_proportions(0.33, 0.27, formula="continuity").n_control == pytest.approx(wanted)


def test_unequal_arms_by_the_textbook_formula():
    ratio, control, treated = 2.0, 0.4, 0.325
    mean = (ratio * treated + control) / (1 + ratio)
    null = math.sqrt((1 + 1 / ratio) * mean * (1 - mean))
    other = math.sqrt(control * (1 - control) + treated * (1 - treated) / ratio)
    wanted = ((1.959963985 * null + 1.281551566 * other) / (control - treated)) ** 2
    design = design_two_proportions(control, treated, ratio=ratio)
    assert design.n_control == pytest.approx(wanted)
    assert design.n_treated == pytest.approx(2 * wanted)


def test_one_sided_half_alpha_is_two_sided():
    both = design_two_proportions(0.33, 0.27)
    one = design_two_proportions(0.33, 0.27, alpha=0.025, sides=1)
    assert one.n_total == both.n_total
    assert design_two_proportions(0.33, 0.27, alpha=0.05, sides=1).n_total < both.n_total


@pytest.mark.parametrize("formula", FORMULAS)
def test_power_is_what_was_asked_for_and_falls_on_the_other_side(formula: str):
    design = design_binary(0.33, RR, formula=formula, ratio=1.5)
    assert design.power_at(RR) == pytest.approx(0.9)
    assert design.power_at(Effect(value=1 / 0.81, scale="risk_ratio")) < 1e-4
    assert power_two_proportions(
        0.33, 0.33 * 0.81, design.n_total, formula=formula, ratio=1.5
    ) == pytest.approx(0.9)


def test_without_effect_the_power_is_the_error_of_one_side():
    design = design_binary(0.33, RR)
    assert design.power_at(Effect(value=1.0, scale="risk_ratio")) == pytest.approx(0.025)
    assert power_two_proportions(0.33, 0.33, 1000) == pytest.approx(0.025)


def test_rounding_keeps_the_power():
    design = design_two_proportions(0.33, 0.27).rounded()
    assert (design.n_control, design.n_treated) == (1224, 1224)
    assert 0.9 <= design.power < 0.9001
    assert design.power == pytest.approx(power_two_proportions(0.33, 0.27, 2448))


def test_a_design_remembers_what_it_is_for():
    design = design_binary(0.33, RR)
    assert design.p_treated == pytest.approx(0.2673)
    assert design.direction == -1
    assert design.events == pytest.approx(design.n_total * (0.33 + 0.2673) / 2)
    assert design.with_power(0.8).n_total == pytest.approx(design_binary(0.33, RR, power=0.8).n_total)
    assert design.with_total(1000).power == pytest.approx(power_two_proportions(0.33, 0.2673, 1000))


def test_harm_can_be_planned_for():
    design = design_two_proportions(0.27, 0.33)
    assert design.direction == 1
    assert design.n_total == pytest.approx(design_two_proportions(0.33, 0.27).n_total)


def test_log_rank_counts_events_by_the_horizon():
    design = design_log_rank(0.81, 0.33, horizon=28, ratio=2)
    events = 9 / 2 * (1.959963985 + 1.281551566) ** 2 / math.log(0.81) ** 2
    treated = 1 - 0.67**0.81
    assert design.events == pytest.approx(events)
    assert design.n_total == pytest.approx(events / ((0.33 + 2 * treated) / 3))
    assert "day 28" in design.notes[0]


def test_freedman_asks_for_other_events():
    events = (1.959963985 + 1.281551566) ** 2 * (1.81 / 0.19) ** 2
    assert design_log_rank(0.81, 0.33, horizon=28, formula="freedman").events == pytest.approx(events)


def test_log_rank_takes_other_scales_and_keeps_to_its_horizon():
    design = design_log_rank(RR, 0.33, horizon=28)
    assert design.p_treated == pytest.approx(0.2673)
    assert design.power_at(Effect(value=0.81, scale="hazard_ratio", horizon=28)) < 0.9
    with pytest.raises(UsageError, match="up to day 90, the design is up to day 28"):
        design.power_at(Effect(value=0.81, scale="hazard_ratio", horizon=90))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: design_log_rank(0.81, 0.33), "hazard ratio 0.81 has no horizon"),
        (lambda: design_log_rank(RR, 0.33), "risk_ratio 0.81 has no horizon"),
        (lambda: design_log_rank(1.0, 0.33, horizon=28), "no effect"),
        (lambda: design_log_rank(0.81, 1.2, horizon=28), "event_probability_control=1.2"),
        (lambda: design_binary(0.33, 0.81), "effect 0.81 has no scale"),
        (lambda: design_two_proportions(0.3, 0.3), "no effect"),
        (lambda: design_two_proportions(33, 27), "p_control=33 is outside"),
        (lambda: design_two_proportions(0.3, 0.2, ratio=0), "ratio=0"),
        (lambda: design_two_proportions(0.3, 0.2, formula="fisher"), "formula='fisher' is none of"),
        (lambda: design_two_proportions(0.3, 0.2, scale="win_ratio"), "scale='win_ratio' is none of"),
        (lambda: design_two_proportions(0.3, 0.2, power=1.0), "power=1 is outside"),
        (lambda: design_binary(0.3, RR).with_total(-3), "n_total=-3"),
    ],
)
def test_refusals_of_designs(make, words: str):
    with pytest.raises(UsageError, match=words):
        make()
