"""What must hold for the performance of any estimates: invariances, identities and bounds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from tests.examples import examples

from simsepsis.performance import coverage_autopsy, stopping_mcse, summarize, wilson_limits

SETTINGS = examples(40)
ROUNDING = 1e-9
"""Relative error of sums in another order or at another scale, with room for cancellation."""

TRUTH = {"x": 0.7, "y": -1.3}
PROPORTIONS = ("coverage", "bias_eliminated_coverage", "rejection", "convergence", "wrong_sign")


@st.composite
def estimate_rows(draw, failures: bool = True) -> pd.DataFrame:
    """Draw rows of a few cells, methods and estimands; some replicates are missing, failed, or lack an SE."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    cells, methods = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    sizes = draw(st.lists(st.integers(2, 40), min_size=cells, max_size=cells))
    keys = [
        (cell, method, estimand, replicate)
        for cell in range(cells)
        for method in "abc"[:methods]
        for estimand in TRUTH
        for replicate in range(sizes[cell])
    ]
    rows = pd.DataFrame(keys, columns=["cell", "method", "estimand", "replicate"])
    rows["scenario"] = "world"
    rows["estimate"] = rng.normal(size=len(rows)) * 10.0 ** draw(st.integers(-2, 2))
    rows["std_error"] = rng.gamma(4.0, 0.25, size=len(rows))
    rows["converged"] = True
    if failures:
        rows.loc[rng.random(len(rows)) < draw(st.floats(0.0, 0.5)), ["estimate", "converged"]] = [
            np.nan,
            False,
        ]
        rows.loc[rng.random(len(rows)) < draw(st.floats(0.0, 0.5)), "std_error"] = np.nan
        rows = rows[rng.random(len(rows)) > draw(st.floats(0.0, 0.3))]
        assume(len(rows) > 0)
    return rows.sample(frac=1.0, random_state=int(rng.integers(2**31)))


def wide(table: pd.DataFrame, column: str = "value") -> pd.DataFrame:
    """Return one row per series and one column per measure."""
    return table.pivot(index=["cell", "method", "estimand"], columns="measure", values=column)


def reference_of(rows: pd.DataFrame) -> str:
    return str(rows["method"].min())


@SETTINGS
@given(rows=estimate_rows(), seed=st.integers(0, 1000))
def test_the_order_of_rows_does_not_matter(rows, seed):
    shuffled = rows.sample(frac=1.0, random_state=seed)
    tables = [summarize(r, TRUTH, reference=reference_of(rows)) for r in (rows, shuffled)]
    assert_frame_equal(*tables, check_exact=True)
    assert_frame_equal(*[coverage_autopsy(r, TRUTH) for r in (rows, shuffled)], check_exact=True)


@SETTINGS
@given(rows=estimate_rows(), more=estimate_rows())
def test_adding_cells_changes_no_number(rows, more):
    both = pd.concat([rows, more.assign(cell=more["cell"] + 100)])
    alone, among = (summarize(r, TRUTH, reference=reference_of(rows)) for r in (rows, both))
    kept = among[among["cell"] < 100].reset_index(drop=True)
    assert_frame_equal(alone, kept, check_exact=True)


@SETTINGS
@given(rows=estimate_rows(failures=False))
def test_adding_a_method_changes_no_number(rows):
    added = rows[rows["method"] == "a"].assign(method="z", estimate=lambda d: d["estimate"] * 2.0)
    alone, among = (summarize(r, TRUTH, reference="a") for r in (rows, pd.concat([added, rows])))
    kept = among[among["method"] != "z"].reset_index(drop=True)
    assert_frame_equal(alone, kept, check_exact=True)


@SETTINGS
@given(rows=estimate_rows(), names=st.permutations(range(40)))
def test_the_numbers_of_replicates_only_pair_them(rows, names):
    """Other numbers, in another order, pair the same rows; only the order of summation differs."""
    renamed = rows.assign(replicate=np.array(names)[rows["replicate"]] + 1000)
    tables = [summarize(r, TRUTH, reference=reference_of(rows)) for r in (rows, renamed)]
    assert_frame_equal(*tables, rtol=1e-7, atol=1e-9)


