"""The score's design matrix, its notes and its overlap, on cases worked by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from simsepsis.analysis.data import CohortArrays, complete_cases
from simsepsis.analysis.encode import encode_cohort
from simsepsis.analysis.estimates import ESTIMATE_COLUMNS, estimates_frame, normal_estimate, normal_tests
from simsepsis.analysis.fit import failed_fit
from simsepsis.analysis.matched import match_on_score
from simsepsis.analysis.outcomes import association_p_values, fit_adjusted, model_data
from simsepsis.analysis.propensity import c_statistic, design, fit_note, fit_propensity, overlap_summary
from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.analysis.two_by_two import chi_square, fisher, smallest_expected
from simsepsis.errors import ConvergenceError


@pytest.fixture(scope="module")
def cohort(registry: pd.DataFrame) -> CohortArrays:
    return complete_cases(encode_cohort(registry, THESIS_SPEC), THESIS_SPEC)[0]


def test_design_is_dummy_coded_with_the_first_level_as_reference(
    cohort: CohortArrays, registry: pd.DataFrame
) -> None:
    X, terms = design(cohort, ("icu_beds", "blood_culture", "male"))
    assert terms == (
        ("intercept", ""),
        ("icu_beds", ""),
        ("blood_culture", "negative"),
        ("blood_culture", "not_taken"),
        ("male", ""),
    )
    rows = registry.iloc[cohort.record]
    expected = np.column_stack(
        [
            np.ones(len(rows)),
            rows["icu_beds"],
            rows["blood_culture"] == "negative",
            rows["blood_culture"] == "not_taken",
            rows["male"],
        ]
    )
    np.testing.assert_array_equal(X, expected)


def test_beds_as_categories_is_one_setting(registry: pd.DataFrame) -> None:
    spec = replace(THESIS_SPEC, categorical=("icu_beds",))
    cohort = complete_cases(encode_cohort(registry, spec), spec)[0]
    _, terms = design(cohort, ("icu_beds",))
    assert len(terms) == registry["icu_beds"].nunique()


def test_c_statistic_counts_pairs_and_halves_ties() -> None:
    score = np.array([0.1, 0.4, 0.4, 0.8, 0.3])
    treated = np.array([False, True, False, True, False])
    # Of six pairs the treated is higher in five and equal in one.
    assert c_statistic(score, treated) == pytest.approx(5.5 / 6, rel=1e-14)
    assert np.isnan(c_statistic(score, np.zeros(5, dtype=bool)))


def test_overlap_counts_who_has_no_counterpart(cohort: CohortArrays) -> None:
    propensity = fit_propensity(cohort, ("age", "apache2"))
    found = overlap_summary(propensity, cohort.treated)
    p = propensity.probability
    ivigg, control = p[cohort.treated], p[~cohort.treated]
    assert found["min_control"] == control.min()
    assert found["outside_control"] == ((control < ivigg.min()) | (control > ivigg.max())).sum()
    assert found["certain"] == 0


def test_notes_name_terms_and_reasons() -> None:
    terms = (("intercept", ""), ("site", "lung"))
    assert fit_note(failed_fit(2, "singular information"), terms) == "singular information"
    assert fit_note(failed_fit(2, "stuck", dropped=(1,)), terms) == (
        "dropped as repeating other terms: site = lung; stuck"
    )


def test_score_scale_and_caliper_follow_the_spec(cohort: CohortArrays) -> None:
    for scale in ("logit", "ps"):
        spec = replace(THESIS_SPEC, scale=scale, order="data")  # type: ignore[arg-type]
        found = match_on_score(cohort, spec.covariates, spec, np.random.default_rng(0))
        score = found.propensity.logit if scale == "logit" else found.propensity.probability
        assert found.matches.caliper == pytest.approx(0.2 * score.std(ddof=1), rel=1e-12)
        np.testing.assert_array_equal(
            found.cohort.record[: found.matches.n_pairs], cohort.record[found.matches.treated]
        )
        assert found.cohort.treated[: found.matches.n_pairs].all()
        assert not found.cohort.treated[found.matches.n_pairs :].any()


def test_association_tests_equal_one_by_one() -> None:
    rng = np.random.default_rng(8)
    tables = np.concatenate([rng.integers(0, 12, (30, 2, 2)), rng.integers(20, 90, (10, 2, 2))]).astype(float)
    tables[0] = [[0, 0], [3, 4]]
    found = association_p_values(tables)
    assert np.isnan(found[0])
    for table, p_value in zip(tables[1:], found[1:], strict=True):
        test = fisher(table) if smallest_expected(table) < 5 else chi_square(table)
        np.testing.assert_allclose(p_value, test.p_value, rtol=1e-9)


def test_a_model_without_clusters_fails_with_its_reason(registry: pd.DataFrame) -> None:
    spec = replace(THESIS_SPEC, cluster=None)
    cohort = complete_cases(encode_cohort(registry, spec), spec)[0]
    with pytest.raises(ConvergenceError, match="names no column for the clusters"):
        fit_adjusted(model_data(cohort, spec, extended=False), "icu_death", spec)


def test_estimates_have_normal_limits_or_a_reason() -> None:
    good = normal_estimate("psm", "rd_icu_death_matched", 0.1, 0.05, n_used=10)
    assert (good.ci_low, good.ci_high) == pytest.approx(
        (0.1 - 1.959964 * 0.05, 0.1 + 1.959964 * 0.05), rel=1e-6
    )
    assert good.p_value == pytest.approx(0.0455003, rel=1e-5)
    assert good.converged
    bad = normal_estimate(
        "psm", "log_or_icu_death_matched", np.inf, np.nan, n_used=10, failure="a cell is zero"
    )
    assert (bad.converged, bad.failure, bad.n_used) == (False, "a cell is zero", 10)
    assert np.isnan([bad.estimate, bad.ci_low, bad.p_value]).all()
    frame = estimates_frame([good, bad])
    assert tuple(frame.columns) == ESTIMATE_COLUMNS
    low, _, p_value = normal_tests(np.array([1.0, np.inf]), np.array([0.0, 1.0]))
    assert np.isnan(p_value).all()
    assert low[0] == 1.0
