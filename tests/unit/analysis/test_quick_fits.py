"""The short cuts of the fits: they prove what they assume, and end where the long way ends."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import statsmodels.api as sm
from hypothesis import example, given
from hypothesis import strategies as st
from tests.examples import examples

from simsepsis.analysis import separation
from simsepsis.analysis.gee import clustered_design, fit_clustered, fit_gee
from simsepsis.analysis.gee_search import rough
from simsepsis.analysis.logistic import fit_logistic
from simsepsis.analysis.rank import _independent_by_qr, combination_of, independent_columns
from simsepsis.analysis.two_by_two import fisher


def large(seed: int, n: int = 2_500, p: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Return a design large enough for single precision, with rare indicators, and an outcome."""
    rng = np.random.default_rng(seed)
    X = np.column_stack(
        [np.ones(n), rng.normal(60, 12, n), rng.random((n, p - 2)) < rng.uniform(0.01, 0.5, p - 2)]
    )
    eta = -1 + 0.02 * (X[:, 1] - 60) + X[:, 2:] @ rng.normal(0, 0.4, p - 2)
    return X.astype(float), (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float)


@examples(60)
@given(st.integers(0, 10_000), st.booleans(), st.floats(0.0, 3.0))
def test_separated_data_are_never_certified(seed: int, complete: bool, shift: float) -> None:
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(40), rng.normal(size=(40, 2))])
    margin = X @ rng.normal(size=3) + shift
    y = (margin > 0).astype(float)
    if not complete:
        # on the plane itself both outcomes occur, so that only the others are separated
        X[:8] = X[:8] - np.outer(X[:8] @ [0, 1, 0], [0, 1, 0])
        y = np.where(X[:, 1] > 0, 1.0, np.where(X[:, 1] < 0, 0.0, np.arange(40) % 2))
    assert not rough(np.ascontiguousarray(X.T), y - 0.5, X.T @ X)[-1]


def test_data_that_are_not_separated_are_certified_near_the_maximum() -> None:
    X, y = large(1)
    params, eta, sure = rough(np.ascontiguousarray(X.T), y - 0.5, X.T @ X)
    assert sure
    np.testing.assert_allclose(eta, X @ params, atol=1e-10)
    fit = fit_logistic(X, y)
    assert np.abs((params - fit.params) / fit.std_errors).max() < 1


@pytest.mark.parametrize("scale", [1.0, 1e-12, 1e12, 1e30])
def test_single_precision_steers_but_does_not_show(scale: float) -> None:
    X, y = large(2)
    X[:, 1] *= scale
    fit = fit_logistic(X, y)
    X[:, 1] /= scale
    reference = sm.Logit(y, X).fit(method="newton", disp=0, tol=1e-14)
    own = fit.params * np.where(np.arange(X.shape[1]) == 1, scale, 1.0)
    errors = fit.std_errors * np.where(np.arange(X.shape[1]) == 1, scale, 1.0)
    assert fit.converged
    np.testing.assert_allclose(own, reference.params, rtol=0, atol=1e-8)
    np.testing.assert_allclose(errors, reference.bse, rtol=0, atol=1e-8)


def test_columns_that_repeat_are_found_in_large_designs_too() -> None:
    X, y = large(3)
    twice = np.column_stack([X, X[:, 3] + X[:, 4]])
    fit = fit_logistic(twice, y)
    assert fit.dropped == (X.shape[1],)
    np.testing.assert_allclose(fit.params[:-1], fit_logistic(X, y).params, atol=1e-9)
    nearly = np.column_stack([X, X[:, 3] + 1e-4 * X[:, 1]])
    assert fit_logistic(nearly, y).dropped == (X.shape[1],)
    apart = np.column_stack([X, X[:, 3] + 1e-4 * np.random.default_rng(1).normal(size=len(X))])
    assert fit_logistic(apart, y).dropped == ()


