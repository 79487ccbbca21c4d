from __future__ import annotations

import numpy as np
import pytest

from simsepsis.errors import ExperimentError
from simsepsis.trial import build_pool
from simsepsis.trial.protocol.condition import parse_condition
from simsepsis.trial.simulation.from_protocol import screen, size_error
from simsepsis.trial.simulation.outcomes import coded, died
from simsepsis.trial.simulation.pool import _settled, _World, draw_candidates
from simsepsis.trial.simulation.setting import prepare
from simsepsis.trial.simulation.truth import risks, true_effects
from simsepsis.trial.sizing.size import plan_size
from simsepsis.world.candidates import NEVER

ON_RISKS = [
    ("risk_ratio", 0.81, lambda p1, p0: p1 / p0),
    ("risk_difference", -0.05, lambda p1, p0: p1 - p0),
    ("odds_ratio", 0.75, lambda p1, p0: p1 / (1 - p1) * (1 - p0) / p0),
    ("risk_ratio", 1.15, lambda p1, p0: p1 / p0),
]


@pytest.mark.parametrize(("scale", "value", "measure"), ON_RISKS)
def test_the_planned_effect_holds_in_the_pool(protocol, scale, value, measure):
    aim = "harm" if value > 1.0 else "benefit"
    told = protocol({"effect": {"scale": scale, "value": value, "aim": aim}})
    control, treated = risks(prepare(told, build_pool(told), 1_000))
    # One patient more or less is the finest step that a finite pool can take.
    assert measure(treated, control) == pytest.approx(value, abs=2e-3)


def test_a_hazard_ratio_holds_up_to_its_horizon(protocol):
    told = protocol(
        {
            "endpoint": {"name": "time_to_death", "horizon": 60},
            "effect": {"scale": "hazard_ratio", "value": 0.8, "horizon": 60},
        }
    )
    setting = prepare(told, build_pool(told), 1_000)
    control, treated = risks(setting)
    assert np.log1p(-treated) / np.log1p(-control) == pytest.approx(0.8, abs=2e-3)
    # Death before and after discharge compete, so that the partial likelihood sees nearly the same ratio.
    assert np.exp(true_effects(setting)[0, 0]) == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize(
    ("endpoint", "scale", "value"),
    [("win_ratio", "win_ratio", 1.2), ("ventilator_free_days", "probability_index", 0.53)],
)
def test_an_effect_on_ranks_holds_in_the_pool(protocol, endpoint, scale, value):
    told = protocol({"endpoint.name": endpoint, "effect": {"scale": scale, "value": value}})
    found = true_effects(prepare(told, build_pool(told), 1_000))[0, 0]
    assert (np.exp(found) if scale == "win_ratio" else 0.5 + found) == pytest.approx(value, abs=1e-3)


SIZED = [
    {},
    {"endpoint.name": "ventilator_free_days", "effect": {"scale": "risk_ratio", "value": 0.7}},
    {
        "endpoint": {"name": "time_to_death", "horizon": 60},
        "effect": {"scale": "hazard_ratio", "value": 0.8, "horizon": 60},
    },
]


@pytest.mark.parametrize("changes", SIZED)
def test_the_error_of_the_number_of_patients_is_how_far_populations_differ(protocol, changes):
    found = []
    for seed in range(12):
        told = protocol(changes | {"run.pool": 5_000, "run.seed": seed})
        screened = screen(told, build_pool(told))
        size = plan_size(screened.assumptions)
        found.append((np.log(size.n_sequential), size_error(size, screened)))
    numbers, errors = np.array(found).T
    # The spread of twelve has an error of its own of a fifth.
    assert np.std(numbers, ddof=1) / np.mean(errors) == pytest.approx(1.0, abs=0.5)


def test_an_effect_on_ranks_that_is_stated_leaves_no_error(protocol):
    told = protocol({"endpoint.name": "win_ratio", "effect": {"scale": "win_ratio", "value": 1.2}})
    screened = screen(told, build_pool(told))
    assert size_error(plan_size(screened.assumptions), screened) == 0.0


def test_no_effect_leaves_every_course_alone(protocol):
    pool = build_pool(protocol({"effect.value": 1.0}))
    assert pool.log_hazard_ratio == 0.0
    np.testing.assert_array_equal(pool.courses[0].death_day, pool.courses[1].death_day)
    null = build_pool(protocol()).null()
    np.testing.assert_array_equal(null.courses[0].free_days, null.courses[1].free_days)


