"""Survival under policies: closed forms, errors against resampling, and what is the same by design."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from tests.recovery.long_courses import KEOGH, keogh_courses

from simsepsis import g_formula, kaplan_meier, marginal_structural_model, sequential_trials
from simsepsis.errors import ConvergenceError, DataError, UsageError

Method = Callable[..., pd.DataFrame]
METHODS = (marginal_structural_model, sequential_trials, g_formula)
COURSES = keogh_courses(np.random.default_rng(11), 600)
ALONE = {**KEOGH, "covariates": []}
BY_VISIT = {**ALONE, "duration": None}


def survival(found: pd.DataFrame, policy: str) -> np.ndarray:
    return found.loc[found["policy"] == policy, "survival"].to_numpy()


def followers(policy: str) -> pd.DataFrame:
    """Return the rows until a person departs from a policy."""
    departs = COURSES["treated"] == (policy == "never")
    return COURSES[~departs.groupby(COURSES["person"]).cummax()]


@cache
def without_covariates() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the models by the time itself and by visit, for every policy."""
    return marginal_structural_model(COURSES, **ALONE), marginal_structural_model(COURSES, **BY_VISIT)


@pytest.mark.parametrize("policy", ["always", "never"])
def test_without_covariates_the_model_is_kaplan_meier_among_followers(policy: str):
    rows = followers(policy)
    alone, by_visit = without_covariates()
    found = survival(alone, policy)
    last = rows.groupby("person").last()
    curve = kaplan_meier(last["visit"] + last["time"], last["died"])
    expected = [curve.loc[curve["time"] <= k, "survival"].iloc[-1] for k in range(1, 6)]
    assert_allclose(found, expected, rtol=1e-4)
    deaths = rows.groupby("visit")["died"].mean()
    found = survival(by_visit, policy)
    assert_allclose(found, np.cumprod(1 - deaths), rtol=1e-12)


def test_without_covariates_the_error_is_greenwoods():
    found = marginal_structural_model(COURSES, **ALONE, policies="always")
    last = followers("always").groupby("person").last()
    curve = kaplan_meier(last["visit"] + last["time"], last["died"])
    expected = [curve.loc[curve["time"] <= k, "std_error"].iloc[-1] for k in range(1, 6)]
    assert_allclose(found["std_error"], expected, rtol=0.02)


def test_without_covariates_trials_pool_deaths_by_time_since_their_start():
    """Untreated rows weigh the chance of staying so by time in the trial, over that by visit."""
    rows = COURSES.sort_values(["person", "visit"])
    before = rows.groupby("person")["treated"].shift(fill_value=0)
    by_visit = 1 - rows[before == 0].groupby("visit")["treated"].mean().to_numpy()
    trials = []
    for _, one in rows[before == 0].groupby("person"):
        course = rows[rows["person"] == one["person"].iloc[0]].reset_index(drop=True)
        for begin in one["visit"]:
            trials.append(course.iloc[begin:].assign(begin=begin, k=range(len(course) - begin)))
    trial = pd.concat(trials, ignore_index=True)
    arm = trial.groupby(["person", "begin"])["treated"].transform("first")
    departs = trial["treated"] != arm
    at_risk = ~departs.groupby([trial["person"], trial["begin"]]).cummax().groupby(
        [trial["person"], trial["begin"]]
    ).shift(fill_value=False)
    untreated = trial[at_risk & (arm == 0)]
    by_time = 1 - untreated.groupby("k")["treated"].mean().to_numpy()
    ratio = np.where(untreated["k"] > 0, by_time[untreated["k"]] / by_visit[untreated["visit"]], 1.0)
    weight = untreated.assign(w=ratio).groupby(["person", "begin"])["w"].cumprod()
    stayed = untreated["treated"] == 0
    died = (weight * untreated["died"])[stayed].groupby(untreated["k"]).sum()
    never = np.cumprod(1 - died / weight[stayed].groupby(untreated["k"]).sum())
    found = sequential_trials(COURSES, **BY_VISIT)
    assert_allclose(survival(found, "never"), never, rtol=1e-9)
    always = np.cumprod(1 - trial[arm == 1].groupby("k")["died"].mean())
    assert_allclose(survival(found, "always"), always, rtol=1e-9)


