"""Patients who cannot be are told with their rows, and a column that is another one is refused."""

import re

import pytest

from simsepsis.analysis.consistency import find_contradictions
from simsepsis.analysis.encode import encode_cohort
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.studies.jseptic_ivigg.contradictions import RULES
from simsepsis.world.cohort import generate_cohort
from simsepsis.world.files import load_scenario

SPEC = AnalysisSpec(outcomes=("icu_death", "hospital_death", "death_28d"))
DEAD_IN_ICU = {"icu_death": 1, "hospital_death": 1, "death_28d": 1, "icu_days": 5.0, "hospital_days": 5.0}
SPOILT = [
    ({"hospital_death": 0}, "died in the ICU but not in hospital"),
    ({"icu_days": 9.0}, "stayed longer in the ICU than in hospital"),
    ({"hospital_days": 8.0}, "died in the ICU but left the hospital days later"),
    ({"ventilator_days": 7.0}, "were on the ventilator for longer than they were in hospital"),
    ({"vasopressor_days": 7.0}, "were on vasoactive drugs for longer"),
    ({"rrt_days": 7.0}, "were on renal replacement for longer"),
    ({"death_28d": 0}, "are not counted as dead by day 28"),
    ({"hospital_days": 40.0, "icu_days": 40.0}, "are counted as dead by day 28 but died in hospital later"),
]


@pytest.fixture(scope="module")
def registry():
    return generate_cohort(load_scenario("thesis"), seed=0, n=2_000).registry


@pytest.mark.parametrize("world", ["thesis", "immortal", "high-dose"])
def test_no_simulated_patient_contradicts_itself(world):
    registry = generate_cohort(load_scenario(world), seed=1, n=20_000).registry
    assert find_contradictions(encode_cohort(registry, SPEC), RULES) == ()


@pytest.mark.parametrize(("change", "words"), SPOILT)
def test_a_few_contradictions_are_told_with_their_rows(registry, change, words):
    spoilt = registry.copy()
    durations = dict.fromkeys(("ventilator_days", "vasopressor_days", "rrt_days"), 0.0)
    for column, value in {**durations, **DEAD_IN_ICU, **change}.items():
        spoilt.loc[spoilt.index[[3, 9]], column] = value
    told = encode_cohort(spoilt, SPEC).notes
    assert any(words in sentence and "rows 4, 10" in sentence for sentence in told)


def test_columns_that_are_exchanged_are_told_with_their_number(registry):
    names = {"icu_days": "hospital_days", "hospital_days": "icu_days"}
    told = encode_cohort(registry.rename(columns=names), SPEC).notes
    (sentence,) = [one for one in told if "stayed longer in the ICU" in one]
    assert re.search(r"rows [\d, ]+ and [\d,]+ more", sentence)


def test_rules_about_columns_that_a_spec_does_not_read_are_skipped(registry):
    spec = AnalysisSpec(outcomes=("icu_death",), survival_time=None, survival_event=None, durations=())
    spoilt = registry.assign(hospital_death=0)
    assert find_contradictions(encode_cohort(spoilt, spec), RULES) == ()
    assert len(RULES) == len({rule.words for rule in RULES})
