"""What strata and covariates take of the variance, against the same sums done beside it."""

from __future__ import annotations

import numpy as np
import pytest

from simsepsis.trial import build_pool
from simsepsis.trial.simulation.precision import variance_left
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
    assert variance_left(setting) == pytest.approx(expected, abs=1e-12)
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
    assert 0.9 < variance_left(prepare(told, build_pool(told), 1_000)) < 1.0
