"""How many replicates: the textbook's numbers, and what a stopping rule may trust."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.special

from simsepsis.errors import UsageError
from simsepsis.performance import (
    MEASURES,
    replicates_from_pilot,
    replicates_needed,
    stopping_mcse,
    summarize,
    wilson_half_width,
)


@pytest.mark.parametrize(
    ("p", "mcse", "n"), [(0.95, 0.005, 1_900), (0.5, 0.005, 10_000), (0.05, 0.002, 11_875)]
)
def test_proportions_as_in_the_tutorial(p: float, mcse: float, n: int):
    assert replicates_needed("coverage", mcse, expected=p) == n
    assert replicates_needed("rejection", mcse, expected=p) == n


def test_means_spreads_and_ratios_by_hand():
    assert replicates_needed("bias", 0.01, sd=0.2) == 400
    assert replicates_needed("empirical_se", 0.01, sd=0.2) == 201
    assert replicates_needed("rmse", 0.01, sd=0.2) == 201
    assert replicates_needed("median_bias", 0.01, sd=0.2) == 629
    assert replicates_needed("relative_error_model_se", 1.0) == 5_001
    assert replicates_needed("relative_error_model_se", 1.0, expected=-20.0) == 3_201
    assert replicates_needed("relative_precision", 2.0, correlation=0.6) == 6_401
    assert replicates_needed("relative_precision", 2.0, correlation=0.6, expected=50.0) == 14_401
    assert replicates_needed("relative_precision", 2.0, correlation=1.0) == 1


ASKED = {"sd": 1.0, "expected": 0.3, "correlation": 0.5}


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_can_be_planned_and_half_the_error_costs_four_times_as_much(measure: str):
    one, half = (replicates_needed(measure, error, **ASKED) for error in (0.02, 0.01))
    assert half == pytest.approx(4 * one, rel=0.01)


def test_the_plan_is_kept(pick):
    """Normal quantiles, as many as planned: each MCSE is the target within 10%."""
    target = {"bias": 0.02, "empirical_se": 0.02, "rmse": 0.02, "median_bias": 0.03}
    for measure, mcse in target.items():
        n = replicates_needed(measure, mcse, sd=1.0)
        rows = pd.DataFrame({"replicate": np.arange(n), "method": "m", "estimand": "e"})
        rows["estimate"] = scipy.special.ndtri((np.arange(n) + 0.5) / n)
        assert pick(summarize(rows, {"e": 0.0}), measure)["mcse"] == pytest.approx(mcse, rel=0.1)


def test_a_pilot_says_how_many_more():
    assert replicates_from_pilot(500, 0.01, 0.005) == 2_000
    assert replicates_from_pilot(500, 0.0, 0.005) == 0


def test_a_stopping_rule_does_not_trust_the_binomial_error_at_one():
    rows = pd.DataFrame({"replicate": np.arange(50), "method": "m", "estimand": "e"})
    rows = rows.assign(estimate=np.linspace(-1, 1, 50), std_error=10.0)
    table = summarize(rows, {"e": 0.0})
    trusted = stopping_mcse(table)
    coverage = table["measure"] == "coverage"
    assert table.loc[coverage, "mcse"].item() == 0.0
    assert trusted[coverage].item() == pytest.approx(wilson_half_width(1.0, 50) / 1.959963984540054)
    assert trusted[coverage].item() > 0.005
    bias = table["measure"] == "bias"
    assert trusted[bias].item() == table.loc[bias, "mcse"].item()


def test_a_stopping_rule_is_not_satisfied_by_what_is_missing():
    rows = pd.DataFrame({"replicate": [0, 1], "method": "m", "estimand": "e", "estimate": np.nan})
    table = summarize(rows, {"e": 0.0})
    assert (stopping_mcse(table)[table["measure"] != "convergence"] == np.inf).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: replicates_needed("covrage", 0.005, expected=0.9), "did you mean 'coverage'"),
        (lambda: replicates_needed("coverage", 0.005), "needs expected="),
        (lambda: replicates_needed("coverage", 0.005, expected=95), "expected = 95"),
        (lambda: replicates_needed("coverage", 0.005, expected=1.0), "expected = 1.0"),
        (lambda: replicates_needed("rejection", 0.005, expected=0.0), "expected = 0.0"),
        (lambda: replicates_needed("bias", 0.0, sd=1.0), "mcse = 0"),
        (lambda: replicates_needed("bias", 0.1, sd=-1.0), "sd = -1"),
        (lambda: replicates_needed("relative_precision", 1.0, correlation=1.5), "correlation = 1.5"),
        (lambda: replicates_from_pilot(10, np.nan, 0.1), "known MCSE"),
        (lambda: replicates_from_pilot(10, 0.1, 0.0), "positive target"),
    ],
)
def test_what_no_study_can_have_is_refused(call, message: str):
    with pytest.raises(UsageError, match=message):
        call()