def test_a_stated_control_risk_is_met_and_an_impossible_one_refused(protocol):
    told = protocol({"endpoint.control_risk": 0.33})
    pool = build_pool(told)
    assert risks(prepare(told, pool, 1_000))[0] == pytest.approx(0.33, abs=1e-4)
    assert pool.hazard_factor > 1.0
    with pytest.raises(
        ExperimentError, match=r"control_risk = 0.9 is not one that this population can have; between"
    ):
        build_pool(protocol({"endpoint.control_risk": 0.9}))


@pytest.mark.parametrize("endpoint", ["death_28d", "win_ratio", "ventilator_free_days"])
def test_the_search_for_an_effect_knows_everybody_whom_it_does_not_simulate_again(protocol, endpoint):
    told = protocol({"population.hour": 24.0, "run.pool": 3_000})
    outcome = told.offer.outcomes[endpoint]
    world = _World(protocol=told, candidates=draw_candidates(told))

    def state(part, value):
        return coded(part.course(0, value), outcome)

    settled = _settled(state, world, {})
    values = [-1.5, 1.5, 0.2, -0.4, 0.1, 0.15, -0.41, 0.0]
    assert all(np.array_equal(settled(value), state(world, value)) for value in values)
    assert not np.array_equal(settled(0.1), settled(0.15))


def test_only_who_meets_the_condition_and_is_in_the_icu_is_randomized(protocol):
    told = protocol({"population": {"where": "apache2 >= 29", "hour": 48.0}})
    pool = build_pool(told)
    assert np.all(pool.columns["apache2"] >= 29)
    assert all(np.all(course.death_day >= 1) for course in pool.courses)
    assert np.all(pool.courses[0].eligible)
    assert 0.15 < pool.eligible_share < 0.27
    part = build_pool(protocol()).among(parse_condition("apache2 >= 29"))
    assert np.all(part.columns["apache2"] >= 29)
    assert part.weights.sum() == pytest.approx(1.0)
    assert part.eligible_share == pytest.approx(0.25, abs=0.02)
    with pytest.raises(ExperimentError, match="holds for"):
        protocol({"population.where": "apache2 >= 70"}) and build_pool(
            protocol({"population.where": "apache2 >= 70"})
        )


def test_treatment_acts_from_randomization_on(protocol):
    pool = build_pool(protocol({"effect.value": 0.6}))
    control, treated = (course.death_day.astype(int) for course in pool.courses)
    assert np.all(treated >= control)
    assert np.mean(treated > control) > 0.05


def test_a_higher_dose_does_more(protocol):
    arms = [{"name": f"{dose}", "grams_per_kg": dose} for dose in (0.3, 0.9, 1.5)]
    told = protocol({"arms": arms, "effect.arm": "0.9"})
    found = risks(prepare(told, build_pool(told), 1_000))
    assert np.all(np.diff(found) < 0.0)
    assert found[2] / found[0] == pytest.approx(0.81, abs=2e-3)


def test_a_dose_without_effect_cannot_be_planned_for(protocol):
    choice = {"dose.response": "threshold"}
    with pytest.raises(
        ExperimentError, match=r"gets a dose at which the world's dose\.response = 'threshold' has"
    ):
        build_pool(protocol({"world.set": choice, "arms": [{"name": "low", "grams_per_kg": 0.3}]}))


def test_sites_are_those_of_the_world_or_sampled(protocol):
    with pytest.raises(ExperimentError, match=r"sites\.number = 30, but the world has 42 ICUs"):
        build_pool(protocol({"sites.number": 30}))
    pool = build_pool(protocol({"sites": {"number": 30, "sampled": True, "sizes": "equal"}}))
    assert pool.rates.size == 200
    assert np.unique(pool.rates[pool.rates > 0]).size == 1


def test_endpoints_are_categories_of_one_course(protocol):
    course = build_pool(protocol()).courses[0]
    endpoint = {
        name: protocol(
            {"endpoint": {"name": name} | ({"horizon": 28} if name == "time_to_death" else {})}
        ).outcome
        for name in ("death_28d", "hospital_death", "time_to_death", "ventilator_free_days", "win_ratio")
    }
    code = {name: coded(course, one).astype(int) for name, one in endpoint.items()}
    dead = died(course, endpoint["death_28d"])
    np.testing.assert_array_equal(code["death_28d"], course.death_day <= 28)
    np.testing.assert_array_equal(dead, code["time_to_death"] < 28)
    np.testing.assert_array_equal(dead, code["win_ratio"] < 28)
    assert np.all(code["ventilator_free_days"][dead] == 0)
    np.testing.assert_array_equal(code["win_ratio"][~dead] - 28, code["ventilator_free_days"][~dead])
    np.testing.assert_array_equal(code["hospital_death"] == 1, course.death_day < NEVER)
