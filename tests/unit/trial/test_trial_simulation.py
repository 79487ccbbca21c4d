from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from tests.examples import with_slow

from simsepsis.errors import ExperimentError, UsageError
from simsepsis.trial import (
    adjusted_inference,
    build_pool,
    design_fixed,
    planned_total,
    sequential_design,
    simulate_trial,
    simulate_trials,
)
from simsepsis.trial.planning.companions import Bench, endpoint_tournament, enrichment_map
from simsepsis.trial.planning.compute import confirm_size
from simsepsis.trial.simulation.decide import SCORES, adjusted, stop
from simsepsis.trial.simulation.from_protocol import planned_size, screen
from simsepsis.trial.simulation.setting import prepare
from simsepsis.trial.simulation.truth import risks
from simsepsis.trial.sizing.size import plan_size

BINARY = {"test.power": 0.8, "effect.value": 0.7}
SEQUENTIAL = {
    "looks": {"information": [0.5, 0.75, 1.0], "futility": {"spending": "hsd", "parameter": -4.0}},
    "test.sides": 1,
    "test.alpha": 0.025,
}


def _distance(simulation, expected: float, measure: str = "rejection") -> float:
    """Return how far a measure is from what is expected, in MCSEs of what is expected."""
    value, _ = simulation.measure(measure)
    return (value - expected) / np.sqrt(expected * (1 - expected) / simulation.trials["trial"].nunique())


ENDPOINTS = {
    "deaths": {},
    "odds ratio": {"effect": {"scale": "odds_ratio", "value": 0.65}},
    "time to death": {
        "endpoint": {"name": "time_to_death", "horizon": 28},
        "effect": {"scale": "hazard_ratio", "value": 0.7, "horizon": 28},
    },
    "ventilator-free days": {
        "endpoint.name": "ventilator_free_days",
        "effect": {"scale": "probability_index", "value": 0.55},
    },
    "win ratio": {"endpoint.name": "win_ratio", "effect": {"scale": "win_ratio", "value": 1.3}},
    "twice as many treated": {"arms": [{"name": "IVIgG", "grams_per_kg": 1.5, "ratio": 2.0}]},
    "departures": {"conduct": {"nonadherence": {"share": 0.1}, "contamination": {"share": 0.3}}},
    "loss": {"conduct": {"loss": {"share": 0.2}}},
}


@pytest.mark.parametrize("name", with_slow(ENDPOINTS, {"odds ratio", "ventilator-free days"}))
def test_without_complications_the_power_is_the_analytic_one(protocol, name):
    told = protocol(BINARY | ENDPOINTS[name])
    total = planned_total(told)
    design = design_fixed(told)
    lost = told.conduct.loss.share
    found = simulate_trials(told, jobs=1)
    assert found.n_total == total
    assert abs(_distance(found, design.with_total(total * (1 - lost)).power)) < 3
    value, mcse = found.measure("bias")
    assert abs(value) < 3 * mcse + 0.1 * found.measure("empirical_se")[0] ** 2  # ratios are biased by 1/n
    assert abs(_distance(found, 0.95, "coverage")) < 3


def test_a_sequential_trial_stops_where_the_recursion_says(protocol):
    told = protocol(BINARY | SEQUENTIAL)
    design = sequential_design(design_fixed(told), told.boundaries)
    found = simulate_trials(told, replicates=1_000, jobs=1)
    design = design.with_total(found.n_total)
    expected = told.boundaries.stopping_probabilities(design.drift_at(design.effect))
    trials = len(found.trials)
    for name, last in (("efficacy", 3), ("futility", 2)):
        for look in range(last):
            p = expected[name].iloc[look]
            assert abs(found.looks[name].iloc[look] - p) < 3 * np.sqrt(p * (1 - p) / trials)
    assert found.looks["cumulative_stop"].iloc[-1] == 1.0
    null = simulate_trials(told, jobs=1, null=True, n_total=found.n_total)
    stopped = told.boundaries.stopping_probabilities(0.0)["efficacy"].sum()
    assert abs(_distance(null, stopped)) < 3


def test_the_adjusted_estimate_is_median_unbiased_where_the_naive_one_is_not(protocol):
    found = simulate_trials(
        protocol(BINARY | {"looks": {"information": [0.3, 0.6, 1.0], "spending": "ld_pocock"}}),
        replicates=1_500,
        jobs=1,
    )
    naive, adjusted_bias = found.measure("bias"), found.measure("adjusted_median_bias")
    assert naive[0] < -3 * naive[1]
    assert abs(adjusted_bias[0]) < 3 * adjusted_bias[1]
    assert abs(_distance(found, 0.95, "adjusted_coverage")) < 3


