"""The whole pipeline against an independent slow script on statsmodels, scipy and pandas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import statsmodels.api as sm
from statsmodels.stats.contingency_tables import StratifiedTable

from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.analysis.thesis_analysis import Analysis, analyze, cells
from simsepsis.studies.jseptic_ivigg.columns import (
    ADJUNCTS,
    COLUMNS,
    DURATIONS,
    SCORE_COVARIATES,
    SOFA_LATER,
    TRANSFUSIONS,
)
from simsepsis.study.published import open_study

OUTCOMES = ("icu_death", "hospital_death")
COEFFICIENT = 1e-7
"""Of statsmodels' own stopping rules: GEE stops at a change of 1e-12, which leaves about 1e-8."""


@pytest.fixture(scope="module")
def analysis(registry: pd.DataFrame) -> Analysis:
    return analyze(registry, seed=5)


@pytest.fixture(scope="module")
def complete(registry: pd.DataFrame) -> pd.DataFrame:
    return registry.dropna(subset=list(SCORE_COVARIATES)).reset_index(drop=True)


def matched_of(analysis: Analysis, registry: pd.DataFrame, score: str) -> pd.DataFrame:
    pairs = analysis.pairs[analysis.pairs["score"] == score]
    treated = registry.iloc[pairs["treated_row"]].assign(pair=pairs["pair"].to_numpy())
    control = registry.iloc[pairs["control_row"]].assign(pair=pairs["pair"].to_numpy())
    return pd.concat([treated, control], ignore_index=True)


def rows_of(frame: pd.DataFrame, **key: str) -> pd.DataFrame:
    return frame[np.logical_and.reduce([frame[name] == wanted for name, wanted in key.items()])]


def value(analysis: Analysis, table: str, **key: str) -> float:
    (number,) = rows_of(analysis.tables[table], **key)["value"]
    return float(number)


def ratio_rows(analysis: Analysis, table: str, variable: str, level: str) -> list[float]:
    names = ("odds_ratio", "ci_low", "ci_high", "p_value")
    return [value(analysis, table, variable=variable, level=level, statistic=name) for name in names]


def test_score_coefficients(analysis: Analysis, complete: pd.DataFrame) -> None:
    parts = [pd.Series(1.0, index=complete.index)]
    for name in SCORE_COVARIATES:
        levels = COLUMNS[name].level_names
        parts += (
            [(complete[name] == level).astype(float) for level in levels[1:]] if levels else [complete[name]]
        )
    X = np.column_stack(parts)
    slow = sm.Logit(complete["ivigg"].to_numpy(), X).fit(disp=0, method="newton", tol=1e-14, maxiter=50)
    found = rows_of(analysis.models, model="propensity", score="covariates")
    np.testing.assert_allclose(found["coefficient"], slow.params, atol=1e-8)
    np.testing.assert_allclose(found["std_error"], slow.bse, atol=1e-7)
    np.testing.assert_allclose(analysis.score["propensity_covariates"], slow.predict(X), atol=1e-9)
    u = scipy.stats.mannwhitneyu(
        slow.predict(X)[complete["ivigg"] == 1], slow.predict(X)[complete["ivigg"] == 0]
    )
    expected = u.statistic / complete["ivigg"].eq(1).sum() / complete["ivigg"].eq(0).sum()
    assert analysis.scores["c_statistic"][0] == pytest.approx(expected, rel=1e-12)


