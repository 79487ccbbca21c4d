"""The truth of each method is about the patients whom this method matched."""

import numpy as np
import pytest

from simsepsis.analysis.methods import METHODS, run_methods
from simsepsis.analysis.methods.kept import kept_patients
from simsepsis.analysis.methods.shared import Shared
from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.experiment.truths import matched_truths
from simsepsis.streams import streams
from simsepsis.truth import matched_outcomes, truth_rows
from simsepsis.world.cohort import generate_cohort
from simsepsis.world.files import load_scenario

N = 900
MATCHED = [
    name
    for name, method in METHODS.items()
    if "matched" in method.populations and "controls" not in method.needs  # which this world has not
]
WITH_PAIRS = [name for name in MATCHED if "pairs_matched" in METHODS[name].estimands]


@pytest.fixture(scope="module")
def world():
    scenario = load_scenario("thesis")
    effect = scenario.effect.model_copy(update={"log_hazard_ratio": -0.7})
    return scenario.model_copy(update={"effect": effect, "n": N})


@pytest.fixture(scope="module")
def truths(world):
    methods = (
        *("psm", "psm_adjuncts", "psm_no_caliper", "psm_paired_se", "fine_gray", "rmst28"),
        *("breslow_day_apache2", "randomized_twin_psm", "oracle_ps"),
    )
    return matched_truths(world, methods, population=36_000, seed=11).set_index(["method", "estimand"])


@pytest.mark.parametrize("name", WITH_PAIRS)
def test_the_patients_kept_are_those_of_the_method(world, name):
    cohort = generate_cohort(world, seed=4)
    draw = streams(4)
    rows = run_methods((name,), cohort.records, draw=draw).set_index("estimand")
    shared = Shared(registry=cohort.records, spec=THESIS_SPEC, draw=draw, asked=())
    kept = kept_patients(METHODS[name], shared, None)
    treated = cohort.registry["ivigg"].to_numpy() == 1
    assert kept.shape == (N,)
    assert not kept[~treated].any()
    assert np.count_nonzero(kept) == rows.loc["pairs_matched", "estimate"]


@pytest.mark.parametrize("name", MATCHED)
def test_every_matched_estimand_has_a_truth(world, name):
    found = matched_truths(world, (name,), population=N, seed=3)
    effects = [n for n in METHODS[name].estimands_of(THESIS_SPEC) if n.endswith("_matched")]
    wanted = {n for n in effects if n not in ("pairs_matched", "max_smd_matched")}
    assert set(found["estimand"]) == wanted


def test_methods_of_one_matched_set_have_one_truth(truths):
    key = "rd_hospital_death_matched"
    assert truths.loc[("psm", key), "value"] == truths.loc[("psm_paired_se", key), "value"]


def test_other_scores_and_calipers_keep_other_patients(truths):
    key = "rd_hospital_death_matched"
    sizes = {
        name: truths.loc[(name, key), "population"] for name in ("psm", "psm_adjuncts", "psm_no_caliper")
    }
    assert sizes["psm"] < sizes["psm_no_caliper"]
    assert len(set(sizes.values())) == 3


def test_the_first_score_has_the_truth_of_its_matched_set(world, truths):
    outcomes = matched_outcomes(world, population=36_000, seed=12)
    rows = {
        row["estimand"]: row for row in truth_rows(outcomes, np.ones(outcomes.propensity.size), "matched")
    }
    for key in ("rd_hospital_death_matched", "log_or_icu_death_matched"):
        own = truths.loc[("psm", key)]
        error = np.hypot(own["mcse"], rows[key]["mcse"])
        assert abs(own["value"] - rows[key]["value"]) < 4 * error


def test_an_interaction_is_the_ratio_of_the_odds_ratios_of_both_strata(truths):
    row = truths.loc[("breslow_day_apache2", "log_or_ratio_hospital_death_matched")]
    assert np.isfinite(row["value"])
    assert row["mcse"] > truths.loc[("psm", "log_or_hospital_death_matched"), "mcse"]


def test_the_twin_has_its_own_matched_patients(truths):
    key = "rd_hospital_death_matched"
    assert truths.loc[("randomized_twin_psm", key), "value"] != truths.loc[("psm", key), "value"]
