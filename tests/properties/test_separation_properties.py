"""Small coarse samples, where separation is common: found exactly when it is there, with the right limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.optimize
import scipy.special
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from tests.examples import examples

from simsepsis.analysis.gee import fit_gee
from simsepsis.analysis.logistic import fit_logistic, linear_predictor
from simsepsis.analysis.survival import fit_cox
from simsepsis.analysis.survival.cox_data import cox_data, sorted_likelihood

often = examples(150)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Covariates, outcomes, times, strata, entries, clusters and weights of a few patients."""

    X: np.ndarray
    y: np.ndarray
    time: np.ndarray
    entry: np.ndarray
    strata: np.ndarray
    cluster: np.ndarray
    weights: np.ndarray


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    n, p = draw(st.integers(4, 24)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    covariates = rng.normal(size=(n, p)).round(1) if draw(st.booleans()) else rng.integers(0, 3, (n, p))
    time = rng.integers(1, 8, n).astype(float)
    return Sample(
        X=np.column_stack([np.ones(n), covariates]).astype(float),
        y=(rng.random(n) < draw(st.sampled_from([0.1, 0.3, 0.6]))).astype(float),
        time=time,
        entry=time - rng.integers(1, 4, n),
        strata=rng.integers(0, 2, n),
        cluster=rng.integers(0, 3, n),
        weights=rng.integers(1, 4, n).astype(float),
    )


def leads(differences: np.ndarray) -> bool:
    """Say whether some direction makes no difference negative and one positive."""
    if len(differences) == 0:
        return False
    answer = scipy.optimize.linprog(
        -differences.sum(axis=0),
        A_ub=-differences,
        b_ub=np.zeros(len(differences)),
        bounds=(-1, 1),
        method="highs",
    )
    return bool(-answer.fun > 1e-6)


@often
@given(samples(), st.booleans())
def test_logistic_regression(s: Sample, weighted: bool) -> None:
    weights = s.weights if weighted else np.ones(s.y.size)
    fit = fit_logistic(s.X, s.y, weights=weights)
    signed = np.where(s.y > 0, 1.0, -1.0)[:, None] * s.X
    assert (fit.direction is not None) == leads(signed)
    assert fit.converged == (fit.failure is None) == (fit.direction is None)
    log_odds = linear_predictor(s.X, fit)
    assert not np.isnan(log_odds).any()
    decided = np.isinf(log_odds)
    assert (np.sign(log_odds[decided]) == np.where(s.y[decided] > 0, 1, -1)).all()
    residual = np.where(decided, 0.0, s.y - scipy.special.expit(log_odds))
    assert_allclose((weights * residual) @ s.X, 0, atol=1e-7)
    assert np.isfinite(fit.std_errors[fit.estimated]).all()


@often
@given(
    samples(), st.sampled_from(["exchangeable", "independence"]), st.sampled_from(["statsmodels", "geepack"])
)
def test_gee_gives_numbers_or_a_reason(s: Sample, correlation: str, moment: str) -> None:
    fit = fit_gee(s.X, s.y, s.cluster, correlation=correlation, moment=moment)
    assert fit.converged == (fit.failure is None)
    kept = ~np.isin(np.arange(s.X.shape[1]), fit.dropped)
    if fit.converged:
        assert fit.estimated[kept].all()
    if fit.direction is not None:
        assert (fit.estimated & (fit.direction != 0)).sum() == 0


@often
@given(
    samples(), st.sampled_from(["efron", "breslow"]), st.sampled_from(["plain", "strata", "entry", "weights"])
)
def test_cox_regression(s: Sample, ties: str, kind: str) -> None:
    X = s.X[:, 1:]
    options = {} if kind == "plain" else {kind: getattr(s, kind)}
    fit = fit_cox(X, s.time, s.y, ties=ties, **options)
    entry = s.entry if kind == "entry" else np.full(s.y.size, -np.inf)
    strata = s.strata if kind == "strata" else np.zeros(s.y.size)
    pairs = [
        X[i] - X[j]
        for i in np.flatnonzero(s.y)
        for j in range(s.y.size)
        if s.time[j] >= s.time[i] > entry[j] and strata[i] == strata[j]
    ]
    assert (fit.direction is not None) == leads(np.array(pairs).reshape(-1, X.shape[1]))
    assert fit.converged == (fit.failure is None)
    if fit.converged:
        likelihood, _ = sorted_likelihood(cox_data(X, s.time, s.y, ties=ties, **options))
        assert_allclose(likelihood.at(np.nan_to_num(fit.params)).gradient, 0, atol=1e-6)
    if fit.direction is not None and fit.finite_part is not None:
        assert (np.array(pairs) @ fit.direction >= -1e-6 * np.abs(fit.direction).max()).all()
        likelihood, _ = sorted_likelihood(cox_data(X, s.time, s.y, ties=ties, **options))
        far = fit.finite_part + fit.direction * (5 / np.abs(fit.direction).max())
        assert likelihood.at(far).value <= float(fit.log_likelihood or 0.0) + 1e-8
