"""Adaptation at an interim look: published numbers, exact errors and rules in a plan."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simsepsis.errors import ExperimentError, UsageError
from simsepsis.show.pages.trial.document import document_of
from simsepsis.trial import (
    Effect,
    conditional_power,
    design_group_sequential,
    predictive_power,
    reestimate_blinded,
    reestimate_size,
    reestimation_characteristics,
)
from simsepsis.trial.planning import Effort, compute_plan

PLAN = design_group_sequential([0.5, 1], spending="hsd", parameter=-4)
ONE_SIDED = {"test.alpha": 0.025, "test.sides": 1}


def test_the_published_adaptation():
    assert PLAN.z == pytest.approx([2.74997, 1.98113], abs=5e-6)
    found = reestimate_size(PLAN, 1.16, 800 * PLAN.inflation(0.8), power=0.8)
    assert found.cut == pytest.approx(1.641743, abs=5e-7)
    assert found.n_total == pytest.approx(2254.53, abs=0.005)
    assert found.conditional_power == pytest.approx(0.314994, abs=5e-7)
    assert found.conditional_power == pytest.approx(conditional_power(PLAN, 1.16, 0.5))


@pytest.mark.parametrize(
    ("z", "zone"),
    [(3.0, "stops for efficacy"), (2.3, "favourable"), (1.5, "promising"), (0.3, "unfavourable")],
)
def test_zones(z, zone):
    found = reestimate_size(PLAN, z, 800, power=0.8, promising=(0.3, 0.8), largest=1200)
    assert found.zone == zone
    assert found.n_total == {"stops for efficacy": 400, "promising": 1200}.get(zone, 800)


@pytest.mark.parametrize("drift", [0.0, 2.0])
def test_the_level_is_kept_and_the_power_grows(drift):
    rule = {"power": 0.8, "promising": (0.3, 0.8), "largest": 1600.0}
    found = reestimation_characteristics(PLAN, 800, drift, trials=100_000, seed=1, **rule)
    value, mcse = found["rejection"]
    if drift == 0.0:
        assert abs(value - 0.025) < 3 * mcse
    else:
        assert value > PLAN.power(drift) + 3 * mcse
        assert found["expected_n"][0] > 800 * PLAN.expected_information(drift)
        assert 0.1 < found["changed"][0] < 0.9


@pytest.mark.parametrize(
    "effect",
    [
        Effect(value=0.8, scale="risk_ratio"),
        Effect(value=-0.05, scale="risk_difference"),
        Effect(value=1.4, scale="odds_ratio"),
    ],
)
def test_a_blinded_size_keeps_effect_and_pooled_risk(effect):
    design = reestimate_blinded(0.25, effect, ratio=2.0)
    assert (design.p_control + 2 * design.p_treated) / 3 == pytest.approx(0.25)
    assert design.effect == effect
    with pytest.raises(UsageError, match="between two"):
        reestimate_size(design_group_sequential([0.3, 0.6, 1]), 1.0, 800)


@pytest.mark.parametrize("kind", ["conditional_power", "predictive_power"])
def test_futility_by_power_in_a_plan_stops_at_that_power(protocol, kind):
    looks = {"information": [0.4, 0.7, 1.0], "futility": {kind: 0.15}}
    plan = compute_plan(protocol(ONE_SIDED | {"looks": looks}), effort=Effort(replicates=0))
    bounds = plan.size.assumptions.boundaries
    power = conditional_power if kind == "conditional_power" else predictive_power
    for z, time in zip(bounds.futility_z[:-1], (0.4, 0.7), strict=True):
        assert power(bounds, float(z), time) == pytest.approx(0.15)
    alone = design_group_sequential([0.4, 0.7, 1.0])
    np.testing.assert_allclose(bounds.z, alone.z)
    document = document_of(plan, command="")
    assert "power" in " ".join(document.statement).split("It stops for futility")[1][:80]
    assert "15%" in " ".join(document.statement)
    assert "15%" in "".join(document.statement_ja)


def test_looks_may_be_for_efficacy_or_futility_only(protocol):
    looks = {
        "information": [0.3, 0.6, 1.0],
        "efficacy_at": [2],
        "futility": {"spending": "hsd", "at": [1]},
    }
    told = protocol(ONE_SIDED | {"looks": looks})
    bounds = told.boundaries
    assert bounds.z[0] == math.inf
    assert bounds.futility_z[1] == -math.inf
    assert bounds.futility_z[0] > -math.inf
    assert bounds.cumulative_alpha[-1] == pytest.approx(0.025, abs=1e-10)
    plan = compute_plan(told, effort=Effort(replicates=0))
    np.testing.assert_allclose(plan.size.assumptions.boundaries.z, bounds.z)
    assert plan.size.power == pytest.approx(0.9, abs=0.003)
    assert "at z = ∞ and" in " ".join(document_of(plan, command="").statement)


@pytest.mark.parametrize(
    ("looks", "words"),
    [
        ({"futility": {"z": [0.0], "conditional_power": 0.1}}, "are two rules; keep one"),
        ({"futility": {"predictive_power": 0.1, "binding": True}}, "binding = true does not go with"),
        ({"futility": {"at": [2]}}, r"looks.futility.at = \[2\] names no look"),
        ({"efficacy_at": [3]}, r"looks.efficacy_at = \[3\] names no look"),
        ({"efficacy_at": [2], "spending": "pocock"}, "efficacy_at needs a spending function"),
    ],
)
def test_rules_that_do_not_go_together_are_refused(protocol, looks, words):
    with pytest.raises(ExperimentError, match=words):
        protocol(ONE_SIDED | {"looks": {"information": [0.5, 1.0]} | looks})
