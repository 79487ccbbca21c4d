"""Conditional logistic regression against enumeration, its own equations and statsmodels."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.optimize
import statsmodels.api as sm
from numpy.testing import assert_allclose

from simsepsis.analysis.conditional_logistic import fit_conditional_logistic
from simsepsis.errors import DataError


def sample(seed: int, n: int, strata: int, width: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    stratum = rng.integers(0, strata, n)
    X = rng.normal(size=(n, width))
    log_odds = X @ np.linspace(0.8, -0.4, width) + rng.normal(size=strata)[stratum]
    return X, (rng.random(n) < 1 / (1 + np.exp(-log_odds))).astype(float), stratum


def log_likelihood(params: np.ndarray, X: np.ndarray, y: np.ndarray, stratum: np.ndarray) -> float:
    """Conditional log likelihood by enumeration of who might have died."""
    total = 0.0
    for label in np.unique(stratum):
        rows = stratum == label
        eta, dead = X[rows] @ params, y[rows]
        subsets = itertools.combinations(range(eta.size), int(dead.sum()))
        total += eta @ dead - np.log(sum(np.exp(eta[list(who)].sum()) for who in subsets))
    return float(total)


def test_it_is_the_maximum_found_by_enumeration() -> None:
    X, y, stratum = sample(1, 60, 9, 2)
    fit = fit_conditional_logistic(X, y, stratum)
    best = scipy.optimize.minimize(
        lambda b: -log_likelihood(b, X, y, stratum), np.zeros(2), method="BFGS", options={"gtol": 1e-9}
    )
    assert fit.converged
    assert_allclose(fit.params, best.x, atol=1e-5)
    step = 1e-4 * np.eye(2)
    curve = [
        [
            (
                log_likelihood(fit.params + a + b, X, y, stratum)
                - log_likelihood(fit.params + a - b, X, y, stratum)
                - log_likelihood(fit.params - a + b, X, y, stratum)
                + log_likelihood(fit.params - a - b, X, y, stratum)
            )
            / (4 * 1e-8)
            for a in step
        ]
        for b in step
    ]
    assert_allclose(fit.covariance, np.linalg.inv(-np.array(curve)), rtol=1e-5)


def test_it_solves_statsmodels_equations() -> None:
    X, y, stratum = sample(2, 400, 25)
    fit = fit_conditional_logistic(X, y, stratum)
    model = sm.ConditionalLogit(y, X, groups=stratum)
    assert_allclose(model.score(fit.params), 0, atol=1e-6)
    assert_allclose(fit.covariance, np.linalg.inv(-model.hessian(fit.params)), rtol=1e-5)


def test_matched_pairs_give_the_ratio_of_discordant_ones() -> None:
    b, c, same = 23, 11, 30
    y = np.concatenate([np.tile([1, 0], b), np.tile([0, 1], c), np.tile([1, 1], same)])
    arm = np.tile([1, 0], b + c + same)
    fit = fit_conditional_logistic(arm, y, np.repeat(np.arange(b + c + same), 2))
    assert_allclose(fit.params, np.log(b / c))
    assert_allclose(fit.std_errors, np.sqrt(1 / b + 1 / c))


def test_rows_and_labels_may_come_in_any_order() -> None:
    X, y, stratum = sample(3, 200, 12)
    fit = fit_conditional_logistic(X, y, stratum)
    order = np.random.default_rng(1).permutation(200)
    names = np.array([f"icu {k}" for k in stratum])
    again = fit_conditional_logistic(X[order], y[order], names[order])
    assert_allclose(again.params, fit.params, rtol=1e-9)
    assert_allclose(again.std_errors, fit.std_errors, rtol=1e-9)


def test_what_does_not_vary_within_strata_is_dropped() -> None:
    X, y, stratum = sample(4, 300, 15)
    plain = fit_conditional_logistic(X, y, stratum)
    beds = stratum.astype(float) % 4
    more = np.column_stack([np.ones(300), X[:, 0], beds, X[:, 1:], 2 * X[:, 1] + beds])
    fit = fit_conditional_logistic(more, y, stratum)
    assert fit.dropped == (0, 2, 5)
    assert fit.converged
    assert_allclose(fit.params[[1, 3, 4]], plain.params, rtol=1e-8)
    assert np.isnan(fit.params[[0, 2, 5]]).all()


def test_a_separating_column_goes_to_infinity_and_leaves_the_others_at_their_limit() -> None:
    X, y, stratum = sample(5, 300, 10)
    rare = np.zeros(300)
    rare[np.flatnonzero(y == 1)[:9]] = 1.0
    fit = fit_conditional_logistic(np.column_stack([X[:, 0], rare, X[:, 1:]]), y, stratum)
    kept = rare == 0
    limit = fit_conditional_logistic(X[kept], y[kept], stratum[kept])
    assert not fit.converged
    assert fit.params[1] == np.inf
    assert fit.separated == (1,)
    assert fit.failure is not None
    assert "separation" in fit.failure
    assert_allclose(fit.params[[0, 2, 3]], limit.params, rtol=1e-6)
    assert_allclose(fit.std_errors[[0, 2, 3]], limit.std_errors, rtol=1e-6)


@pytest.mark.parametrize(
    ("X", "y", "strata", "reason"),
    [
        (np.arange(6.0), np.zeros(6), np.arange(6) % 2, "no stratum has rows with and without the event"),
        (np.arange(6.0), np.arange(6) % 2, np.arange(6) % 2, "no stratum has rows with and without"),
        (np.arange(6) % 2, np.arange(6) < 3, np.arange(6) % 2, "no covariate varies within a stratum"),
        (np.arange(6.0), np.arange(6) > 3, np.zeros(6), "separation"),
    ],
)
def test_what_cannot_be_estimated_says_why(
    X: np.ndarray, y: np.ndarray, strata: np.ndarray, reason: str
) -> None:
    fit = fit_conditional_logistic(X, y, strata)
    assert not fit.converged
    assert reason in (fit.failure or "")
    assert not fit.estimated.any()


def test_missing_values_are_refused() -> None:
    with pytest.raises(DataError, match="covariates: row 1"):
        fit_conditional_logistic([0.0, np.nan], [0, 1], [1, 1])


def test_large_strata_neither_overflow_nor_lose_digits() -> None:
    X, y, _ = sample(6, 1500, 1)
    halves = np.repeat([0, 1], 750)
    fit = fit_conditional_logistic(X, y, halves)
    free = sm.Logit(y, np.column_stack([halves == 0, halves == 1, X])).fit(disp=0)
    assert fit.converged
    # with two intercepts for 1,500 rows, conditioning changes little
    assert_allclose(fit.params, free.params[2:], rtol=4 / 1500)
    assert_allclose(fit.std_errors, free.bse[2:], rtol=4 / 1500)
