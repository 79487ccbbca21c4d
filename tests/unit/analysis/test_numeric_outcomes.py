"""Outcomes that are numbers: means compared, against scipy and statsmodels."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import statsmodels.api as sm
from own_cohorts import matched_rows, own_cohort, own_spec, row_of

from simsepsis.analysis.linear import fit_linear
from simsepsis.analysis.methods import run_method
from simsepsis.analysis.spec import load_spec
from simsepsis.analysis.thesis_analysis import Analysis, analyze, cells
from simsepsis.errors import UsageError

COHORT = own_cohort()
SPEC = own_spec(numeric_outcomes=("cost",), methods=("iptw", "overlap_weights"))


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    return analyze(COHORT, SPEC, seed=4)


@pytest.fixture(scope="module")
def matched(analysis: Analysis) -> pd.DataFrame:
    return matched_rows(analysis.pairs, COHORT)


def welch(frame: pd.DataFrame) -> tuple[float, float, float]:
    arms = [frame.loc[frame["drug"] == arm, "cost"] for arm in (1, 0)]
    test = scipy.stats.ttest_ind(*arms, equal_var=False)
    interval = test.confidence_interval(0.95)
    return float(interval.low), float(interval.high), float(test.pvalue)


@pytest.mark.parametrize(("method", "estimand"), [("crude", "md_cost_att"), ("psm", "md_cost_matched")])
def test_arms_as_independent(analysis: Analysis, matched: pd.DataFrame, method: str, estimand: str) -> None:
    low, high, p_value = welch(COHORT if method == "crude" else matched)
    row = row_of(analysis.estimates, method, estimand)
    assert row[["ci_low", "ci_high", "p_value"]].to_list() == pytest.approx([low, high, p_value], rel=1e-9)


def test_pairs(analysis: Analysis, matched: pd.DataFrame) -> None:
    wide = matched.pivot(index="pair", columns="drug", values="cost")
    test = scipy.stats.ttest_rel(wide[1], wide[0])
    row = row_of(analysis.estimates, "psm_paired_se", "md_cost_matched")
    interval = test.confidence_interval(0.95)
    assert row["estimate"] == pytest.approx((wide[1] - wide[0]).mean(), rel=1e-12)
    assert row[["ci_low", "ci_high", "p_value"]].to_list() == pytest.approx(
        [interval.low, interval.high, test.pvalue], rel=1e-9
    )


@pytest.mark.parametrize("cluster", [None, "hospital"])
def test_linear_regression_on_the_covariates(cluster: str | None) -> None:
    found = analyze(COHORT, own_spec(numeric_outcomes=("cost",), cluster=cluster))
    X = sm.add_constant(
        pd.DataFrame(
            {"drug": COHORT["drug"], "age": COHORT["age"], "male": COHORT["sex"] == "male"}, dtype=float
        )
    )
    groups = pd.factorize(COHORT["hospital"])[0] if cluster else np.arange(len(COHORT))
    slow = sm.OLS(COHORT["cost"], X).fit(
        cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}
    )
    row = row_of(found.estimates, "linear", "md_cost_ate")
    assert row["estimate"] == pytest.approx(slow.params["drug"], rel=1e-10)
    assert row["std_error"] == pytest.approx(slow.bse["drug"], rel=1e-10)


@pytest.mark.parametrize("correlation", ["exchangeable", "independence"])
def test_estimating_equations_with_adjuncts(correlation: str) -> None:
    spec = own_spec(
        numeric_outcomes=("cost",),
        cluster="hospital",
        adjuncts=("dialysis",),
        second_score="none",
        correlation=correlation,
    )
    found = analyze(COHORT, spec, seed=4)
    patients = matched_rows(found.pairs, COHORT)
    structures = {"exchangeable": sm.cov_struct.Exchangeable(), "independence": sm.cov_struct.Independence()}
    slow = sm.GEE(
        patients["cost"],
        sm.add_constant(patients[["drug", "dialysis"]]),
        groups=pd.factorize(patients["hospital"])[0],
        cov_struct=structures[correlation],
    ).fit(ctol=1e-11, maxiter=300)
    row = row_of(found.estimates, "psm_gee", "md_cost_twin")
    assert row["estimate"] == pytest.approx(slow.params["drug"], rel=1e-7)
    assert row["std_error"] == pytest.approx(slow.bse["drug"], rel=1e-7)
    table = found.models.query("model == 'gee' and outcome == 'cost'").set_index("variable")
    assert math.isnan(table.loc["drug", "odds_ratio"])
    assert table.loc["drug", "ci_low"] == pytest.approx(row["ci_low"], rel=1e-12)


def test_weighting_by_the_score(analysis: Analysis) -> None:
    chance = analysis.score["propensity_covariates"].to_numpy()
    treated, cost = COHORT["drug"].to_numpy() == 1, COHORT["cost"].to_numpy()
    for method, estimand, weights in (
        ("iptw", "md_cost_ate", np.where(treated, 1 / chance, 1 / (1 - chance))),
        ("overlap_weights", "md_cost_ato", np.where(treated, 1 - chance, chance)),
    ):
        means = [np.average(cost[arm], weights=weights[arm]) for arm in (treated, ~treated)]
        row = row_of(analysis.estimates, method, estimand)
        assert row["estimate"] == pytest.approx(means[0] - means[1], rel=1e-8)
    # a 0/1 column gives the same rows as an outcome and as a number
    coded = analyze(
        COHORT.assign(number=COHORT["dead"]), own_spec(numeric_outcomes=("number",), methods=("iptw",))
    )
    here, there = (row_of(coded.estimates, "iptw", name) for name in ("md_number_ate", "rd_dead_ate"))
    assert here["std_error"] == pytest.approx(there["std_error"], rel=1e-12)


def test_tables_hold_mean_sd_and_quartiles(analysis: Analysis, matched: pd.DataFrame) -> None:
    found = cells(analysis.result)
    for phase, frame in (("before", COHORT), ("after", matched)):
        for code, arm in ((1, "treated"), (0, "control")):
            cost = frame.loc[frame["drug"] == code, "cost"]
            assert found["table3", "cost", "", "mean", phase, arm] == pytest.approx(cost.mean(), rel=1e-12)
            assert found["table3", "cost", "", "sd", phase, arm] == pytest.approx(cost.std(), rel=1e-12)
            assert found["table3", "cost", "", "median", phase, arm] == pytest.approx(cost.median())


def test_the_same_column_by_the_analysis_and_by_name(analysis: Analysis) -> None:
    for name in ("crude", "psm", "psm_paired_se"):
        alone = run_method(name, COHORT, seed=4, spec=SPEC)
        for estimand in alone["estimand"]:
            if estimand.startswith("log_hr"):
                continue
            here, there = row_of(alone, name, estimand), row_of(analysis.estimates, name, estimand)
            assert (here["estimate"], here["std_error"]) == (there["estimate"], there["std_error"])


def test_a_spec_of_numbers_only(tmp_path) -> None:
    path = tmp_path / "costs.toml"
    path.write_text('treatment = "drug"\nnumeric_outcomes = ["cost"]\ncovariates = ["age", "sex"]\n')
    found = analyze(COHORT, load_spec(path))
    assert set(found.estimates["estimand"]) == {"md_cost_att", "md_cost_ate", "md_cost_matched"}
    assert found.estimates["converged"].all()
    with pytest.raises(UsageError, match="'logistic' estimates nothing of outcomes that are numbers"):
        analyze(COHORT, own_spec(outcomes=(), numeric_outcomes=("cost",), methods=("logistic",)))


def test_a_number_among_the_outcomes_is_one_of_the_numbers() -> None:
    spec = own_spec(outcomes=("dead", "cost"), numeric_outcomes=("cost",))
    assert (spec.outcomes, spec.numeric_outcomes) == (("dead",), ("cost",))


def test_a_number_that_does_not_vary_is_a_failure_with_its_reason() -> None:
    found = analyze(COHORT.assign(cost=5.0), own_spec(numeric_outcomes=("cost",), cluster="hospital"))
    rows = found.estimates[found.estimates["estimand"].str.startswith("md_")]
    assert not rows["converged"].any()
    assert rows["failure"].str.len().gt(10).all()
    assert found.estimates[~found.estimates["estimand"].str.startswith("md_")]["converged"].all()


def test_a_patient_without_the_number_leaves() -> None:
    gaps = COHORT.assign(cost=COHORT["cost"].where(COHORT.index > 9))
    assert analyze(gaps, own_spec(numeric_outcomes=("cost",))).result.flow.missing_later == 10


def test_columns_that_repeat_and_single_clusters_in_the_linear_model() -> None:
    X = np.column_stack([np.ones(30), np.arange(30.0), np.arange(30.0)])
    fit = fit_linear(X, np.sin(np.arange(30.0)))
    assert fit.dropped == (2,)
    assert math.isnan(fit.params[2])
    alone = fit_linear(X, np.ones(30), cluster=np.zeros(30, int))
    assert alone.failure is not None
    assert "single cluster" in alone.failure
    with pytest.raises(UsageError, match="independence"):
        fit_linear(X, np.ones(30), weights=np.ones(30), cluster=np.arange(30), correlation="exchangeable")
