"""The truth: exact where it is exact, consistent with a world randomized by coin."""

import numpy as np
import pandas as pd
import pytest

from simsepsis.analysis.methods.method import MATCHED_SET
from simsepsis.analysis.methods.registry import METHODS
from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.errors import UsageError
from simsepsis.truth import estimands_by_experiment, known_estimands, true_estimands
from simsepsis.world.cohort import generate_cohort
from simsepsis.world.contrast import Risks, log_cumulative_hazard_ratio, log_odds_ratio, log_risk_ratio
from simsepsis.world.files import load_scenario

ENDPOINTS = ("icu_death", "hospital_death", "death_28d")

RR081 = load_scenario("rr081")


def test_without_effect_every_truth_is_exactly_none():
    truth = true_estimands(load_scenario("thesis"), population=4_000, seed=3)
    assert truth["value"].abs().max() < 1e-12
    assert set(truth.columns) == {"estimand", "value", "mcse", "population"}


def test_courses_under_both_arms_are_identical_without_effect():
    outcomes = load_scenario("thesis").potential_outcomes(population=20_000, seed=3)
    treated, untreated = outcomes.treated, outcomes.untreated
    for name in ENDPOINTS:
        assert np.array_equal(treated.event[name], untreated.event[name])
        assert np.array_equal(treated.time[name], untreated.time[name])
    assert np.array_equal(treated.lifetime, untreated.lifetime)


def test_the_stated_effect_is_the_truth_in_other_patients():
    truth = true_estimands(RR081, population=150_000, seed=5).set_index("estimand")
    row = truth.loc["log_rr_hospital_death_att"]
    # The coefficient was solved on a population of its own, with an error of 0.4%.
    assert abs(row["value"] - np.log(0.81)) < 3 * np.hypot(row["mcse"], 0.004)


def test_scales_agree_with_each_other():
    truth = true_estimands(RR081, population=150_000, seed=5).set_index("estimand")["value"]
    for suffix in ("att", "ate", "ato"):
        assert truth[f"rd_hospital_death_{suffix}"] < 0
        assert truth[f"log_or_hospital_death_{suffix}"] < truth[f"log_rr_hospital_death_{suffix}"] < 0
        assert truth[f"rmst28_difference_{suffix}"] > 0


def test_a_randomized_twin_estimates_the_twin_truth():
    coin = generate_cohort(RR081, seed=6, n=120_000, assignment="coin")
    treated, died = (coin.registry[name].to_numpy() == 1 for name in ("ivigg", "hospital_death"))
    assert abs(treated.mean() - RR081.patients.ivigg_share) < 4 * np.sqrt(0.25 / treated.size)
    difference = died[treated].mean() - died[~treated].mean()
    error = np.sqrt(sum(died[a].var() / a.sum() for a in (treated, ~treated)))
    truth = (
        true_estimands(RR081, population=150_000, seed=5).set_index("estimand").loc["rd_hospital_death_twin"]
    )
    assert abs(difference - truth["value"]) < 3 * np.hypot(error, truth["mcse"])


def test_the_coin_knows_nothing_of_patients():
    coin = generate_cohort(RR081, seed=6, n=60_000, assignment="coin").registry
    means = coin.groupby("ivigg")[["apache2", "age", "platelets"]].agg(["mean", "var", "size"])
    for name in ("apache2", "age", "platelets"):
        m = means[name]
        gap = abs(m.loc[1, "mean"] - m.loc[0, "mean"])
        assert gap < 4 * np.sqrt((m["var"] / m["size"]).sum())


def test_what_is_wanted_is_what_it_is_among_all():
    wanted = ("rmst28_difference_ato", "log_hr_hospital_death_att", "rd_hospital_death_twin")
    found = true_estimands(RR081, population=4_000, seed=5, estimands=wanted)
    among_all = true_estimands(RR081, population=4_000, seed=5).query("estimand in @wanted")
    assert sorted(found["estimand"]) == sorted(wanted)
    pd.testing.assert_frame_equal(found, among_all.reset_index(drop=True), check_exact=True)
    with pytest.raises(UsageError, match="estimand 'rd_hospital_deth_att': the world has no such truth"):
        true_estimands(RR081, population=4_000, seed=5, estimands=("rd_hospital_deth_att",))


def test_matched_truth_is_about_matched_patients():
    truth = true_estimands(RR081, population=9_600, seed=5, matched=True).set_index("estimand")
    row = truth.loc["log_rr_hospital_death_matched"]
    assert 0.2 * 9_600 < row["population"] < 0.31 * 9_600
    assert row["value"] < 0