@SETTINGS
@given(rows=estimate_rows(), shift=st.floats(-50.0, 50.0))
def test_shifting_estimates_and_truth_leaves_their_differences(rows, shift):
    moved = rows.assign(estimate=rows["estimate"] + shift)
    truth = {name: value + shift for name, value in TRUTH.items()}
    tables = [
        wide(summarize(*args, reference=reference_of(rows))) for args in ((rows, TRUTH), (moved, truth))
    ]
    names = [
        "bias",
        "median_bias",
        "empirical_se",
        "mse",
        "rmse",
        "relative_precision",
        "ci_width",
        "convergence",
    ]
    assert_frame_equal(tables[0][names], tables[1][names], rtol=1e-6, atol=1e-6)


@SETTINGS
@given(rows=estimate_rows(), scale=st.floats(0.01, 100.0), sign=st.sampled_from([-1.0, 1.0]))
def test_scaling_scales(rows, scale, sign):
    scaled = rows.assign(estimate=rows["estimate"] * scale * sign, std_error=rows["std_error"] * scale)
    truth = {name: value * scale * sign for name, value in TRUTH.items()}
    args = {"reference": reference_of(rows)}
    for column, side in (("value", sign), ("mcse", 1.0)):
        before, after = (wide(summarize(r, t, **args), column) for r, t in ((rows, TRUTH), (scaled, truth)))
        powers = {"bias": side * scale, "median_bias": side * scale, "empirical_se": scale, "model_se": scale}
        powers |= {"rmse": scale, "mse": scale**2, "ci_width": scale}
        same = [
            "relative_bias",
            "relative_error_model_se",
            "relative_precision",
            "exaggeration",
            "wrong_sign",
        ]
        for name, factor in {**powers, **dict.fromkeys(same, 1.0)}.items():
            assert after[name].to_numpy() == pytest.approx(
                before[name].to_numpy() * factor, rel=1e-6, abs=1e-6 * abs(factor), nan_ok=True
            ), name


@SETTINGS
@given(rows=estimate_rows(failures=False))
def test_infinite_standard_errors_always_cover(rows):
    table = wide(summarize(rows.assign(std_error=np.inf), TRUTH))
    assert (table["coverage"] == 1.0).all()
    assert (table["bias_eliminated_coverage"] == 1.0).all()
    assert (table["rejection"] == 0.0).all()


@SETTINGS
@given(rows=estimate_rows())
def test_mse_is_squared_bias_and_variance(rows):
    table = summarize(rows, TRUTH)
    numbers, n = wide(table), wide(table, "n_used")["bias"]
    parts = numbers["bias"] ** 2 + numbers["empirical_se"] ** 2 * (n - 1) / n
    known = n > 1
    assert numbers["mse"][known].to_numpy() == pytest.approx(parts[known].to_numpy(), rel=ROUNDING)
    assert numbers["rmse"].to_numpy() ** 2 == pytest.approx(
        numbers["mse"].to_numpy(), rel=ROUNDING, nan_ok=True
    )


@SETTINGS
@given(rows=estimate_rows(failures=False))
def test_a_right_model_se_has_no_relative_error(rows):
    spread = rows.groupby(["cell", "method", "estimand"])["estimate"].transform("std")
    table = wide(summarize(rows.assign(std_error=spread), TRUTH))
    assert table["relative_error_model_se"].to_numpy() == pytest.approx(0.0, abs=1e-6)


@SETTINGS
@given(rows=estimate_rows(), mcse=st.sampled_from(["robust", "normal"]))
def test_the_reference_against_itself_is_exactly_zero(rows, mcse):
    name = reference_of(rows)
    table = summarize(rows, TRUTH, reference=name, mcse=mcse)
    own = table[
        (table["method"] == name) & (table["measure"] == "relative_precision") & (table["n_used"] > 1)
    ]
    assert (own[["value", "mcse"]] == 0.0).all(axis=None)


