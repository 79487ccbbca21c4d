"""Patients on day 1: margins, possible combinations, ICUs."""

import numpy as np
import pytest

from simsepsis.streams import streams
from simsepsis.studies.jseptic_ivigg.columns import COLUMNS
from simsepsis.studies.jseptic_ivigg.world.icus import assign_icus
from simsepsis.studies.jseptic_ivigg.world.patients import draw_patients, sofa_coagulation
from simsepsis.studies.jseptic_ivigg.world.prepared import build_world
from simsepsis.world.files import load_scenario
from simsepsis.world.sites import allocate

N = 60_000


@pytest.fixture(scope="module")
def world():
    return build_world(load_scenario("thesis"))


@pytest.fixture(scope="module")
def patients(world):
    return draw_patients(world, assign_icus(world.roster, N), streams(11))


def test_latents_are_standard(patients):
    for name, value in patients.latent.items():
        assert abs(value.mean()) < 5 / np.sqrt(N), name
        assert value.std() == pytest.approx(1.0, abs=5 / np.sqrt(2 * N)), name


@pytest.mark.parametrize("name", ["male", "liver_disease", "immunocompromised", "warfarin"])
def test_binary_margins(world, patients, name):
    p = world.scenario.patients.binary[name]
    assert abs(patients.columns[name].mean() - p) < 4 * np.sqrt(p * (1 - p) / N)


@pytest.mark.parametrize("name", ["infection_site", "blood_culture", "microorganism"])
def test_category_margins(world, patients, name):
    wanted = getattr(world.scenario.patients, name)
    for index, level in enumerate(COLUMNS[name].level_names):
        p = wanted[level]
        share = (patients.columns[name] == index).mean()
        assert abs(share - p) < 4 * np.sqrt(p * (1 - p) / N), level


def test_scores_have_their_levels(world, patients):
    for name, p in world.scenario.patients.ordinal.items():
        counts = np.bincount(patients.columns[name], minlength=5) / N
        assert counts == pytest.approx(p, abs=4 * np.sqrt(0.25 / N)), name


def test_impossible_patients_do_not_occur(patients):
    columns = patients.columns
    positive = columns["blood_culture"] == COLUMNS["blood_culture"].level_names.index("positive")
    for organism in ("unknown", "virus"):
        has = columns["microorganism"] == COLUMNS["microorganism"].level_names.index(organism)
        assert not np.any(positive & has)
    assert not np.any((columns["cirrhosis"] == 1) & (columns["liver_disease"] == 0))
    assert np.array_equal(columns["sofa_coag_day1"], sofa_coagulation(columns["platelets"]))


@pytest.mark.parametrize(
    ("platelets", "points"), [(150, 0), (149, 1), (100, 1), (99, 2), (50, 2), (49, 3), (19, 4)]
)
def test_coagulation_score_by_its_table(platelets, points):
    assert sofa_coagulation(np.array([float(platelets)]))[0] == points


def test_allocation_is_proportional_and_complete():
    sizes = np.array([5, 3, 2])
    assert allocate(sizes, 10).tolist() == [5, 3, 2]
    assert allocate(sizes, 11).sum() == 11
    assert np.abs(allocate(sizes, 1_001) - sizes * 100.1).max() < 1
