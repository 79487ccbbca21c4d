"""Missing values, yes and no, dates: what the stated rules make of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simsepsis.analysis.balance import ecdf_distances, group_moments
from simsepsis.analysis.data import complete_cases
from simsepsis.analysis.encode import encode_cohort
from simsepsis.analysis.propensity import design, fit_propensity
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.analysis.spec_files import load_spec, spec_names
from simsepsis.errors import DataError, UsageError

SPEC = AnalysisSpec(
    treatment="drug",
    outcomes=("dead",),
    cluster=None,
    patient=None,
    covariates=("age", "urine", "site"),
    adjuncts=(),
    transfusions=(),
    durations=("stay",),
    later_scores=(),
    survival_time=None,
    survival_event=None,
    subgroups=(),
    missing={"urine": "indicator", "site": "category"},
    differences={"stay": ("admitted", "left")},
)


@pytest.fixture
def ward() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    n = 60
    frame = pd.DataFrame(
        {
            "drug": np.where(rng.random(n) < 0.4, "Yes", "no"),
            "dead": np.where(rng.random(n) < 0.3, "YES", "No"),
            "age": rng.normal(60, 10, n),
            "urine": rng.gamma(4.0, 400.0, n),
            "site": rng.choice(["lung", "gut", "skin"], n),
            "admitted": 100 + np.arange(n),
        }
    )
    frame["left"] = frame["admitted"] + rng.integers(1, 30, n)
    frame.loc[:14, "urine"] = np.nan
    frame.loc[[3, 20, 40], "site"] = None
    frame.loc[5, "age"] = np.nan
    return frame


def test_only_columns_without_a_rule_cost_patients(ward: pd.DataFrame) -> None:
    cohort, flow = complete_cases(encode_cohort(ward, SPEC), SPEC)
    assert (flow.registered, flow.missing_day1, flow.analysed) == (60, 1, 59)
    without = replace(SPEC, missing={})
    _, strict = complete_cases(encode_cohort(ward, without), without)
    assert strict.analysed == 60 - len({*range(15), 20, 40})
    assert cohort.levels["site"] == ("lung", "gut", "skin", "missing")
    np.testing.assert_array_equal(cohort.column("urine_missing"), np.isnan(cohort.column("urine")))
    assert cohort.kinds["urine_missing"] == "binary"


def test_the_constant_that_stands_for_missing_numbers_does_not_matter(ward: pd.DataFrame) -> None:
    cohort, _ = complete_cases(encode_cohort(ward, SPEC), SPEC)
    found = fit_propensity(cohort, SPEC.score_columns)
    assert [name for name, _ in found.terms] == ["intercept", "age", "urine", "urine_missing", *["site"] * 3]
    X, _ = design(cohort, SPEC.score_columns)
    assert np.isfinite(X).all()
    filled = ward.assign(urine_missing=ward["urine"].isna().astype(int), urine=ward["urine"].fillna(7.0))
    by_hand = replace(
        SPEC, covariates=("age", "urine", "urine_missing", "site"), missing={"site": "category"}
    )
    other, _ = complete_cases(encode_cohort(filled, by_hand), by_hand)
    np.testing.assert_allclose(fit_propensity(other, by_hand.score_columns).logit, found.logit, atol=1e-8)


def test_balance_leaves_missing_numbers_out() -> None:
    rng = np.random.default_rng(1)
    values, treated = rng.normal(size=(2, 40)), np.arange(40) < 15
    values[0, [1, 7, 20, 33]] = np.nan
    groups = np.stack([treated, ~treated], axis=1).astype(float)
    mean, variance = group_moments(values, groups)
    average, greatest = ecdf_distances(values, treated)
    for row, column in enumerate(values):
        seen = ~np.isnan(column)
        for arm, side in enumerate((treated, ~treated)):
            assert mean[row, arm] == pytest.approx(column[seen & side].mean())
            assert variance[row, arm] == pytest.approx(column[seen & side].var(ddof=1))
        alone = ecdf_distances(column[None, seen], treated[seen])
        np.testing.assert_allclose([average[row], greatest[row]], np.ravel(alone))


def test_yes_and_no_are_one_and_zero_unless_told_otherwise(ward: pd.DataFrame) -> None:
    cohort = encode_cohort(ward, SPEC)
    np.testing.assert_array_equal(cohort.treated, ward["drug"] == "Yes")
    np.testing.assert_array_equal(cohort.column("dead"), ward["dead"] == "YES")
    told = replace(SPEC, covariates=("age", "smoker"), missing={}, levels={"smoker": ("Yes", "No")})
    smokers = ward.assign(smoker=np.where(np.arange(60) % 2, "Yes", "No"))
    assert encode_cohort(smokers, told).levels["smoker"] == ("Yes", "No")
    assert "smoker" not in encode_cohort(smokers, replace(told, levels={})).levels


def test_an_empty_key_recodes_missing_values(ward: pd.DataFrame) -> None:
    spec = replace(SPEC, missing={"urine": "indicator"}, recode={"site": {"": "none", "gut": "abdomen"}})
    cohort = encode_cohort(ward, spec)
    assert cohort.levels["site"] == ("lung", "abdomen", "skin", "none")
    assert not np.isnan(cohort.column("site")).any()


@pytest.mark.parametrize("kind", ["number", "text", "date"])
def test_dates_of_any_type_give_the_same_durations(ward: pd.DataFrame, kind: str) -> None:
    expected = (ward["left"] - ward["admitted"]).to_numpy(float)
    other = ward.copy()
    if kind != "number":
        for name in ("admitted", "left"):
            other[name] = pd.Timestamp("1990-01-01") + pd.to_timedelta(ward[name], unit="D")
    if kind == "text":
        other = other.assign(
            admitted=other["admitted"].dt.strftime("%Y-%m-%d"), left=other["left"].astype(str)
        )
        other.loc[2, "left"] = None
        expected[2] = np.nan
    np.testing.assert_array_equal(encode_cohort(other, SPEC).column("stay"), expected)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"missing": {"age": "category"}}, "missing.age = 'category', but the column has numbers"),
        ({"missing": {"site": "indicator"}}, "missing.site = 'indicator', but the column has levels"),
        ({"differences": {"stay": ("admitted", "lef")}}, "column 'lef' is missing; did you mean 'left'"),
        (
            {"differences": {"stay": ("admitted", "site")}},
            "column 'site' has the value '.*' in row 1, which is no date",
        ),
    ],
)
def test_rules_that_do_not_fit_the_file_are_named(
    ward: pd.DataFrame, change: dict[str, object], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        encode_cohort(ward, replace(SPEC, **change))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"missing": {"age": "mean"}}, "missing.age 'mean' is unknown; choose complete or"),
        ({"missing": {"dead": "indicator"}}, "missing.dead: the rule is for covariates only"),
        ({"score": ("drug", "age")}, "'drug' is the treatment; take it out of 'score'"),
        ({"chi_square": "pearson"}, "chi_square 'pearson' is unknown; choose plain or yates"),
    ],
)
def test_impossible_rules_are_refused_at_once(change: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        replace(SPEC, **change)


def test_shipped_specs_are_found_by_name(tmp_path: Path) -> None:
    assert "analysis-rhc" in spec_names()
    assert all(load_spec(name).covariates for name in spec_names())
    with pytest.raises(DataError, match="spec 'analysis-rch' is unknown; did you mean 'analysis-rhc'"):
        load_spec("analysis-rch")
    own = tmp_path / "own.toml"
    own.write_text('treatment = "a"\noutcomes = ["b"]\ncovariates = ["c"]\n[missing]\nc = "indicator"\n')
    assert load_spec(own).score_columns == ("c", "c_missing")