@SETTINGS
@given(rows=estimate_rows())
def test_swapping_the_reference_inverts_the_ratio_of_precisions(rows):
    assume(rows["method"].nunique() > 1)
    one, two = sorted(rows["method"].unique())[:2]
    ratios = []
    for reference, method in ((one, two), (two, one)):
        table = summarize(rows, TRUTH, reference=reference, measures=["relative_precision"])
        table = table[table["method"] == method]
        ratios.append(table.set_index(["cell", "estimand"])["value"] / 100.0 + 1.0)
    product = (ratios[0] * ratios[1]).dropna()
    assert product.to_numpy() == pytest.approx(1.0, rel=1e-6)


@SETTINGS
@given(rows=estimate_rows(), alpha=st.floats(0.001, 0.5))
def test_shares_are_shares_and_failures_are_bounded(rows, alpha):
    table = summarize(rows, TRUTH, alpha=alpha)
    numbers, used, n = wide(table), wide(table, "n_used"), wide(table, "n_sim")
    shares = numbers[list(PROPORTIONS)].to_numpy()
    assert ((shares >= 0) & (shares <= 1) | np.isnan(shares)).all()
    assert (used.max(axis=1) <= n["bias"]).all()
    known = numbers["coverage"].notna()
    low, middle, high = (
        numbers.loc[known, name].to_numpy()
        for name in ("coverage_worst_case", "coverage", "coverage_best_case")
    )
    assert (low <= middle + ROUNDING).all()
    assert (middle <= high + ROUNDING).all()
    sides = numbers["coverage"] + numbers["noncoverage_left"] + numbers["noncoverage_right"]
    assert sides[known].to_numpy() == pytest.approx(1.0)


@SETTINGS
@given(rows=estimate_rows(), error=st.floats(0.0, 10.0))
def test_an_uncertain_truth_only_adds_error(rows, error):
    certain, uncertain = (
        summarize(rows, {name: (value, e) for name, value in TRUTH.items()}) for e in (0.0, error)
    )
    pd.testing.assert_series_equal(certain["value"], uncertain["value"], check_exact=True)
    more = uncertain["mcse"] - certain["mcse"]
    assert (more[more.notna()] >= 0).all()
    bias = (certain["measure"] == "bias") & certain["mcse"].notna()
    expected = np.hypot(certain.loc[bias, "mcse"], error)
    assert uncertain.loc[bias, "mcse"].to_numpy() == pytest.approx(expected.to_numpy())


@SETTINGS
@given(rows=estimate_rows())
def test_nothing_stops_on_an_error_of_zero(rows):
    table = summarize(rows, TRUTH)
    trusted = stopping_mcse(table)
    shares = table["measure"].isin(PROPORTIONS)
    assert (trusted[shares] > 0).all()
    assert (trusted[table["value"].isna()] == np.inf).all()


@given(hits=st.integers(0, 500), misses=st.integers(0, 500), alpha=st.floats(0.001, 0.5))
def test_wilson_limits_hold_the_share_and_mirror(hits, misses, alpha):
    n = hits + misses
    assume(n > 0)
    low, high = wilson_limits(hits / n, n, alpha=alpha)
    assert 0.0 <= low <= hits / n + ROUNDING
    assert hits / n - ROUNDING <= high <= 1.0
    mirrored = wilson_limits(misses / n, n, alpha=alpha)
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((float(low), float(high)), abs=1e-12)


@SETTINGS
@given(rows=estimate_rows(failures=False), half=st.floats(0.1, 3.0))
def test_predicted_coverage_is_a_share_and_falls_with_bias(rows, half):
    rows = rows.assign(ci_low=rows["estimate"] - half, ci_high=rows["estimate"] + half)
    found = coverage_autopsy(rows, TRUTH)
    for name in ("observed", "predicted", "from_bias", "from_se", "nominal"):
        assert found[name].between(0.0, 1.0).all(), name
    assert (found["from_bias"] <= found["nominal"] + ROUNDING).all()
    assert (found["predicted"] <= found["from_se"] + ROUNDING).all()
