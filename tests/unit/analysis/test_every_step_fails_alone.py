"""A step that fails leaves its reason there, and everything else is reported all the same."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest
from own_cohorts import own_cohort, own_spec, row_of
from tests.examples import with_slow

from simsepsis.analysis.output import analysis_contents
from simsepsis.analysis.sensitivity import sensitivity_table
from simsepsis.analysis.spec import Subgroup
from simsepsis.analysis.thesis_analysis import Analysis, analyze
from simsepsis.errors import DataError
from simsepsis.show.pages.analysis import analysis_page
from simsepsis.show.plots.drawings import draw_analysis

COHORT = own_cohort(300)
SPEC = own_spec(
    cluster="hospital",
    numeric_outcomes=("cost",),
    survival_time="time",
    survival_event="dead",
    subgroups=(Subgroup(name="age", column="age", at_least=60),),
)
ADJUSTED = own_spec(
    cluster="hospital", adjuncts=("dialysis",), numeric_outcomes=("cost",), ratio=2, survival_time="time",
    survival_event="dead",
)  # fmt: skip
KERNELS = {
    "analysis.matched": ["match_pairs", "fit_propensity"],
    "analysis.outcomes": [
        "association_p_values",
        "breslow_day",
        "fisher",
        "fit_clustered",
        "fit_linear",
        "fit_logistic",
        "sandwich_covariance",
        "clustered_design",
        "compared_risks",
    ],
    "analysis.means": ["fit_linear", "design", "compared_risks"],
    "analysis.time_to_death": [
        "cumulative_incidence",
        "fit_cox",
        "kaplan_meier",
        "log_rank",
        "proportional_hazards_test",
        "rmst",
        "weighted_kaplan_meier",
        "weighted_rmst",
    ],
    "analysis.thesis_estimates": [
        "odds_ratio",
        "risk_ratio",
        "risk_difference",
        "paired_risk_difference",
        "compared_risks",
        "risk_rows",
        "rmst_difference",
        "log_odds_ratio_difference",
        "cox_by_pair",
        "cox_by_cluster",
        "paired_difference",
    ],
    "analysis.frames": [
        "fit_propensity",
        "overlap_summary",
        "survival_curves",
        "survival_tests",
        "ecdf_distances",
    ],
    "analysis.cells": ["odds_ratio", "association_p_values", "rank_p_values", "risk_rows"],
}


STEPS = [(room, name) for room, names in KERNELS.items() for name in names]
FEW = {("analysis.outcomes", "fisher")}
"""Steps that are taken where there are few patients."""
ONLY_ADJUSTED = {
    ("analysis.outcomes", "fit_logistic"),
    ("analysis.outcomes", "sandwich_covariance"),
    ("analysis.outcomes", "compared_risks"),
    ("analysis.means", "compared_risks"),
    ("analysis.time_to_death", "weighted_kaplan_meier"),
    ("analysis.time_to_death", "weighted_rmst"),
    ("analysis.cells", "risk_rows"),
}
"""Steps that an analysis without adjuncts does not take."""
ONLY_ALONE = {
    ("analysis.outcomes", "breslow_day"),
    ("analysis.outcomes", "fit_clustered"),
    ("analysis.time_to_death", "cumulative_incidence"),
    ("analysis.time_to_death", "kaplan_meier"),
    ("analysis.time_to_death", "log_rank"),
    ("analysis.time_to_death", "rmst"),
    ("analysis.thesis_estimates", "paired_risk_difference"),
    ("analysis.thesis_estimates", "compared_risks"),
    ("analysis.thesis_estimates", "log_odds_ratio_difference"),
    ("analysis.thesis_estimates", "cox_by_cluster"),
}
"""Steps that an analysis of several controls does not take."""
ANALYSES = {
    "alone": (COHORT, SPEC, set(STEPS) - ONLY_ADJUSTED - FEW),
    "adjusted": (COHORT, ADJUSTED, set(STEPS) - ONLY_ALONE - FEW),
    "few": (COHORT.head(30), SPEC, FEW),
}
"""Cohort, spec, and the steps that are taken there; the fast tests try each step once."""
CASES = [(*step, kind) for step in STEPS for kind, (_, _, taken) in ANALYSES.items() if step in taken]
REPEATED = [(*step, "adjusted") for step in STEPS if step not in ONLY_ADJUSTED | ONLY_ALONE | FEW]


@cache
def sound(kind: str) -> Analysis:
    cohort, spec, _ = ANALYSES[kind]
    return analyze(cohort, spec)


def page_of(analysis: Analysis) -> str:
    """Return the page with everything on it; whatever is missing has to have its place there."""
    assert analysis_contents(analysis)
    return analysis_page(analysis, [], sensitivity_table(analysis), source="own.csv", command="-").html


@pytest.mark.parametrize("case", with_slow(CASES, REPEATED), ids=" ".join)
def test_a_kernel_that_raises(case: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    room, name, kind = case
    cohort, spec, _ = ANALYSES[kind]
    whole = sound(kind).estimates

    taken = []

    def broken(*_: object, **__: object) -> Callable[..., object]:
        taken.append(name)
        raise DataError(f"{name} is broken here")

    monkeypatch.setattr(sys.modules[f"simsepsis.{room}"], name, broken)
    found = analyze(cohort, spec)
    assert found.estimates[["method", "estimand"]].equals(whole[["method", "estimand"]])
    failed = found.estimates[~found.estimates["converged"]]
    assert failed["failure"].str.len().gt(5).all()
    if room == "analysis.matched":
        assert found.estimates.query("method == 'crude'")["converged"].all()
    else:
        assert found.estimates["converged"].any()
    assert page_of(found)
    assert taken


def test_all_times_equal() -> None:
    """Everybody was followed for as long as everybody else: the hazards have nothing to be compared over."""
    found = analyze(COHORT.assign(time=30.0), SPEC)
    assert row_of(found.estimates, "psm", "rd_dead_matched")["converged"]
    tests = found.survival_tests.set_index("quantity")
    assert isinstance(tests.loc["proportional_hazards", "failure"], str)
    assert np.isnan(tests.loc["proportional_hazards", "estimate"])
    assert page_of(found)
    assert draw_analysis(found, source="own.csv", version="0")


@pytest.mark.parametrize(
    "change",
    [
        {"dead": 0},
        {"dead": 1},
        {"time": 1.0},
        {"age": 60.0},
        {"cost": 1.0},
        {"hospital": [f"H{i}" for i in range(300)]},
    ],
    ids=lambda change: next(iter(change.items()))[0],
)
def test_columns_that_do_not_vary(change: dict[str, object]) -> None:
    found = analyze(COHORT.assign(**change), SPEC)
    failed = found.estimates[~found.estimates["converged"]]
    assert failed["failure"].str.len().gt(5).all()
    assert found.estimates["converged"].any()
    assert page_of(found)
    assert draw_analysis(found, source="own.csv", version="0")


@pytest.mark.parametrize("horizon", [7.0, 28.0, 80.0, 500.0])
def test_any_horizon(horizon: float) -> None:
    found = analyze(COHORT, own_spec(survival_time="time", survival_event="dead", rmst_horizon=horizon))
    row = row_of(found.estimates, f"rmst{horizon:g}", f"rmst{horizon:g}_difference_matched")
    tests = found.survival_tests.set_index("quantity").loc[f"rmst{horizon:g}_difference"]
    if horizon == 500.0:
        assert "horizon" in row["failure"]
        assert "horizon" in tests["failure"]
    else:
        assert row["converged"]
        assert tests["failure"] is None
    assert page_of(found)
    assert draw_analysis(found, source="own.csv", version="0")


def test_survival_tests_have_a_reason_or_a_number() -> None:
    frame = analyze(COHORT, SPEC).survival_tests
    assert (frame["failure"].isna() == frame["estimate"].notna()).all()
    assert isinstance(frame, pd.DataFrame)
