"""The kernels against R: survival, geepack, sandwich, brglm2, cmprsk, epiR and stats.

`kernels/kernels.R` wrote the results from `kernels/patients.csv`; both can be made again in that folder.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from kernels.make_data import make_patients
from numpy.testing import assert_allclose

from simsepsis.analysis.gee import fit_gee
from simsepsis.analysis.logistic import fit_logistic, sandwich_covariance
from simsepsis.analysis.ranks import mann_whitney
from simsepsis.analysis.survival import (
    cumulative_incidence,
    fit_cox,
    kaplan_meier,
    log_rank,
    proportional_hazards_test,
    rmst,
)
from simsepsis.analysis.two_by_two import breslow_day, chi_square, fisher, mantel_haenszel, mcnemar

FOLDER = Path(__file__).parent / "kernels"
R: dict[str, Any] = json.loads((FOLDER / "kernels.json").read_text())
PATIENTS = pd.read_csv(FOLDER / "patients.csv")
LARGE, SMALL = [[12, 30], [5, 41]], [[3, 8], [1, 12]]


def column(name: str) -> np.ndarray:
    return PATIENTS[name].to_numpy()


def design(*names: str) -> np.ndarray:
    return np.column_stack([np.ones(len(PATIENTS)), *(column(name) for name in names)])


X = design("age", "treated", "units", "rare")
COVARIATES = PATIENTS[["age", "treated", "units"]].to_numpy()


def test_the_patients_can_be_made_again() -> None:
    pd.testing.assert_frame_equal(make_patients(), PATIENTS, check_dtype=False)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("logistic", {}),
        ("logistic_weighted", {"weights": column("weight")}),
        ("firth", {"firth": True}),
    ],
)
def test_logistic(name: str, options: dict[str, Any]) -> None:
    fit = fit_logistic(X, column("died"), **options)
    assert_allclose(fit.params, R[name]["coef"], rtol=1e-8)
    assert_allclose(fit.covariance, R[name]["vcov"], rtol=1e-6, atol=1e-12)


def test_logistic_likelihood() -> None:
    assert fit_logistic(X, column("died")).log_likelihood == pytest.approx(R["logistic"]["loglik"], rel=1e-12)


def test_logistic_drops_the_columns_that_r_drops() -> None:
    age, treated, units = (column(name) for name in ("age", "treated", "units"))
    repeating = np.column_stack(
        [np.ones(age.size), age, treated, 2 * age - 3 * treated, units, treated + units]
    )
    fit = fit_logistic(repeating, column("died"))
    r = np.array(R["logistic_aliased"]["coef"], dtype=float)
    assert fit.converged
    assert fit.dropped == tuple(np.flatnonzero(np.isnan(r))) == (3, 5)
    assert_allclose(fit.params, r, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "weights", "cluster"),
    [
        ("sandwich_rows", None, None),
        ("sandwich_clusters", None, "cluster"),
        ("sandwich_weighted", "weight", "cluster"),
    ],
)
def test_sandwich(name: str, weights: str | None, cluster: str | None) -> None:
    w = None if weights is None else column(weights)
    fit = fit_logistic(X, column("died"), weights=w)
    labels = None if cluster is None else column(cluster)
    robust = sandwich_covariance(X, column("died"), fit, weights=w, cluster=labels)
    assert_allclose(robust, R[name], rtol=1e-7, atol=1e-13)


@pytest.mark.parametrize("correlation", ["exchangeable", "independence"])
def test_gee_with_the_moments_of_geepack(correlation: str) -> None:
    r = R[f"gee_{correlation}"]
    fit = fit_gee(X, column("died"), column("cluster"), correlation=correlation, moment="geepack")
    assert_allclose(fit.params, r["coef"], rtol=1e-8)
    assert_allclose(fit.covariance, r["vcov"], rtol=1e-7, atol=1e-12)
    assert fit.correlation == pytest.approx(r["alpha"], rel=1e-8)


@pytest.mark.parametrize("covariance", list(R["gee_covariances"]))
def test_gee_corrections_in_their_textbook_form(covariance: str) -> None:
    fit = fit_gee(X, column("died"), column("cluster"), covariance=covariance, moment="geepack")
    assert_allclose(fit.covariance, R["gee_covariances"][covariance], rtol=1e-7, atol=1e-12)


EVERYTHING = {"entry": column("entry"), "weights": column("weight"), "strata": column("stratum")}


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize(
    ("name", "options", "clustered"),
    [("", {}, False), ("_clustered", {}, True), ("_everything", EVERYTHING, True)],
)
def test_cox(ties: str, name: str, options: dict[str, Any], clustered: bool) -> None:
    r = R[f"cox_{ties}{name}"]
    cluster = column("cluster") if clustered else None
    fit = fit_cox(COVARIATES, column("time"), column("died"), ties=ties, cluster=cluster, **options)
    assert fit.converged
    assert_allclose(fit.params, r["coef"], rtol=1e-9)
    assert_allclose(fit.covariance, r["vcov"], rtol=1e-8, atol=1e-14)
    assert fit.log_likelihood == pytest.approx(r["loglik"], rel=1e-12)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("transform", ["km", "rank", "log", "identity"])
@pytest.mark.parametrize(("name", "options"), [("", {}), ("_everything", EVERYTHING)])
def test_proportional_hazards(ties: str, transform: str, name: str, options: dict[str, Any]) -> None:
    data = (COVARIATES, column("time"), column("died"))
    fit = fit_cox(*data, ties=ties, **options)
    test = proportional_hazards_test(fit, *data, transform=transform, ties=ties, **options)
    r = R[f"cox_{ties}{name}"][transform]
    assert_allclose([*test.statistic, test.global_statistic], r, rtol=1e-8)


@pytest.mark.parametrize("interval", ["log", "log_log", "plain"])
def test_kaplan_meier(interval: str) -> None:
    r = R["survival"][interval]
    table = kaplan_meier(column("time"), column("died"), interval=interval)
    for ours, theirs in {"survival": "survival", "ci_low": "low", "ci_high": "high"}.items():
        assert_allclose(table[ours], np.array(r[theirs], dtype=float), rtol=1e-12)
    assert_allclose(table["std_error"], np.array(r["std_error"], dtype=float), rtol=1e-12)
    assert list(table["time"]) == r["time"]
    assert list(table["at_risk"]) == r["at_risk"]
    assert list(table["events"]) == r["events"]


def test_log_rank() -> None:
    two = log_rank(column("time"), column("died"), column("treated"))
    three = log_rank(column("time"), column("died"), column("stratum"))
    assert two[0] == pytest.approx(R["log_rank"]["two"], rel=1e-12)
    assert three[0] == pytest.approx(R["log_rank"]["three"], rel=1e-12)


@pytest.mark.parametrize(("name", "horizon"), [("a", 28.0), ("b", 10.5)])
def test_restricted_mean(name: str, horizon: float) -> None:
    assert_allclose(rmst(column("time"), column("died"), horizon), R["rmst"][name], rtol=1e-12)


def test_cumulative_incidence_against_survival() -> None:
    table = cumulative_incidence(column("time"), column("cause"))
    for cause, name in ((1, "first"), (2, "second")):
        ours = table[table["cause"] == cause]
        assert list(ours["time"]) == R["incidence"]["time"]
        assert_allclose(ours["incidence"], R["incidence"][name], rtol=1e-12)


def test_incidence_error_is_near_that_of_cmprsk() -> None:
    # cmprsk uses Aalen's variance, ours is the binomial one: they agree to order 1/n
    table = cumulative_incidence(column("time"), column("cause")).set_index(["cause", "time"])
    for cause in (1, 2):
        ours = table.loc[cause].loc[R["cuminc"]["times"]]
        assert_allclose(ours["incidence"], R["cuminc"]["estimate"][cause - 1], rtol=1e-12)
        assert_allclose(ours["std_error"], np.sqrt(R["cuminc"]["variance"][cause - 1]), rtol=0.01)


def test_association() -> None:
    r = R["tables"]
    for test, name in (
        (chi_square(LARGE), "chi"),
        (chi_square(LARGE, yates=True), "yates"),
        (chi_square(SMALL), "chi_small"),
        (mcnemar(LARGE), "mcnemar"),
        (mcnemar(LARGE, correction=True), "mcnemar_corrected"),
    ):
        assert test.statistic == pytest.approx(r[name]["statistic"], rel=1e-12)
        assert test.p_value == pytest.approx(r[name]["p.value"], rel=1e-9)
    assert mcnemar(LARGE, exact=True).p_value == pytest.approx(r["binomial"], rel=1e-9)
    for sides, p_value in r["fisher"].items():
        assert fisher(SMALL, sides=sides).p_value == pytest.approx(p_value, rel=1e-9)


def test_stratified_tables() -> None:
    r = R["tables"]
    common = mantel_haenszel(r["strata"])
    assert_allclose([common.estimate, common.ci_low, common.ci_high], r["common"], rtol=1e-10)
    result = breslow_day(r["strata"])
    assert_allclose([result.statistic, result.p_value], r["breslow_day"], rtol=1e-9)


def test_mann_whitney() -> None:
    names = list(R["mann_whitney"])
    ours = mann_whitney(PATIENTS[names].to_numpy(), column("treated"))
    assert_allclose(ours, [R["mann_whitney"][name] for name in names], rtol=1e-9)
