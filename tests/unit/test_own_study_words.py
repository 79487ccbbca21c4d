"""What a report says of a cohort that is not the thesis's: its own names, units, arms and reasons."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from own_study import own_analysis, own_cohort, own_spec, whole_report

from simsepsis.analysis.output import analysis_contents
from simsepsis.analysis.spec import Subgroup
from simsepsis.analysis.thesis_analysis import Analysis
from simsepsis.show.pages.analysis import analysis_page, answer_of, numbers_of
from simsepsis.show.pages.analysis.tables import MOST_LEVELS, SHOWN_LEVELS
from simsepsis.show.pages.analysis.words import with_counterpart
from simsepsis.show.plots.arms import Arms, arms_of, wording_of
from simsepsis.words.labels import axis_label, is_death


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    labels = {"chd": "10-year CHD", "smoker": "Smoking", "months": "Follow-up"}
    return own_analysis(labels=labels)


def told(analysis: Analysis) -> str:
    return "\n".join(answer_of(numbers_of(analysis), None))


def page_of(analysis: Analysis):
    return analysis_page(analysis, (), source="cohort.csv", command="c")


def test_no_frame_or_file_of_an_own_study_calls_its_treatment_ivigg(analysis: Analysis) -> None:
    contents = analysis_contents(analysis)
    assert not [name for name, content in contents.items() if b"ivigg" in content.lower()]
    for name in ("table1", "table3", "table4", "text"):
        assert set(analysis.tables[name]["arm"]) <= {"treated", "control", "contrast", ""}
    assert set(analysis.survival["arm"]) == {"treated", "control"}
    assert {"mean_treated", "mean_control"} <= set(analysis.balance)
    assert {"min_treated", "max_treated", "outside_treated"} <= set(analysis.scores)
    assert "rmst100_treated" in set(analysis.survival_tests["quantity"])


def test_the_thesis_keeps_its_columns(registry: pd.DataFrame) -> None:
    from simsepsis.analysis.thesis_analysis import analyze

    found = analyze(registry, seed=5)
    written = {name: pd.read_csv(io.BytesIO(content)) for name, content in analysis_contents(found).items()}
    assert {"mean_ivigg", "mean_control"} <= set(written["tables/balance.csv"])
    assert {"min_ivigg", "outside_ivigg"} <= set(written["tables/scores.csv"])
    assert set(written["tables/survival.csv"]["arm"]) == {"ivigg", "control"}
    assert "rmst28_ivigg" in set(written["tables/survival_tests.csv"]["quantity"])
    assert "in neither arm" not in set(found.flow["step"])
    assert arms_of(found.result.spec, found.result.cohort) == Arms("IVIgG", "control")


def test_a_report_never_says_died_days_or_ivigg_where_it_is_chd_in_months(analysis: Analysis) -> None:
    figures, _, page = whole_report(analysis)
    text = re.sub(r"<[^>]+>|data:image[^\"]+", " ", page)
    words = [text, *(part for plate in figures for part in (plate.title, plate.caption, plate.alt))]
    words += [written.get_text() for plate in figures for written in plate.draw().findobj(has_text)]
    for part in words:
        assert not re.search(
            r"\b(died|dead|death|mortality|survival \(%\)|days?|IVIgG|ivigg)\b", part, re.I
        ), part
    assert "Without 10-year CHD (%)" in words
    assert "Follow-up (months)" in words


def has_text(artist: object) -> bool:
    return hasattr(artist, "get_text") and bool(artist.get_text())


def test_the_outcomes_own_label_and_the_arms_stand_in_every_sentence(analysis: Analysis) -> None:
    share = analysis.tables["text"].set_index(["variable", "level", "statistic", "phase", "arm"])["value"]
    smokers = share["chd", "", "percent", "after", "treated"]
    assert f"In matched pairs, 10-year CHD: Smoking {smokers:.1f}%, control" in told(analysis)
    assert "up to 100 months, Smoking minus control" in told(analysis)
    titles = [table.title for table in page_of(analysis)["results"].tables]
    assert titles[0] == "Effect of Smoking on 10-year CHD, with 95% confidence intervals"
    assert "Time to 10-year CHD, matched patients" in titles


def test_arms_are_called_by_label_then_by_their_values_then_plainly(analysis: Analysis) -> None:
    cohort = analysis.result.cohort
    known = replace(cohort, arm_values=(("abciximab",), ("usual care",)))
    assert arms_of(own_spec(), cohort) == Arms("treated", "control")
    assert arms_of(own_spec(treated=1), cohort) == Arms("treated", "control")
    assert arms_of(own_spec(treated="Yes"), cohort) == Arms("treated", "control")
    assert arms_of(own_spec(treated="abciximab"), cohort) == Arms("abciximab", "control")
    assert arms_of(own_spec(treated="abciximab"), known) == Arms("abciximab", "usual care")
    arms = {"treated": "C", "control": ("A", "B")}
    assert arms_of(own_spec(arms=arms), cohort) == Arms("C", "A or B")
    labelled = own_spec(treated="abciximab", labels={"smoker": "Abciximab"})
    assert arms_of(labelled, known) == Arms("Abciximab", "usual care")
    assert Arms("treated", "control").heads == Arms("Treated", "Control")


@pytest.mark.parametrize(
    ("label", "death"),
    [
        ("Death within 30 days", True),
        ("in_hospital_death", True),
        ("DEATH_EVENT", True),
        ("ICU mortality", True),
        ("死亡", True),
        ("chd", False),
        ("Death or dialysis", False),
        ("Freedom from death", False),
        ("deadline", False),
        ("No death", False),
    ],
)
def test_only_death_is_called_death(label: str, death: bool) -> None:
    assert is_death(label) is death


def test_an_axis_of_time_has_its_unit_once() -> None:
    assert axis_label("Follow-up", "years") == "Follow-up (years)"
    assert axis_label("Follow-up (years)", "years") == "Follow-up (years)"
    assert axis_label("days", "days") == "Time (days)"


def test_words_of_the_thesis_do_not_bind_columns_of_the_same_name() -> None:
    frame = (
        own_cohort()
        .assign(years=np.arange(400) % 40)
        .rename(columns={"years": "apache2", "bmi": "saps2", "region": "icu_type"})
    )
    frame["icu_type"] = np.where(frame["icu_type"] == "north", "er", "general")
    found = own_analysis(frame, covariates=("apache2", "saps2", "icu_type"))
    labels = [row[0].strip("\N{EM SPACE}") for row in page_of(found)["patients"].tables[2].rows]
    assert labels[1:] == ["apache2", "saps2", "icu_type", *found.result.cohort.levels["icu_type"]]
    assert wording_of(own_spec()).level("icu_type", "severe") == "severe"


def test_a_covariate_called_n_is_shown_as_itself() -> None:
    found = own_analysis(own_cohort().rename(columns={"years": "n"}), covariates=("n", "bmi"))
    page = page_of(found)
    (row,) = [row for row in page["patients"].tables[2].rows if row[0] == "n"]
    quartiles = found.tables["table1"].query("variable == 'n' and statistic == 'median'")["value"]
    assert row[1].startswith(f"{quartiles.iloc[0]:.1f}".removesuffix(".0"))
    tables = page["patients"].tables
    assert not any("nan" in cell for table in tables for cells in table.rows for cell in cells)


def test_what_was_decided_when_reading_stands_near_the_top_of_the_page(analysis: Analysis) -> None:
    note = 'Treated are the patients with smoker = "<yes>".'
    cohort = replace(analysis.result.cohort, notes=(note,))
    noted = replace(analysis, result=replace(analysis.result, cohort=cohort))
    *_, page = whole_report(noted)
    shown = "smoker = &#34;&lt;yes&gt;&#34;"
    assert page.index(shown) < page.index("How it was made")
    silent = replace(analysis.result, cohort=replace(analysis.result.cohort, notes=()))
    assert "How the file was read" not in whole_report(replace(analysis, result=silent))[1]


def test_patients_in_neither_arm_are_told_and_counted(analysis: Analysis) -> None:
    flow = replace(analysis.result.flow, registered=analysis.result.flow.registered + 7, elsewhere=7)
    from simsepsis.analysis.frames import flow_frame

    result = replace(analysis.result, flow=flow)
    steps = flow_frame(result).set_index("step")["patients"]
    assert steps["in neither arm"] == 7
    assert "7 were in neither arm" in told(replace(analysis, result=result))
    assert "neither arm" not in told(analysis)
    assert "in neither arm" not in set(analysis.flow["step"])


def test_treated_who_outnumber_controls_are_not_taken_for_poor_overlap() -> None:
    frame = own_cohort(600)
    frame["smoker"] = (np.random.default_rng(3).random(600) < 0.8).astype(int)
    found = own_analysis(frame)
    n1 = found.result.flow.analysed_treated
    surplus = n1 - (found.result.flow.analysed - n1)
    text = told(found)
    assert f"must leave out {surplus:,} or more" in text
    assert "Overlap is not the reason" in text
    assert "hardly overlap" not in text
    matched = found.result.matched["covariates"].value
    score, arm = matched.propensity.logit, found.result.cohort.treated
    near = np.abs(score[arm][:, None] - score[~arm][None, :]) <= matched.matches.caliper
    assert with_counterpart(found.result, matched) == near.any(axis=1).sum()


def test_arms_that_hardly_overlap_are_said_to() -> None:
    frame = own_cohort(600)
    rng = np.random.default_rng(4)
    frame["years"] = np.where(frame["smoker"] == 1, rng.normal(30, 5, 600), rng.normal(52, 5, 600)).round(1)
    text = told(own_analysis(frame, covariates=("years",)))
    assert "were: too few controls are like the treated arm, so that the arms hardly overlap" in text
    narrow = told(own_analysis(frame, covariates=("years",), caliper=0.001))
    assert "have any control within the caliper: the arms hardly overlap" in narrow
    assert "Overlap is not the reason" not in text


def test_every_missing_estimate_has_its_reason() -> None:
    found = own_analysis(rmst_horizon=1e6)
    reason = "before rmst_horizon = 1e+06; set rmst_horizon to"
    assert "not estimable: follow-up of the" in told(found)
    page = page_of(found)
    (survival,) = [table for table in page["results"].tables if table.title.startswith("Time to")]
    means = [row for row in survival.rows if row[0].startswith("Mean months")]
    assert len(means) == 3
    assert all(reason in row[1] for row in means if "difference" in row[0])
    assert any(reason in row[2] for row in page["failures"].tables[0].rows)
    row = found.estimates.set_index("method").loc["rmst1e+06"]
    assert reason in row["failure"]


@pytest.mark.parametrize("change", [{"chd": 0}, {"chd": 1}, {"years": 1.0, "bmi": 1.0}])
def test_a_dash_in_the_effects_is_never_without_a_reason(change: dict[str, float]) -> None:
    found = own_analysis(own_cohort().assign(**change))
    effects, *_, every = page_of(found)["results"].tables[:3]
    for row in every.rows:
        assert row[3] not in ("–", ""), row
    for row in effects.rows[2:]:
        if len(row) > 1 and row[0] != "No association":
            assert all("not estimable: " in cell or re.search(r"\d|^–$", cell) for cell in row[1:3]), row


def test_a_category_of_hundreds_of_levels_is_shown_by_its_most_frequent_ones() -> None:
    frame = own_cohort(3000)
    rng = np.random.default_rng(5)
    frame["city"] = [f"city {number:03d}" for number in rng.integers(0, 300, 3000)]
    found = own_analysis(frame, covariates=("years", "city"))
    table = page_of(found)["patients"].tables[2]
    named = [row for row in table.rows if row[0].strip("\N{EM SPACE}").startswith("city ")]
    assert len(named) == SHOWN_LEVELS < MOST_LEVELS
    levels = len(found.result.cohort.levels["city"])
    (rest,) = [row[0] for row in table.rows if "rarer levels" in row[0]]
    assert f"{levels - SHOWN_LEVELS} rarer levels, in tables/table1.csv" in rest


def test_numbers_of_a_million_and_of_a_thousandth_are_readable() -> None:
    frame = own_cohort()
    frame["years"], frame["bmi"] = frame["years"] * 5000, frame["bmi"] / 50_000
    rows = page_of(own_analysis(frame))["patients"].tables[2].rows
    (large,) = [row[1] for row in rows if row[0] == "years"]
    (small,) = [row[1] for row in rows if row[0] == "bmi"]
    assert re.match(r"\d{3},\d{3} \(\d{3},\d{3}–\d{3},\d{3}\)", large)
    assert len(set(re.findall(r"0\.000\d+", small))) == 3


def test_several_controls_and_numeric_outcomes_have_their_own_words() -> None:
    frame = own_cohort(900)
    frame["smoker"] = (np.random.default_rng(6).random(900) < 0.2).astype(int)
    frame["cost"] = np.random.default_rng(7).lognormal(8, 1, 900).round(2)
    found = own_analysis(frame, ratio=2, numeric_outcomes=("cost",), methods=("iptw",))
    text, page = told(found), page_of(found)
    assert "In matched patients, mean cost: treated" in text
    assert "standard error of matched sets" in text
    assert dict(page["made"].blocks[-1].pairs)["Matching"].startswith("1:2, ")
    every = {row[0] for row in page["results"].tables[2].rows}
    assert "Matched, standard error of matched sets" in every
    assert not any(name == "iptw" for name in every)
    *_, html = whole_report(found)
    assert "nan" not in re.sub(r"data:image[^\"]+", "", html)


def test_a_subgroup_by_level_is_named() -> None:
    found = own_analysis(subgroups=(Subgroup(name="north", column="region", value="north"),))
    assert "by region (north, or not; Breslow–Day" in told(found)