def test_without_covariates_the_g_formula_takes_deaths_by_treatment_of_the_day():
    found = g_formula(COURSES, **BY_VISIT)
    deaths = COURSES.groupby(["treated", "visit"])["died"].mean()
    for policy, arm in (("always", 1.0), ("never", 0.0)):
        assert_allclose(survival(found, policy), np.cumprod(1 - deaths[arm]), rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("hazard", ["additive", "logistic"])
def test_standard_errors_are_those_of_resampled_persons(method: Method, hazard: str):
    rng = np.random.default_rng(12)
    rows = COURSES.sort_values(["person", "visit"])
    first, length = np.unique(rows["person"], return_index=True, return_counts=True)[1:]
    columns = {**KEOGH, "hazard": hazard, "horizon": 2, "policies": ["always", "always - never"]}
    drawn = []
    for _ in range(60):
        chosen = rng.integers(0, first.size, first.size)
        places = np.concatenate([np.arange(first[one], first[one] + length[one]) for one in chosen])
        again = rows.iloc[places].assign(person=np.repeat(np.arange(chosen.size), length[chosen]))
        drawn.append(method(again, **columns)["survival"])
    assert_allclose(method(COURSES, **columns)["std_error"], np.std(drawn, axis=0), rtol=0.3)


@pytest.mark.parametrize("method", METHODS)
def test_order_names_and_the_first_number_do_not_matter(method: Method):
    expected = method(COURSES, **KEOGH)
    shuffled = COURSES.sample(frac=1, random_state=1)
    changed = shuffled.assign(visit=shuffled["visit"] + 1, treated=shuffled["treated"] == 1)
    found = method(changed, **KEOGH)
    assert list(found.columns) == ["policy", "time", "survival", "std_error", "ci_low", "ci_high"]
    if method is not g_formula:  # draws follow the order of persons
        assert_allclose(found.iloc[:, 2:], expected.iloc[:, 2:], rtol=1e-9)
    named = COURSES.assign(person="P" + COURSES["person"].astype(str))
    assert_allclose(method(named, **KEOGH).iloc[:, 2:], expected.iloc[:, 2:], rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_a_difference_is_one_of_the_same_curves(method: Method):
    found = method(COURSES, **KEOGH, policies=["always", "never", "always - never"])
    apart = survival(found, "always") - survival(found, "never")
    assert_allclose(survival(found, "always - never"), apart, atol=1e-15)
    assert found["survival"].between(found["ci_low"], found["ci_high"]).all()


def test_the_g_formula_draws_by_its_seed():
    one, again, other = (g_formula(COURSES, **KEOGH, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, again)
    assert not one.equals(other)
    assert_allclose(one["survival"], other["survival"], atol=0.006)


def test_covariates_of_two_levels_or_without_change_are_drawn_as_they_are():
    courses = COURSES.assign(high=(COURSES["L"] > 0).astype(int), old=COURSES["person"] % 2)
    found = g_formula(courses, **{**KEOGH, "covariates": ["old", "high"]})
    natural = survival(found, "natural_course")
    observed = courses.groupby("visit").size().to_numpy()[1:] / 600
    assert_allclose(natural[:4], observed, atol=0.025)


def test_truncated_weights_move_estimates_towards_unweighted_ones():
    none, some, most = (
        survival(marginal_structural_model(COURSES, **KEOGH, truncate=quantile), "never")[-1]
        for quantile in (None, 0.95, 0.5)
    )
    assert none != some
    assert some != most


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"policies": ["ever"]}, "policy 'ever' is unknown; write one of always, never"),
        ({"policies": []}, "policies is empty; write policies="),
        ({"hazard": "weibull"}, "hazard is 'weibull'; write hazard='additive' or hazard='logistic'"),
        ({"truncate": 1.5}, r"truncate is 1\.5"),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_settings_that_are_none_are_refused(method: Method, changed: dict[str, object], reason: str):
    with pytest.raises(UsageError, match=reason):
        method(COURSES, **{**KEOGH, **changed})


@pytest.mark.parametrize("method", [marginal_structural_model, sequential_trials])
def test_a_policy_that_nobody_follows_is_refused_with_the_horizon_to_write(method: Method):
    starts = COURSES["person"][(COURSES["visit"] == 2) & (COURSES["treated"] == 1)]
    early = COURSES[(COURSES["visit"] < 2) | COURSES["person"].isin(starts)]
    with pytest.raises(DataError, match=r"nobody at risk at visit 2 .* follows 'never' until then; write"):
        method(early, **KEOGH)
    with pytest.raises(DataError, match="policies without 'always'"):
        method(COURSES.assign(treated=0), **KEOGH)


def test_covariates_that_decide_on_treatment_are_refused():
    decided = COURSES.assign(L=COURSES["treated"] * 5 + COURSES["visit"])
    with pytest.raises(ConvergenceError, match="treatment could not be modelled"):
        marginal_structural_model(decided, **KEOGH)
