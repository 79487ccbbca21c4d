from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.special
import statsmodels.api as sm
from numpy.testing import assert_allclose

from simsepsis.analysis.fit import wald_tests
from simsepsis.analysis.gee import fit_gee
from simsepsis.analysis.logistic import fit_logistic, sandwich_covariance
from simsepsis.errors import DataError, UsageError

STRUCTURES = {"exchangeable": sm.cov_struct.Exchangeable, "independence": sm.cov_struct.Independence}
EVEN = (40,) * 15
TINY = (1,) * 10 + (2,) * 20 + (3, 5, 8, 13, 30, 60)


def patients(
    seed: int, sizes: tuple[int, ...] = EVEN, p: int = 5, level: float = -0.7
) -> tuple[np.ndarray, ...]:
    """Return design, outcome and cluster of patients whose ICUs differ in mortality."""
    rng = np.random.default_rng(seed)
    cluster = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    n = cluster.size
    X = np.column_stack([np.ones(n), rng.poisson(2, n), rng.random((n, p - 2)) < 0.3]).astype(float)
    eta = level + X @ np.r_[0, 0.2, rng.normal(0, 0.4, p - 2)] + rng.normal(0, 0.7, len(sizes))[cluster]
    return X, (rng.random(n) < scipy.special.expit(eta)).astype(float), cluster


def by_statsmodels(
    X: np.ndarray, y: np.ndarray, cluster: np.ndarray, correlation: str, **options: Any
) -> Any:
    model = sm.GEE(y, X, groups=cluster, family=sm.families.Binomial(), cov_struct=STRUCTURES[correlation]())
    return model.fit(maxiter=300, ctol=1e-10, **options)


@pytest.mark.parametrize("correlation", ["exchangeable", "independence"])
@pytest.mark.parametrize(("seed", "sizes", "level"), [(1, EVEN, -0.7), (2, TINY, -0.7), (3, EVEN, -3.0)])
def test_equals_statsmodels(correlation: str, seed: int, sizes: tuple[int, ...], level: float) -> None:
    X, y, cluster = patients(seed, sizes, level=level)
    fit = fit_gee(X, y, cluster, correlation=correlation)
    reference = by_statsmodels(X, y, cluster, correlation)
    assert fit.converged
    assert_allclose(fit.params, reference.params, rtol=0, atol=1e-8)
    assert_allclose(fit.std_errors, reference.bse, rtol=0, atol=1e-7)
    if correlation == "exchangeable":
        assert fit.correlation == pytest.approx(float(reference.cov_struct.dep_params), abs=1e-8)


@pytest.mark.parametrize("correlation", ["exchangeable", "independence"])
def test_equals_statsmodels_at_the_size_of_the_thesis(correlation: str) -> None:
    sizes = tuple(np.random.default_rng(4).multinomial(1306, np.full(42, 1 / 42)))
    X, y, cluster = patients(4, sizes, p=16)
    fit = fit_gee(X, y, cluster, correlation=correlation)
    reference = by_statsmodels(X, y, cluster, correlation)
    assert_allclose(fit.params, reference.params, rtol=0, atol=1e-8)
    assert_allclose(fit.std_errors, reference.bse, rtol=0, atol=1e-7)


@pytest.mark.parametrize("sizes", [EVEN, TINY])
def test_mancl_derouen_equals_statsmodels(sizes: tuple[int, ...]) -> None:
    X, y, cluster = patients(2, sizes)
    fit = fit_gee(X, y, cluster, covariance="mancl_derouen")
    reference = by_statsmodels(X, y, cluster, "exchangeable", cov_type="bias_reduced")
    assert_allclose(fit.std_errors, reference.bse, rtol=0, atol=1e-7)


