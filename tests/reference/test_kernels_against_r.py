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
from agreement import agree
from kernels.make_data import make_patients

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
    source = "R brglm2" if name == "firth" else "R stats::glm"
    agree(source, f"{name}: coefficients", fit.params, R[name]["coef"], rtol=1e-8)
    agree(source, f"{name}: covariance", fit.covariance, R[name]["vcov"], rtol=1e-6, atol=1e-12)


def test_logistic_likelihood() -> None:
    ours = fit_logistic(X, column("died")).log_likelihood
    agree("R stats::glm", "logistic: log likelihood", ours, R["logistic"]["loglik"], rtol=1e-12)


def test_logistic_drops_the_columns_that_r_drops() -> None:
    age, treated, units = (column(name) for name in ("age", "treated", "units"))
    repeating = np.column_stack(
        [np.ones(age.size), age, treated, 2 * age - 3 * treated, units, treated + units]
    )
    fit = fit_logistic(repeating, column("died"))
    r = np.array(R["logistic_aliased"]["coef"], dtype=float)
    assert fit.converged
    assert fit.dropped == tuple(np.flatnonzero(np.isnan(r))) == (3, 5)
    agree("R stats::glm", "aliased columns: coefficients", fit.params, r, rtol=1e-6)


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
    agree("R sandwich", name, robust, R[name], rtol=1e-7, atol=1e-13)


@pytest.mark.parametrize("correlation", ["exchangeable", "independence"])
def test_gee_with_the_moments_of_geepack(correlation: str) -> None:
    r = R[f"gee_{correlation}"]
    fit = fit_gee(X, column("died"), column("cluster"), correlation=correlation, moment="geepack")
    agree("R geepack", f"GEE, {correlation}: coefficients", fit.params, r["coef"], rtol=1e-8)
    agree("R geepack", f"GEE, {correlation}: covariance", fit.covariance, r["vcov"], rtol=1e-7, atol=1e-12)
    if r["alpha"] is None:
        assert fit.correlation is None
    else:
        agree("R geepack", f"GEE, {correlation}: correlation", fit.correlation, r["alpha"], rtol=1e-8)


@pytest.mark.parametrize("covariance", list(R["gee_covariances"]))
def test_gee_corrections_in_their_textbook_form(covariance: str) -> None:
    fit = fit_gee(X, column("died"), column("cluster"), covariance=covariance, moment="geepack")
    theirs = R["gee_covariances"][covariance]
    agree("R geepack", f"GEE, {covariance}: covariance", fit.covariance, theirs, rtol=1e-7, atol=1e-12)


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
    what = f"Cox, {ties}{name.replace('_', ', ')}"
    agree("R survival", f"{what}: coefficients", fit.params, r["coef"], rtol=1e-9)
    agree("R survival", f"{what}: covariance", fit.covariance, r["vcov"], rtol=1e-8, atol=1e-14)
    agree("R survival", f"{what}: log likelihood", fit.log_likelihood, r["loglik"], rtol=1e-12)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("transform", ["km", "rank", "log", "identity"])
@pytest.mark.parametrize(("name", "options"), [("", {}), ("_everything", EVERYTHING)])
def test_proportional_hazards(ties: str, transform: str, name: str, options: dict[str, Any]) -> None:
    data = (COVARIATES, column("time"), column("died"))
    fit = fit_cox(*data, ties=ties, **options)
    test = proportional_hazards_test(fit, *data, transform=transform, ties=ties, **options)
    r = R[f"cox_{ties}{name}"][transform]
    what = f"cox.zph, {ties}{name.replace('_', ', ')}, {transform}"
    agree("R survival", what, [*test.statistic, test.global_statistic], r, rtol=1e-8)


