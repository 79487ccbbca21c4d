"""Weighting and double robustness against stacked estimating equations solved the slow way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit, logit

from simsepsis.analysis.logistic import fit_logistic
from simsepsis.analysis.methods import run_method
from simsepsis.analysis.methods.weighting import inverse_probability, overlap
from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.errors import ConvergenceError

SPEC = replace(
    THESIS_SPEC,
    covariates=("age", "apache2", "male", "dic_policy"),
    outcomes=("hospital_death",),
    adjuncts=(),
    transfusions=(),
    later_scores=(),
    subgroups=(),
)
Scores = Callable[[np.ndarray], np.ndarray]


@pytest.fixture(scope="module")
def data(registry: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    policy = registry["dic_policy"].to_numpy()
    # in the order of the dictionary's levels, the first is the reference
    levels = [(policy == level).astype(float) for level in ("conservative", "neither")]
    numbers = registry[["age", "apache2", "male"]].to_numpy(float)
    X = np.column_stack([np.ones(len(registry)), numbers, *levels])
    return X, registry["ivigg"].to_numpy(float), registry["hospital_death"].to_numpy(float)


def sandwich(scores: Scores, solution: np.ndarray) -> np.ndarray:
    """Return A⁻¹BA⁻ᵀ of stacked equations, A by central differences."""
    width = solution.size
    scale = 1e-5 * np.maximum(np.abs(solution), 1e-2)
    columns = [
        (scores(solution + h).sum(axis=0) - scores(solution - h).sum(axis=0)) / (2 * scale[j])
        for j, h in enumerate(np.diag(scale))
    ]
    inverse = np.linalg.inv(np.array(columns).T)
    each = scores(solution)
    assert each.shape[1] == width
    assert_allclose(each.sum(axis=0) / np.abs(each).sum(axis=0), 0, atol=1e-8)
    return inverse @ (each.T @ each) @ inverse.T


def expected_rows(p1: float, p0: float, covariance: np.ndarray) -> dict[str, tuple[float, float]]:
    slopes = {
        "log_or": (logit(p1) - logit(p0), np.array([1 / (p1 * (1 - p1)), -1 / (p0 * (1 - p0))])),
        "log_rr": (np.log(p1 / p0), np.array([1 / p1, -1 / p0])),
        "rd": (p1 - p0, np.array([1.0, -1.0])),
    }
    return {name: (value, float(np.sqrt(g @ covariance @ g))) for name, (value, g) in slopes.items()}


def compare(rows: pd.DataFrame, expected: dict[str, tuple[float, float]], truth: str) -> None:
    found = rows.set_index("estimand")
    for scale, (value, error) in expected.items():
        row = found.loc[f"{scale}_hospital_death_{truth}"]
        assert_allclose([row["estimate"], row["std_error"]], [value, error], rtol=1e-5)


@pytest.mark.parametrize(
    ("method", "weights", "truth"),
    [
        ("iptw", lambda e, a: np.where(a == 1, 1 / e, 1 / (1 - e)), "ate"),
        ("overlap_weights", lambda e, a: np.where(a == 1, 1 - e, e), "ato"),
    ],
)
def test_weighting_is_the_stacked_equations(
    registry: pd.DataFrame,
    data: tuple[np.ndarray, np.ndarray, np.ndarray],
    method: str,
    weights: Callable[[np.ndarray, np.ndarray], np.ndarray],
    truth: str,
) -> None:
    X, a, y = data

    def scores(theta: np.ndarray) -> np.ndarray:
        e = expit(X @ theta[:-2])
        w = weights(e, a)
        return np.column_stack([(a - e)[:, None] * X, w * a * (y - theta[-2]), w * (1 - a) * (y - theta[-1])])

    beta = fit_logistic(X, a).params
    w = weights(expit(X @ beta), a)
    p1, p0 = np.average(y, weights=w * a), np.average(y, weights=w * (1 - a))
    covariance = sandwich(scores, np.array([*beta, p1, p0]))[-2:, -2:]
    compare(run_method(method, registry, spec=SPEC), expected_rows(p1, p0, covariance), truth)


def test_aipw_is_the_stacked_equations(
    registry: pd.DataFrame, data: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    X, a, y = data
    p = X.shape[1]

    def parts(theta: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(expit(X @ theta[k * p : (k + 1) * p]) for k in range(3))

    def values(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        e, m1, m0 = parts(theta)
        return m1 + a / e * (y - m1), m0 + (1 - a) / (1 - e) * (y - m0)

    def scores(theta: np.ndarray) -> np.ndarray:
        e, m1, m0 = parts(theta)
        v1, v0 = values(theta)
        models = [(a - e)[:, None] * X, (a * (y - m1))[:, None] * X, ((1 - a) * (y - m0))[:, None] * X]
        return np.column_stack([*models, v1 - theta[-2], v0 - theta[-1]])

    models = [fit_logistic(X, a).params, *(fit_logistic(X[a == k], y[a == k]).params for k in (1, 0))]
    theta = np.concatenate([*models, [0.0, 0.0]])
    theta[-2:] = [value.mean() for value in values(theta)]
    covariance = sandwich(scores, theta)[-2:, -2:]
    compare(run_method("aipw", registry, spec=SPEC), expected_rows(theta[-2], theta[-1], covariance), "ate")


def test_overlap_weights_balance_the_covariates_exactly(
    data: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    X, a, _ = data
    e = expit(X @ fit_logistic(X, a).params)
    w, _ = overlap(e, a == 1)
    means = [np.average(X, axis=0, weights=w * arm) for arm in (a, 1 - a)]
    assert_allclose(means[0], means[1], rtol=1e-10)


def test_knowing_that_the_score_was_estimated_makes_the_error_smaller(
    registry: pd.DataFrame, data: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    X, a, y = data
    e = expit(X @ fit_logistic(X, a).params)
    w, _ = inverse_probability(e, a == 1)
    p1, p0 = np.average(y, weights=w * a), np.average(y, weights=w * (1 - a))
    known_score = np.hypot(
        *(np.linalg.norm(w * arm * (y - p)) / (w * arm).sum() for arm, p in ((a, p1), (1 - a, p0)))
    )
    row = run_method("iptw", registry, spec=SPEC).set_index("estimand").loc["rd_hospital_death_ate"]
    assert row["std_error"] < known_score


def test_certain_treatment_fails_weighting_and_not_overlap(registry: pd.DataFrame) -> None:
    certain = registry["chemotherapy"] == 1
    separated = registry.assign(ivigg=np.where(certain, 1, registry["ivigg"]))
    spec = replace(SPEC, covariates=(*SPEC.covariates, "chemotherapy"))
    for method in ("iptw", "aipw"):
        rows = run_method(method, separated, spec=spec)
        assert (
            rows["failure"].str.startswith(f"the score is 0 or 1 in {certain.sum()} of 1200 patients").all()
        )
    rows = run_method("overlap_weights", separated, spec=spec)
    assert rows["converged"].all()
    assert rows["n_used"].eq(1200 - certain.sum()).all()
    without = run_method("overlap_weights", separated[~certain], spec=spec)
    assert_allclose(rows["estimate"], without["estimate"], rtol=1e-6)
    assert_allclose(rows["std_error"], without["std_error"], rtol=1e-5)
    with pytest.raises(ConvergenceError, match="in 2 of 3"):
        inverse_probability(np.array([0.0, 0.4, 1.0]), np.array([False, True, True]))


def test_an_outcome_that_fails_leaves_the_other(registry: pd.DataFrame) -> None:
    spec = replace(SPEC, outcomes=("icu_death", "hospital_death"))
    rows = run_method("aipw", registry.assign(icu_death=(registry["apache2"] > 22).astype(int)), spec=spec)
    by_outcome = rows.set_index("estimand")["converged"]
    assert not by_outcome[by_outcome.index.str.contains("icu_death")].any()
    assert by_outcome[by_outcome.index.str.contains("hospital_death")].all()
    assert "separation" in rows["failure"].iloc[0]