def test_where_the_search_begins_does_not_matter() -> None:
    X, y = large(4)
    cold = fit_logistic(X, y)
    warm = fit_logistic(X, y, start=cold.params + 0.3)
    np.testing.assert_allclose(warm.params, cold.params, atol=1e-10)
    np.testing.assert_allclose(warm.covariance, cold.covariance, rtol=1e-8)


@pytest.mark.parametrize("correlation", ["exchangeable", "independence"])
@pytest.mark.parametrize("rare", [False, True])
def test_the_quick_and_the_long_way_to_a_gee_end_at_one_place(correlation: str, rare: bool) -> None:
    X, y = large(5, n=900, p=14)
    cluster = np.random.default_rng(6).integers(0, 25, 900)
    if rare:
        X[:, 5] = np.arange(900) < 6
        y[:6] = 0
    quick = fit_gee(X, y, cluster, correlation=correlation)
    kept = np.arange(900) >= 6 if rare else np.ones(900, bool)
    if rare:
        assert quick.separated == (5,)
        assert quick.params[5] == -np.inf
    else:
        start = fit_logistic(X[kept], y[kept]).params
        long = fit_gee(X, y, cluster, correlation=correlation, start=start)
        np.testing.assert_allclose(quick.params, long.params, atol=1e-9)
        np.testing.assert_allclose(quick.covariance, long.covariance, rtol=1e-7)
        assert quick.correlation == pytest.approx(long.correlation, abs=1e-10)
    assert np.isfinite(quick.params).sum() == X.shape[1] - rare


def test_one_checked_design_serves_every_outcome() -> None:
    X, y = large(7, n=900, p=14)
    cluster = np.random.default_rng(8).integers(0, 25, 900)
    design = clustered_design(X, cluster)
    for outcome in (y, 1 - y, y[::-1]):
        shared, own = fit_clustered(design, outcome), fit_gee(X, outcome, cluster)
        np.testing.assert_array_equal(shared.params, own.params)
        np.testing.assert_array_equal(shared.covariance, own.covariance)


@examples(200)
@given(st.integers(0, 10**6), st.integers(3, 40), st.integers(1, 8), st.booleans())
@example(1234, 3, 6, True)
def test_projections_judge_columns_as_householder_does(seed: int, n: int, p: int, nearly: bool) -> None:
    rng = np.random.default_rng(seed)
    X = rng.integers(-1, 3, (n, p)).astype(float)
    mixed = X @ rng.integers(-1, 2, (p, 2))
    noise = 1e-7 * rng.normal(size=(n, 1)) if nearly else 0.0
    X = np.column_stack([X, mixed + noise])[:, rng.permutation(p + 2)]
    X = X * 10.0 ** rng.integers(-8, 8, p + 2)
    np.testing.assert_array_equal(independent_columns(X), _independent_by_qr(X))


@pytest.mark.parametrize("nested", [1, 6, 40])
def test_newtons_heading_finds_what_the_linear_programme_finds(
    monkeypatch: pytest.MonkeyPatch, nested: int
) -> None:
    X, y = large(9)
    # nobody with column 6 alone has an event, though those with column 5 too have some
    X[:, 5] = X[:, 6]
    X[np.flatnonzero(X[:, 6])[:nested], 5] = 0
    y[X[:, 6] > X[:, 5]] = 0
    with monkeypatch.context() as patch:
        patch.setattr(separation, "_by_heading", lambda *_: None)
        long = fit_logistic(X, y)
    with monkeypatch.context() as patch:
        patch.delattr(separation, "_by_linear_programme")
        quick = fit_logistic(X, y)
    assert quick.separated == long.separated == (5, 6)
    np.testing.assert_array_equal(np.sign(quick.direction), np.sign(long.direction))
    np.testing.assert_allclose(quick.params, long.params, rtol=0, atol=1e-9)
    np.testing.assert_allclose(quick.std_errors, long.std_errors, rtol=0, atol=1e-9)
    assert quick.failure == long.failure