def test_the_tables_of_adjusted_inference_are_those_of_the_solver(protocol):
    told = protocol(SEQUENTIAL)
    boundaries = told.boundaries
    z = np.array([3.4, 2.6, 2.2, -1.0, 0.5, 1.4])
    look = np.array([0, 1, 2, 0, 1, 2])
    found = adjusted(z, look, told.looks, told.test, 1)
    for k, (score, place) in enumerate(zip(z, look, strict=True)):
        one = adjusted_inference(
            boundaries,
            look=int(place) + 1,
            information_fraction=float(boundaries.information[place]),
            z=float(score),
            std_error=1.0,
        )
        assert [found.median[k], found.low[k], found.high[k]] == pytest.approx(
            [one.estimate, one.ci_low, one.ci_high], abs=2e-3
        )
        assert found.p_value[k] == pytest.approx(one.p_value, rel=2e-3)


def test_without_looks_nothing_is_adjusted(protocol):
    trials = simulate_trials(protocol(), replicates=50, jobs=1).trials
    for name, plain in (
        ("adjusted_estimate", "estimate"),
        ("adjusted_low", "ci_low"),
        ("adjusted_high", "ci_high"),
    ):
        np.testing.assert_allclose(trials[name], trials[plain], atol=1e-3 * trials["std_error"].max())
    np.testing.assert_allclose(trials["p_value"], 2 * norm.sf(trials["z"].abs()), rtol=1e-3)


def test_a_trial_stops_once_and_never_for_want_of_events(protocol):
    bounds = protocol(SEQUENTIAL).boundaries
    z = np.array(
        [[5.0, 0.0, 0.0], [1.0, 0.2, 5.0], [np.nan, np.nan, np.nan], [1.0, 1.5, 1.0], [1.0, 1.5, 2.5]]
    )
    found = stop(z, bounds, follow_futility=True)
    assert found.look.tolist() == [0, 1, 2, 2, 2]
    assert found.decision.tolist() == [1, 3, 0, 0, 1]
    ignored = stop(z, bounds, follow_futility=False)
    assert ignored.look.tolist() == [0, 2, 2, 2, 2]


def test_workers_change_no_bit(protocol):
    told = protocol(
        SEQUENTIAL | {"conduct": {"loss": {"share": 0.1, "dead_odds_ratio": 2.0}}, "n_total": 400}
    )
    one = simulate_trials(told, replicates=130, jobs=1)
    two = simulate_trials(told, replicates=130, jobs=2)
    pd.testing.assert_frame_equal(one.trials, two.trials, check_exact=True)
    pd.testing.assert_frame_equal(one.characteristics, two.characteristics, check_exact=True)
    row = simulate_trial(told, replicate=117)
    pd.testing.assert_frame_equal(
        row, one.trials[one.trials["trial"] == 117].reset_index(drop=True), check_exact=True
    )


def test_power_grows_with_patients_and_with_the_effect(protocol):
    told = protocol(BINARY)
    powers = [
        simulate_trials(told, replicates=200, jobs=1, n_total=n).measure("rejection")[0]
        for n in (300, 900, 2_000)
    ]
    assert powers == sorted(powers)
    assert powers[0] < powers[-1]
    effects = [
        simulate_trials(protocol({"effect.value": value, "n_total": 900}), replicates=200, jobs=1)
        for value in (0.9, 0.75, 0.6)
    ]
    powers = [found.measure("rejection")[0] for found in effects]
    assert powers == sorted(powers)
    assert powers[0] < powers[-1]


@pytest.mark.parametrize(
    "changes",
    [
        {"test.analysis": "adjusted", "test.covariates": ["apache2", "age", "infection_site"]},
        {
            "test.analysis": "stratified",
            "allocation.method": "blocks",
            "test.strata": ["icu", "apache2 >= 29"],
        },
        {"test.analysis": "stratified", "allocation.method": "minimization", "test.strata": ["icu"]},
    ],
    ids=["adjusted", "blocks", "minimization"],
)
def test_rerandomized_patients_are_rejected_at_the_level(protocol, changes):
    """The permutation null: covariates with gaps, ICU effects, loss and open-label use, but no effect."""
    conduct = {
        "contamination": {"share": 0.3, "by_severity": 0.5},
        "loss": {"share": 0.05, "dead_odds_ratio": 2.0},
    }
    told = protocol(changes | {"conduct": conduct, "n_total": 600})
    found = simulate_trials(told, replicates=400, jobs=1, null=True)
    assert found.measure("failure")[0] == 0.0
    assert abs(_distance(found, 0.05, "rejection_any_side")) < 3


