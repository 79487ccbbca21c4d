"""The checklist of a cohort study says what the analysis knows, and leaves the rest to the author."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from simsepsis import analyze
from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.show.checklist import CHECKLIST_COLUMNS, YES, checklist
from simsepsis.show.pages.analysis.checklist import AUTHOR, STROBE


def test_what_the_analysis_knows_is_filled_in(registry: pd.DataFrame) -> None:
    analysis = analyze(registry)
    found = checklist(STROBE, analysis, AUTHOR)
    assert tuple(found.columns) == CHECKLIST_COLUMNS
    assert ((found["answer"] != "") == (found["answered"] == YES)).all()
    assert ((found["where"] != "") == (found["answered"] == YES)).all()
    said = found.groupby("item")["answer"].agg(" | ".join)
    flow, cohort = analysis.result.flow, analysis.result.cohort
    assert said["13"].startswith(f"{len(registry)} registered, {flow.analysed} analysed")
    assert f"{flow.missing_day1} patients without a covariate" in said["12c"]
    assert "caliper 0.2 (overall SD)" in said["6b"]
    assert "GEE over 'icu_id'" in said["12a"]
    deaths = int(cohort.column("hospital_death")[cohort.treated].sum())
    assert f"In-hospital mortality: {deaths} of {flow.analysed_treated} treated" in said["15"]
    assert (found["answered"] == "for the author").sum() == 6


def test_a_spec_without_clusters_or_times_claims_neither(registry: pd.DataFrame) -> None:
    spec = replace(
        THESIS_SPEC,
        cluster=None,
        survival_time=None,
        survival_event=None,
        caliper=None,
        exact=("icu_type",),
        subgroups=(),
        missing={"wbc": "indicator"},
    )
    said = checklist(STROBE, analyze(registry, spec), AUTHOR).set_index("item")["answer"]
    assert said["12a"] == "propensity score by logistic regression; matched risks compared"
    assert "no caliper" in said["6b"]
    assert "exact on ICU type" in said["6b"]
    assert said["12b"] == "none"
    assert said["12c"].endswith("wbc by indicator")
