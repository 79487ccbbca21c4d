"""The report shows effects by cluster, outcomes that are numbers and methods by name."""

from __future__ import annotations

import pytest
from own_cohorts import own_cohort, own_spec, row_of

from simsepsis.analysis.thesis_analysis import analyze
from simsepsis.report.analysis import analysis_page

COHORT = own_cohort()


def tables_of(**settings):
    analysis = analyze(COHORT, own_spec(**settings), seed=1)
    page = analysis_page(analysis, (), source="own.csv", command="-")
    return analysis, {table.title: table for table in page.results}


def test_rows_by_cluster_and_by_named_methods() -> None:
    analysis, tables = tables_of(
        cluster="hospital", methods=("iptw", "aipw"), labels={"dead": "death by day 90"}
    )
    table = next(table for title, table in tables.items() if title.startswith("Effects by cluster"))
    methods = [row[0] for row in table.rows]
    assert methods[:3] == ["Matched, standard error by cluster"] * 3
    assert "Matched, GEE of the treatment by cluster" in methods
    assert "Inverse probability of treatment weights" in methods
    row = row_of(analysis.estimates, "psm_cluster_se", "rd_dead_matched")
    shown = next(cells for cells in table.rows if "risk difference" in cells[1])
    assert f"{abs(100 * row['estimate']):.1f}" in shown[2]
    assert "eath by day 90: " in shown[1]


def test_means_by_arm_and_their_differences() -> None:
    _, tables = tables_of(numeric_outcomes=("cost",), methods=("overlap_weights",))
    table = next(table for title, table in tables.items() if title.startswith("Outcomes that are numbers"))
    arm = COHORT.loc[COHORT["drug"] == 1, "cost"]
    mean = next(row for row in table.rows if row[0] == "Mean ± SD")
    assert mean[1] == f"{arm.mean():.4g} ± {arm.std():.3g}"
    differences = [row[0].split(":")[0] for row in table.rows if row[0].endswith("difference of means")]
    assert differences[0] == "Before matching, crude"
    assert "Overlap weights" in differences


def test_without_them_the_tables_are_absent() -> None:
    _, tables = tables_of()
    assert len(tables) == 1


@pytest.mark.parametrize("settings", [{"outcomes": (), "numeric_outcomes": ("cost",)}, {"ratio": 3}])
def test_other_analyses_have_a_page(settings) -> None:
    analysis, tables = tables_of(**settings)
    assert tables
    assert analysis.estimates["converged"].any()