def test_adjustment_gains_what_the_covariates_explain(protocol):
    plain = protocol({"test.estimate": "risk_difference", "n_total": 800})
    better = plain.changed({"test.analysis": "adjusted", "test.covariates": ["apache2", "age", "lactate"]})
    one, two = (simulate_trials(told, replicates=600, jobs=1) for told in (plain, better))
    # Covariates of day 1 explain some 3% of the variance; 600 trials show that in the model's SE only.
    gain = one.measure("model_se")[0] - two.measure("model_se")[0]
    assert gain > 3 * np.hypot(one.measure("model_se")[1], two.measure("model_se")[1])
    assert 0.98 < two.measure("model_se")[0] / one.measure("model_se")[0] < 0.99
    value, mcse = two.measure("bias")
    assert abs(value) < 3 * mcse
    assert two.measure("model_se")[0] == pytest.approx(two.measure("empirical_se")[0], rel=0.1)


def test_within_icus_the_unstratified_test_is_conservative(protocol):
    blocks = {"allocation.method": "blocks", "allocation.factors": ["icu", "apache2 >= 29"], "n_total": 1_000}
    blocks |= {"test.estimate": "risk_difference"}
    plain = simulate_trials(
        protocol(blocks | {"test.analysis": "unadjusted"}), replicates=1_000, jobs=1, null=True
    )
    strata = {"test.analysis": "stratified", "test.strata": ["icu", "apache2 >= 29"]}
    better = simulate_trials(protocol(blocks | strata), replicates=1_000, jobs=1, null=True)
    # Blocks keep arms alike within ICUs for both; only the stratified error knows it.
    gain = plain.measure("model_se")[0] - better.measure("model_se")[0]
    assert gain > 3 * np.hypot(plain.measure("model_se")[1], better.measure("model_se")[1])
    assert better.measure("rejection_any_side")[0] > plain.measure("rejection_any_side")[0]


def test_loss_of_the_dead_biases_and_loss_at_random_does_not(protocol):
    told = protocol({"n_total": 3_000, "test.estimate": "risk_difference"})
    lost = {"share": 0.2, "dead_odds_ratio": 6.0}
    informative = simulate_trials(told.changed({"conduct.loss": lost}), replicates=400, jobs=1)
    value, mcse = informative.measure("bias")
    assert value > 3 * mcse  # deaths are lost in both arms, and with them their difference
    known = informative.trials["n_known"].mean() / 3_000
    assert known == pytest.approx(0.8, abs=0.005)


def test_departures_are_in_the_truth_of_the_arms_as_randomized(protocol):
    conduct = {
        "nonadherence": {"share": 0.2},
        "contamination": {"share": 0.3, "grams": None, "grams_per_kg": 1.5},
    }
    told = protocol({"conduct": conduct})
    setting = prepare(told, build_pool(told), 1_000)
    given, assigned = risks(setting, as_randomized=False), risks(setting)
    gap = given[1] - given[0]
    assert assigned == pytest.approx([given[0] + 0.3 * gap, given[1] - 0.2 * gap], abs=1e-9)
    sicker = told.changed({"conduct.contamination.by_severity": 1.0})
    other = prepare(sicker, build_pool(sicker), 1_000)
    assert np.average(other.open_label, weights=other.pool.weights) == pytest.approx(0.3)
    assert np.corrcoef(other.open_label, other.pool.severity)[0, 1] > 0.9


def test_time_passes_and_patients_are_randomized_while_outcomes_mature(protocol):
    told = protocol(SEQUENTIAL | {"n_total": 1_000, "sites.startup_months": 12.0})
    found = simulate_trials(told, replicates=200, jobs=1)
    pool = build_pool(told)
    per_month = 42 * 2.1 * 0.3 * pool.eligible_share
    first = found.trials[found.trials["look"] == 1]
    overrun = (first["n_randomized"] - first["n_known"]).mean()
    assert overrun == pytest.approx(per_month * 28 / (365.25 / 12), rel=0.1)
    last = found.looks["mean_months"].iloc[-1]
    assert last == pytest.approx(6.0 + 1_000 / per_month + 28 / (365.25 / 12), rel=0.02)
    waiting = simulate_trials(told.changed({"conduct.outcome_lag_days": 0.0}), replicates=200, jobs=1)
    first = waiting.trials[waiting.trials["look"] == 1]
    assert np.all(first["n_randomized"] == first["n_known"])


