"""The figures of one cohort's analysis: its own numbers, nothing printed beside them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from simsepsis.analysis.thesis_analysis import Analysis, analyze
from simsepsis.show.figure import Figure
from simsepsis.show.outline import outline
from simsepsis.show.plots.drawings import draw_analysis
from simsepsis.show.plots.rows import cohort_numbers
from simsepsis.study.published import open_study


@pytest.fixture(scope="module")
def analysis(registry: pd.DataFrame) -> Analysis:
    return analyze(registry, seed=1)


@pytest.fixture(scope="module")
def plates(analysis: Analysis) -> dict[str, Figure]:
    return {plate.name: plate for plate in draw_analysis(analysis, source="cohort.csv", version="0.0")}


def test_all_figures_are_drawn_with_their_source(plates):
    assert list(plates) == ["love", "forest", "overlap", "survival", "forest-table5", "forest-table6"]
    assert all("cohort.csv, simsepsis 0.0." in plate.caption for plate in plates.values())
    assert not any("printed" in plate.alt for plate in plates.values())


def test_love_plot_shows_the_table_and_stands_in_the_thesis_order(analysis, plates):
    drawn = plates["love"].data
    table = analysis.tables["table1"]
    expected = table.loc[table["statistic"] == "smd_percent"]
    merged = drawn.merge(expected, on=["variable", "level", "phase"], validate="one_to_one")
    assert len(merged) == len(expected)
    np.testing.assert_allclose(merged["simulated"], merged["value"])
    headings = [
        line.label
        for line in outline(zip(drawn["variable"], drawn["level"], strict=True), open_study().wording)
        if not line.key
    ]
    assert len(headings) == len(set(headings))


def test_forest_shows_confidence_intervals_of_the_cohort(analysis, plates):
    drawn = plates["forest"].data
    table = analysis.tables["table4"].set_index(["variable", "level", "statistic", "arm"])["value"]
    crude = drawn.loc[(drawn["group"] == "ICU mortality") & (drawn["label"] == "Matched, crude")].iloc[0]
    place = ("icu_death", "unadjusted")
    for column, statistic in (("simulated", "odds_ratio"), ("low", "ci_low"), ("high", "ci_high")):
        assert crude[column] == pytest.approx(table[*place, statistic, "contrast"])


def test_every_row_of_the_forest_is_the_estimate_that_it_names(analysis, plates):
    drawn = plates["forest"].data
    found = analysis.estimates.set_index(["method", "estimand"])["estimate"]
    rows = drawn.set_index(["group", "label"])["simulated"]
    for (group, label), (method, estimand) in {
        ("ICU mortality", "Before matching, crude"): ("crude", "log_or_icu_death_att"),
        ("ICU mortality", "Matched, crude"): ("psm", "log_or_icu_death_matched"),
        ("ICU mortality", "Matched, GEE with adjuncts"): ("psm_gee", "log_or_icu_death_twin"),
        ("ICU mortality", "Second score, crude"): ("psm_adjuncts", "log_or_icu_death_matched"),
        ("In-hospital mortality", "Matched, Cox, hazard ratio"): ("psm_cox", "log_hr_hospital_death_matched"),
    }.items():
        assert rows[group, label] == pytest.approx(np.exp(found[method, estimand]))
    assert rows["ICU mortality", "Before matching, crude"] != rows["ICU mortality", "Matched, crude"]
    assert not (drawn["label"] == "Crude").any()


def test_overlap_counts_every_analysed_patient(analysis, plates):
    binned = plates["overlap"].data
    assert binned["patients"].sum() == len(analysis.score)
    assert binned["matched"].sum() == analysis.score["matched_covariates"].sum()


def test_survival_starts_at_day_0_with_everybody(analysis, plates):
    start = plates["survival"].data.groupby("arm").first()
    assert (start["time"] == 0).all()
    assert (start["survival"] == 1).all()
    assert (start["at_risk"] == analysis.result.matched["covariates"].value.matches.n_pairs).all()


def test_steps_that_failed_leave_their_figures_out(analysis):
    failed = replace(analysis)
    vars(failed).update(survival=pd.DataFrame(), score=analysis.score[["row", "patient", "treated"]])
    names = [plate.name for plate in draw_analysis(failed, source="x", version="0")]
    assert names == ["love", "forest", "forest-table5", "forest-table6"]


def test_numbers_of_one_cohort_have_nothing_printed_beside_them(analysis):
    comparison = cohort_numbers(analysis.tables, tuple(open_study().variables))
    assert "printed" not in comparison
    assert len(comparison) == sum(len(table) for table in analysis.tables.values())
