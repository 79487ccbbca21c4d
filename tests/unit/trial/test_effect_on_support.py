"""Organ-support-free days: what deaths and the time on support each do to their ranks."""

from __future__ import annotations

import numpy as np
import pytest

from simsepsis.errors import ExperimentError
from simsepsis.show.pages.trial.document import document_of
from simsepsis.trial import build_pool, design_rank_sum, simulate_trials
from simsepsis.trial.planning import Effort, compute_plan
from simsepsis.trial.simulation.setting import MANY, prepare
from simsepsis.trial.simulation.truth import true_effects

DAYS = {"endpoint.name": "ventilator_free_days", "run.pool": 20_000}


def index(protocol, value, support):
    told = protocol(DAYS | {"effect.value": value, "effect.support_hazard_ratio": support})
    pool = build_pool(told)
    return float(true_effects(prepare(told, pool, MANY))[0, 0]), pool


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
    changes = DAYS | {"effect.value": 0.8, "effect.support_hazard_ratio": 1.5}
    told = protocol(changes)
    plan = compute_plan(told, effort=Effort(replicates=0))
    alone = compute_plan(told.changed({"effect.support_hazard_ratio": 1.0}), effort=Effort(replicates=0))
    assert plan.n_total < 0.7 * alone.n_total
    found = simulate_trials(told, replicates=600, jobs=1, n_total=plan.n_total)
    value, mcse = found.measure("rejection")
    assert abs(value - plan.size.power) < 3 * mcse
    text = " ".join(document_of(plan, command="").statement)
    assert "multiply the hazard of coming off organ support by 1.5" in text


ALONE = {"effect.value": 1.0, "effect.support_hazard_ratio": 1.8}


def test_an_effect_on_support_alone_is_sized_by_what_it_does_to_the_days(protocol):
    told = protocol(DAYS | ALONE | {"conduct.nonadherence.share": 0.1})
    plan = compute_plan(told, effort=Effort(replicates=0))
    pool = build_pool(told)
    gap = true_effects(prepare(told, pool, MANY))[0, 0]
    # Noether's formula knows no ties; what is sized is the effect as randomized.
    assert plan.n_total == pytest.approx(design_rank_sum(0.5 + float(gap)).n_total, rel=0.15)
    assert plan.size.n_undiluted == pytest.approx(0.81 * plan.size.n_fixed, rel=0.01)
    found = simulate_trials(told, replicates=600, jobs=1, n_total=plan.n_total, pool=pool)
    value, mcse = found.measure("rejection")
    assert abs(value - plan.size.power) < 3 * mcse
    document = document_of(plan, command="")
    assert "hazard of coming off it by 1.8, and to leave" in " ".join(document.statement)
    assert "1.8倍になり" in "".join(document.statement_ja)
    assert "deaths as they are" in document.summary[0]
    half = plan.sensitivity.query("assumption == 'attenuation' and value == 0.5")["power"].item()
    assert half < 0.5


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoint.name": "death_28d"},
        {"effect.support_hazard_ratio": 0.8},
        {"priors": [{"name": "all_trials", "weight": 1.0}]},
    ],
)
def test_an_effect_on_support_alone_is_refused_where_it_says_nothing(protocol, changes):
    with pytest.raises(ExperimentError, match="without an effect on deaths is for a benefit"):
        protocol(DAYS | ALONE | changes)