@examples(80)
@given(*[st.integers(0, 60)] * 4, st.sampled_from(["two-sided", "less", "greater"]))
def test_fisher_equals_scipy(a: int, b: int, c: int, d: int, sides: str) -> None:
    expected = scipy.stats.fisher_exact([[a, b], [c, d]], alternative=sides).pvalue
    assert fisher([[a, b], [c, d]], sides=sides).p_value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", [3, 4, 5])
@pytest.mark.parametrize("rows", [400, 2_500])
def test_without_errors_the_maximum_is_the_same(seed: int, rows: int) -> None:
    X, y = large(seed, n=rows)
    thorough, quick = fit_logistic(X, y), fit_logistic(X, y, errors=False)
    assert np.isnan(quick.std_errors).all()
    assert quick.converged
    assert np.abs((quick.params - thorough.params) / thorough.std_errors).max() < 1e-7
    assert quick.log_likelihood == pytest.approx(thorough.log_likelihood, rel=1e-13)


@examples(60)
@given(st.integers(0, 10_000), st.integers(1, 3))
@example(5925, 1)
def test_without_errors_separation_is_found_all_the_same(seed: int, parted: int) -> None:
    X, y = large(seed, n=2_500, p=22)
    y[:parted] = 1.0
    X[:, 21] = 0.0
    # few rows that two columns decide together, neither of them alone
    X[:parted, 20], X[:parted, 21] = 1.0, 1.0
    X[parted:, 20] = 0.0
    X[parted : parted + 40, 20] = X[parted : parted + 40, 21] = np.arange(40) % 2
    X[parted : parted + 40, 20] *= -1.0
    # both outcomes occur among the rows that either column marks, or it would separate by itself
    y[parted : parted + 40] = np.arange(40) // 2 % 2
    thorough, quick = fit_logistic(X, y), fit_logistic(X, y, errors=False)
    assert {20, 21} <= set(thorough.separated)
    assert quick.separated == thorough.separated
    assert quick.converged == thorough.converged
    told = np.isfinite(thorough.params)
    np.testing.assert_allclose(quick.params[told], thorough.params[told], atol=1e-6)


def test_an_expected_separation_is_found_first_and_a_wrong_one_does_no_harm() -> None:
    X, y = large(6)
    X = np.column_stack([X, np.zeros(len(y))])
    X[:3, -1], y[:3] = 1.0, 1.0
    plain = fit_logistic(X, y)
    assert plain.separated == (X.shape[1] - 1,)
    for heading in (plain.direction, np.eye(X.shape[1])[3], np.zeros(X.shape[1])):
        told = fit_logistic(X, y, heading=heading, start=np.nan_to_num(plain.params, posinf=0.0))
        assert told.separated == plain.separated
        np.testing.assert_allclose(told.params[:-1], plain.params[:-1], atol=1e-8)
        np.testing.assert_allclose(told.std_errors[:-1], plain.std_errors[:-1], rtol=1e-8)


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_part_of_a_matrix_does_not_depend_on_how_it_lies(order: str) -> None:
    rng = np.random.default_rng(7)
    X = np.array(rng.normal(size=(30, 6)), order=order)
    rows, columns = rng.random(30) < 0.5, np.array([4, 0, 3])
    np.testing.assert_array_equal(separation.part_of(X, rows, columns), X[np.ix_(rows, columns)])


def test_combinations_are_found_by_projection_and_by_orthogonal_factors() -> None:
    rng = np.random.default_rng(8)
    X, weights = rng.normal(size=(60, 4)), rng.integers(-2, 3, (4, 2)).astype(float)
    np.testing.assert_allclose(combination_of(X, X @ weights), weights, atol=1e-12)
    X[:, 3] = X[:, 0] + 1e-7 * X[:, 3]
    np.testing.assert_allclose(combination_of(X, X @ weights), weights, atol=1e-6)
