"""What strata and covariates take of the variance, against the same sums done beside it."""

from __future__ import annotations

import numpy as np
import pytest
from tests.examples import with_slow

from simsepsis.streams import streams
from simsepsis.trial import build_pool, simulate_trials
from simsepsis.trial.simulation.draw import draw_trial, tally
from simsepsis.trial.simulation.from_protocol import planned_size, screen
from simsepsis.trial.simulation.precision import _expected_weights, precision_of, variance_left
from simsepsis.trial.simulation.setting import prepare

STRATA = {"test.analysis": "stratified", "test.strata": ("icu", "apache2 >= 29")}


def test_strata_leave_the_variance_within_them(protocol):
    told = protocol(STRATA)
    pool = build_pool(told)
    setting = prepare(told, pool, 1_000)
    mean = setting.dead.mean(axis=0)
    place = 2 * pool.icu + (pool.columns["apache2"] >= 29)
    within = 0.0
    for stratum in np.unique(place):
        inside = mean[place == stratum]
        within += inside.size * inside.mean() * (1.0 - inside.mean())
    expected = within / (mean.size * mean.mean() * (1.0 - mean.mean()))
    precision = precision_of(setting)
    assert precision.lasting == pytest.approx(expected, abs=1e-12)
    assert precision.left(1e9) == pytest.approx(expected, rel=1e-6)
    assert variance_left(setting) == precision.left(1_000) > expected
    assert expected < 0.99


def test_an_adjustment_leaves_what_its_covariates_do_not_explain(protocol):
    """Of a rare event too the logistic model explains about what a linear one does."""
    told = protocol({"test.analysis": "adjusted", "test.covariates": ("apache2", "age")})
    pool = build_pool(told)
    setting = prepare(told, pool, 1_000)
    design = np.column_stack([np.ones(pool.size), setting.covariates])
    dead = setting.dead.mean(axis=0)
    fitted = design @ np.linalg.lstsq(design, dead, rcond=None)[0]
    explained = fitted.var() / (dead.mean() * (1.0 - dead.mean()))
    assert 1.0 - variance_left(setting) == pytest.approx(explained, rel=0.25)


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({}, 1.0),
        ({"allocation.unit": "parallel_cluster", "test.analysis": "gee"}, 1.0),
        ({"endpoint.name": "ventilator_free_days", "test.analysis": "stratified"}, np.nan),
    ],
)
def test_others_leave_all_of_it_or_are_simulated_only(protocol, changes, left):
    told = protocol(changes)
    assert variance_left(prepare(told, build_pool(told), 1_000)) == pytest.approx(left, nan_ok=True)


def test_within_strata_a_hazard_ratio_is_farther_from_one(protocol):
    time = {"endpoint": {"name": "time_to_death", "horizon": 28}}
    told = protocol(time | STRATA)
    assert 0.9 < precision_of(prepare(told, build_pool(told), 1_000)).lasting < 1.0


MANY = ("icu", "apache2 >= 29", "age >= 65", "age >= 75")
FEW = {"effect.value": 0.5, "test.analysis": "stratified", "test.strata": MANY, "n_total": 160}


THREE = MANY[:3]
OWN_SITES = {"sites": {"number": 30, "sampled": True, "sizes": "equal"}, "test.strata": THREE}


SPARSE = {
    "coin": {},
    "loss": {"n_total": 400, "conduct.loss.share": 0.2},
    "sites of its own": OWN_SITES,
    "blocks": OWN_SITES | {"allocation": {"method": "blocks", "factors": THREE}},
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", with_slow(SPARSE, {"coin", "sites of its own"}))
def test_hundreds_of_strata_leave_the_power_of_the_formula(protocol, case):
    told = protocol(FEW | SPARSE[case])
    pool = build_pool(told)
    size = planned_size(told, screen(told, pool))
    assert size.assumptions.sparse > 1.1
    found = simulate_trials(told, replicates=1_500, jobs=1, pool=pool)
    value, mcse = found.measure("rejection")
    assert abs(value - size.power) < 3 * mcse
    # Solved for, the same strata take as many more patients.
    free = told.changed({"n_total": None})
    solved = planned_size(free, screen(free, pool))
    assert solved.power == pytest.approx(0.9, abs=0.005)
    assert solved.assumptions.sparse < size.assumptions.sparse


@pytest.mark.parametrize("blocks", [False, True])
def test_strata_weigh_what_both_arms_have(protocol, blocks):
    allocation = {"method": "blocks", "factors": MANY} if blocks else {"method": "simple"}
    told = protocol(FEW | {"allocation": allocation})
    setting = prepare(told, build_pool(told), 160)
    found = []
    for replicate in range(400):
        arms = tally(setting, draw_trial(setting, streams(5, replicate=replicate)))[-1].sum(axis=-1)
        found.append((arms[:, 0] * arms[:, 1] / np.maximum(arms.sum(axis=1), 1)).sum())
    precision = precision_of(setting)
    expected = _expected_weights(160 * precision.shares, 1.0, precision.block)[0].sum()
    assert np.mean(found) == pytest.approx(expected, abs=4 * np.std(found) / 20)
