"""Several controls for a treated patient, controls used again, exact columns: weights from there on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from lifelines import CoxPHFitter, KaplanMeierFitter
from own_cohorts import matched_rows, own_cohort, own_spec, row_of

from simsepsis.analysis.methods import run_method
from simsepsis.analysis.output import write_analysis
from simsepsis.analysis.sensitivity import sensitivity_table
from simsepsis.analysis.spec import Subgroup
from simsepsis.analysis.survival import kaplan_meier, rmst
from simsepsis.analysis.thesis_analysis import Analysis, analyze, cells
from simsepsis.analysis.weighted_curves import weighted_kaplan_meier, weighted_rmst
from simsepsis.errors import UsageError

COHORT = own_cohort(900)
UNTIED = COHORT.assign(age=COHORT["age"] + np.random.default_rng(1).random(len(COHORT)))
"""Without ties in the score, which rounding would break."""
WHOLE: dict[str, Any] = {
    "cluster": "hospital",
    "adjuncts": ("dialysis",),
    "second_score": "none",
    "numeric_outcomes": ("cost",),
    "survival_time": "time",
    "survival_event": "dead",
    "subgroups": (Subgroup(name="age", column="age", at_least=60),),
}
RULES: dict[str, dict[str, Any]] = {
    "two": {"ratio": 2},
    "three, again": {"ratio": 3, "replace": True},
    "again": {"replace": True},
}


@pytest.fixture(scope="module", params=RULES)
def analysis(request: pytest.FixtureRequest) -> Analysis:
    return analyze(COHORT, own_spec(**WHOLE, **RULES[request.param]), seed=6)


def weighted(analysis: Analysis) -> pd.DataFrame:
    return matched_rows(analysis.pairs, COHORT)


def test_weights_are_those_of_the_pairs(analysis: Analysis) -> None:
    matched = analysis.result.matched["covariates"].value
    assert matched is not None
    frame = weighted(analysis)
    assert matched.weights is not None
    assert matched.cohort.n == len(frame) == np.unique(matched.cohort.record).size
    by_row = dict(zip(matched.cohort.record, matched.weights, strict=True))
    expected = pd.concat([analysis.pairs["treated_row"], analysis.pairs["control_row"]]).unique()
    assert set(by_row) == set(expected)
    controls = matched.weights[~matched.cohort.treated]
    assert controls.sum() == pytest.approx(matched.n_treated)


@pytest.mark.parametrize(("outcome", "estimand"), [("dead", "rd_dead_matched"), ("cost", "md_cost_matched")])
def test_differences_are_weighted_least_squares(analysis: Analysis, outcome: str, estimand: str) -> None:
    frame = weighted(analysis)
    X = sm.add_constant(frame["drug"].astype(float))
    model = sm.WLS(frame[outcome], X, weights=frame["weight"])
    slow = model.fit(cov_type="HC0")
    row = row_of(analysis.estimates, "psm", estimand)
    assert row["estimate"] == pytest.approx(slow.params["drug"], rel=1e-9)
    assert row["std_error"] == pytest.approx(slow.bse["drug"], rel=1e-9)
    paired = row_of(analysis.estimates, "psm_paired_se", estimand)
    if analysis.result.spec.replace:
        assert "no separate pairs" in paired["failure"]
        return
    by_set = model.fit(
        cov_type="cluster", cov_kwds={"groups": frame["pair"].to_numpy(), "use_correction": False}
    )
    assert paired["std_error"] == pytest.approx(by_set.bse["drug"], rel=1e-9)


def test_estimating_equations_with_weights(analysis: Analysis) -> None:
    frame = weighted(analysis)
    X = sm.add_constant(frame[["drug", "dialysis"]].astype(float))
    groups = pd.factorize(frame["hospital"])[0]
    for outcome, estimand, family in (
        ("dead", "log_or_dead_twin", sm.families.Binomial()),
        ("cost", "md_cost_twin", sm.families.Gaussian()),
    ):
        slow = sm.GLM(frame[outcome], X, family=family, freq_weights=frame["weight"]).fit(tol=1e-14)
        row = row_of(analysis.estimates, "psm_gee", estimand)
        assert row["estimate"] == pytest.approx(slow.params["drug"], rel=1e-6)
        # statsmodels has no sandwich with weights; the scores are summed by hand
        residual = (frame[outcome] - slow.predict(X)).to_numpy() * frame["weight"].to_numpy()
        curvature = slow.predict(X) * (1 - slow.predict(X)) if outcome == "dead" else 1.0
        bread = np.linalg.inv((X.to_numpy().T * (frame["weight"] * curvature).to_numpy()) @ X.to_numpy())
        scores = pd.DataFrame(X.to_numpy() * residual[:, None]).groupby(groups).sum().to_numpy()
        error = np.sqrt(np.diag(bread @ scores.T @ scores @ bread))[1]
        assert row["std_error"] == pytest.approx(error, rel=1e-6)


def test_survival_is_weighted(analysis: Analysis) -> None:
    frame = weighted(analysis)
    for arm, code in (("treated", 1), ("control", 0)):
        part = frame[frame["drug"] == code]
        with pytest.warns() if (part["weight"] % 1).any() else _quiet():
            slow = KaplanMeierFitter().fit(part["time"], part["dead"], weights=part["weight"])
        curve = analysis.survival[analysis.survival["arm"] == arm]
        assert len(curve)
        expected = slow.survival_function_at_times(curve["time"]).to_numpy()
        np.testing.assert_allclose(curve["survival"], expected, atol=1e-10)
    tests = analysis.survival_tests.set_index("quantity")
    columns = frame[["time", "dead", "drug", "weight"]]
    exact = {"precision": 1e-12, "r_precision": 1e-14}
    slow_cox = CoxPHFitter().fit(
        columns, "time", "dead", weights_col="weight", robust=True, fit_options=exact
    )
    assert np.log(tests.loc["hazard_ratio", "estimate"]) == pytest.approx(slow_cox.params_["drug"], rel=1e-5)
    assert "controls carry weights" in tests.loc["log_rank", "failure"]
    assert np.isfinite(tests.loc["rmst28_difference", "std_error"])


class _quiet:  # noqa: N801
    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...


def test_tables_and_balance_are_weighted(analysis: Analysis) -> None:
    frame, found = weighted(analysis), cells(analysis.result)
    for code, arm in ((1, "treated"), (0, "control")):
        part = frame[frame["drug"] == code]
        share = np.average(part["sex"] == "male", weights=part["weight"])
        assert found["table1", "sex", "male", "percent", "after", arm] == pytest.approx(100 * share)
        assert found["table1", "n", "", "count", "after", arm] == pytest.approx(part["weight"].sum())
        mean = np.average(part["age"], weights=part["weight"])
        row = analysis.balance.query("variable == 'age' and phase == 'after'").iloc[0]
        assert row["mean_treated" if code else "mean_control"] == pytest.approx(mean)
    assert np.isnan(found["table3", "dead", "", "p_value", "after", "contrast"])
    assert np.isfinite(found["table3", "dead", "", "p_value", "before", "contrast"])
    steps = analysis.flow.set_index("step")["patients"]
    assert steps["matched treated"] == frame["drug"].sum()
    assert steps["matched controls"] == (1 - frame["drug"]).sum()
    odds = found["table4", "dead", "unadjusted", "odds_ratio", "after", "contrast"]
    assert np.log(odds) == pytest.approx(row_of(analysis.estimates, "psm", "log_or_dead_matched")["estimate"])


def test_what_counts_patients_says_why_it_has_no_answer(analysis: Analysis, tmp_path) -> None:
    row = row_of(analysis.estimates, "breslow_day_age", "log_or_ratio_dead_matched")
    assert "controls carry weights" in row["failure"]
    table = sensitivity_table(analysis)
    assert table["gamma"].isna().all()
    assert table.loc[table["method"] == "psm", "e_value"].notna().all()
    write_analysis(analysis, tmp_path)


def test_the_ratio_is_that_of_the_method_by_name() -> None:
    ours = analyze(UNTIED, own_spec(ratio=2), seed=6).estimates
    named = run_method("psm_2to1", UNTIED, seed=6, spec=own_spec())
    for estimand in ("rd_dead_matched", "log_rr_dead_matched", "log_or_dead_matched"):
        here, there = row_of(ours, "psm", estimand), row_of(named, "psm_2to1", estimand)
        assert here["estimate"] == pytest.approx(there["estimate"], rel=1e-12)
        assert here["std_error"] == pytest.approx(there["std_error"], rel=1e-12)


def test_exact_columns_agree_within_each_pair() -> None:
    spec = own_spec(exact=("sex", "hospital"), ratio=2)
    found = analyze(UNTIED, spec, seed=6)
    for column in ("sex", "hospital"):
        treated, control = (COHORT[column].iloc[found.pairs[f"{arm}_row"]] for arm in ("treated", "control"))
        assert (treated.to_numpy() == control.to_numpy()).all()
    loose = analyze(UNTIED, own_spec(ratio=2), seed=6)
    assert len(found.pairs) < len(loose.pairs)
    named = run_method("psm_literal", UNTIED, seed=6, spec=spec)
    same = row_of(named, "psm_literal", "rd_dead_matched")["estimate"]
    assert row_of(found.estimates, "psm", "rd_dead_matched")["estimate"] == pytest.approx(same, rel=1e-12)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ratio": 0}, "ratio 0 is no number of controls for each treated patient; give 1 to 10"),
        ({"ratio": 11}, "ratio 11 is no number"),
        ({"exact": ("drug",)}, "'drug' is the treatment; take it out of 'exact'"),
    ],
)
def test_refusals(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        own_spec(**settings)


def test_curves_of_weight_one_are_those_without_weights() -> None:
    time, dead = COHORT["time"].to_numpy(), COHORT["dead"].to_numpy() == 1
    plain, same = kaplan_meier(time, dead), weighted_kaplan_meier(time, dead, np.ones(time.size))
    pd.testing.assert_frame_equal(plain, same, check_dtype=False, rtol=1e-9)
    for horizon in (10.0, 28.0, 60.0):
        assert weighted_rmst(time, dead, np.ones(time.size), horizon) == pytest.approx(
            rmst(time, dead, horizon), rel=1e-9
        )
    # twice the weight is two patients
    twice = weighted_kaplan_meier(time, dead, np.full(time.size, 2.0))
    np.testing.assert_allclose(twice["survival"], plain["survival"], rtol=1e-12)
    np.testing.assert_array_equal(twice["at_risk"], 2 * plain["at_risk"])
    with pytest.raises(UsageError, match="is not positive"):
        weighted_rmst(time, dead, np.ones(time.size), 0.0)
