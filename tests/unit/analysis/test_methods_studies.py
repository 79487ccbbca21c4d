"""Methods that the studies need: calipers, errors of the estimating equations, other scores, gaps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from simsepsis.analysis.balance import standardized_difference
from simsepsis.analysis.data import complete_cases
from simsepsis.analysis.encode import encode_cohort
from simsepsis.analysis.fit import wald_tests
from simsepsis.analysis.gee import fit_gee
from simsepsis.analysis.matching import caliper_width
from simsepsis.analysis.methods import matcher_variants as variants
from simsepsis.analysis.methods import run_method
from simsepsis.analysis.methods.method import MATCHED_SET, Task
from simsepsis.analysis.methods.shared import Shared, known
from simsepsis.analysis.outcomes import model_data
from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.streams import streams
from simsepsis.studies.jseptic_ivigg.methods import REGISTRY_2007, as_in_2007, as_in_claims

OR = "log_or_hospital_death_matched"


def shared_of(registry: pd.DataFrame) -> Shared:
    return Shared(registry=registry, spec=THESIS_SPEC, draw=streams(0))


def by_estimand(name: str, registry: pd.DataFrame) -> pd.DataFrame:
    return run_method(name, registry).set_index("estimand")


def test_pairs_and_imbalance_are_those_of_the_matched_patients(registry: pd.DataFrame) -> None:
    shared = shared_of(registry)
    matched = known(known(shared.thesis).matched)
    rows = by_estimand("psm_literal", registry)
    assert rows.loc["pairs_matched", "estimate"] == matched.matches.n_pairs
    assert rows.loc[OR, "estimate"] == pytest.approx(by_estimand("psm", registry).loc[OR, "estimate"])
    cohort, columns = known(shared.cohort), known(shared.design).T[1:]
    weights = np.zeros(cohort.n)
    weights[np.concatenate([matched.matches.treated, matched.matches.control])] = 1.0
    spread = [np.sqrt((c[cohort.treated].var(ddof=1) + c[~cohort.treated].var(ddof=1)) / 2) for c in columns]
    gaps = [
        abs(standardized_difference(c, cohort.treated, weights=weights, denominator=s))
        for c, s in zip(columns, spread, strict=True)
        if s > 0
    ]
    assert rows.loc["max_smd_matched", "estimate"] == pytest.approx(max(gaps))
    assert rows.loc["max_smd_matched", "std_error"] == pytest.approx(np.sqrt(2 / matched.matches.n_pairs))


def test_the_number_of_pairs_has_an_error_where_everybody_has_a_match(registry: pd.DataFrame) -> None:
    few = registry.assign(ivigg=(registry.index % 9 == 0).astype(int))
    row = by_estimand("psm_no_caliper", few).loc["pairs_matched"]
    assert row["n_used"] == 2 * row["estimate"]
    assert row["std_error"] == pytest.approx(
        np.sqrt(row["estimate"] * 2 * (row["estimate"] + 2)) / (row["estimate"] + 4)
    )


@pytest.mark.parametrize(
    ("name", "sd", "factor"),
    [("psm_pooled_sd", "pooled", 0.2), ("psm_half_caliper", "overall", 0.1), ("psm_absolute", "raw", 0.2)],
)
def test_calipers_are_as_wide_as_they_are_named(
    registry: pd.DataFrame, name: str, sd: str, factor: float
) -> None:
    task = Task(method=name, shared=shared_of(registry))
    cohort, logit = known(task.shared.cohort), known(task.shared.propensity).logit
    units = variants.units_of(task, cohort, logit)
    method = next(method for method in variants.MATCHER_METHODS if method.name == name)
    matches = method.function.keywords["rule"](units)
    width = caliper_width(logit, cohort.treated, factor, sd)
    assert matches.caliper == pytest.approx(width)
    assert matches.distance.max() <= width


def test_absolute_probabilities_and_no_caliper(registry: pd.DataFrame) -> None:
    task = Task(method="x", shared=shared_of(registry))
    units = variants.units_of(task, known(task.shared.cohort), known(task.shared.propensity).logit)
    rules = {method.name: method.function.keywords["rule"] for method in variants.MATCHER_METHODS[:-2]}
    assert rules["psm_ps_absolute"](units).caliper == 0.2
    everybody = rules["psm_no_caliper"](units)
    assert everybody.n_pairs == min(units.treated.sum(), (~units.treated).sum())
    assert rules["psm_spss"](units).caliper == pytest.approx(rules["psm_ps_scale"](units).caliper)


@pytest.mark.parametrize("covariance", ["mancl_derouen", "kauermann_carroll", "fay_graubard"])
def test_corrected_equations_keep_the_estimate_and_use_t(registry: pd.DataFrame, covariance: str) -> None:
    matched = known(known(shared_of(registry).thesis).matched).cohort
    data = model_data(matched, THESIS_SPEC, extended=False)
    fit = fit_gee(data.X, data.cohort.column("hospital_death"), data.cohort.cluster, covariance=covariance)
    tests = wald_tests(fit, df=np.unique(data.cohort.cluster).size - data.X.shape[1])
    row = by_estimand(f"psm_gee_{covariance}", registry).loc["log_or_hospital_death_twin"]
    expected = [fit.params[1], fit.std_errors[1], tests.ci_low[1], tests.ci_high[1], tests.p_value[1]]
    assert_allclose(row[["estimate", "std_error", "ci_low", "ci_high", "p_value"]].astype(float), expected)
    plain = by_estimand("psm_gee", registry).loc["log_or_hospital_death_twin"]
    assert row["estimate"] == pytest.approx(plain["estimate"])
    assert row["std_error"] > plain["std_error"]


def test_equations_on_treatment_alone_under_independence_are_the_crude_odds_ratio(
    registry: pd.DataFrame,
) -> None:
    matched = known(known(shared_of(registry).thesis).matched).cohort
    data = model_data(matched, THESIS_SPEC, extended=False)
    dead, cluster = data.cohort.column("hospital_death"), data.cohort.cluster
    alone = fit_gee(data.X[:, :2], dead, cluster, correlation="independence")
    assert alone.params[1] == pytest.approx(by_estimand("psm", registry).loc[OR, "estimate"])
    row = by_estimand("psm_gee_alone", registry).loc["log_or_hospital_death_twin"]
    assert row["estimate"] == pytest.approx(fit_gee(data.X[:, :2], dead, cluster).params[1])


def test_too_few_icus_for_the_terms_is_a_reason(registry: pd.DataFrame) -> None:
    few = registry.assign(icu_id=1 + registry["icu_id"] % 10)
    rows = by_estimand("psm_gee_fay_graubard", few)
    assert not rows["converged"].any()
    assert rows["failure"].str.contains("no more clusters than terms").any()
    assert by_estimand("psm_gee_alone_mancl_derouen", few)["converged"].all()


def test_the_score_of_2007_has_its_six_columns(registry: pd.DataFrame) -> None:
    shared = as_in_2007(shared_of(registry))
    assert shared.spec.score_columns == REGISTRY_2007
    made = shared.registry
    complete = registry[[f"sofa_{organ}_day1" for organ in ("resp", "coag", "liver", "cv", "cns", "renal")]]
    assert_allclose(made["sofa_total"], complete.sum(axis=1, skipna=False))
    assert (made["culture_taken"] == (registry["blood_culture"] != "not_taken")).all()
    # whoever lacks lactate leaves
    assert known(shared.cohort).n == registry["lactate"].notna().sum()
    failed = run_method("psm_registry_2007", registry.drop(columns="lactate"))
    assert failed["failure"].str.contains("needs the column 'lactate'").all()


def test_claims_know_no_severity(registry: pd.DataFrame) -> None:
    plain = as_in_claims(shared_of(registry), procedures=False).spec.score_columns
    billed = as_in_claims(shared_of(registry), procedures=True).spec.score_columns
    lost = set(THESIS_SPEC.covariates) - set(plain)
    assert {"apache2", "sirs_day1", "sofa_cv_day1", "wbc", "hemoglobin", "platelets"} <= lost
    assert {"age", "dic_policy", "infection_site", "weight_kg"} <= set(plain)
    assert billed == (*plain, *THESIS_SPEC.adjusters)
    rows = by_estimand("psm_claims", registry.drop(columns=["apache2"]).assign(apache2=np.nan))
    assert not rows["converged"].any() or rows.loc["pairs_matched", "n_used"] > 0


def test_adjuncts_in_the_score_are_the_second_score(registry: pd.DataFrame) -> None:
    shared = shared_of(registry)
    adjuncts = THESIS_SPEC.adjusters
    second = replace(THESIS_SPEC, covariates=(*THESIS_SPEC.covariates, *adjuncts), allow_after_start=adjuncts)
    cohort, _ = complete_cases(encode_cohort(registry, second), second)
    assert cohort.n == known(shared.cohort).n
    rows = by_estimand("psm_second_score", registry)
    direct = Task(method="x", shared=replace(shared, spec=second))
    weights = variants.weights_of(direct, cohort, known(direct.shared.propensity).logit, variants.by_options)
    assert rows.loc["pairs_matched", "estimate"] == weights[cohort.treated].sum()
    assert by_estimand("psm_adjuncts_only", registry)["converged"].all()


def with_gaps(registry: pd.DataFrame, share: float) -> pd.DataFrame:
    full = registry.fillna({"wbc": registry["wbc"].median(), "weight_kg": registry["weight_kg"].median()})
    gone = np.random.default_rng(7).random(len(full)) < share
    return full.assign(apache2=full["apache2"].where(~gone))


@pytest.mark.parametrize("name", ["psm_indicator", "psm_imputed"])
def test_gaps_cost_nobody(registry: pd.DataFrame, name: str) -> None:
    holed = with_gaps(registry, 0.4)
    complete = by_estimand("psm", holed)
    rows = by_estimand(name, holed)
    assert rows["converged"].all()
    assert rows.loc[OR, "n_used"] > 1.3 * complete.loc[OR, "n_used"]


@pytest.mark.parametrize("name", ["psm_indicator", "psm_imputed"])
def test_without_gaps_nothing_changes(registry: pd.DataFrame, name: str) -> None:
    full = with_gaps(registry, 0.0)
    expected = by_estimand("psm", full)
    rows = by_estimand(name, full)
    assert_allclose(rows["estimate"], expected.loc[rows.index, "estimate"])
    assert_allclose(rows["std_error"], expected.loc[rows.index, "std_error"])


@pytest.mark.parametrize("death", [0, 1])
def test_an_outcome_that_does_not_vary_has_its_reason(registry: pd.DataFrame, death: int) -> None:
    outcomes = dict.fromkeys(THESIS_SPEC.outcomes, death)
    fixed = with_gaps(registry, 0.2).assign(**outcomes)
    rows = by_estimand("psm_imputed", fixed)
    assert not rows["converged"].any()
    assert rows["failure"].str.startswith("5 of 5 completed registries gave no estimate: ").all()
    assert rows["failure"].str.contains("a risk is outside|the standard error is zero").all()
    # weights that sum to 1 but for rounding make no odds ratio of a risk of 1
    for name in ("psm_spss", "psm_largest", "iptw"):
        other = by_estimand(name, fixed)
        assert not other.loc[other.index.str.contains("_death_"), "converged"].any()


def test_what_describes_a_matched_set_is_no_effect() -> None:
    assert all(name.endswith("_matched") for name in MATCHED_SET)
