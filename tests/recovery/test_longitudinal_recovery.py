"""Methods for a treatment that starts on some day recover published truths with honest standard errors."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest
from tests.recovery.long_courses import KEOGH, TRUTH, keogh_courses, switching_courses

from simsepsis import g_formula, marginal_structural_model, sequential_trials

Method = Callable[..., pd.DataFrame]
METHODS = (marginal_structural_model, sequential_trials, g_formula)
PUBLISHED = {
    marginal_structural_model: {1: 0.0259, 5: 0.0468},
    sequential_trials: {1: 0.0183, 5: 0.0547},
}
"""Table 2, scenario 1: standard deviation of the difference at two times (its Monte Carlo error × √1000)."""


@cache
def courses(seed: int, replicate: int) -> pd.DataFrame:
    return keogh_courses(np.random.default_rng([seed, replicate]))


def repeated(method: Method, replicates: int, seed: int) -> pd.DataFrame:
    """Return bias, its error, SD, root mean squared standard error and coverage, by policy and time."""
    found = pd.concat(method(courses(seed, r), **KEOGH, policies=[*TRUTH]) for r in range(replicates))
    found["truth"] = np.tile(np.concatenate([*TRUTH.values()]), replicates)
    found["covered"] = found["truth"].between(found["ci_low"], found["ci_high"])
    found["square"] = found["std_error"] ** 2
    groups = found.groupby(["policy", "time"])
    sd = groups["survival"].std()
    return pd.DataFrame(
        {
            "bias": groups["survival"].mean() - groups["truth"].first(),
            "error": sd / np.sqrt(replicates),
            "sd": sd,
            "std_error": np.sqrt(groups["square"].mean()),
            "covered": groups["covered"].mean(),
        }
    )


@pytest.mark.parametrize("method", METHODS)
def test_the_published_truth_is_recovered(method: Method):
    table = repeated(method, 60, seed=1)
    assert (table["bias"].abs() < 3 * table["error"]).all()
    assert 0.85 < (table["std_error"] / table["sd"]).mean() < 1.2


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_the_published_bias_spread_and_coverage(method: Method):
    table = repeated(method, 1_000, seed=2023)
    difference = table.loc["always - never"]
    assert (difference["bias"].abs() < 3 * difference["error"]).all()
    assert table["covered"].between(0.93, 0.97).all()
    for time, sd in PUBLISHED.get(method, {}).items():
        assert difference.loc[time, "sd"] == pytest.approx(sd, rel=0.05)


@pytest.mark.parametrize("method", METHODS)
def test_treatment_that_may_stop(method: Method):
    truth = {
        name: np.cumprod(1 - by_visit, axis=1).mean(axis=0)
        for name, policy in (("always", 1.0), ("never", 0.0))
        for by_visit in [
            switching_courses(np.random.default_rng(5), 200_000, policy)["hazard"].to_numpy().reshape(3, -1).T
        ]
    }
    columns = {**KEOGH, "duration": None, "horizon": 3, "policies": ["always", "never"]}
    found = method(switching_courses(np.random.default_rng(6), 20_000), **columns)
    deviation = (found["survival"] - np.concatenate([*truth.values()])) / found["std_error"]
    assert deviation.abs().max() < 3.5


def test_the_natural_course_is_what_was_observed():
    observed = keogh_courses(np.random.default_rng(3), 4_000)
    found = g_formula(observed, **KEOGH, policies=["natural_course"])
    share = observed.groupby("visit")["person"].size().to_numpy() / 4_000
    assert found["survival"][:4].to_numpy() == pytest.approx(share[1:], abs=0.006)