def test_pairs_respect_the_caliper_on_the_logit(analysis: Analysis, complete: pd.DataFrame) -> None:
    for score in ("covariates", "adjuncts"):
        p = analysis.score[f"propensity_{score}"].to_numpy()
        with np.errstate(divide="ignore"):
            logit = pd.Series(np.log(p / (1 - p)), index=analysis.score["row"])
        row = analysis.scores.set_index("score").loc[score]
        assert row["caliper"] == pytest.approx(0.2 * logit[np.isfinite(logit)].std(ddof=1), rel=1e-9)
        pairs = analysis.pairs[analysis.pairs["score"] == score]
        distance = np.abs(logit[pairs["treated_row"]].to_numpy() - logit[pairs["control_row"]].to_numpy())
        np.testing.assert_allclose(pairs["distance"], distance, atol=1e-9)
        assert distance.max() <= row["caliper"]
        used = np.concatenate([pairs["treated_row"], pairs["control_row"]])
        assert np.unique(used).size == used.size
        marked = analysis.score.loc[analysis.score[f"matched_{score}"], "row"]
        assert set(marked) == set(used)


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("score", ["covariates", "adjuncts"])
@pytest.mark.parametrize("extended", [False, True])
def test_gee_odds_ratios(
    analysis: Analysis, registry: pd.DataFrame, outcome: str, score: str, extended: bool
) -> None:
    matched = matched_of(analysis, registry, score)
    kept = [name for name in ADJUNCTS if matched[name].sum() >= 5]
    terms = ["ivigg", *kept, *TRANSFUSIONS, *(SOFA_LATER if extended else ())]
    used = matched.dropna(subset=terms)
    X = sm.add_constant(used[terms].astype(float))
    model = sm.GEE(
        used[outcome],
        X,
        used["icu_id"],
        family=sm.families.Binomial(),
        cov_struct=sm.cov_struct.Exchangeable(),
    )
    slow = model.fit(maxiter=500, ctol=1e-12)
    name = "gee_sofa" if extended else "gee"
    found = rows_of(analysis.models, model=name, score=score, outcome=outcome)
    assert found["variable"].tolist() == ["intercept", *terms]
    assert found["note"].eq("").all()
    np.testing.assert_allclose(found["coefficient"], slow.params, atol=COEFFICIENT)
    np.testing.assert_allclose(found["std_error"], slow.bse, atol=COEFFICIENT)
    np.testing.assert_allclose(found["odds_ratio"], np.exp(slow.params), rtol=COEFFICIENT)
    np.testing.assert_allclose(found["p_value"], slow.pvalues, atol=1e-6)
    limits = np.exp(slow.conf_int())
    np.testing.assert_allclose(found[["ci_low", "ci_high"]], limits, rtol=1e-6)
    method = {"covariates": "psm_gee", "adjuncts": "psm_adjuncts_gee"}[score] + ("_sofa" if extended else "")
    row = rows_of(analysis.estimates, method=method, estimand=f"log_or_{outcome}_twin").iloc[0]
    assert (row["n_used"], row["converged"], row["failure"]) == (len(used), True, None)
    assert row["estimate"] == pytest.approx(slow.params["ivigg"], abs=COEFFICIENT)
    if score == "covariates" and extended:
        table = "table5" if outcome == "icu_death" else "table6"
        for term in terms:
            assert value(analysis, table, variable=term, statistic="odds_ratio") == pytest.approx(
                np.exp(slow.params[term]), rel=1e-6
            )


def test_crude_comparison_in_the_matched_set(analysis: Analysis, registry: pd.DataFrame) -> None:
    matched = matched_of(analysis, registry, "covariates")
    for outcome in OUTCOMES:
        table = pd.crosstab(1 - matched["ivigg"], 1 - matched[outcome]).to_numpy()
        slow = sm.stats.Table2x2(table)
        p_value = scipy.stats.chi2_contingency(table, correction=False).pvalue
        expected = [slow.oddsratio, *slow.oddsratio_confint(), p_value]
        np.testing.assert_allclose(
            ratio_rows(analysis, "table4", outcome, "unadjusted"), expected, rtol=1e-10
        )
        risks = matched.groupby("ivigg")[outcome].mean()
        rows = rows_of(analysis.estimates, method="psm").set_index("estimand")
        assert rows.loc[f"rd_{outcome}_matched", "estimate"] == pytest.approx(risks[1] - risks[0], abs=1e-14)
        assert rows.loc[f"log_rr_{outcome}_matched", "std_error"] == pytest.approx(
            slow.log_riskratio_se, rel=1e-10
        )
        differences = matched[matched["ivigg"] == 1][outcome].to_numpy() - (
            matched[matched["ivigg"] == 0][outcome].to_numpy()
        )
        paired = rows_of(analysis.estimates, method="psm_paired_se").set_index("estimand")
        expected = differences.std(ddof=0) / np.sqrt(differences.size)
        assert paired.loc[f"rd_{outcome}_matched", "std_error"] == pytest.approx(expected, rel=1e-10)