def textbook(X: np.ndarray, y: np.ndarray, cluster: np.ndarray, fit: Any, covariance: str) -> np.ndarray:
    """The sandwich with full matrices for each cluster, as the papers print it."""
    pieces = []
    for label in np.unique(cluster):
        rows = X[cluster == label]
        mu = scipy.special.expit(rows @ fit.params)
        v = mu * (1 - mu)
        R = np.full((v.size, v.size), fit.correlation) + (1 - fit.correlation) * np.eye(v.size)
        V = np.sqrt(np.outer(v, v)) * R
        pieces.append((v[:, None] * rows, np.linalg.inv(V), y[cluster == label] - mu))
    bread = np.linalg.inv(sum(D.T @ W @ D for D, W, _ in pieces))
    meat = np.zeros_like(bread)
    for D, W, r in pieces:
        H = D @ bread @ D.T @ W
        if covariance == "mancl_derouen":
            r = np.linalg.solve(np.eye(r.size) - H, r)
        if covariance == "kauermann_carroll":
            r = np.linalg.inv(scipy.linalg.sqrtm(np.eye(r.size) - H).real) @ r
        score = D.T @ W @ r
        if covariance == "fay_graubard":
            score = score / np.sqrt(1 - np.minimum(0.75, np.diag(D.T @ W @ D @ bread)))
        meat += np.outer(score, score)
    return np.asarray(bread @ meat @ bread)


@pytest.mark.parametrize("covariance", ["robust", "mancl_derouen", "kauermann_carroll", "fay_graubard"])
@pytest.mark.parametrize("moment", ["statsmodels", "geepack"])
@pytest.mark.parametrize("sizes", [EVEN, TINY, (30, 40, 60, 80, 90, 100)])
def test_covariances_in_their_textbook_form(covariance: str, moment: str, sizes: tuple[int, ...]) -> None:
    X, y, cluster = patients(6, sizes)
    fit = fit_gee(X, y, cluster, covariance=covariance, moment=moment)
    assert_allclose(fit.covariance, textbook(X, y, cluster, fit, covariance), rtol=1e-7, atol=1e-12)


def test_corrections_enlarge_the_standard_errors_in_order() -> None:
    X, y, cluster = patients(7, (40,) * 8)
    plain, halfway, full = (
        fit_gee(X, y, cluster, covariance=name).std_errors
        for name in ("robust", "kauermann_carroll", "mancl_derouen")
    )
    assert (plain < halfway).all()
    assert (halfway < full).all()


def test_the_two_moment_estimators_differ_by_their_divisors_only() -> None:
    X, y, cluster = patients(8)
    start = fit_logistic(X, y).params
    a, b = (fit_gee(X, y, cluster, moment=name) for name in ("statsmodels", "geepack"))
    assert a.correlation is not None
    assert b.correlation is not None
    pairs, n, p = 15 * 40 * 39 / 2, 600, 5
    assert a.correlation / b.correlation == pytest.approx(pairs / (pairs - p) * (n - p) / n, rel=1e-4)
    assert 0 < np.abs(a.params - b.params).max() < 1e-3
    assert np.abs(a.params - start).max() < 0.5


def test_independence_is_logistic_regression_with_a_cluster_sandwich() -> None:
    X, y, cluster = patients(9)
    fit, logistic = fit_gee(X, y, cluster, correlation="independence"), fit_logistic(X, y)
    assert fit.correlation == 0
    assert_allclose(fit.params, logistic.params, rtol=1e-9)
    assert_allclose(
        fit.covariance, sandwich_covariance(X, y, logistic, cluster=cluster), rtol=1e-8, atol=1e-14
    )


def test_clusters_of_one_have_no_correlation() -> None:
    X, y, _ = patients(10)
    fit = fit_gee(X, y, np.arange(y.size))
    assert fit.correlation == 0
    assert_allclose(fit.params, fit_logistic(X, y).params, rtol=1e-9)


def test_order_of_rows_and_names_of_clusters_do_not_matter() -> None:
    X, y, cluster = patients(11, TINY)
    shuffled = np.random.default_rng(11).permutation(y.size)
    fit = fit_gee(X, y, cluster)
    again = fit_gee(X[shuffled], y[shuffled], np.array([f"ICU {c}" for c in cluster[shuffled]]))
    assert_allclose(again.params, fit.params, rtol=1e-9)
    assert_allclose(again.covariance, fit.covariance, rtol=1e-8, atol=1e-14)


