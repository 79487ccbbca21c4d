"""Names of estimands: written and read back, for the outcomes of any study."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from simsepsis.estimand import POPULATIONS, SCALES, Estimand

SLUGS = st.from_regex(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", fullmatch=True)
DAYS = st.floats(min_value=0.001, max_value=1e6).map(lambda day: f"{day:g}")
OUTCOMES = {
    "column": SLUGS,
    "column and day": st.tuples(SLUGS, DAYS).map("_".join),
    "day": DAYS,
    "nothing": st.just(""),
}


@st.composite
def estimands(draw: st.DrawFn) -> Estimand:
    scale = draw(st.sampled_from(list(SCALES)))
    return Estimand(scale, draw(OUTCOMES[SCALES[scale].about]), draw(st.sampled_from(list(POPULATIONS))))


@given(estimands())
@example(Estimand("rd", "ate", "att"))
@example(Estimand("log_or", "log_or", "matched"))
@example(Estimand("md", "day_2_matched", "twin"))
def test_a_name_is_read_back_whatever_the_outcome_is_called(estimand: Estimand):
    assume(not (estimand.scale == "log_or" and estimand.outcome.startswith("ratio_")))
    assert Estimand.parse(estimand.name) == estimand


@given(estimands())
@example(Estimand("log_or", "ratio_icu_death", "matched"))
@example(Estimand("log_or_ratio", "icu_death", "matched"))
def test_known_outcomes_decide_between_two_readings(estimand: Estimand):
    assert Estimand.parse(estimand.name, [estimand.column]) == estimand


@given(st.text())
@example("log_or_")
@example("_att")
@example("rmst_difference")
def test_every_name_keeps_its_letters(name: str):
    assert Estimand.parse(name).name == name


@given(estimands())
def test_a_name_without_the_population_means_the_same_estimand(estimand: Estimand):
    assert estimand.matches(estimand.name)
    assert estimand.matches(estimand.stem)
    assert not estimand.matches(estimand.of("" if estimand.population else "att").name + "_x")
    assert estimand.stem == estimand.of("").name


def test_an_odds_ratio_of_a_coin_is_conditional_and_a_risk_difference_never_is():
    assert Estimand.parse("log_or_icu_death_twin").is_conditional
    assert not Estimand.parse("log_or_icu_death_att").is_conditional
    assert not Estimand.parse("rd_icu_death_twin").is_conditional


def test_what_describes_a_matched_set_is_no_effect():
    assert {name for name, scale in SCALES.items() if math.isnan(scale.null)} == {"pairs", "max_smd"}
    assert not Estimand.parse("pairs_matched").is_effect
    assert Estimand.parse("rmst28_difference_att").is_effect


@pytest.mark.parametrize(
    ("name", "column", "heading", "null"),
    [
        ("log_or_icu_death_matched", "icu_death", "Odds ratio", 1.0),
        ("rd_death_30_ate", "death_30", "Risk difference (percentage points)", 0.0),
        ("log_shr_hospital_death_28_matched", "hospital_death", "Subdistribution hazard ratio", 1.0),
        ("rmst0.5_difference_twin", "", "Difference of mean days alive (days)", 0.0),
    ],
)
def test_a_scale_knows_its_words(name: str, column: str, heading: str, null: float):
    estimand = Estimand.parse(name)
    assert (estimand.column, estimand.on.heading, estimand.on.null) == (column, heading, null)
