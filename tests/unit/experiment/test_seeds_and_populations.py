"""Whose effect a truth is, and which random numbers truths and replicates draw."""

from __future__ import annotations

import numpy as np
import pytest

from simsepsis import generate_cohort, load_scenario, true_estimands

# What a run does in its workers, without the run around it.
from simsepsis.analysis.methods import run_methods
from simsepsis.experiment.cells import Cell
from simsepsis.experiment.replicates import draw_cohorts, estimate_replicates
from simsepsis.experiment.truths import TruthWork, true_values
from simsepsis.streams import streams
from simsepsis.studies.jseptic_ivigg.world.resolve import resolve

POPULATION = 3_000


@pytest.fixture(scope="module")
def rr081():
    """Return the world, solved."""
    return resolve(load_scenario("rr081"))


@pytest.fixture(scope="module")
def cell(rr081):
    return Cell(key=7, name="rr081", scenario=rr081)


@pytest.fixture(scope="module")
def patients(rr081):
    """Return each patient's chance of treatment and potential deaths, of the population of seed 11."""
    outcomes = rr081.potential_outcomes(population=POPULATION, seed=11)
    return (
        outcomes.propensity,
        outcomes.treated.event["hospital_death"],
        outcomes.untreated.event["hospital_death"],
    )


def test_the_effect_in_the_treated_weights_patients_by_their_chance_of_treatment(patients, rr081):
    chance, treated, untreated = patients
    wanted = ("rd_hospital_death_att", "log_rr_hospital_death_att")
    rows = true_estimands(rr081, population=POPULATION, seed=11, estimands=wanted)
    truth = rows.set_index("estimand")["value"]
    risks = [np.average(died, weights=chance) for died in (treated, untreated)]
    assert truth["rd_hospital_death_att"] == pytest.approx(risks[0] - risks[1], abs=1e-12)
    assert truth["log_rr_hospital_death_att"] == pytest.approx(np.log(risks[0] / risks[1]), abs=1e-12)
    everybody = treated.mean() - untreated.mean()
    assert abs(truth["rd_hospital_death_att"] - everybody) > 1e-4
    cohort = generate_cohort(rr081, seed=11, n=POPULATION)
    given = cohort.registry["ivigg"].to_numpy() == 1
    oracle = cohort.oracle
    # Among those who were given it, which the weights stand for, the untreated risk is far from everybody's.
    sicker = (
        oracle.untreated.event["hospital_death"][given].mean()
        - oracle.untreated.event["hospital_death"].mean()
    )
    assert (risks[1] - untreated.mean()) * sicker > 0


def test_the_marginal_odds_ratio_and_its_error_follow_from_the_risks(patients, rr081):
    chance, treated, untreated = patients
    wanted = ("log_or_hospital_death_att",)
    row = true_estimands(rr081, population=POPULATION, seed=11, estimands=wanted).iloc[0]
    p1, p0 = (np.average(died, weights=chance) for died in (treated, untreated))
    assert row["value"] == pytest.approx(np.log(p1 / (1 - p1) / (p0 / (1 - p0))), abs=1e-12)
    share = chance / chance.sum()
    influence = share * ((treated - p1) / (p1 * (1 - p1)) - (untreated - p0) / (p0 * (1 - p0)))
    assert row["mcse"] == pytest.approx(np.sqrt((influence**2).sum()), rel=1e-10)


def test_truths_of_a_run_are_about_other_patients_than_its_replicates(rr081, cell):
    work = TruthWork(cell=cell, methods=("aipw",), population=POPULATION, seed=11)
    value = true_values(work).set_index("estimand").loc["rd_hospital_death_ate", "value"]
    own = rr081.potential_outcomes(population=POPULATION, seed=11)
    assert value != own.treated.event["hospital_death"].mean() - own.untreated.event["hospital_death"].mean()
    again = true_values(work).set_index("estimand").loc["rd_hospital_death_ate", "value"]
    assert value == again


METHOD = "psm_paired_se"


def estimates(rows):
    return rows.set_index("estimand")["estimate"].to_dict()


def test_each_replicate_has_its_own_patients_and_its_own_order_of_matching(rr081, cell):
    rows = estimate_replicates(cell, [0, 3], (METHOD,), seed=5)
    for replicate in (0, 3):
        cohort = generate_cohort(rr081, seed=5, replicate=replicate)
        own = run_methods((METHOD,), cohort.records, draw=streams(5, replicate=replicate))
        assert estimates(rows[rows["replicate"] == replicate]) == estimates(own)
    other = run_methods((METHOD,), generate_cohort(rr081, seed=5, replicate=3).records, draw=streams(5))
    assert estimates(rows[rows["replicate"] == 3]) != estimates(other)


def test_the_twin_is_the_same_patients_with_treatment_by_coin(rr081, cell):
    cohort, twin = draw_cohorts(cell, 2, ("randomized_twin_psm",), seed=5)
    coin = generate_cohort(rr081, seed=5, replicate=2, assignment="coin")
    assert twin is not None
    np.testing.assert_array_equal(twin.records.columns["age"], cohort.records.columns["age"])
    np.testing.assert_array_equal(twin.records.columns["ivigg"], coin.records.columns["ivigg"])
    assert (twin.records.columns["ivigg"] != cohort.records.columns["ivigg"]).any()