def test_the_start_does_not_matter() -> None:
    X, y, cluster = patients(12)
    fit = fit_gee(X, y, cluster)
    for start in (np.zeros(5), fit.params + 0.3):
        assert_allclose(fit_gee(X, y, cluster, start=start).params, fit.params, atol=1e-9)


def test_drops_repeating_columns() -> None:
    X, y, cluster = patients(13)
    repeating = np.column_stack([X[:, :2], X[:, 0] - X[:, 1], X[:, 2:]])
    fit, plain = fit_gee(repeating, y, cluster), fit_gee(X, y, cluster)
    assert fit.converged
    assert fit.dropped == (2,)
    assert_allclose(fit.params[[0, 1, 3, 4, 5]], plain.params, rtol=1e-8)
    started = fit_gee(repeating, y, cluster, start=np.zeros(6))
    assert_allclose(started.params, fit.params, atol=1e-9)


@pytest.mark.parametrize("correlation", ["exchangeable", "independence"])
def test_a_rare_adjunct_without_deaths_is_held_at_its_limit(correlation: str) -> None:
    X, y, cluster = patients(14)
    rare = (np.arange(y.size) < 5).astype(float)
    y[:5] = 0
    fit = fit_gee(np.column_stack([X, rare]), y, cluster, correlation=correlation)
    assert not fit.converged
    assert "columns 5 predict the outcome of 5 rows" in str(fit.failure)
    assert fit.params[5] == -np.inf
    assert np.isnan(fit.std_errors[5])
    assert np.isfinite(fit.params[:5]).all()
    assert np.isfinite(fit.std_errors[:5]).all()
    assert list(fit.estimated) == [True] * 5 + [False]
    assert np.isnan(wald_tests(fit).p_value[5])


def test_the_limit_is_where_forced_coefficients_lead() -> None:
    """Solve for the others with the separated coefficient fixed further and further out."""
    X, y, cluster = patients(15)
    rare = (np.arange(y.size) < 5).astype(float)
    y[:5] = 0
    limit = fit_gee(np.column_stack([X, rare]), y, cluster)
    offset = np.where(rare > 0, -30.0, 0.0)
    model = sm.GEE(
        y,
        X,
        groups=cluster,
        offset=offset,
        family=sm.families.Binomial(),
        cov_struct=sm.cov_struct.Exchangeable(),
    )
    forced = model.fit(maxiter=300, ctol=1e-10, ddof_scale=5)
    assert_allclose(limit.params[:5], forced.params, atol=1e-6)
    assert_allclose(limit.std_errors[:5], forced.bse, atol=1e-6)


def test_statsmodels_itself_fails_there() -> None:
    X, y, cluster = patients(15)
    rare = (np.arange(y.size) < 5).astype(float)
    y[:5] = 0
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        fit = by_statsmodels(np.column_stack([X, rare]), y, cluster, "exchangeable")
    assert not np.isfinite(fit.params).all()


def test_perfect_separation_gives_no_number() -> None:
    X, _, cluster = patients(16)
    fit = fit_gee(X, X[:, 2], cluster)
    assert not fit.converged
    assert "perfect separation" in str(fit.failure)
    assert not np.isfinite(fit.params).any()


def test_a_single_cluster_has_no_sandwich() -> None:
    X, y, _ = patients(17)
    fit = fit_gee(X, y, np.zeros(y.size))
    assert "single cluster" in str(fit.failure)
    assert np.isnan(fit.std_errors).all()


def test_too_few_pairs_for_the_correlation() -> None:
    X, y, _ = patients(18)
    cluster = np.arange(y.size)
    cluster[:3] = 0
    assert "only 3 pairs" in str(fit_gee(X, y, cluster).failure)
    assert fit_gee(X, y, cluster, moment="geepack").converged


