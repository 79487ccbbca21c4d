"""An effect on leaving alive: exact on the course, and beside the planned effect on deaths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.unit.trial.stents import stent_study

from simsepsis import load_trial, open_study
from simsepsis.errors import ExperimentError
from simsepsis.show.pages.trial.document import document_of
from simsepsis.studies.jseptic_ivigg.world.course import run_course
from simsepsis.trial import build_pool, simulate_trials
from simsepsis.trial.planning import Effort, compute_plan
from simsepsis.trial.simulation.pool import draw_candidates
from simsepsis.trial.simulation.setting import unsized
from simsepsis.trial.simulation.truth import risks, true_effects

HOSPITAL = {"endpoint.name": "hospital_death", "effect.value": 0.8}


def test_a_hazard_times_a_factor_is_a_threshold_over_it(protocol):
    candidates = draw_candidates(protocol({"run.pool": 3_000}))
    fate, start = candidates.fate, np.zeros(candidates.icu.size)
    found = run_course(candidates.hazards, fate, start=start, leaving=1.7)
    sooner = replace(fate, thresholds=fate.thresholds / [1.0, 1.7, 1.0, 1.7])
    expected = run_course(candidates.hazards, sooner)
    np.testing.assert_allclose(found.hospital_time, expected.hospital_time, rtol=1e-12)
    np.testing.assert_array_equal(found.hospital_death, expected.hospital_death)


def test_who_leaves_sooner_dies_less_often_in_hospital_and_only_from_the_start_on(protocol):
    candidates = draw_candidates(protocol({"run.pool": 3_000}))
    told = {"log_hazard_ratio": 0.0, "delay": 2.0, "hazard_factor": 1.0}
    control = candidates.course(None, **told)
    sooner = candidates.course(0, **told, discharge_ratio=1.5)
    before, after = (one.event["hospital_death"] for one in (control, sooner))
    assert np.all(after <= before)
    assert 0.7 < after.mean() / before.mean() < 0.95
    early = control.death_day <= 0
    assert early.any()
    np.testing.assert_array_equal(sooner.eligible, control.eligible)
    np.testing.assert_array_equal(after[early], before[early])


def test_the_planned_effect_on_deaths_holds_beside_it_and_both_are_told(protocol):
    plain = build_pool(protocol(HOSPITAL))
    told = protocol(HOSPITAL | {"effect.discharge_hazard_ratio": 1.3})
    pool = build_pool(told)
    control, treated = risks(unsized(told, pool))
    assert treated / control == pytest.approx(0.8, abs=2e-3)
    # Part of the fall of deaths in hospital is that patients leave sooner.
    assert plain.log_hazard_ratio < pool.log_hazard_ratio
    plan = compute_plan(told, effort=Effort(replicates=0))
    value, mcse = simulate_trials(told, replicates=600, jobs=1, n_total=plan.n_total).measure("rejection")
    assert abs(value - plan.size.power) < 3 * mcse
    document = document_of(plan, command="")
    assert "hazard of leaving alive, which competes with death, by 1.3." in " ".join(document.statement)
    assert "生存退院のハザードが1.3倍" in "".join(document.statement_ja)


@pytest.mark.parametrize("support", [1.0, 1.5])
def test_days_without_support_are_solved_for_with_it(protocol, support):
    changes = {
        "endpoint.name": "ventilator_free_days",
        "effect": {"scale": "probability_index", "value": 0.55},
        "effect.support_hazard_ratio": support,
        "effect.discharge_hazard_ratio": 1.2,
    }
    told = protocol(changes)
    found = float(true_effects(unsized(told, build_pool(told)))[0, 0])
    assert 0.5 + found == pytest.approx(0.55, abs=1e-3)


def test_it_is_refused_where_nobody_leaves_before_the_end():
    told = load_trial(open_study("rhc").place("trials", "catheter"), "rhc").changed(
        {"effect.discharge_hazard_ratio": 1.3, "run.pool": 2_000}
    )
    with pytest.raises(
        ExperimentError, match=r"discharge_hazard_ratio = 1\.3, but in this world.* nobody leaves"
    ):
        build_pool(told)


@pytest.fixture(scope="module")
def leavers(tmp_path_factory):
    """Return a plan in a world fitted to a cohort of which most leave before the end of follow-up."""
    place = stent_study(tmp_path_factory.mktemp("leavers"), mean_stay=40.0)
    return load_trial(place / "plan.toml", str(place)).changed({"run.pool": 20_000})


def test_in_a_fitted_world_it_is_a_factor_on_the_hazard_that_was_learned(leavers):
    candidates = draw_candidates(leavers)
    told = {"log_hazard_ratio": 0.0, "delay": 0.0, "hazard_factor": 1.0}
    control, sooner = (candidates.course(row, **told, discharge_ratio=1.6) for row in (None, 0))
    survival = candidates.world.learned.survival
    faster = survival.model_copy(update={"leaving": tuple(1.6 * rate for rate in survival.leaving)})
    learned = candidates.world.learned.model_copy(update={"survival": faster})
    world = candidates.world.model_copy(update={"learned": learned})
    expected = replace(candidates, world=world).course(None, **told)
    np.testing.assert_array_equal(sooner.event["dead"], expected.event["dead"])
    # Whoever leaves sooner is seen to die less often, and nobody's own time to death changes.
    assert np.all(sooner.event["dead"] <= control.event["dead"])
    assert 0.6 < sooner.event["dead"].mean() / control.event["dead"].mean() < 0.95
    np.testing.assert_array_equal(sooner.death_day, control.death_day)


def test_in_a_fitted_world_the_planned_effect_on_deaths_holds_beside_it(leavers):
    plain, told = build_pool(leavers), leavers.changed({"effect.discharge_hazard_ratio": 1.3})
    pool = build_pool(told)
    control, treated = risks(unsized(told, pool), as_randomized=False)
    assert treated / control == pytest.approx(0.7, abs=5e-3)
    assert plain.log_hazard_ratio < pool.log_hazard_ratio < 0.0
    plan = compute_plan(told, effort=Effort(replicates=0))
    assert "hazard of leaving alive, which competes with death, by 1.3." in " ".join(
        document_of(plan, command="").statement
    )


def test_it_is_refused_without_an_effect_on_deaths(protocol):
    with pytest.raises(ExperimentError, match="goes with an effect on deaths"):
        protocol({"effect.value": 1.0, "effect.discharge_hazard_ratio": 1.2})
