from __future__ import annotations

import math

import pytest

from simsepsis.errors import UsageError
from simsepsis.trial.effect import SCALES, Effect, effect_between, effect_from_coefficient, with_scale
from simsepsis.trial.inputs import Level, chosen, number, positive, within


@pytest.mark.parametrize(
    ("scale", "value"),
    [("risk_difference", -0.06), ("risk_ratio", 9 / 11), ("odds_ratio", (27 / 73) / (33 / 67))],
)
def test_a_treated_risk_on_every_scale(scale: str, value: float):
    assert Effect(value=value, scale=scale).treated_risk(0.33) == pytest.approx(0.27)
    assert effect_between(0.33, 0.27, scale).value == pytest.approx(value)


def test_a_hazard_ratio_is_about_the_risk_by_its_horizon():
    effect = Effect(value=2.0, scale="hazard_ratio", horizon=28)
    assert effect.treated_risk(0.5) == pytest.approx(0.75)
    assert effect.on("risk_ratio", 0.5).value == pytest.approx(1.5)
    assert effect.on("hazard_ratio", 0.5).value == 2.0


@pytest.mark.parametrize("scale", SCALES)
def test_a_coefficient_goes_there_and_back(scale: str):
    effect = effect_from_coefficient(-0.2, scale, horizon=28)
    assert effect.coefficient == pytest.approx(-0.2)
    assert effect_from_coefficient(0.0, scale, horizon=28).value == effect.null


def test_a_coefficient_is_a_logarithm_for_ratios_only():
    assert Effect(value=0.81, scale="risk_ratio").coefficient == pytest.approx(math.log(0.81))
    assert Effect(value=0.6, scale="probability_index").coefficient == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Effect(value=0.81), "effect 0.81 has no scale"),
        (lambda: with_scale(0.81), "effect 0.81 has no scale"),
        (lambda: Effect(value=0.81, scale="hazard_ratio"), "hazard ratio 0.81 has no horizon"),
        (lambda: Effect(value=0.81, scale="riskratio"), "did you mean 'risk_ratio'"),
        (lambda: Effect(value=-0.5, scale="risk_ratio"), "risk_ratio=-0.5 is not above 0"),
        (lambda: Effect(value=math.nan, scale="risk_ratio"), "not a finite number"),
        (lambda: Effect(value=0.9, scale="hazard_ratio", horizon=-1), "horizon=-1"),
        (lambda: Effect(value=3.5, scale="risk_ratio").treated_risk(0.33), "a treated risk of 1.155"),
        (lambda: Effect(value=1.5, scale="win_ratio").treated_risk(0.33), "does not give a risk"),
        (lambda: Effect(value=0.9, scale="risk_ratio").on("hazard_ratio", 0.3), "has no horizon"),
    ],
)
def test_refusals_of_effects(make, words: str):
    with pytest.raises(UsageError, match=words) as refusal:
        make()
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("value", ["0.3", None, True, math.inf, math.nan])
def test_what_is_no_number(value: object):
    with pytest.raises(UsageError, match=r"x=.* is not a finite number"):
        number(value, "x")


def test_limits_are_named():
    assert within(0.0, "x", 0.0, 1.0, closed=True) == 0.0
    for value in (0.0, 1.0, -2.0):
        with pytest.raises(UsageError, match=r"x=.* is outside \(0, 1\)"):
            within(value, "x", 0.0, 1.0)
    with pytest.raises(UsageError, match=r"n=0 is not above 0"):
        positive(0, "n")
    with pytest.raises(UsageError, match=r"is none of pooled, unpooled; did you mean 'pooled'"):
        chosen("poolde", ("pooled", "unpooled"), "formula")


def test_a_level_knows_its_sides():
    assert Level(alpha=0.05, sides=2).z == pytest.approx(Level(alpha=0.025, sides=1).z)
    assert Level(alpha=0.05, sides=2).z_power(0.9) == pytest.approx(1.2815515655)
    with pytest.raises(UsageError, match=r"power=0.01 is outside"):
        Level(alpha=0.05, sides=2).z_power(0.01)
    with pytest.raises(UsageError, match="sides=3"):
        Level(alpha=0.05, sides=3)
    with pytest.raises(UsageError, match=r"alpha=0.7"):
        Level(alpha=0.7, sides=1)
