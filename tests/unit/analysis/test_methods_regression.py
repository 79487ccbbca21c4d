"""Regressions and the instrument against the same models written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose

from simsepsis.analysis.methods import run_method
from simsepsis.analysis.methods.instrument import first_stage
from simsepsis.analysis.methods.method import Task
from simsepsis.analysis.methods.regression import clusters
from simsepsis.analysis.methods.shared import Shared, known
from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.errors import ConvergenceError
from simsepsis.streams import streams

SPEC = replace(
    THESIS_SPEC,
    covariates=("icu_beds", "age", "apache2", "male"),
    adjuncts=("rrt", "pmx"),
    transfusions=("rbc_units",),
    later_scores=(),
    subgroups=(),
)
NAMES = ["icu_beds", "age", "apache2", "male"]


def row_of(method: str, registry: pd.DataFrame, **changes: object) -> pd.Series:
    rows = run_method(method, registry, spec=replace(SPEC, **changes)).set_index("estimand")  # type: ignore[arg-type]
    return rows.filter(like="hospital_death", axis=0).iloc[0]


def columns(registry: pd.DataFrame, *names: str) -> np.ndarray:
    return np.column_stack([np.ones(len(registry)), registry[["ivigg", *names]].to_numpy(float)])


def test_logistic_regression(registry: pd.DataFrame) -> None:
    fit = sm.Logit(registry["hospital_death"], columns(registry, *NAMES)).fit(disp=0)
    row = row_of("logistic", registry)
    assert row.name == "log_or_hospital_death_twin"
    assert_allclose([row["estimate"], row["std_error"]], [fit.params["x1"], fit.bse["x1"]], rtol=1e-6)


def test_gee_of_all_patients_adjusts_for_adjuncts_too(registry: pd.DataFrame) -> None:
    design = columns(registry, *NAMES, "rrt", "pmx", "rbc_units")
    model = sm.GEE(
        registry["hospital_death"],
        design,
        groups=registry["icu_id"],
        family=sm.families.Binomial(),
        cov_struct=sm.cov_struct.Exchangeable(),
    )
    fit = model.fit(maxiter=200, ctol=1e-10)
    row = row_of("gee_full", registry)
    assert_allclose([row["estimate"], row["std_error"]], [fit.params.iloc[1], fit.bse.iloc[1]], rtol=1e-5)


def test_gee_leaves_rare_adjuncts_out(registry: pd.DataFrame) -> None:
    few = registry.assign(pmx=(registry.index < 3).astype(int))
    found, without = row_of("gee_full", few), row_of("gee_full", registry, adjuncts=("rrt",))
    assert_allclose(found["estimate"], without["estimate"], rtol=1e-9)
    assert row_of("gee_full", few, min_adjunct_users=0)["estimate"] != found["estimate"]


def test_conditional_logistic_ignores_what_icus_share(registry: pd.DataFrame) -> None:
    patients = registry[["ivigg", "age", "apache2", "male"]].to_numpy(float)
    dead, icu = registry["hospital_death"].to_numpy(), registry["icu_id"].to_numpy()
    model = sm.ConditionalLogit(dead, patients, groups=icu)
    row = row_of("conditional_logistic_icu", registry)
    without = row_of("conditional_logistic_icu", registry, covariates=("age", "apache2", "male"))
    assert_allclose(row["estimate"], without["estimate"], rtol=1e-9)
    fit = model.fit(method="newton", disp=0)
    assert_allclose([row["estimate"], row["std_error"]], [fit.params[0], fit.bse[0]], rtol=1e-5)


def test_two_stage_least_squares_written_out(registry: pd.DataFrame) -> None:
    strong = with_preference(registry)
    row = row_of("icu_preference_iv", strong)
    assert row.name == "rd_hospital_death_ate"
    assert_allclose([row["estimate"], row["std_error"]], iv_by_hand(strong), rtol=1e-8)


def test_the_first_stage_written_out(registry: pd.DataFrame) -> None:
    task = Task(method="x", shared=Shared(registry=registry, spec=SPEC, draw=streams(0)))
    stage = first_stage(known(task.shared.cohort), known(task.shared.design), clusters(task))
    exogenous = columns(registry, "age", "apache2", "male")[:, [0, 2, 3, 4]]
    fit = sm.OLS(registry["ivigg"].to_numpy(float), np.column_stack([others(registry), exogenous])).fit()
    robust = fit.get_robustcov_results(
        "cluster", groups=registry["icu_id"].to_numpy(), use_correction=False, use_t=False
    )
    assert stage.statistic == pytest.approx(robust.tvalues[0] ** 2)


def with_preference(registry: pd.DataFrame) -> pd.DataFrame:
    """Let ICUs differ much in whom they treat."""
    share = 0.05 + 0.9 * (registry["icu_id"] % 7) / 6
    treated = np.random.default_rng(3).random(len(registry)) < share
    return registry.assign(ivigg=treated.astype(int))


def others(registry: pd.DataFrame) -> np.ndarray:
    """Return the share of each patient's ICU-mates who were treated."""
    group = registry.groupby("icu_id")["ivigg"]
    share = (group.transform("sum") - registry["ivigg"]) / (group.transform("size") - 1)
    return share.to_numpy()


def iv_by_hand(registry: pd.DataFrame) -> tuple[float, float]:
    icu = registry["icu_id"].to_numpy()
    a, y = registry["ivigg"].to_numpy(float), registry["hospital_death"].to_numpy(float)
    exogenous = columns(registry, "age", "apache2", "male")[:, [0, 2, 3, 4]]
    Z, A = np.column_stack([others(registry), exogenous]), np.column_stack([a, exogenous])
    inverse = np.linalg.inv(Z.T @ A)
    beta = inverse @ (Z.T @ y)
    moments = pd.DataFrame(Z * (y - A @ beta)[:, None]).groupby(icu).sum().to_numpy()
    return float(beta[0]), float(np.sqrt((inverse @ moments.T @ moments @ inverse.T)[0, 0]))


def test_a_weak_instrument_is_a_reason(registry: pd.DataFrame) -> None:
    coin = np.random.default_rng(4).random(len(registry)) < 0.4
    row = row_of("icu_preference_iv", registry.assign(ivigg=coin.astype(int)))
    assert not row["converged"]
    assert "the instrument is weak: its first-stage F is" in row["failure"]


def test_few_icus_are_a_reason(registry: pd.DataFrame) -> None:
    row = row_of("icu_preference_iv", with_preference(registry[registry["icu_id"] < 9]))
    assert row["failure"].startswith("8 ICUs have two patients or more; the instrument needs 10")


def test_an_icu_of_one_patient_has_no_others(registry: pd.DataFrame) -> None:
    lonely = with_preference(registry).assign(icu_id=registry["icu_id"].where(registry.index != 5, 99))
    assert row_of("icu_preference_iv", lonely)["n_used"] == len(registry) - 1


def test_treatment_by_icu_leaves_nothing_within(registry: pd.DataFrame) -> None:
    decided = registry.assign(ivigg=registry["icu_id"] % 2)
    row = row_of("conditional_logistic_icu", decided)
    assert not row["converged"]
    assert "the treatment does not vary where the others leave room for it" in row["failure"]


def test_clusters_are_needed(registry: pd.DataFrame) -> None:
    spec = replace(SPEC, cluster=None)
    task = Task(method="x", shared=Shared(registry=registry, spec=spec, draw=streams(0)))
    with pytest.raises(ConvergenceError, match="no column for the clusters"):
        clusters(task)
