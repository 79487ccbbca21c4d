"""What the calibration adds to the first world, one mechanism at a time."""

import numpy as np
import pytest

from simsepsis.errors import UsageError
from simsepsis.streams import stream
from simsepsis.studies.jseptic_ivigg.columns import COLUMNS
from simsepsis.studies.jseptic_ivigg.world.calibration.course import PARAMETERS, Supposed, hazards, judged
from simsepsis.studies.jseptic_ivigg.world.calibration.fit import (
    draft,
    load_assumptions,
    mechanisms,
    mechanisms_without,
)
from simsepsis.studies.jseptic_ivigg.world.calibration.roster import fit_roster
from simsepsis.studies.jseptic_ivigg.world.calibration.targets import load_targets


@pytest.fixture(scope="module")
def rosters():
    """Return the roster of the first world, and that with all mechanisms."""
    targets = load_targets()
    chosen = [load_assumptions(added)["between_icus"] for added in ((), tuple(mechanisms()))]
    return [fit_roster(targets, between, 3195, stream(0, "icus")) for between in chosen]


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


def test_a_draft_is_a_whole_scenario_that_tells_what_was_added():
    targets = load_targets()
    for added, name in (((), "thesis-v1"), (("early_deaths",), "thesis")):
        scenario = draft(targets, load_assumptions(added), added, 0)
        assert scenario.name == name
        assert len(scenario.fitted_after_looking) == len(added)
        assert set(scenario.supports) == {"ventilator", "vasopressor", "rrt"}


def test_mechanisms_change_of_the_roster_only_habits_and_deaths(rosters):
    first, added = rosters
    for name in ("size", "beds", "type", "model", "policy", "adjuncts", "severity", "age"):
        assert first[name] == added[name]
    assert np.array(added["death"]) == pytest.approx(2 * np.array(first["death"]), abs=0.002)
    assert first["ivigg"] != added["ivigg"]


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
