"""The role of a column decides how it is read; what is not clear is refused with the line to write."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from simsepsis import AnalysisSpec, Subgroup, analyze

# The encoded arrays are what this file is about; the front door shows estimates only.
from simsepsis.analysis.encode import encode_cohort
from simsepsis.errors import DataError, UsageError

SPEC = AnalysisSpec(
    name="ward",
    treatment="drug",
    outcomes=("dead",),
    cluster=None,
    patient="id",
    covariates=("age", "sex"),
    adjuncts=(),
    transfusions=(),
    durations=("stay",),
    later_scores=(),
    survival_time="days",
    survival_event="dead",
    subgroups=(),
)


@pytest.fixture(scope="module")
def ward() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    n = 240
    age = rng.normal(60, 12, n).round(1)
    return pd.DataFrame(
        {
            "id": np.arange(1, n + 1),
            "drug": (rng.random(n) < 1 / (1 + np.exp(-(age - 62) / 12))).astype(int),
            "dead": (rng.random(n) < 0.4).astype(int),
            "age": age,
            "sex": rng.choice(["female", "male"], n),
            "stay": rng.poisson(6, n),
            "days": np.ceil(rng.exponential(20, n)),
        }
    )


def matched(frame: pd.DataFrame, spec: AnalysisSpec) -> pd.Series:
    estimates = analyze(frame, spec).estimates.set_index(["method", "estimand"])["estimate"]
    return estimates[estimates.notna()]


WORDS = {
    "treatment": ({1: "abciximab", 0: "usual care"}, {"treated": "abciximab"}),
    "alphabet": ({1: "Lev+5FU", 0: "Obs"}, {"treated": "Lev+5FU"}),
    "blanks": ({1: "on ", 0: " off"}, {"treated": "on"}),
    "numbers": ({1: 2, 0: 1}, {"treated": 2}),
    "reversed numbers": ({1: 0, 0: 1}, {"treated": 0}),
    "None": ({1: "drug", 0: "None"}, {"treated": "drug"}),
    "arms": ({1: "C", 0: "A"}, {"arms": {"treated": "C", "control": ["A", "B"]}}),
}


@pytest.mark.parametrize("kind", WORDS)
@pytest.mark.parametrize("dtype", [object, "category", "string"])
def test_a_treatment_in_words_is_the_one_that_the_spec_names(
    ward: pd.DataFrame, kind: str, dtype: object
) -> None:
    if dtype == "string" and "numbers" in kind:
        pytest.skip("numbers are no strings")
    words, setting = WORDS[kind]
    told = ward.assign(drug=ward["drug"].map(words).astype(dtype))
    if kind == "arms":
        told = told.assign(drug=told["drug"].astype(object))
        told.loc[[3, 8], "drug"] = "B"
        ward = ward.assign(drug=ward["drug"].where(~ward.index.isin([3, 8]), 0))
    pd.testing.assert_series_equal(matched(told, replace(SPEC, **setting)), matched(ward, SPEC))


@pytest.mark.parametrize("column", ["drug", "dead"])
@pytest.mark.parametrize(
    "words",
    [
        ("Yes", "No"),
        ("yes", "no"),
        ("Y", "N"),
        ("TRUE", "FALSE"),
        (True, False),
        ("1", "0"),
        (1.0, 0.0),
        ("1.0", "0.0"),
    ],
)
def test_yes_and_no_need_no_spec(ward: pd.DataFrame, column: str, words: tuple[object, object]) -> None:
    told = ward.assign(**{column: ward[column].map({1: words[0], 0: words[1]})})
    pd.testing.assert_series_equal(matched(told, SPEC), matched(ward, SPEC))


UNCLEAR = {
    "two words": ("drug", {1: "abciximab", 0: "usual care"}, 'write treated = "'),
    "one typo": ("drug", {1: "treated", 0: "control", 2: "TREATED"}, "write arms = { treated = ["),
    "three arms": ("drug", {1: "C", 0: "A", 2: "B"}, 'control = ["'),
    "one and two": ("drug", {1: 2, 0: 1}, "write treated = "),
    "one odd number": ("drug", {1: 1, 0: 0, 2: 9}, "write arms = "),
    "died or survived": ("dead", {1: "died", 0: "survived"}, 'write event = "'),
    "lost": ("dead", {1: "dead", 0: "alive", 2: "lost"}, "write recode.dead = { "),
    "status": ("dead", {1: 2, 0: 0, 2: 1}, "write recode.dead = { "),
}


@pytest.mark.parametrize("kind", UNCLEAR)
def test_a_column_that_does_not_say_is_refused_with_the_line(ward: pd.DataFrame, kind: str) -> None:
    column, words, line = UNCLEAR[kind]
    codes = ward[column].where(~ward.index.isin([4, 9]), 2 if 2 in words else 0)
    with pytest.raises(DataError) as refused:
        analyze(ward.assign(**{column: codes.map(words)}), SPEC)
    message = str(refused.value)
    assert f"column '{column}' has" in message
    assert line in message
    assert "\n" not in message


def test_events_may_be_named_for_all_outcomes_or_for_each(ward: pd.DataFrame) -> None:
    told = ward.assign(dead=ward["dead"].map({1: "died", 0: "survived"}), relapse=ward["dead"])
    both = replace(SPEC, outcomes=("dead", "relapse"))
    expected = matched(ward.assign(relapse=ward["dead"]), both)
    pd.testing.assert_series_equal(matched(told, replace(both, event="died")), expected)
    pd.testing.assert_series_equal(matched(told, replace(both, event={"dead": "died"})), expected)
    upside_down = told.assign(relapse=1 - told["relapse"])
    spec = replace(both, event={"dead": "died", "relapse": 0})
    pd.testing.assert_series_equal(matched(upside_down, spec), expected)
    with pytest.raises(DataError, match="has no value 'deid'; did you mean 'died'"):
        analyze(told, replace(both, event={"dead": "deid"}))


def test_patients_in_neither_arm_leave_and_are_counted(ward: pd.DataFrame) -> None:
    told = ward.assign(
        drug=ward["drug"].map({1: "C", 0: "A"}).where(ward.index % 5 > 0, "Z"), age=ward["age"]
    )
    told.loc[0, "dead"] = 7  # in neither arm, so nobody reads it
    analysis = analyze(told, replace(SPEC, arms={"treated": ("C",), "control": ("A",)}))
    flow = analysis.result.flow
    assert (flow.registered, flow.elsewhere, flow.analysed) == (240, 48, 192)
    assert not set(analysis.pairs["treated_row"]) & set(range(0, 240, 5))
    told.loc[7, "dead"] = 7
    with pytest.raises(DataError, match="in row 8"):
        analyze(told, replace(SPEC, arms={"treated": "C", "control": "A"}))
    told.loc[7, "dead"], told.loc[8, "stay"] = 0, -2
    with pytest.raises(DataError, match="in row 9"):
        analyze(told, replace(SPEC, arms={"treated": "C", "control": "A"}))


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("age", ".", 'the text "." in row 4; give a number, or write missing_codes = ["."]'),
        ("age", "12,5", 'file.decimal = ","'),
        ("days", ">28", 'the text ">28" in row 4'),
        ("days", -1, "the value -1 in row 4; it must be at least 0"),
        ("stay", -2.5, "the value -2.5 in row 4; it must be at least 0"),
        ("days", np.inf, "finite"),
        ("age", np.inf, "finite"),
        ("age", [50.0], "holds a list in row 4"),
        ("age", {"years": 50}, "holds a dict in row 4"),
        ("drug", None, "is empty in row 4"),
        ("id", None, "is empty in row 4"),
        ("id", 1, "has the value 1 again in row 4"),
    ],
)
def test_one_wrong_cell_is_named(ward: pd.DataFrame, column: str, value: object, words: str) -> None:
    cells = ward[column].astype(object)
    cells[3] = value
    with pytest.raises(DataError) as refused:
        analyze(ward.assign(**{column: cells}), SPEC)
    assert words in str(refused.value)


def test_declared_codes_are_missing_values(ward: pd.DataFrame) -> None:
    gaps = ward.assign(age=ward["age"].where(ward.index % 7 > 0), stay=ward["stay"].astype(float))
    coded = gaps.assign(age=gaps["age"].fillna(-9.0))
    for codes in ((-9,), ("-9",), {"age": ("-9",)}):
        pd.testing.assert_series_equal(
            matched(coded, replace(SPEC, missing_codes=codes)), matched(gaps, SPEC)
        )
    text = gaps.assign(age=gaps["age"].astype(object).where(gaps["age"].notna(), "."))
    pd.testing.assert_series_equal(matched(text, replace(SPEC, missing_codes=(".",))), matched(gaps, SPEC))
    with pytest.raises(UsageError, match=r"'ag' is no column of the spec; did you mean 'age'"):
        replace(SPEC, missing_codes={"ag": ("-9",)})


@pytest.mark.parametrize(
    ("code", "others"), [(-9, "age"), (999, "age"), (-1, "age"), (99, "stay"), (9, "flag")]
)
def test_numbers_that_look_like_codes_must_be_explained(ward: pd.DataFrame, code: float, others: str) -> None:
    frame = ward.assign(flag=(ward["age"] > 60).astype(float), age=ward["age"].clip(30, 90))
    frame[others] = frame[others].astype(float).where(frame.index % 9 > 0, code)
    spec = replace(SPEC, covariates=("age", "sex", "flag"))
    with pytest.raises(DataError, match=rf"'{others}' has the value {code} in 27 rows, first in row 1,"):
        analyze(frame, spec)
    meant = replace(spec, missing_codes={others: ()})
    if others != "stay" or code > 0:
        assert encode_cohort(frame, meant).column(others)[0] == code
    gaps = encode_cohort(frame, replace(spec, missing_codes={others: (code,)}))
    assert np.isnan(gaps.column(others)).sum() == 27


def test_ordinary_numbers_are_no_codes(ward: pd.DataFrame) -> None:
    frame = ward.assign(age=np.tile(np.arange(40.0, 100.0), 4), change=np.tile([-9.0, -3.5, 0.0, 4.0], 60))
    cohort = encode_cohort(frame, replace(SPEC, covariates=("age", "change")))
    assert cohort.column("age").max() == 99


@pytest.mark.parametrize("unit", ["hours", "days", "weeks", "months", "years"])
def test_time_spans_become_the_unit_of_the_spec(ward: pd.DataFrame, unit: str) -> None:
    length = {"hours": 1 / 24, "days": 1, "weeks": 7, "months": 365.25 / 12, "years": 365.25}[unit]
    spans = ward.assign(days=pd.to_timedelta(ward["days"] * length, unit="D"))
    cohort = encode_cohort(spans, replace(SPEC, time_unit=unit))
    np.testing.assert_allclose(cohort.column("days"), ward["days"], rtol=1e-12)
    assert any(f"Times are in {unit}" in note for note in cohort.notes)


def test_a_date_is_no_time(ward: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="'days' holds dates; name the span between two of them"):
        encode_cohort(ward.assign(days=pd.Timestamp("2020-01-01")), SPEC)


DATES = {
    "timestamps": lambda day: day,
    "ISO text": lambda day: day.strftime("%Y-%m-%d"),
    "text of a format": lambda day: day.strftime("%d/%m/%Y"),
    "whole numbers": lambda day: int(day.strftime("%Y%m%d")),
    "text of whole numbers": lambda day: day.strftime("%Y%m%d"),
    "with a time zone": lambda day: day.tz_localize("Asia/Tokyo"),
    "text with an offset": lambda day: day.strftime("%Y-%m-%dT00:00:00+09:00"),
    "dates": lambda day: date(day.year, day.month, day.day),
}


@pytest.mark.parametrize("kind", DATES)
def test_spans_between_dates_of_any_kind(ward: pd.DataFrame, kind: str) -> None:
    start = pd.Timestamp("2019-02-26") + pd.to_timedelta(np.arange(240) % 5, unit="D")
    end = start + pd.to_timedelta(ward["days"].to_numpy(), unit="D")
    frame = ward.assign(
        **{name: [DATES[kind](day) for day in days] for name, days in (("start", start), ("end", end))}
    ).drop(columns="days")
    spec = replace(SPEC, differences={"days": ("start", "end")})
    if kind == "text of a format":
        with pytest.raises(DataError, match='write date_format = "%d/%m/%Y"'):
            encode_cohort(frame, spec)
        spec = replace(spec, date_format="%d/%m/%Y")
    np.testing.assert_array_equal(encode_cohort(frame, spec).column("days"), ward["days"])


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2019-02-30", "2019-03-01", "'start' has the value '2019-02-30' in row 1, which is no date"),
        (20190230, 20190301, "'start' has the value 20190230 in row 1, which is no date"),
        (5, "2019-03-01", "'end' holds dates, but 'start' holds numbers of days"),
        ("2019-02-28", "2019-03-01T00:00Z", "dates with a time zone, but 'start' holds dates"),
        ("2019-03-02", "2019-03-01", "'days' has the value -1 in row 1; it must be at least 0"),
        ("03/13/2019", "2019-03-01", 'date_format = "%m/%d/%Y" in the spec'),
        ("03/04/2019", "2019-03-01", 'date_format = "%d/%m/%Y" or the other way round'),
        (["2019-02-28T00Z", "2019-02-28"] * 120, "2019-03-01", "a time zone in some rows and none in others"),
    ],
)
def test_dates_that_cannot_be_are_refused(ward: pd.DataFrame, start: object, end: object, words: str) -> None:
    frame = ward.assign(start=start, end=end).drop(columns="days")
    with pytest.raises(DataError, match=words):
        encode_cohort(frame, replace(SPEC, differences={"days": ("start", "end")}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"covariates": ("age", "dead")}, "'dead' is an outcome; take it out of 'covariates'"),
        ({"covariates": ("age", "days")}, "'days' is the survival time"),
        ({"covariates": ("age", "drug")}, "'drug' is the treatment"),
        ({"score": ("age", "dead")}, "take it out of 'score'"),
        ({"covariates": ("age", "x"), "columns": {"x": "dead"}}, "'x' is an outcome"),
        ({"covariates": ("age", "stay")}, "'stay' is a duration, recorded after the start"),
        ({"survival_event": "gone", "covariates": ("age", "gone")}, "'gone' is the survival event"),
    ],
)
def test_what_is_known_only_later_is_no_covariate(changes: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        replace(SPEC, **changes)
    if "duration" in words:
        assert replace(SPEC, **changes, allow_after_start=("stay",)).covariates == ("age", "stay")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"treated": "a", "arms": {"treated": "a", "control": "b"}}, "both say who is treated"),
        ({"arms": {"treated": "a"}}, "write arms = { treated"),
        ({"event": {"deid": "x"}}, "'deid' is no outcome; did you mean 'dead'"),
        ({"file": {"seperator": ";"}}, "did you mean 'separator'"),
        ({"date_format": "DD/MM/YYYY"}, r"write it as in %d/%m/%Y"),
        ({"time_unit": "minutes"}, "time_unit 'minutes' is unknown"),
        ({"rmst_horizon": 0.0}, "rmst_horizon 0.0"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        replace(SPEC, **changes)


def test_the_thesis_limits_bind_its_own_registry_only(ward: pd.DataFrame, registry: pd.DataFrame) -> None:
    children = ward.assign(age=ward["age"] / 10)
    assert encode_cohort(children, SPEC).column("age").max() < 16
    levels = ward.assign(infection_site=np.tile(["brain", "lung"], 120))
    assert encode_cohort(levels, replace(SPEC, covariates=("age", "infection_site"))).levels == {
        "infection_site": ("brain", "lung")
    }
    with pytest.raises(DataError, match="at least 16"):
        analyze(registry.assign(age=registry["age"] / 10))


def test_notes_say_who_is_treated_and_what_counts(ward: pd.DataFrame) -> None:
    told = ward.assign(
        drug=ward["drug"].map({1: "new", 0: "old"}), dead=ward["dead"].map({1: "died", 0: "lives"})
    )
    told.loc[0, "days"] = 0
    notes = encode_cohort(told, replace(SPEC, treated="new", event="died")).notes
    treated, deaths = int(ward["drug"].sum()), int(ward["dead"].sum())
    assert notes[0] == (
        f'Treated are the {treated} patients with drug = "new", controls the {240 - treated} with "old".'
    )
    assert notes[1] == f'The event dead is "died": {deaths} of 240 patients.'
    assert "Patients with days = 0, who are at risk at the start only: 1." in notes
    nobody = encode_cohort(ward.assign(dead=0), SPEC).notes
    assert "Nobody has the event dead: it is 0 in all 240 patients." in nobody


def test_subgroups_may_be_levels(ward: pd.DataFrame) -> None:
    women = replace(SPEC, subgroups=(Subgroup(name="women", column="sex", value="female"),))
    coded = ward.assign(woman=(ward["sex"] == "female").astype(int))
    ones = replace(SPEC, subgroups=(Subgroup(name="women", column="woman", at_least=1),))
    for found in (matched(ward, women), matched(coded, ones)):
        assert "breslow_day_women" in found.index.get_level_values("method")
    pd.testing.assert_series_equal(matched(ward, women), matched(coded, ones))
    with pytest.raises(DataError, match="'sex' has the text"):
        analyze(ward, replace(SPEC, subgroups=(Subgroup(name="women", column="sex", at_least=1),)))
    with pytest.raises(DataError, match=r"'age' is missing; did you mean 'Age'.*write columns\.age = "):
        analyze(ward.rename(columns={"age": "Age"}), SPEC)


def test_patients_who_cannot_be_are_told_by_row(registry: pd.DataFrame) -> None:
    died = registry["icu_death"] == 1
    row = int(np.argmax(died))
    notes = analyze(
        registry.assign(hospital_death=registry["hospital_death"].mask(registry.index == row, 0))
    ).result
    assert any("icu_death" in note and str(row + 1) in note for note in notes.cohort.notes)
