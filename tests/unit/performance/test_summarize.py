"""The performance table: its shape, its pairing, its failures, and what it refuses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from pandas.testing import assert_frame_equal

from simsepsis.errors import DataError, UsageError
from simsepsis.performance import MEASURES, PERFORMANCE_COLUMNS, summarize

TRUTH = {"log_or_icu_death": -0.2}
CONTRACT = (
    "bias",
    "relative_bias",
    "median_bias",
    "empirical_se",
    "model_se",
    "relative_error_model_se",
    "mse",
    "rmse",
    "coverage",
    "bias_eliminated_coverage",
    "rejection",
    "ci_width",
    "relative_precision",
    "convergence",
)


def simple(estimate, **columns) -> pd.DataFrame:
    """Return rows of one method, one row per replicate."""
    estimate = np.asarray(estimate, dtype=float)
    keys = {"replicate": np.arange(estimate.size), "method": "m", "estimand": "log_or_icu_death"}
    return pd.DataFrame({**keys, "estimate": estimate, **columns})


def test_the_table_has_a_row_for_each_series_and_measure(rows):
    table = summarize(rows, TRUTH, reference="psm")
    assert tuple(table.columns) == PERFORMANCE_COLUMNS
    assert len(table) == 6 * len(MEASURES)
    assert set(CONTRACT) <= set(table["measure"])
    assert (table["n_sim"] == 200).all()
    assert table["n_used"].between(0, 200).all()
    assert np.isfinite(table[["value", "mcse"]].to_numpy()).all()


def test_the_truth_stands_beside_its_estimates_with_its_own_error():
    truth = pd.DataFrame({"estimand": ["log_or_icu_death"], "value": [-0.2], "mcse": [0.01]})
    rows = pd.concat([simple([0.1, np.nan, -0.3]), simple([np.nan] * 3).assign(method="never")])
    table = summarize(rows, truth).set_index(["method", "measure"])
    assert list(table.loc[("m", "truth"), ["value", "mcse", "n_used"]]) == [-0.2, 0.01, 2]
    assert np.isnan(table.loc[("never", "truth"), "value"])


def test_every_measure_has_a_label_and_a_unit():
    assert all(measure.label and measure.unit for measure in MEASURES.values())
    assert len({measure.label for measure in MEASURES.values()}) == len(MEASURES)


def test_the_table_equals_a_slow_loop(rows, pick):
    """Group by group with pandas, as one would do it by hand."""
    table = summarize(rows.sample(frac=1.0, random_state=5), TRUTH, reference="crude", mcse="normal")
    for (cell, method), part in rows.groupby(["cell", "method"]):
        theta = part["estimate"].dropna()
        limits = part.dropna(subset=["ci_low"])
        covered = (limits["ci_low"] <= -0.2) & (limits["ci_high"] >= -0.2)
        rejected = (limits["ci_low"] > 0) | (limits["ci_high"] < 0)
        paired = part.set_index("replicate")["estimate"].to_frame("own")
        paired["ref"] = rows[(rows["cell"] == cell) & (rows["method"] == "crude")].set_index("replicate")[
            "estimate"
        ]
        paired = paired.dropna()
        expected = {
            "bias": (theta.mean() + 0.2, theta.sem(), len(theta)),
            "empirical_se": (theta.std(), theta.std() / np.sqrt(2 * (len(theta) - 1)), len(theta)),
            "coverage": (
                covered.mean(),
                np.sqrt(covered.mean() * (1 - covered.mean()) / len(limits)),
                len(limits),
            ),
            "rejection": (
                rejected.mean(),
                np.sqrt(rejected.mean() * (1 - rejected.mean()) / len(limits)),
                len(limits),
            ),
            "relative_precision": (
                100 * (paired["ref"].var() / paired["own"].var() - 1),
                200
                * (paired["ref"].var() / paired["own"].var())
                * np.sqrt(max(0.0, 1 - paired["own"].corr(paired["ref"]) ** 2) / (len(paired) - 1)),
                len(paired),
            ),
            "convergence": (len(theta) / 200, np.sqrt(len(theta) / 200 * (1 - len(theta) / 200) / 200), 200),
        }
        for measure, numbers in expected.items():
            row = pick(table, measure, cell=cell, method=method)
            # A method against itself is exactly 0 here; pandas leaves 1e-6.
            assert tuple(row[["value", "mcse", "n_used"]]) == pytest.approx(numbers, abs=1e-5), (
                measure,
                method,
            )


def test_shuffled_rows_give_the_same_bits(rows):
    table = summarize(rows, TRUTH, reference="psm")
    shuffled = summarize(rows.sample(frac=1.0, random_state=3), TRUTH, reference="psm")
    assert_frame_equal(table, shuffled, check_exact=True)


def test_methods_are_paired_by_replicate_number_and_not_by_row_order(pick):
    x = np.array([0.1, 0.5, 0.2, 0.9, 0.4])
    own, other = simple(x), simple(2 * x).assign(method="twice")
    backwards = pd.concat([own, other.iloc[::-1]])
    for mcse in ("robust", "normal"):
        row = pick(
            summarize(backwards, TRUTH, reference="m", mcse=mcse), "relative_precision", method="twice"
        )
        assert (row["value"], row["mcse"]) == pytest.approx((-75.0, 0.0), abs=1e-5)


def test_methods_may_have_different_replicates(pick):
    x = np.array([0.1, 0.5, 0.2, 0.9, 0.4])
    late = simple([3.0, 0.4, 1.8, 0.8]).assign(method="late", replicate=[7, 2, 3, 4])
    table = summarize(pd.concat([late, simple(x)]), TRUTH, reference="m")
    row = pick(table, "relative_precision", method="late")
    assert (row["value"], row["n_used"], row["n_sim"]) == pytest.approx((-75.0, 3, 4))
    assert pick(table, "convergence", method="late")["value"] == 1.0


def test_the_reference_against_itself_is_exactly_zero(rows):
    for mcse in ("robust", "normal"):
        table = summarize(rows, TRUTH, reference="psm", mcse=mcse)
        own = table[
            (table["method"] == "psm") & table["measure"].isin(["relative_precision", "paired_difference"])
        ]
        assert (own[["value", "mcse"]] == 0.0).all(axis=None)


def test_without_a_reference_relative_precision_is_missing(rows):
    table = summarize(rows, TRUTH)
    assert table.loc[table["measure"] == "relative_precision", "value"].isna().all()


def test_a_cell_without_the_reference_has_no_relative_precision(rows, pick):
    part = rows[(rows["cell"] == "a") | (rows["method"] != "psm")]
    table = summarize(part, TRUTH, reference="psm")
    assert np.isnan(pick(table, "relative_precision", cell="b", method="crude")["value"])
    assert np.isfinite(pick(table, "relative_precision", cell="a", method="crude")["value"])


def test_a_missing_standard_error_does_not_delete_the_estimate(pick):
    table = summarize(simple([1.0, 2.0, 6.0], std_error=[1.0, np.nan, 1.0]), TRUTH)
    assert tuple(pick(table, "bias")[["value", "n_used"]]) == pytest.approx((3.2, 3))
    assert pick(table, "coverage")["n_used"] == 2
    assert pick(table, "convergence")["value"] == 1.0


def test_a_row_that_did_not_converge_has_no_values(pick):
    table = summarize(simple([1.0, 2.0, 99.0], converged=[True, True, False]), TRUTH)
    assert tuple(pick(table, "bias")[["value", "n_used", "n_sim"]]) == pytest.approx((1.7, 2, 3))
    assert pick(table, "convergence")["value"] == pytest.approx(2 / 3)


def test_an_infinite_estimate_is_a_failure(pick):
    table = summarize(simple([1.0, 2.0, np.inf], std_error=1.0), TRUTH)
    assert pick(table, "convergence")["value"] == pytest.approx(2 / 3)
    assert pick(table, "bias")["n_used"] == 2


def test_convergence_that_is_not_told_is_read_from_the_estimate(pick):
    converged = pd.array([None, True, None], dtype="boolean")
    table = summarize(simple([1.0, 2.0, np.nan], converged=converged), TRUTH)
    assert pick(table, "convergence")["value"] == pytest.approx(2 / 3)


def test_a_method_that_always_failed_is_missing_and_not_zero():
    table = summarize(simple([np.nan] * 5, std_error=np.nan, converged=False), TRUTH, reference="m")
    rest = table[table["measure"] != "convergence"]
    assert rest[["value", "mcse"]].isna().all(axis=None)
    assert table.loc[table["measure"] == "convergence", "value"].tolist() == [0.0]


def test_infinite_standard_errors_cover_and_do_not_reject(pick):
    table = summarize(simple([1.0, 2.0, 6.0], std_error=np.inf), TRUTH)
    assert pick(table, "coverage")["value"] == 1.0
    assert pick(table, "rejection")["value"] == 0.0
    assert pick(table, "model_se")["value"] == np.inf


def test_an_interval_may_be_a_point(pick):
    table = summarize(simple([-0.2, 1.0], std_error=0.0, ci_low=[-0.2, 1.0], ci_high=[-0.2, 1.0]), TRUTH)
    assert pick(table, "coverage")["value"] == 0.5
    assert pick(table, "ci_width")["value"] == 0.0


def test_the_rows_own_limits_are_used_and_others_are_made(pick):
    own = simple([0.0, 0.0, 0.0], std_error=1.0, ci_low=[-3.0, np.nan, -2.5], ci_high=[1.0, np.nan, np.nan])
    z = scipy.stats.norm.ppf(0.975)
    assert pick(summarize(own, TRUTH), "ci_width")["value"] == pytest.approx((4 + 2 * z + 2 * z) / 3)


def test_limits_follow_the_degrees_of_freedom(pick):
    given = simple([2.1, 2.1], std_error=1.0, df=[5.0, np.nan])
    table = summarize(given, {"log_or_icu_death": 0.0})
    widths = 2 * scipy.stats.t.ppf(0.975, 5) + 2 * scipy.stats.norm.ppf(0.975)
    assert pick(table, "ci_width")["value"] == pytest.approx(widths / 2)
    assert pick(table, "coverage")["value"] == 0.5
    assert pick(table, "rejection")["value"] == 0.5


def test_another_level_makes_limits_anew(pick):
    given = simple([0.0, 0.0], std_error=1.0, ci_low=-5.0, ci_high=5.0)
    z = scipy.stats.norm.ppf(0.95)
    assert pick(summarize(given, TRUTH, alpha=0.1), "ci_width")["value"] == pytest.approx(2 * z)
    assert pick(summarize(given, TRUTH, alpha=0.1, limits_alpha=0.1), "ci_width")["value"] == 10.0


def test_limits_that_touch_the_null_do_not_reject(pick):
    given = simple([1.0, -1.0], ci_low=[0.0, -2.0], ci_high=[2.0, 0.0])
    assert pick(summarize(given, TRUTH), "rejection")["value"] == 0.0


def test_failures_count_as_the_bounds_say(pick):
    given = simple(
        [1.0, 0.2, np.nan, np.nan], ci_low=[0.5, -1.0, np.nan, np.nan], ci_high=[1.5, 1.0, np.nan, np.nan]
    )
    table = summarize(given, {"log_or_icu_death": 0.0})
    names = ("rejection", "rejection_failure_as_no", "rejection_failure_as_yes")
    assert [pick(table, name)["value"] for name in names] == [0.5, 0.25, 0.75]
    names = ("coverage", "coverage_worst_case", "coverage_best_case")
    assert [pick(table, name)["value"] for name in names] == [0.5, 0.25, 0.75]


def test_a_p_value_decides_before_the_limits(pick):
    given = simple([3.0, 3.0, 3.0, 3.0], std_error=1.0, p_value=[0.04, 0.05, 1.0, np.nan])
    assert pick(summarize(given, TRUTH), "rejection")["value"] == 0.5
    assert pick(summarize(given, TRUTH, alpha=0.95), "rejection")["value"] == 0.75


def test_a_p_value_of_another_null_is_not_used(pick):
    given = simple([3.0, 0.5], std_error=1.0, p_value=[0.5, 0.0])
    assert pick(summarize(given, TRUTH, null=0.1), "rejection")["value"] == 0.5
    assert pick(summarize(given, TRUTH, null=3.0), "rejection")["value"] == 0.5


def test_the_type_i_error_and_coverage_of_one_interval_add_to_one(rows):
    table = summarize(rows, {"log_or_icu_death": 0.0}).pivot_table(
        index=["cell", "method"], columns="measure", values="value"
    )
    assert (table["coverage"] + table["rejection"]).to_numpy() == pytest.approx(1.0)
    sides = table["noncoverage_left"] + table["noncoverage_right"]
    assert (table["coverage"] + sides).to_numpy() == pytest.approx(1.0)


def test_failures_are_bounded(rows):
    table = summarize(rows, TRUTH).pivot_table(index=["cell", "method"], columns="measure", values="value")
    assert (table["coverage_worst_case"] <= table["coverage"]).all()
    assert (table["coverage"] <= table["coverage_best_case"]).all()
    assert (table["rejection_failure_as_no"] <= table["rejection"]).all()
    assert (table["rejection"] <= table["rejection_failure_as_yes"]).all()


def test_the_truth_may_differ_by_cell_and_by_scenario(rows, pick):
    truth = pd.DataFrame(
        {"estimand": "log_or_icu_death", "cell": ["b", "a"], "value": [0.8, -0.2], "mcse": [0.3, 0.0]}
    )
    alone = summarize(rows, TRUTH)
    table = summarize(rows, truth)
    by_scenario = truth.assign(scenario=["world_b", "world_a"]).drop(columns="cell")
    assert_frame_equal(table, summarize(rows, by_scenario), check_exact=True)
    one, two = (pick(t, "bias", cell="b", method="psm") for t in (alone, table))
    assert two["value"] == pytest.approx(one["value"] - 1.0)
    assert two["mcse"] == pytest.approx(np.hypot(one["mcse"], 0.3))
    assert_frame_equal(alone[alone["cell"] == "a"], table[table["cell"] == "a"], check_exact=True)


def test_a_dict_may_give_the_error_of_the_truth(rows, pick):
    table = summarize(rows, {"log_or_icu_death": (-0.2, 0.3)})
    assert pick(table, "bias", cell="a", method="psm")["mcse"] > 0.3


def test_an_unknown_truth_leaves_what_needs_none(rows, pick):
    table = summarize(rows, {"log_or_icu_death": np.nan})
    assert np.isnan(pick(table, "bias", cell="a", method="psm")["value"])
    assert pick(table, "coverage", cell="a", method="psm")["n_used"] == 0
    for measure in ("empirical_se", "model_se", "rejection", "bias_eliminated_coverage", "ci_width"):
        assert np.isfinite(pick(table, measure, cell="a", method="psm")["value"])


def test_cells_may_be_numbers_and_have_different_sizes(rows_of, pick):
    rows = pd.concat([rows_of(1, ("a",), 30).assign(cell=10), rows_of(2, ("a",), 50).assign(cell=9)])
    table = summarize(
        rows, pd.DataFrame({"cell": [9, 10], "estimand": "log_or_icu_death", "value": [0.0, -0.2]})
    )
    assert table["cell"].drop_duplicates().tolist() == [9, 10]
    assert pick(table, "bias", cell=10, method="crude")["n_sim"] == 30
    assert pick(table, "bias", cell=9, method="crude")["n_sim"] == 50


def test_rows_are_sorted_by_cell_scenario_estimand_and_method(rows):
    both = pd.concat([rows.assign(estimand=name) for name in ("rd", "log_or", "log_hr")])
    table = summarize(both, dict.fromkeys(("rd", "log_or", "log_hr"), 0.0), measures=["bias"])
    keys = ["cell", "scenario", "estimand", "method"]
    assert_frame_equal(table, table.sort_values(keys, ignore_index=True), check_exact=True)
    assert len(table) == 18


def test_columns_of_categories_give_the_same_numbers(rows):
    kinds = {name: "category" for name in ("cell", "scenario", "method", "estimand")}
    table, coded = summarize(rows, TRUTH), summarize(rows.astype(kinds), TRUTH)
    assert_frame_equal(table, coded, check_exact=True)


def test_blocks_of_any_size_give_the_same_bits(rows_of, monkeypatch):
    rows = rows_of(4, tuple("abcdefg"), 23)
    whole = summarize(rows, TRUTH, reference="psm")
    monkeypatch.setattr("simsepsis.performance.grid.LARGEST_BLOCK", 1)
    assert_frame_equal(whole, summarize(rows, TRUTH, reference="psm"), check_exact=True)


def test_measures_may_be_chosen(rows):
    table = summarize(rows, TRUTH, measures=["coverage", "bias"])
    whole = summarize(rows, TRUTH)
    expected = whole[whole["measure"].isin(["bias", "coverage"])].reset_index(drop=True)
    assert_frame_equal(table, expected, check_exact=True)


def test_the_arguments_are_left_as_they_were(rows):
    before = rows.copy()
    summarize(rows, TRUTH, reference="psm")
    assert_frame_equal(rows, before, check_exact=True)


def test_rows_twice_are_refused(rows):
    with pytest.raises(
        DataError, match=r"cell 'a'.*method 'crude'.*replicate 7 stands twice, again in row 1200"
    ):
        summarize(pd.concat([rows, rows.iloc[[7]]]), TRUTH)


BAD_ROWS = {
    "no replicate": (lambda d: d.drop(columns="replicate"), "column 'replicate' is missing"),
    "near name": (lambda d: d.rename(columns={"estimate": "estimates"}), "did you mean 'estimates'"),
    "no rows": (lambda d: d.iloc[:0], "no row"),
    "no method": (lambda d: d.assign(method=None), "'method' is empty in row 0"),
    "words": (lambda d: d.assign(estimate="big"), "'estimate' is not numeric"),
    "negative error": (lambda d: d.assign(std_error=-1.0), "std_error is -1 in row 0"),
    "crossed limits": (lambda d: d.assign(ci_low=1.0, ci_high=0.5), "ci_low is 1 in row 0"),
    "p above one": (lambda d: d.assign(p_value=1.5), "p_value is 1.5"),
    "no df": (lambda d: d.assign(df=0.0), "df is 0"),
    "odd converged": (lambda d: d.assign(converged="maybe"), "'converged' is not true or false"),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_impossible_rows_are_refused_in_one_sentence(rows, case: str):
    spoil, message = BAD_ROWS[case]
    with pytest.raises(DataError, match=message) as caught:
        summarize(spoil(rows), TRUTH)
    assert "\n" not in str(caught.value)


BAD_TRUTHS = {
    "missing": ({"rd_icu_death": 0.0}, "no row for estimand 'log_or_icu_death'"),
    "no value": (pd.DataFrame({"estimand": ["log_or_icu_death"]}), "'value' is missing"),
    "twice": (pd.DataFrame({"estimand": ["log_or_icu_death"] * 2, "value": [0.0, 1.0]}), "stands twice"),
    "other cell": (
        pd.DataFrame({"cell": ["a"], "estimand": ["log_or_icu_death"], "value": [0.0]}),
        "no row for cell 'b', estimand",
    ),
    "negative error": ({"log_or_icu_death": (0.0, -1.0)}, "mcse is -1"),
}


@pytest.mark.parametrize("case", BAD_TRUTHS)
def test_a_truth_that_does_not_fit_is_refused(rows, case: str):
    truth, message = BAD_TRUTHS[case]
    with pytest.raises(DataError, match=message):
        summarize(rows, truth)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"reference": "pms"}, "did you mean 'psm'"),
        ({"alpha": 1.0}, "alpha = 1.0: give a number between"),
        ({"limits_alpha": 0.0}, "limits_alpha = 0"),
        ({"mcse": "jackknife"}, "'robust' or 'normal'"),
        ({"measures": ["covrage"]}, "did you mean 'coverage'"),
    ],
)
def test_unknown_wishes_are_refused(rows, wrong, message: str):
    with pytest.raises(UsageError, match=message):
        summarize(rows, TRUTH, **wrong)
