"""Simulated trials against every analytic design, 20,000 trials each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simsepsis.trial import (
    TrialProtocol,
    TrialSimulation,
    build_pool,
    design_fixed,
    load_trial,
    sequential_design,
    simulate_trials,
)
from simsepsis.trial.planning.companions import PLAIN as UNADJUSTED
from simsepsis.trial.planning.companions import power_with
from simsepsis.trial.simulation.from_protocol import planned_size, screen

pytestmark = pytest.mark.slow

TRIALS = 20_000
PLAIN: dict[str, Any] = {
    "name": "plain",
    "label": "IVIgG 1.5 g/kg against placebo",
    "question": "Does it lower death?",
    "world": {"base": "thesis", "set": {"dose.response": "log_linear"}},
    "arms": [{"name": "IVIgG", "grams_per_kg": 1.5}],
    "endpoint": {"name": "death_28d", "control_risk": 0.33},
    "effect": {"scale": "risk_ratio", "value": 0.81},
    "test": {"power": 0.9},
    "allocation": {"method": "simple"},
    "run": {"pool": 100_000, "seed": 20260101},
}
TIME = {
    "endpoint": {"name": "time_to_death", "horizon": 28},
    "effect": {"scale": "hazard_ratio", "value": 0.81, "horizon": 28},
}
FREE_DAYS = {
    "endpoint": {"name": "ventilator_free_days"},
    "effect": {"scale": "probability_index", "value": 0.53},
}
WINS = {"endpoint": {"name": "win_ratio"}, "effect": {"scale": "win_ratio", "value": 1.15}}
PROGNOSTIC = ["apache2", "age", "lactate"]
STRATIFIED = {
    "allocation": {"method": "blocks", "factors": ["icu", "apache2 >= 29", "age >= 75"]},
    "test": {"analysis": "stratified", "strata": ["icu", "apache2 >= 29", "age >= 75"]},
}
FIXED: dict[str, dict[str, Any]] = {
    "two proportions": {},
    "two to one": {"arms": [{"name": "IVIgG", "grams_per_kg": 1.5, "ratio": 2.0}]},
    "blocks": {"allocation": {"method": "blocks", "factors": []}},
    "log-rank by day 28": TIME,
    "log-rank by day 90": {
        "endpoint": {"name": "time_to_death", "horizon": 90},
        "effect": {"scale": "hazard_ratio", "value": 0.81, "horizon": 90},
    },
    "ventilator-free days": FREE_DAYS,
    "win ratio": WINS,
    "departures": {"conduct": {"nonadherence": {"share": 0.1}, "contamination": {"share": 0.308}}},
    "stratified": STRATIFIED,
    "stratified two to one": STRATIFIED | {"arms": [{"name": "IVIgG", "grams_per_kg": 1.5, "ratio": 2.0}]},
    "log-rank stratified": TIME | STRATIFIED,
    "adjusted": {"test": {"analysis": "adjusted", "covariates": PROGNOSTIC}},
}
SEQUENTIAL: dict[str, dict[str, Any]] = {
    "O'Brien-Fleming": {"information": [0.2, 0.4, 0.6, 0.8, 1.0], "spending": "obrien_fleming"},
    "Lan-DeMets": {"information": [0.5, 0.75, 1.0], "spending": "ld_obrien_fleming"},
    "Pocock, unequal looks": {"information": [0.3, 0.6, 1.0], "spending": "ld_pocock"},
    "futility": {"information": [0.4, 0.7, 1.0], "futility": {"spending": "hsd", "parameter": -2.0}},
    "binding futility": {"information": [0.4, 0.7, 1.0], "futility": {"binding": True}},
}
ICUS = {"sites": {"number": 200, "sampled": True, "sizes": "equal"}, "endpoint": {"name": "death_28d"}}
CLUSTERED: dict[str, dict[str, Any]] = {
    "parallel": {"allocation.unit": "parallel_cluster", "allocation.cluster_size": 25},
    "crossover": {"allocation.unit": "cluster_crossover", "allocation.cluster_size": 12},
    "crossover, ICUs change": {
        "allocation.unit": "cluster_crossover",
        "allocation.cluster_size": 14,
        "allocation.cac": 0.5,
    },
}


def _protocol(changes: dict[str, Any]) -> TrialProtocol:
    return TrialProtocol.model_validate(PLAIN).changed(changes)


def _distance(found: TrialSimulation, expected: float, measure: str = "rejection") -> float:
    """Return how many MCSEs a share of trials lies from what is expected."""
    trials = found.trials["trial"].nunique()
    return (found.measure(measure)[0] - expected) / np.sqrt(expected * (1.0 - expected) / trials)


@pytest.mark.parametrize("name", FIXED)
def test_power_of_a_fixed_design(name):
    told = _protocol(FIXED[name])
    pool = build_pool(told)
    found = simulate_trials(told, replicates=TRIALS, jobs=1, pool=pool)
    left = screen(told, pool).precision.lasting
    expected = design_fixed(told, pool).with_total(found.n_total / left).power
    print(f"\n{name}: N {found.n_total}, analytic {expected:.4f}, simulated {found.measure('rejection')}")
    assert abs(_distance(found, expected)) < 3
    assert abs(_distance(found, 0.95, "coverage")) < 3


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_power_and_stopping_of_a_sequential_design(name):
    one_sided = {"test.sides": 1, "test.alpha": 0.025} if "futility" in SEQUENTIAL[name] else {}
    told = _protocol(one_sided | {"looks": SEQUENTIAL[name]})
    found = simulate_trials(told, replicates=TRIALS, jobs=1)
    design = sequential_design(design_fixed(told), told.boundaries).with_total(found.n_total)
    expected = told.boundaries.stopping_probabilities(design.drift_at(design.effect))
    print(f"\n{name}: N {found.n_total}, analytic {design.power:.4f}, simulated {found.measure('rejection')}")
    assert abs(_distance(found, design.power)) < 3
    # Three MCSEs for each of several looks together: by Bonferroni 3.5 for ten.
    for column in ("efficacy", "futility"):
        for look, p in enumerate(expected[column].iloc[: len(expected) - (column == "futility")]):
            error = np.sqrt(max(p * (1.0 - p), 1e-9) / TRIALS)
            assert abs(found.looks[column].iloc[look] - p) < 3.5 * error + 1.0 / TRIALS
    if name == "futility":
        # The ordering leaves out a rule that does not bind; where it is followed all the same, intervals
        # after a stop for futility do not reach far enough.
        assert 0.92 < found.measure("adjusted_coverage")[0] < 0.95
        return
    assert abs(_distance(found, 0.95, "adjusted_coverage")) < 3
    bias, mcse = found.measure("adjusted_median_bias")
    assert abs(bias) < 3 * mcse


def test_the_high_dose_plan_beats_its_formula_by_what_the_strata_take_of_the_variance():
    planned = load_trial("trial-ivigg-high-dose")
    pool = build_pool(planned)
    screened = screen(planned, pool)
    size = planned_size(planned, screened)
    for told, expected in (
        (planned, power_with(size, screened.precision.lasting)),
        (planned.changed(UNADJUSTED), size.power),
    ):
        found = simulate_trials(told, replicates=TRIALS, jobs=1, n_total=size.n_randomized, pool=pool)
        print(f"\n{told.test.analysis}: analytic {expected:.4f}, simulated {found.measure('rejection')}")
        assert abs(_distance(found, expected)) < 3
    assert screened.precision.lasting < 0.985


@pytest.mark.parametrize("name", CLUSTERED)
def test_power_where_icus_are_randomized(name):
    told = _protocol(ICUS | {"test.analysis": "cluster_means"} | CLUSTERED[name])
    found = simulate_trials(told, replicates=TRIALS, jobs=1)
    expected = design_fixed(told).with_total(found.n_total).power
    print(f"\n{name}: N {found.n_total}, analytic {expected:.4f}, simulated {found.measure('rejection')}")
    assert abs(_distance(found, expected)) < 3


def test_power_of_a_stepped_wedge():
    wedge = {"allocation.unit": "stepped_wedge", "allocation.steps": 4, "allocation.cluster_size": 5}
    told = _protocol(ICUS | wedge | {"test.analysis": "gee"})
    found = simulate_trials(told, replicates=TRIALS, jobs=1)
    expected = design_fixed(told).with_total(found.n_total).power
    print(
        f"\nstepped wedge: N {found.n_total}, analytic {expected:.4f}, simulated {found.measure('rejection')}"
    )
    assert abs(_distance(found, expected)) < 3


NULL: dict[str, dict[str, Any]] = {
    "pooled test": {},
    "blocks within ICU and severity": {
        "allocation": {"method": "blocks"},
        "test": {"analysis": "stratified", "strata": ["icu", "apache2 >= 29"]},
    },
    "minimization": {
        "allocation": {"method": "minimization"},
        "test": {"analysis": "stratified", "strata": ["icu", "apache2 >= 29"]},
    },
    "adjusted, covariates with gaps": {
        "test": {"analysis": "adjusted", "covariates": ["apache2", "age", "lactate", "infection_site"]}
    },
    "log-rank": TIME | {"test": {"analysis": "stratified"}},
    "ventilator-free days": FREE_DAYS | {"test": {"analysis": "stratified"}},
    "win ratio": WINS,
    "GEE of 42 ICUs": {
        "allocation": {"unit": "parallel_cluster", "cluster_size": 24},
        "test": {"analysis": "gee"},
    },
}


@pytest.mark.parametrize("name", NULL)
def test_without_effect_the_whole_pipeline_rejects_at_its_level(name):
    """The cohort's patients re-randomized, with their covariates, gaps, ICU effects, loss and departures."""
    conduct = {
        "contamination": {"share": 0.308, "by_severity": 0.5},
        "loss": {"share": 0.05, "dead_odds_ratio": 2.0},
    }
    told = _protocol(NULL[name] | {"conduct": conduct, "n_total": 1_000})
    trials = 5_000 if name.startswith("GEE") else TRIALS
    found = simulate_trials(told, replicates=trials, jobs=1, null=True)
    print(f"\n{name}: type I error {found.measure('rejection_any_side')}")
    assert abs(_distance(found, 0.05, "rejection_any_side")) < 3
    assert found.measure("failure")[0] < 1e-3


def test_the_control_risk_and_the_effect_are_those_of_the_thesis_bar():
    told = _protocol({"endpoint.control_risk": 0.33, "effect": {"scale": "risk_difference", "value": -0.06}})
    design = design_fixed(told, build_pool(told))
    # 0.33 against 0.27, two-sided 5%, power 90%; the pool meets both risks but for a patient or two.
    assert design.n_total == pytest.approx(2447.6, rel=2e-3)