def test_cox_hazard_ratio(analysis: Analysis, registry: pd.DataFrame) -> None:
    matched = matched_of(analysis, registry, "covariates")
    status = matched["hospital_death"]
    slow = sm.PHReg(matched["hospital_days"], matched["ivigg"], status=status, ties="efron").fit(disp=0)
    rows = rows_of(analysis.estimates, method="psm_cox")
    assert rows["estimand"].tolist() == ["log_hr_hospital_death_matched"]
    row = rows.iloc[0]
    assert row["estimate"] == pytest.approx(slow.params[0], abs=1e-8)
    assert row["std_error"] == pytest.approx(slow.bse[0], abs=1e-7)
    printed = value(analysis, "text", variable="hospital_death", level="cox", statistic="hazard_ratio")
    assert printed == pytest.approx(np.exp(slow.params[0]), rel=1e-8)
    curve = sm.SurvfuncRight(
        matched.loc[matched["ivigg"] == 1, "hospital_days"],
        matched.loc[matched["ivigg"] == 1, "hospital_death"],
    )
    found = analysis.survival.query("arm == 'treated' and events > 0")
    np.testing.assert_allclose(found["survival"], curve.surv_prob, atol=1e-12)
    log_rank = sm.duration.survdiff(matched["hospital_days"], status, matched["ivigg"])
    tests = analysis.survival_tests.set_index("quantity")
    assert tests.loc["log_rank", "p_value"] == pytest.approx(log_rank[1], rel=1e-8)


def test_nobody_leaves_alive_unnoticed(analysis: Analysis) -> None:
    """Incidence with discharge as competing event ends at the share that died; Kaplan–Meier does not."""
    for arm, rows in analysis.survival.groupby("arm"):
        share = value(
            analysis,
            "table4",
            variable="hospital_death",
            level="unadjusted",
            statistic="percent",
            arm=str(arm),
        )
        assert 100 * rows["incidence"].iloc[-1] == pytest.approx(share, rel=1e-10)


def test_breslow_day(analysis: Analysis, registry: pd.DataFrame) -> None:
    matched = matched_of(analysis, registry, "covariates")
    for name, side in (
        ("apache2", matched["apache2"] >= 29),
        ("immunocompromised", matched["immunocompromised"] == 1),
    ):
        for outcome in OUTCOMES:
            tables = [
                pd.crosstab(1 - part["ivigg"], 1 - part[outcome]).to_numpy()
                for _, part in matched.groupby(side)
            ]
            slow = StratifiedTable(tables).test_equal_odds()
            found = value(
                analysis, "text", variable=outcome, level=f"breslow_day_{name}", statistic="p_value"
            )
            assert found == pytest.approx(slow.pvalue, rel=1e-6)


@pytest.mark.parametrize("phase", ["before", "after"])
def test_tables_1_to_3(
    analysis: Analysis, registry: pd.DataFrame, complete: pd.DataFrame, phase: str
) -> None:
    patients = complete if phase == "before" else matched_of(analysis, registry, "covariates")
    arms = {"treated": patients[patients["ivigg"] == 1], "control": patients[patients["ivigg"] == 0]}
    for table, names in (
        ("table1", SCORE_COVARIATES),
        ("table2", (*ADJUNCTS, *TRANSFUSIONS)),
        ("table3", (*OUTCOMES, *DURATIONS)),
    ):
        frame = (
            analysis.tables[table]
            .query("phase == @phase")
            .set_index(["variable", "level", "statistic", "arm"])
        )
        numbers = frame["value"]
        for name in names:
            if COLUMNS[name].kind in ("number", "ordinal"):
                for arm, part in arms.items():
                    expected = np.quantile(part[name], [0.25, 0.5, 0.75], method="weibull")
                    found = [numbers[name, "", statistic, arm] for statistic in ("q1", "median", "q3")]
                    np.testing.assert_allclose(found, expected, rtol=1e-12)
                if table != "table1":
                    slow = scipy.stats.mannwhitneyu(
                        *(part[name] for part in arms.values()), use_continuity=False
                    )
                    assert numbers[name, "", "p_value", "contrast"] == pytest.approx(slow.pvalue, rel=1e-9)
                continue
            for level in COLUMNS[name].level_names or ("",):
                counts = [int((part[name] == (level or 1)).sum()) for part in arms.values()]
                sizes = [len(part) for part in arms.values()]
                for arm, count, size in zip(arms, counts, sizes, strict=True):
                    assert numbers[name, level, "count", arm] == count
                    assert numbers[name, level, "percent", arm] == pytest.approx(100 * count / size)
                if table == "table1":
                    p, q = (count / size for count, size in zip(counts, sizes, strict=True))
                    expected = 100 * abs(p - q) / np.sqrt((p * (1 - p) + q * (1 - q)) / 2)
                    assert numbers[name, level, "smd_percent", "contrast"] == pytest.approx(
                        expected, rel=1e-9
                    )
                else:
                    slow_p = plain_test(counts, sizes)
                    assert numbers[name, level, "p_value", "contrast"] == pytest.approx(slow_p, rel=1e-9)


