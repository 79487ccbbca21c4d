"""Clusters without anything to adjust for are used: standard errors and estimating equations by cluster."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import statsmodels.api as sm
from lifelines import CoxPHFitter
from own_cohorts import matched_rows, own_cohort, own_spec, row_of

from simsepsis.analysis.methods import run_method
from simsepsis.analysis.thesis_analysis import Analysis, analyze

COHORT = own_cohort()
SPEC = own_spec(cluster="hospital", survival_time="time", survival_event="dead", numeric_outcomes=("cost",))


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    return analyze(COHORT, SPEC, seed=2)


@pytest.fixture(scope="module")
def matched(analysis: Analysis) -> pd.DataFrame:
    return matched_rows(analysis.pairs, COHORT)


def by_cluster(matched: pd.DataFrame, outcome: str) -> tuple[float, float, int]:
    """Return slope and standard error of least squares with K/(K − 1), and K."""
    codes, _ = pd.factorize(matched["hospital"])
    clusters = codes.max() + 1
    fit = sm.OLS(matched[outcome], sm.add_constant(matched["drug"])).fit(
        cov_type="cluster", cov_kwds={"groups": codes, "use_correction": False}
    )
    return fit.params["drug"], fit.bse["drug"] * np.sqrt(clusters / (clusters - 1)), clusters


@pytest.mark.parametrize(("outcome", "estimand"), [("dead", "rd_dead_matched"), ("cost", "md_cost_matched")])
def test_differences_by_cluster(
    analysis: Analysis, matched: pd.DataFrame, outcome: str, estimand: str
) -> None:
    value, error, clusters = by_cluster(matched, outcome)
    row = row_of(analysis.estimates, "psm_cluster_se", estimand)
    assert row["estimate"] == pytest.approx(value, rel=1e-10)
    assert row["std_error"] == pytest.approx(error, rel=1e-10)
    assert row["ci_low"] == pytest.approx(value - scipy.stats.t(clusters - 1).ppf(0.975) * error, rel=1e-10)
    assert row["p_value"] == pytest.approx(2 * scipy.stats.t(clusters - 1).sf(abs(value / error)), rel=1e-8)


def test_ratios_by_cluster(analysis: Analysis, matched: pd.DataFrame) -> None:
    codes, _ = pd.factorize(matched["hospital"])
    families = {"log_or": sm.families.Binomial(), "log_rr": sm.families.Poisson()}
    for scale, family in families.items():
        fit = sm.GLM(matched["dead"], sm.add_constant(matched["drug"]), family=family).fit(
            cov_type="cluster", cov_kwds={"groups": codes, "use_correction": False}, tol=1e-14
        )
        row = row_of(analysis.estimates, "psm_cluster_se", f"{scale}_dead_matched")
        assert row["estimate"] == pytest.approx(fit.params["drug"], rel=1e-7)
        correction = np.sqrt((codes.max() + 1) / codes.max())
        assert row["std_error"] == pytest.approx(fit.bse["drug"] * correction, rel=1e-6)


def test_estimating_equations_of_the_treatment_alone(analysis: Analysis, matched: pd.DataFrame) -> None:
    codes, _ = pd.factorize(matched["hospital"], sort=True)
    X = sm.add_constant(matched["drug"])
    for outcome, estimand, family in (
        ("dead", "log_or_dead_twin", sm.families.Binomial()),
        ("cost", "md_cost_matched", sm.families.Gaussian()),
    ):
        slow = sm.GEE(
            matched[outcome], X, groups=codes, family=family, cov_struct=sm.cov_struct.Exchangeable()
        ).fit(ctol=1e-12, maxiter=200)
        row = row_of(analysis.estimates, "psm_gee_alone", estimand)
        assert row["estimate"] == pytest.approx(slow.params["drug"], rel=1e-6)
        assert row["std_error"] == pytest.approx(slow.bse["drug"], rel=1e-6)
    alone = analysis.models.query("model == 'gee_alone'")
    assert set(alone["outcome"]) == {"dead", "cost"}
    assert alone.loc[alone["outcome"] == "cost", "odds_ratio"].isna().all()


def test_the_hazard_ratio_by_cluster() -> None:
    # without ties, of whose residuals lifelines has another opinion than R
    cohort = COHORT.assign(time=COHORT["time"] + np.arange(len(COHORT)) / 1000)
    found = analyze(cohort, SPEC, seed=2)
    columns = matched_rows(found.pairs, cohort)[["time", "dead", "drug", "hospital"]]
    exact = {"precision": 1e-12, "r_precision": 1e-14}
    slow = CoxPHFitter().fit(columns, "time", "dead", cluster_col="hospital", fit_options=exact)
    row = row_of(found.estimates, "psm_cluster_se", "log_hr_dead_matched")
    plain = row_of(found.estimates, "psm_cox", "log_hr_dead_matched")
    assert row["estimate"] == plain["estimate"] == pytest.approx(slow.params_["drug"], rel=1e-7)
    assert row["std_error"] == pytest.approx(slow.standard_errors_["drug"], rel=1e-6)
    assert row["std_error"] != plain["std_error"]


def test_with_adjuncts_nothing_is_added_but_it_can_be_had_by_name() -> None:
    adjusted = own_spec(cluster="hospital", adjuncts=("dialysis",), second_score="none")
    plain = analyze(COHORT, adjusted, seed=2)
    assert {"psm_cluster_se", "psm_gee_alone"}.isdisjoint(plain.estimates["method"])
    asked = analyze(
        COHORT, own_spec(cluster="hospital", adjuncts=("dialysis",), methods=("psm_cluster_se",)), seed=2
    )
    here = row_of(asked.estimates, "psm_cluster_se", "rd_dead_matched")
    there = row_of(analyze(COHORT, SPEC, seed=2).estimates, "psm_cluster_se", "rd_dead_matched")
    assert (here["estimate"], here["std_error"]) == (there["estimate"], there["std_error"])
    single = run_method("psm_cluster_se", COHORT, seed=2, spec=adjusted)
    assert row_of(single, "psm_cluster_se", "rd_dead_matched")["std_error"] == here["std_error"]


def test_without_clusters_there_is_no_such_row() -> None:
    rows = analyze(COHORT, own_spec()).estimates["method"]
    assert set(rows) == {"crude", "psm", "psm_paired_se"}


def test_few_clusters_are_said() -> None:
    from simsepsis.analysis.doubts import cluster_doubts

    cohort = analyze(COHORT, SPEC).result.cohort
    (doubt,) = cluster_doubts(cohort, SPEC)
    assert doubt.what.startswith("There are 12 clusters in 'hospital': with fewer than")
    assert list(cluster_doubts(analyze(COHORT, own_spec()).result.cohort, own_spec())) == []