def test_dose_arms_keep_the_error_of_the_family(protocol):
    arms = [{"name": f"{dose} g/kg", "grams_per_kg": dose} for dose in (0.3, 0.9, 1.5)]
    told = protocol({"arms": arms, "n_total": 1_200, "effect.value": 0.6})
    null = simulate_trials(told, replicates=1_000, jobs=1, null=True)
    any_arm = null.characteristics.query("arm == 'any arm' and measure == 'rejection'")["value"].iloc[0]
    # One side of a two-sided family at 5%.
    assert abs(any_arm - 0.025) < 3 * np.sqrt(0.025 * 0.975 / 1_000)
    found = simulate_trials(told, replicates=400, jobs=1)
    powers = [found.measure("rejection", arm["name"])[0] for arm in arms]
    assert powers == sorted(powers)
    rows = found.trials.groupby("trial")["arm"].agg(list)
    assert all(row == [arm["name"] for arm in arms] for row in rows)


def bench(told):
    pool = build_pool(told)
    return Bench(protocol=told, size=planned_size(told, screen(told, pool)), pool=pool, jobs=1)


def test_endpoints_compete_on_the_same_patients(protocol):
    told = protocol({"effect.value": 0.7, "n_total": 800, "run.trials": 500})
    endpoints = ["death_28d", "time_to_death", "ventilator_free_days"]
    table = endpoint_tournament(bench(told), endpoints).set_index("endpoint")
    assert table.loc["death_28d", "difference"] == 0.0
    time, free = table.loc["time_to_death"], table.loc["ventilator_free_days"]
    # On the same patients most trials agree, so that a difference is known better than either power.
    assert time["difference_mcse"] < 0.7 * np.hypot(time["power_mcse"], table.loc["death_28d", "power_mcse"])
    assert free["difference"] < -3 * free["difference_mcse"]
    assert time["difference"] == pytest.approx(time["power"] - table.loc["death_28d", "power"])


def test_enrichment_pays_where_treatment_works_better(protocol):
    table = enrichment_map(
        bench(protocol({"test.power": 0.8, "run.trials": 300})),
        populations={"all": "all", "severe": "apache2 >= 29", "nobody": "age < 19"},
        interactions=[1.0, 2.5],
        modifiers=["severe"],
    ).set_index(["interaction", "population"])
    nobody = table.xs("nobody", level="population")
    assert nobody["failure"].str.contains("use a wider condition").all()
    assert nobody["n_randomized"].isna().all()
    table = table[table["failure"] == ""]
    needed, screened = table["n_randomized"], table["screened"]
    assert needed[2.5, "severe"] < 0.6 * needed[1.0, "severe"]
    assert (abs(table["power"] - 0.8) < 3 * np.sqrt(0.8 * 0.2 / 300)).all()
    assert screened[1.0, "severe"] > screened[1.0, "all"]
    # Whatever the interaction, the average over everybody is the planned effect.
    assert table["risk_ratio"].xs("all", level="population").tolist() == pytest.approx([0.81, 0.81], abs=1e-3)


def test_a_size_is_confirmed_or_corrected(protocol):
    told = protocol(BINARY)
    pool = build_pool(told)
    assumptions = screen(told, pool).assumptions

    def simulate(patients: int, null: bool):
        return simulate_trials(told, replicates=600, jobs=1, n_total=patients, null=null, pool=pool)

    planned, small = plan_size(assumptions), plan_size(assumptions, n_randomized=400)
    confirmed = confirm_size(planned, simulate, fixed=False)
    assert (len(confirmed.tried), confirmed.size.n_randomized) == (1, planned.n_randomized)
    grown = confirm_size(small, simulate, fixed=False)
    assert grown.tried["power"].iloc[0] < 0.7
    assert grown.size.n_randomized == pytest.approx(planned.n_randomized, rel=0.15)
    stated = confirm_size(small, simulate, fixed=True)
    assert (len(stated.tried), stated.size.n_randomized) == (1, 400)


def test_what_cannot_be_simulated_is_refused(protocol):
    with pytest.raises(UsageError, match="replicates = 0: give a whole number of 1 or more"):
        simulate_trials(protocol(), replicates=0)
    with pytest.raises(UsageError, match="plan for an effect, or state n_total"):
        simulate_trials(protocol({"effect.value": 1.0}), replicates=10)
    with pytest.raises(ExperimentError, match="the first look comes at 4 of 40 patients"):
        simulate_trials(protocol({"looks.information": [0.1, 1.0], "n_total": 40}), replicates=10)
    with pytest.raises(
        UsageError, match="measure 'power' of arm 'IVIgG' is not there; measures are rejection"
    ):
        simulate_trials(protocol(), replicates=10, jobs=1).measure("power")


def test_the_tables_reach_beyond_every_score_that_matters():
    assert SCORES[0] < -5
    assert SCORES[-1] > 8
