"""One registry: reproducible, legal, and changed only by what was changed."""

import numpy as np
import pandas as pd
import pytest

from simsepsis.errors import UsageError
from simsepsis.studies.jseptic_ivigg.columns import ADJUNCTS, COLUMNS
from simsepsis.studies.jseptic_ivigg.world.generate import BLOCK
from simsepsis.studies.jseptic_ivigg.world.observation import DAY1_ITEMS
from simsepsis.world.cohort import generate_cohort
from simsepsis.world.files import load_scenario


@pytest.fixture(scope="module")
def thesis():
    return load_scenario("thesis")


@pytest.fixture(scope="module")
def cohort(thesis):
    return generate_cohort(thesis, seed=5, n=20_000)


@pytest.fixture
def registry(cohort):
    return cohort.registry


def test_columns_are_the_dictionary_in_its_order(registry):
    assert list(registry.columns) == list(COLUMNS)
    assert len(registry) == 20_000
    assert registry["patient_id"].is_unique


def test_values_are_legal(registry):
    for column in COLUMNS.values():
        value = registry[column.name].dropna()
        if column.kind == "binary":
            assert set(value.unique()) <= {0, 1}, column.name
        elif column.kind == "category":
            assert set(value.unique()) <= set(column.level_names), column.name
        if column.low is not None:
            assert value.astype(float).min() >= column.low, column.name
        if column.high is not None:
            assert value.astype(float).max() <= column.high, column.name


def test_same_seed_same_registry_and_others_differ(thesis, cohort):
    again = generate_cohort(thesis, seed=5, n=20_000)
    pd.testing.assert_frame_equal(cohort.registry, again.registry)
    for other in ({"seed": 6}, {"seed": 5, "replicate": 1}):
        assert not generate_cohort(thesis, n=20_000, **other).registry.equals(cohort.registry)


def test_blocks_hold_patients_of_their_own(registry):
    rest = len(registry) - BLOCK
    for name in ("age", "hospital_days"):
        # Sites differ a little between blocks, so that repeated patients would be alike, not equal.
        ranks = registry[name].rank().to_numpy()
        assert abs(np.corrcoef(ranks[:rest], ranks[BLOCK:])[0, 1]) < 4 / np.sqrt(rest), name


def test_course_is_consistent(registry):
    assert (registry["icu_days"] <= registry["hospital_days"]).all()
    assert (registry["icu_days"] >= 1).all()
    assert (registry["hospital_death"] >= registry["icu_death"]).all()
    assert (registry["hospital_death"] >= registry["death_28d"]).all()
    stays = registry["ventilator_days"] <= np.minimum(registry["icu_days"], 28)
    assert stays.all()
    assert (registry["rrt_days"] <= np.minimum(registry["hospital_days"], 28)).all()


def test_renal_replacement_has_one_indication_and_days(registry):
    on = (registry["rrt"] == 1) | (registry["rrt_nonrenal"] == 1)
    assert not ((registry["rrt"] == 1) & (registry["rrt_nonrenal"] == 1)).any()
    assert (registry.loc[on, "rrt_days"] >= 1).all()


def test_later_scores_are_missing_after_death_or_discharge_only(registry):
    for day in (3, 7):
        gone = registry["hospital_days"] < day
        assert registry.loc[gone, f"sofa_cv_day{day}"].isna().all()
        assert registry.loc[registry["hospital_days"] > day, f"sofa_cv_day{day}"].notna().all()


def test_scoring_rules_of_the_registry(registry):
    seen = registry.dropna(subset=["sofa_renal_day7"])
    assert (seen.loc[seen["rrt"] == 1, "sofa_renal_day7"] >= 3).all()
    assert (seen.loc[seen["vv_ecmo"] == 1, "sofa_resp_day7"] == 4).all()
    assert (seen.loc[(seen["va_ecmo"] == 1) | (seen["iabp"] == 1), "sofa_cv_day7"] == 4).all()


def test_incomplete_patients_lack_one_item(thesis, registry):
    lacking = registry[list(DAY1_ITEMS)].isna().sum(axis=1)
    assert set(lacking.unique()) == {0, 1}
    p = thesis.observation.incomplete_day1
    assert abs(lacking.mean() - p) < 4 * np.sqrt(p * (1 - p) / len(registry))


def test_treatment_follows_its_propensity_and_stays_in_the_icu(cohort):
    day, p = cohort.oracle.hours["ivigg"] / 24.0, cohort.oracle.propensity
    treated = np.isfinite(day)
    assert np.array_equal(treated, cohort.registry["ivigg"] == 1)
    assert abs(treated.sum() - p.sum()) < 4 * np.sqrt((p * (1 - p)).sum())
    assert np.all(np.ceil(day[treated]) <= cohort.registry["icu_days"][treated])


def test_an_effect_leaves_patients_treatment_and_adjunct_draws_alone(thesis, cohort):
    effect = thesis.effect.model_copy(update={"log_hazard_ratio": -0.5})
    helped = generate_cohort(thesis.model_copy(update={"effect": effect}), seed=5, n=20_000)
    same = ["age", "apache2", "infection_site", "ivigg", "icu_id", "wbc"]
    pd.testing.assert_frame_equal(helped.registry[same], cohort.registry[same])
    untreated = cohort.registry["ivigg"] == 0
    pd.testing.assert_frame_equal(helped.registry[untreated], cohort.registry[untreated])
    assert helped.registry["hospital_death"].sum() < cohort.registry["hospital_death"].sum()


def test_death_by_day_28_is_death_in_hospital_within_28_days(cohort):
    for arm in (cohort.oracle.treated, cohort.oracle.untreated):
        assert np.array_equal(arm.event["death_28d"], arm.event["hospital_death"] & (arm.lifetime <= 28.0))
        assert np.array_equal(arm.event["hospital_death"], np.isfinite(arm.lifetime))


def test_oracle_columns_never_reach_the_registry(cohort):
    assert set(cohort.oracle.frame()).intersection(cohort.registry) == {"patient_id"}


def test_treated_get_more_of_nearly_everything(registry):
    means = registry.groupby("ivigg")[list(ADJUNCTS)].mean()
    assert (means.loc[1] > means.loc[0])[["antithrombin_therapy", "pmx", "rrt", "low_dose_steroid"]].all()


def test_no_patients_is_refused(thesis):
    with pytest.raises(UsageError, match="n = 0: a registry needs at least one patient"):
        generate_cohort(thesis, seed=1, n=0)
