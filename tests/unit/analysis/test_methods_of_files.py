"""Methods that are one file each: closed forms, exact balance, and what the same method must agree with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit

from simsepsis.analysis.logistic import fit_logistic
from simsepsis.analysis.methods import run_method
from simsepsis.analysis.methods.crossfit import FOLDS, folds_of, predicted_elsewhere
from simsepsis.analysis.methods.entropy_balance import balancing_weights
from simsepsis.analysis.methods.multilevel import random_intercepts
from simsepsis.analysis.methods.targeted import targeted_risk
from simsepsis.analysis.spec import THESIS_SPEC, AnalysisSpec
from simsepsis.errors import ConvergenceError
from simsepsis.streams import streams

SPEC = AnalysisSpec(
    name="two levels",
    treatment="treated",
    outcomes=("dead",),
    covariates=("male",),
    cluster=None,
    patient=None,
    adjuncts=(),
    transfusions=(),
    durations=(),
    later_scores=(),
    survival_time=None,
    survival_event=None,
    subgroups=(),
)


def two_levels(n: int = 900, seed: int = 1) -> pd.DataFrame:
    """Return patients of two levels, on which treatment and death depend."""
    rng = np.random.default_rng(seed)
    male = rng.integers(0, 2, n)
    treated = rng.binomial(1, 0.3 + 0.3 * male)
    return pd.DataFrame({"male": male, "treated": treated, "dead": rng.binomial(1, 0.2 + 0.3 * male)})


FRAME = two_levels()
RISK = FRAME.groupby(["treated", "male"])["dead"].mean()
MALE = FRAME["male"].mean()


def found(method: str, estimand: str, frame: pd.DataFrame = FRAME) -> pd.Series:
    rows = run_method(method, frame, spec=SPEC).set_index("estimand")
    return rows.loc[estimand]


def standardized(share: float) -> float:
    """Return the risk difference in patients of whom a share is male."""
    by_level = RISK[1] - RISK[0]
    return float(by_level[0] * (1 - share) + by_level[1] * share)


def test_entropy_balance_of_one_level_is_standardization_to_the_treated() -> None:
    share = FRAME.loc[FRAME["treated"] == 1, "male"].mean()
    row = found("entropy_balance", "rd_dead_att")
    control = float(RISK[0, 0] * (1 - share) + RISK[0, 1] * share)
    treated = FRAME.loc[FRAME["treated"] == 1, "dead"].mean()
    assert row["estimate"] == pytest.approx(treated - control, abs=1e-9)


def test_entropy_balance_makes_means_equal_by_an_exponential_tilt() -> None:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(400, 4)) * [1, 10, 0.01, 1e3]
    target = 0.3 * X.std(axis=0)
    weights = balancing_weights(X, target)
    assert_allclose(weights @ X, target, atol=1e-8 * X.std(axis=0).max())
    tilt, residual = np.linalg.lstsq(np.column_stack([np.ones(400), X]), np.log(weights), rcond=None)[:2]
    assert residual < 1e-12
    assert np.abs(tilt[1:]).min() > 0
    again = balancing_weights(np.column_stack([X, X[:, :1]]), np.r_[target, target[0]])
    assert_allclose(again, weights, rtol=1e-7)


def test_entropy_balance_beyond_all_controls_says_so() -> None:
    with pytest.raises(ConvergenceError, match="no weights of the controls"):
        balancing_weights(np.arange(10.0)[:, None], np.array([11.0]))


@pytest.mark.parametrize("method", ["tmle", "aipw", "aipw_crossfit"])
def test_saturated_models_give_standardization_to_everybody(method: str) -> None:
    row = found(method, "rd_dead_ate")
    tolerance = 0.02 if method == "aipw_crossfit" else 1e-9
    assert row["estimate"] == pytest.approx(standardized(MALE), abs=tolerance)
    assert row["std_error"] == pytest.approx(found("aipw", "rd_dead_ate")["std_error"], rel=0.03)


def test_tmle_solves_its_equation_and_stays_in_range() -> None:
    rng = np.random.default_rng(3)
    X = np.column_stack([np.ones(500), rng.normal(size=(500, 2))])
    inside = rng.random(500) < expit(X[:, 1])
    dead = (rng.random(500) < expit(X[:, 2] - 1)).astype(float)
    weights = np.where(inside, 1 / expit(X[:, 1]), 1 / (1 - expit(X[:, 1])))
    risk, influence = targeted_risk(X, dead, inside, weights)
    assert 0 < risk < 1
    assert influence.sum() == pytest.approx(0, abs=1e-10)


def test_cross_fitting_predicts_nobody_by_a_model_that_knew_them() -> None:
    rng = np.random.default_rng(4)
    X = np.column_stack([np.ones(200), rng.normal(size=200)])
    y = (rng.random(200) < 0.4).astype(float)
    fold = folds_of(y == 1, rng)
    assert np.abs(np.bincount(fold[y == 1]) - (y == 1).sum() / FOLDS).max() < 1
    chance = predicted_elsewhere(X, y, fold)
    here = fold == 2
    expected = expit(X[here] @ fit_logistic(X[~here], y[~here]).params)
    assert_allclose(chance[here], expected, rtol=1e-6)
    changed = predicted_elsewhere(X, np.where(np.arange(200) == np.flatnonzero(here)[0], 1 - y, y), fold)
    assert_allclose(changed[here], chance[here], rtol=1e-12)
    assert np.abs(changed - chance)[~here].min() > 0


def test_random_intercepts_are_found_and_shrunk() -> None:
    rng = np.random.default_rng(5)
    cluster = np.repeat(np.arange(150), 40)
    intercept = rng.normal(0, 0.8, 150)
    X = np.column_stack([np.ones(6_000), rng.normal(size=6_000)])
    y = (rng.random(6_000) < expit(-0.5 + 0.7 * X[:, 1] + intercept[cluster])).astype(float)
    logit, variance = random_intercepts(X, y, cluster)
    assert np.sqrt(variance) == pytest.approx(0.8, abs=0.12)
    slope, shift = np.polyfit(-0.5 + 0.7 * X[:, 1] + intercept[cluster], logit, 1)
    assert (slope, shift) == pytest.approx((0.9, 0.0), abs=0.12)


def test_clusters_without_a_part_get_the_plain_score() -> None:
    rng = np.random.default_rng(6)
    X = np.column_stack([np.ones(3_000), rng.normal(size=3_000)])
    y = (rng.random(3_000) < expit(X[:, 1])).astype(float)
    logit, variance = random_intercepts(X, y, np.arange(3_000) % 30)
    assert variance < 0.05
    assert_allclose(logit, X @ fit_logistic(X, y).params, atol=0.35)


def test_many_orders_are_between_single_ones_and_know_their_spread(registry: pd.DataFrame) -> None:
    rows = run_method("psm_many_orders", registry).set_index("estimand")
    single = [
        run_method("psm_literal", registry, seed=seed, spec=replace(THESIS_SPEC, order="random"))
        .set_index("estimand")
        .loc["rd_hospital_death_matched", "estimate"]
        for seed in range(8)
    ]
    row = rows.loc["rd_hospital_death_matched"]
    assert min(single) <= row["estimate"] <= max(single)
    one = run_method("psm_literal", registry).set_index("estimand").loc["rd_hospital_death_matched"]
    assert row["std_error"] > 0.99 * one["std_error"]


def test_incidence_by_the_horizon_is_the_share_of_deaths_without_censoring(registry: pd.DataFrame) -> None:
    row = run_method("aalen_johansen", registry).iloc[0]
    shared = run_method("psm", registry)
    assert row["estimand"] == "cid_hospital_death_28_matched"
    assert row["converged"]
    late = registry.assign(hospital_days=1.0)
    everybody = run_method("aalen_johansen", late).iloc[0]
    same = run_method("psm", late).set_index("estimand").loc["rd_hospital_death_matched"]
    assert everybody["estimate"] == pytest.approx(same["estimate"], abs=1e-12)
    assert everybody["std_error"] == pytest.approx(same["std_error"], rel=1e-6)
    assert len(shared) > 0


def test_cox_in_the_unit_needs_to_know_the_stay(registry: pd.DataFrame) -> None:
    hours = np.where(registry["ivigg"] == 1, 1.0, np.nan)
    known, spec = registry.assign(ivigg_hour=hours), replace(THESIS_SPEC, durations=("hospital_days",))
    assert run_method("cox_in_icu", known, spec=spec)["converged"].all()
    lacking = run_method("cox_in_icu", known.drop(columns="icu_days"), spec=spec)
    assert lacking["failure"].str.startswith("needs the days of stay").all()


def test_cox_in_the_unit_compares_the_treated_with_those_who_could_be() -> None:
    """Death is twice as quick in the unit; the untreated leave it earlier: only the strata find no effect."""
    rng = np.random.default_rng(7)
    n = 6_000
    stay = np.ceil(rng.exponential(4, n))
    start = np.where(rng.random(n) < 0.6, rng.uniform(0, 6, n), np.inf)
    inside, outside = rng.exponential(20, n), rng.exponential(60, n)
    death = np.where(inside < stay, inside, stay + outside)
    end = np.minimum(death, 28.0)
    treated = start < np.minimum(stay, end)
    frame = pd.DataFrame(
        {
            "age": rng.normal(60, 10, n),
            "ivigg": treated.astype(int),
            "ivigg_hour": np.where(treated, 24 * start, np.nan),
            "icu_days": np.minimum(stay, end),
            "hospital_days": end,
            "hospital_death": (death < 28).astype(int),
        }
    )
    spec = replace(SPEC, treatment="ivigg", outcomes=("hospital_death",), covariates=("age",),
                   survival_time="hospital_days", survival_event="hospital_death")  # fmt: skip
    rows = {name: run_method(name, frame, spec=spec).iloc[0] for name in ("cox_time_varying", "cox_in_icu")}
    simple, stratified = rows["cox_time_varying"], rows["cox_in_icu"]
    assert abs(stratified["estimate"]) < 3 * stratified["std_error"]
    assert simple["estimate"] > 3 * simple["std_error"]


def test_draws_come_from_the_seed(registry: pd.DataFrame) -> None:
    assert streams(1)("matching").random() == streams(1)("matching").random()
    for name in ("psm_many_orders", "aipw_crossfit"):
        one, again = (run_method(name, registry, seed=3).drop(columns="seconds") for _ in range(2))
        pd.testing.assert_frame_equal(one, again)
        assert not one["estimate"].equals(run_method(name, registry, seed=4)["estimate"])
