"""Organ-support-free days: what deaths and the time on support each do to their ranks."""

from __future__ import annotations

import numpy as np
import pytest

from simsepsis.errors import ExperimentError
from simsepsis.show.pages.trial.document import document_of
from simsepsis.trial import build_pool, simulate_trials
from simsepsis.trial.planning import Effort, compute_plan
from simsepsis.trial.simulation.setting import UNSIZED, prepare
from simsepsis.trial.simulation.truth import true_effects

DAYS = {"endpoint.name": "ventilator_free_days", "run.pool": 40_000}


def index(protocol, value, support):
    told = protocol(DAYS | {"effect.value": value, "effect.support_hazard_ratio": support})
    pool = build_pool(told)
    return float(true_effects(prepare(told, pool, UNSIZED))[0, 0]), pool


def test_the_effect_on_ranks_is_that_of_deaths_and_that_of_duration(protocol):
    deaths, plain = index(protocol, 0.8, 1.0)
    # A risk ratio next to 1 leaves the duration alone.
    duration, _ = index(protocol, 0.999, 1.5)
    both, changed = index(protocol, 0.8, 1.5)
    assert min(deaths, duration) > 0.005
    assert both == pytest.approx(deaths + duration, rel=0.15)
    # Deaths are what they were; only survivors' days change, and never to fewer.
    np.testing.assert_array_equal(plain.courses[1].death_day, changed.courses[1].death_day)
    assert np.all(changed.courses[1].free_days >= plain.courses[1].free_days)
    np.testing.assert_array_equal(plain.courses[0].free_days, changed.courses[0].free_days)


def test_a_plan_with_both_is_sized_by_both_and_says_so(protocol):
    changes = DAYS | {"effect.value": 0.8, "effect.support_hazard_ratio": 1.5, "run.pool": 20_000}
    told = protocol(changes)
    plan = compute_plan(told, effort=Effort(replicates=0))
    alone = compute_plan(told.changed({"effect.support_hazard_ratio": 1.0}), effort=Effort(replicates=0))
    assert plan.n_total < 0.7 * alone.n_total
    found = simulate_trials(told, replicates=600, jobs=1, n_total=plan.n_total)
    value, mcse = found.measure("rejection")
    assert abs(value - plan.size.power) < 3 * mcse
    text = " ".join(document_of(plan, command="").statement)
    assert "multiply the hazard of coming off organ support by 1.5" in text


def test_an_effect_on_support_alone_has_no_formula(protocol):
    with pytest.raises(ExperimentError, match="state one that is not none"):
        protocol(DAYS | {"effect.value": 1.0, "effect.support_hazard_ratio": 1.5})