def test_contrasts_by_hand():
    treated = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0], dtype=bool)
    untreated = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], dtype=bool)
    risks = Risks(treated=treated, untreated=untreated, weights=np.ones(10))
    assert risks.mean() == pytest.approx((0.2, 0.4))
    assert log_risk_ratio(risks)[0] == pytest.approx(np.log(0.5))
    assert log_odds_ratio(risks)[0] == pytest.approx(np.log((0.2 / 0.8) / (0.4 / 0.6)))
    assert log_cumulative_hazard_ratio(risks)[0] == pytest.approx(np.log(np.log(0.8) / np.log(0.6)))
    # Paired difference: mean of (0, 0, -1, -1, 0 …) with n in the denominator.
    assert risks.standard_error(1.0, -1.0) == pytest.approx(np.sqrt(0.16 / 10))


def test_contrast_errors_match_repeated_populations():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(600):
        untreated = rng.random(400) < 0.3
        treated = untreated & (rng.random(400) < 0.7)
        weights = np.where(untreated, 0.5, 0.2)
        found.append(log_odds_ratio(Risks(treated=treated, untreated=untreated, weights=weights)))
    values, errors = np.array(found).T
    ratio = errors.mean() / values.std(ddof=1)
    assert abs(ratio - 1) < 4 / np.sqrt(2 * 600) + 0.02


def test_a_truth_needs_a_population():
    with pytest.raises(UsageError, match="population = 5: too few"):
        true_estimands(RR081, population=5, seed=1)


def test_the_twin_is_everybody_but_has_no_marginal_odds_ratio():
    truth = true_estimands(RR081, population=4_000, seed=5).set_index("estimand")["value"]
    for scale in ("rd", "log_rr"):
        assert truth[f"{scale}_hospital_death_twin"] == truth[f"{scale}_hospital_death_ate"]
    assert "log_or_hospital_death_ate" in truth.index
    for scale in ("log_or", "log_hr", "log_shr"):
        assert not any(name.startswith(scale) and name.endswith("_twin") for name in truth.index)


def test_the_overlap_weights_patients_by_how_uncertain_their_treatment_is():
    truth = true_estimands(RR081, population=4_000, seed=5).set_index("estimand")["value"]
    outcomes = RR081.potential_outcomes(population=4_000, seed=5)
    weights = outcomes.propensity * (1 - outcomes.propensity)
    risks = [
        np.average(potential.event["hospital_death"], weights=weights)
        for potential in (outcomes.treated, outcomes.untreated)
    ]
    assert truth["rd_hospital_death_ato"] == pytest.approx(risks[0] - risks[1], abs=1e-12)


def test_every_estimand_of_every_method_is_listed():
    given = {name for method in METHODS.values() for name in method.estimands_of(THESIS_SPEC)}
    assert given - set(MATCHED_SET) <= {*known_estimands(), *estimands_by_experiment()}
    assert set(true_estimands(RR081, population=400, seed=5, matched=True)["estimand"]) == set(
        known_estimands()
    )


def test_mean_days_alive_are_counted_to_the_horizon():
    outcomes = RR081.potential_outcomes(population=4_000, seed=5)
    means = [np.minimum(arm.lifetime, 28.0).mean() for arm in (outcomes.treated, outcomes.untreated)]
    truth = true_estimands(RR081, population=4_000, seed=5).set_index("estimand")["value"]
    assert truth["rmst28_difference_ate"] == pytest.approx(means[0] - means[1], rel=1e-12)
    assert np.isfinite(outcomes.untreated.lifetime[outcomes.untreated.lifetime > 28.0]).any()


def test_policies_are_told_from_the_courses_of_everybody():
    outcomes = RR081.potential_outcomes(population=20_000, seed=5)
    truth = true_estimands(RR081, population=20_000, seed=5).set_index("estimand")["value"]
    given, early, untreated = (
        arm.event["death_28d"] for arm in (outcomes.given, outcomes.early, outcomes.untreated)
    )
    assert truth["rd_death_28d_never"] == pytest.approx(untreated.mean() - given.mean(), abs=1e-12)
    assert truth["rd_death_28d_start_within_48h"] == pytest.approx(early.mean() - untreated.mean(), abs=1e-12)
    assert truth["cid_hospital_death_28_never"] == truth["rd_death_28d_never"]
    # Whoever has left the ICU or died by then cannot start, and fares as untreated.
    gone = outcomes.untreated.lifetime < 2.0
    late = outcomes.early.lifetime == outcomes.untreated.lifetime
    assert late[gone].mean() > 0.5
    assert truth["rd_death_28d_start_within_48h"] < -truth["rd_death_28d_never"] < 0.0
