"""What the calibration adds to the first world, one mechanism at a time."""

import numpy as np
import pytest

from simsepsis.errors import UsageError
from simsepsis.studies.jseptic_ivigg.columns import COLUMNS
from simsepsis.studies.jseptic_ivigg.world.calibration.assumed import (
    load_assumptions,
    mechanisms,
    mechanisms_without,
)
from simsepsis.studies.jseptic_ivigg.world.calibration.course import PARAMETERS, Supposed, hazards, judged
from simsepsis.studies.jseptic_ivigg.world.calibration.fit import draft
from simsepsis.studies.jseptic_ivigg.world.calibration.targets import load_targets
from simsepsis.world.files import load_scenario

ADDED = ((), tuple(mechanisms()))


@pytest.fixture(scope="module")
def drafts():
    """Return the draft of the first world, and that with all mechanisms."""
    targets = load_targets()
    return [draft(targets, load_assumptions(added), added, 0) for added in ADDED]


@pytest.fixture(scope="module")
def rosters(drafts):
    """Return their rosters."""
    return [scenario.icus.roster.model_dump() for scenario in drafts]


def test_every_mechanism_says_what_it_is_and_where_it_comes_from():
    for name, mechanism in mechanisms().items():
        assert set(mechanism) == {"words", "source", "assumptions"}, name
        assert load_assumptions([name]) != load_assumptions()


def test_mechanisms_are_left_out_by_name():
    assert mechanisms_without(()) == tuple(mechanisms())
    assert mechanisms_without(["all"]) == ()
    assert "early_deaths" not in mechanisms_without(["early_deaths"])
    with pytest.raises(UsageError, match="--without early_death: there is no such mechanism"):
        mechanisms_without(["early_death"])


def test_a_draft_is_a_whole_scenario_that_tells_what_was_added(drafts):
    for scenario, added, name in zip(drafts, ADDED, ("thesis-v1", "thesis"), strict=True):
        assert scenario.name == name
        assert len(scenario.fitted_after_looking) == len(added)
        assert set(scenario.supports) == {"ventilator", "vasopressor", "rrt"}


def test_mechanisms_leave_the_icus_and_the_spread_of_other_effects(rosters):
    first, added = rosters
    for name in ("size", "beds", "type", "model", "policy"):
        assert first[name] == added[name]
    for name, factor in {"death": 2.0, "severity": 1.0, "age": 1.0, "infection": 1.0}.items():
        assert spread_of(added, name) == pytest.approx(factor * spread_of(first, name), abs=0.002)
    assert first["ivigg"] != added["ivigg"]


def spread_of(roster, name):
    """Return the patient-weighted standard deviation of an effect."""
    return np.sqrt(np.average(np.square(roster[name]), weights=roster["size"]))


@pytest.mark.parametrize("which", ["drawn", "shipped"])
def test_no_effect_of_an_icu_goes_with_how_many_of_its_patients_are_given_ivigg(rosters, which):
    """Else 42 ICUs would confound in a world that says nothing hidden does; adjuncts are meant to."""
    roster = rosters[1] if which == "drawn" else load_scenario("thesis").icus.roster.model_dump()
    weights, habit = np.array(roster["size"], float), np.array(roster["ivigg"])
    for name in ("death", "severity", "age", "infection"):
        effect = np.array(roster[name])
        together = np.average(effect * habit, weights=weights) / spread_of(roster, name)
        assert abs(together) < 0.005, name


def test_habits_depend_on_beds_and_policy_together_and_on_neither_alone(rosters):
    _, roster = rosters
    sizes, beds = np.array(roster["size"], float), np.array(roster["beds"], float)
    habit = np.array(roster["ivigg"])
    active = np.array(roster["policy"]) == "active"
    slopes, spreads = [], []
    for rows in (active, ~active):
        weights, x = sizes[rows], np.log(beds[rows])
        x = x - np.average(x, weights=weights)
        slopes.append(np.average(x * habit[rows], weights=weights) / np.average(x**2, weights=weights))
        spreads.append(np.sqrt(np.average(habit[rows] ** 2, weights=weights)))
        assert abs(np.average(habit[rows], weights=weights)) < 0.25
    assert slopes[0] > slopes[1] + 0.3
    assert spreads[0] > 1.5 * spreads[1]
    assert COLUMNS["dic_policy"].level_names[0] == "active"


def test_without_hidden_protection_care_acts_on_no_death():
    supposed = Supposed(deaths_by_day_7=(0.13, 0.01), care_deaths=False)
    values, _ = judged(supposed.parameters)
    fitted = hazards(values, supposed.parameters)
    assert fitted["ward_death"].care == fitted["icu_death"].care == 0.0
    assert len(supposed.parameters) == len(PARAMETERS) - 1