def test_an_impossible_correlation_is_refused() -> None:
    """Two of each three patients die, always: the correlation is −1/2 or less."""
    X = np.ones((60, 1))
    fit = fit_gee(X, np.tile([1, 1, 0], 20), np.repeat(np.arange(20), 3))
    assert not fit.converged
    assert "working correlation -0.5" in str(fit.failure)


def test_a_correlation_too_negative_for_the_largest_cluster_is_refused() -> None:
    X, y, cluster = patients(5, TINY)
    fit = fit_gee(X, y, cluster)
    assert "impossible in a cluster of 60 rows; use independence" in str(fit.failure)
    assert np.isnan(fit.params).all()


@pytest.mark.parametrize("covariance", ["mancl_derouen", "kauermann_carroll"])
def test_a_cluster_with_a_column_of_its_own_has_no_correction(covariance: str) -> None:
    X, y, cluster = patients(19)
    own = np.column_stack([X, cluster == 3])
    fit = fit_gee(own, y, cluster, covariance=covariance)
    assert not fit.converged
    assert "cluster number 3" in str(fit.failure)
    assert np.isnan(fit.std_errors).all()
    assert fit_gee(own, y, cluster, covariance="fay_graubard").converged


@pytest.mark.parametrize(
    ("seed", "reason"),
    [
        (55, "no convergence in 60 scoring steps"),
        (930, "after 11 scoring steps they only grow"),
        (1310, "separation: columns 2 predict .* infinite; no convergence"),
    ],
)
def test_small_samples_without_a_solution_give_the_reason(seed: int, reason: str) -> None:
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(12), rng.integers(0, 3, (12, 2))])
    y, cluster = rng.random(12) < 0.4, rng.integers(0, 4, 12)
    fit = fit_gee(X, y, cluster, moment="geepack")
    assert re.search(reason, str(fit.failure))
    assert not fit.converged
    assert not fit.estimated.any()


def test_more_columns_than_rows_allow() -> None:
    X = np.random.default_rng(23).normal(size=(6, 5)).round(1)
    y, cluster = [0, 1, 1, 0, 1, 0], [0, 0, 0, 1, 1, 1]
    start = np.zeros(5)
    assert "only 6 pairs" not in str(fit_gee(X, y, cluster, start=start).failure)
    six = np.column_stack([X, np.arange(6.0) ** 2])
    assert "6 rows are too few for 6 columns" in str(
        fit_gee(six, y, cluster, correlation="independence", start=np.zeros(6)).failure
    )


@pytest.mark.parametrize(
    ("option", "value"),
    [("correlation", "unstructured"), ("covariance", "sandwich"), ("moment", "sas")],
)
def test_refuses_unknown_options(option: str, value: str) -> None:
    X, y, cluster = patients(20)
    with pytest.raises(UsageError, match=f"{option} '{value}' is unknown"):
        fit_gee(X, y, cluster, **{option: value})


def test_refuses_bad_data() -> None:
    X, y, cluster = patients(21)
    with pytest.raises(DataError, match="one label for each of the 600 rows"):
        fit_gee(X, y, cluster[1:])
    with pytest.raises(DataError, match="cluster: row 1 has no label"):
        fit_gee(X, y, np.where(np.arange(600) == 1, np.nan, cluster))
    with pytest.raises(DataError, match="outcome: row 0 is 3"):
        fit_gee(X, y + 3, cluster)
    with pytest.raises(DataError, match="start has shape"):
        fit_gee(X, y, cluster, start=[1.0])


def test_nothing_to_fit_is_a_reason_not_an_error() -> None:
    assert "nothing to fit" in str(fit_gee(np.empty((0, 2)), [], []).failure)


def test_leaves_its_arguments_alone() -> None:
    X, y, cluster = patients(22)
    before = X.copy(), y.copy(), cluster.copy()
    fit_gee(X, y, cluster, covariance="kauermann_carroll")
    assert all((a == b).all() for a, b in zip(before, (X, y, cluster), strict=True))