def plain_test(counts: list[int], sizes: list[int]) -> float:
    """Return the chi-square p value, or Fisher's where an expected count is below 5."""
    table = np.array([counts, np.subtract(sizes, counts)]).T
    slow = scipy.stats.chi2_contingency(table, correction=False)
    small = slow.expected_freq.min() < 5
    return float(scipy.stats.fisher_exact(table).pvalue if small else slow.pvalue)


def test_every_printed_number_has_a_cell(analysis: Analysis) -> None:
    """All but the number of institutions, of which a registry knows nothing."""
    key = ["table", "variable", "level", "statistic", "phase", "arm"]
    printed = set(open_study().printed()[key].itertuples(index=False, name=None))
    found = cells(analysis.result)
    assert printed - set(found) == {("text", "institutions", "", "count", "", "")}
    assert len(printed) > 800


def test_flow_adds_up(analysis: Analysis, registry: pd.DataFrame, complete: pd.DataFrame) -> None:
    flow = analysis.flow.set_index(["step", "score"])["patients"]
    assert flow["registered", ""] == len(registry)
    assert flow["analysed", ""] == len(complete) == len(registry) - flow["without complete day-1 data", ""]
    matched = matched_of(analysis, registry, "covariates")
    assert (
        flow["matched without later scores", "covariates"]
        == matched[list(SOFA_LATER)].isna().any(axis=1).sum()
    )
    assert 2 * flow["matched pairs", "covariates"] == len(matched)


def test_balance_frame_names_its_denominators(analysis: Analysis) -> None:
    rows = rows_of(analysis.balance, score="covariates")
    before = rows[rows["phase"] == "before"].reset_index(drop=True)
    after = rows[rows["phase"] == "after"].reset_index(drop=True)
    np.testing.assert_allclose(before["pooled_after"], before["pooled_before"], rtol=1e-12)
    raw = after["mean_treated"] - after["mean_control"]
    spread = 100 * (before["mean_treated"] - before["mean_control"]) / before["pooled_before"]
    np.testing.assert_allclose(after["pooled_before"], 100 * raw / spread, rtol=1e-7, atol=1e-9)
    assert not np.allclose(after["pooled_after"], after["pooled_before"])
    printed = rows_of(analysis.tables["table1"], statistic="smd_percent", phase="after")
    merged = after.merge(printed, on=["variable", "level"])
    assert len(merged) == len(after)
    np.testing.assert_allclose(merged["pooled_after"].abs(), merged["value"], rtol=1e-9)
    np.testing.assert_array_equal(after["unbalanced"], after["pooled_after"].abs() > 10)
    assert rows["ecdf_max"].between(0, 1).all()


def test_same_seed_same_numbers_and_another_seed_other_pairs(
    registry: pd.DataFrame, analysis: Analysis
) -> None:
    again = analyze(registry, THESIS_SPEC, seed=5)
    assert cells(again.result) == cells(analysis.result)
    pd.testing.assert_frame_equal(again.pairs, analysis.pairs)
    other = analyze(registry, seed=6)
    assert not other.pairs.equals(analysis.pairs)


def test_row_order_matters_only_through_the_random_order(registry: pd.DataFrame) -> None:
    spec = replace(THESIS_SPEC, order="closest")
    shuffled = registry.sample(frac=1.0, random_state=3)
    first, second = (cells(analyze(frame, spec).result) for frame in (registry, shuffled))
    assert first.keys() == second.keys()
    keys = list(first)
    np.testing.assert_allclose([first[key] for key in keys], [second[key] for key in keys], rtol=1e-6)