@pytest.mark.parametrize("interval", ["log", "log_log", "plain"])
def test_kaplan_meier(interval: str) -> None:
    r = R["survival"][interval]
    table = kaplan_meier(column("time"), column("died"), interval=interval)
    for ours, theirs in {"survival": "survival", "ci_low": "low", "ci_high": "high"}.items():
        what = f"Kaplan–Meier, {interval}: {theirs}"
        agree("R survival", what, table[ours], np.array(r[theirs], dtype=float), rtol=1e-12)
    error = np.array(r["std_error"], dtype=float)
    agree("R survival", f"Kaplan–Meier, {interval}: standard error", table["std_error"], error, rtol=1e-12)
    assert list(table["time"]) == r["time"]
    assert list(table["at_risk"]) == r["at_risk"]
    assert list(table["events"]) == r["events"]


def test_log_rank() -> None:
    two = log_rank(column("time"), column("died"), column("treated"))
    three = log_rank(column("time"), column("died"), column("stratum"))
    agree("R survival", "log-rank test of two groups", two[0], R["log_rank"]["two"], rtol=1e-12)
    agree("R survival", "log-rank test of three groups", three[0], R["log_rank"]["three"], rtol=1e-12)


@pytest.mark.parametrize(("name", "horizon"), [("a", 28.0), ("b", 10.5)])
def test_restricted_mean(name: str, horizon: float) -> None:
    ours = rmst(column("time"), column("died"), horizon)
    agree("R survival", f"restricted mean to {horizon:g} days", ours, R["rmst"][name], rtol=1e-12)


def test_cumulative_incidence_against_survival() -> None:
    table = cumulative_incidence(column("time"), column("cause"))
    for cause, name in ((1, "first"), (2, "second")):
        ours = table[table["cause"] == cause]
        assert list(ours["time"]) == R["incidence"]["time"]
        what = f"cumulative incidence, {name} cause"
        agree("R survival", what, ours["incidence"], R["incidence"][name], rtol=1e-12)


def test_incidence_error_is_near_that_of_cmprsk() -> None:
    # cmprsk uses Aalen's variance, ours is the binomial one: they agree to order 1/n
    table = cumulative_incidence(column("time"), column("cause")).set_index(["cause", "time"])
    for cause in (1, 2):
        ours = table.loc[cause].loc[R["cuminc"]["times"]]
        theirs, variance = (R["cuminc"][name][cause - 1] for name in ("estimate", "variance"))
        what = f"cumulative incidence, cause {cause}"
        agree("R cmprsk", what, ours["incidence"], theirs, rtol=1e-12)
        agree("R cmprsk", f"{what}: standard error", ours["std_error"], np.sqrt(variance), rtol=0.01)


def test_association() -> None:
    r = R["tables"]
    for test, name in (
        (chi_square(LARGE), "chi"),
        (chi_square(LARGE, yates=True), "yates"),
        (chi_square(SMALL), "chi_small"),
        (mcnemar(LARGE), "mcnemar"),
        (mcnemar(LARGE, correction=True), "mcnemar_corrected"),
    ):
        agree("R stats", f"{name}: statistic", test.statistic, r[name]["statistic"], rtol=1e-12)
        agree("R stats", f"{name}: p", test.p_value, r[name]["p.value"], rtol=1e-9)
    agree("R stats", "exact McNemar: p", mcnemar(LARGE, exact=True).p_value, r["binomial"], rtol=1e-9)
    for sides, p_value in r["fisher"].items():
        agree("R stats", f"Fisher, {sides}: p", fisher(SMALL, sides=sides).p_value, p_value, rtol=1e-9)


def test_stratified_tables() -> None:
    r = R["tables"]
    common = mantel_haenszel(r["strata"])
    ours = [common.estimate, common.ci_low, common.ci_high]
    agree("R stats", "Mantel–Haenszel odds ratio and limits", ours, r["common"], rtol=1e-10)
    result = breslow_day(r["strata"])
    agree(
        "R epiR", "Breslow–Day: statistic, p", [result.statistic, result.p_value], r["breslow_day"], rtol=1e-9
    )


def test_mann_whitney() -> None:
    names = list(R["mann_whitney"])
    ours = mann_whitney(PATIENTS[names].to_numpy(), column("treated"))
    theirs = [R["mann_whitney"][name] for name in names]
    agree("R stats", "Mann–Whitney: p", ours, theirs, rtol=1e-9)
