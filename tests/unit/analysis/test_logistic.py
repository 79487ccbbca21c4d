from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
import scipy.special
import statsmodels.api as sm
from numpy.testing import assert_allclose

from simsepsis.analysis.binomial import PIECE, information
from simsepsis.analysis.fit import Fit, wald_tests
from simsepsis.analysis.logistic import fit_logistic, linear_predictor, sandwich_covariance
from simsepsis.errors import DataError


def patients(seed: int, n: int = 400, p: int = 5, prevalence: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Return a design with intercept, numbers and indicators, and outcomes drawn from it."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(50, 10, n), rng.random((n, p - 2)) < 0.3]).astype(float)
    beta = np.r_[np.log(prevalence / (1 - prevalence)) - 1.0, 0.02, rng.normal(0, 0.5, p - 2)]
    return X, (rng.random(n) < scipy.special.expit(X @ beta)).astype(float)


def agrees_with_statsmodels(
    fit: Fit, X: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None
) -> None:
    family = sm.families.Binomial()
    reference = sm.GLM(y, X, family=family, freq_weights=weights).fit(tol=1e-14, tol_criterion="params")
    assert fit.converged
    assert fit.failure is None
    assert_allclose(fit.params, reference.params, rtol=1e-8, atol=1e-8)
    assert_allclose(fit.std_errors, reference.bse, rtol=1e-7, atol=1e-7)
    assert_allclose(fit.covariance, reference.cov_params(), rtol=1e-6, atol=1e-9)
    assert fit.log_likelihood == pytest.approx(reference.llf, rel=1e-10)


@pytest.mark.parametrize(("seed", "prevalence"), [(1, 0.3), (2, 0.03), (3, 0.9)])
def test_equals_statsmodels(seed: int, prevalence: float) -> None:
    X, y = patients(seed, n=600, prevalence=prevalence)
    agrees_with_statsmodels(fit_logistic(X, y), X, y)


def test_equals_statsmodels_at_the_size_of_the_propensity_score() -> None:
    X, y = patients(4, n=3118, p=58)
    agrees_with_statsmodels(fit_logistic(X, y), X, y)


def test_equals_statsmodels_with_weights() -> None:
    X, y = patients(5)
    weights = np.random.default_rng(5).integers(0, 4, y.size).astype(float)
    agrees_with_statsmodels(fit_logistic(X, y, weights=weights), X, y, weights)


def test_a_whole_weight_counts_a_row_that_often() -> None:
    X, y = patients(6, n=200)
    weights = np.random.default_rng(6).integers(0, 3, y.size)
    often = np.repeat(np.arange(y.size), weights)
    weighted, repeated = fit_logistic(X, y, weights=weights), fit_logistic(X[often], y[often])
    assert_allclose(weighted.params, repeated.params, rtol=1e-10)
    assert_allclose(weighted.covariance, repeated.covariance, rtol=1e-9, atol=1e-14)


def test_tiny_weights_are_not_taken_for_convergence() -> None:
    X, y = patients(7)
    assert_allclose(
        fit_logistic(X, y, weights=np.full(y.size, 1e-12)).params, fit_logistic(X, y).params, rtol=1e-9
    )


def test_equals_the_log_odds_ratio_of_a_table() -> None:
    treated = np.repeat([1, 1, 0, 0], [12, 30, 5, 41])
    died = np.repeat([1, 0, 1, 0], [12, 30, 5, 41])
    fit = fit_logistic(np.column_stack([np.ones(88), treated]), died)
    assert fit.params[1] == pytest.approx(np.log(12 * 41 / (30 * 5)), rel=1e-12)
    assert fit.std_errors[1] == pytest.approx(np.sqrt(1 / 12 + 1 / 30 + 1 / 5 + 1 / 41), rel=1e-10)


def test_drops_the_later_of_repeating_columns() -> None:
    X, y = patients(8)
    repeating = np.column_stack([X[:, :3], X[:, 1] + X[:, 2], X[:, 3:], np.zeros(y.size), X[:, 0]])
    fit, plain = fit_logistic(repeating, y), fit_logistic(X, y)
    assert fit.converged
    assert fit.dropped == (3, 6, 7)
    assert np.isnan(fit.params[[3, 6, 7]]).all()
    assert np.isnan(fit.std_errors[[3, 6, 7]]).all()
    assert_allclose(fit.params[[0, 1, 2, 4, 5]], plain.params, rtol=1e-8)
    assert_allclose(linear_predictor(repeating, fit), linear_predictor(X, plain), rtol=1e-8)


def test_more_columns_than_rows() -> None:
    X = np.random.default_rng(9).normal(size=(6, 10))
    fit = fit_logistic(X, [0, 1, 0, 1, 1, 0])
    assert fit.dropped == (6, 7, 8, 9)
    assert not fit.converged
    assert "separation" in str(fit.failure)


@pytest.mark.parametrize("offset", [1e5, 1e8, 1e10])
def test_a_column_far_from_zero_is_fitted(offset: float) -> None:
    X, y = patients(10)
    shifted = X.copy()
    shifted[:, 1] += offset
    fit, plain = fit_logistic(shifted, y), fit_logistic(X, y)
    assert fit.dropped == ()
    assert_allclose(fit.params[1:], plain.params[1:], rtol=1e-5)
    assert_allclose(fit.std_errors[1:], plain.std_errors[1:], rtol=1e-5)


def test_a_rare_treatment_without_deaths_is_infinite_and_the_rest_as_without_its_rows() -> None:
    X, y = patients(11)
    rare = np.zeros(y.size)
    rare[:6] = 1
    y[:6] = 0
    fit = fit_logistic(np.column_stack([X, rare]), y)
    rest = fit_logistic(X[6:], y[6:])
    assert not fit.converged
    assert "separation" in str(fit.failure)
    assert "columns 5 predict the outcome of 6 rows" in str(fit.failure)
    assert fit.separated == (5,)
    assert fit.params[5] == -np.inf
    assert np.isnan(fit.std_errors[5])
    assert_allclose(fit.params[:5], rest.params, rtol=1e-9)
    assert_allclose(fit.covariance[:5, :5], rest.covariance, rtol=1e-8, atol=1e-14)
    assert list(fit.estimated) == [True] * 5 + [False]


def test_separation_by_a_combination_of_columns() -> None:
    rng = np.random.default_rng(12)
    X, y = patients(12)
    a, b = rng.normal(size=(2, y.size)).round(2)
    y[a + b > 1.5] = 1
    over = np.maximum(a + b - 1.5, 0)
    fit = fit_logistic(np.column_stack([X, a, over - a]), y)
    assert fit.separated == (5, 6)
    assert_allclose(fit.params[5:], np.inf)
    untouched = fit_logistic(np.column_stack([X, a])[over == 0], y[over == 0])
    assert_allclose(fit.params[:5], untouched.params[:5], rtol=1e-8)


def test_one_separation_behind_another() -> None:
    """The second direction shows only when the rows of the first are gone."""
    X, y = patients(13)
    first = (np.arange(y.size) < 8).astype(float)
    second = (np.arange(y.size) < 20).astype(float)
    y[:8] = 0
    y[8:20] = 1
    fit = fit_logistic(np.column_stack([X, first, second]), y)
    rest = fit_logistic(X[20:], y[20:])
    assert list(fit.params[5:]) == [-np.inf, np.inf]
    assert_allclose(fit.params[:5], rest.params, rtol=1e-9)
    predicted = linear_predictor(np.column_stack([X, first, second]), fit)
    assert (predicted[:8] == -np.inf).all()
    assert (predicted[8:20] == np.inf).all()
    assert np.isfinite(predicted[20:]).all()


def test_likelihood_under_separation_is_its_supremum() -> None:
    X, y = patients(14, n=120)
    rare = (np.arange(120) < 4).astype(float)
    y[:4] = 1
    fit = fit_logistic(np.column_stack([X, rare]), y)
    forced = np.column_stack([X, rare]) @ np.r_[fit.params[:5], 40.0]
    reached = (y * forced - np.logaddexp(0, forced)).sum()
    assert fit.log_likelihood == pytest.approx(reached, rel=1e-10)


@pytest.mark.parametrize("outcome", ["above", "always", "never"])
def test_perfect_separation_gives_no_number(outcome: str) -> None:
    X, _ = patients(15)
    y = {"above": X[:, 1] > 50, "always": np.ones(400), "never": np.zeros(400)}[outcome]
    fit = fit_logistic(X, y)
    assert not fit.converged
    assert "perfect separation" in str(fit.failure)
    assert not np.isfinite(fit.params).any()
    assert np.isnan(fit.std_errors).all()


def test_extreme_but_not_separated_data_converge() -> None:
    rng = np.random.default_rng(16)
    x = np.r_[rng.normal(size=200), np.full(20, 30.0), np.full(20, -30.0)]
    y = np.r_[rng.random(200) < scipy.special.expit(2 * x[:200]), np.ones(20), np.zeros(20)]
    X = np.column_stack([np.ones(240), x])
    fit = fit_logistic(X, y)
    assert fit.converged
    assert abs(linear_predictor(X, fit)).max() > 40
    assert_allclose(fit.params, fit_logistic(X[:200], y[:200]).params, rtol=1e-8)


def test_firth_of_a_table_adds_half_to_each_cell() -> None:
    treated = np.repeat([1, 0, 0], [7, 5, 41])
    died = np.repeat([0, 1, 0], [7, 5, 41])
    fit = fit_logistic(np.column_stack([np.ones(53), treated]), died, firth=True)
    assert fit.converged
    assert fit.params[1] == pytest.approx(np.log(0.5 * 41.5 / (7.5 * 5.5)), rel=1e-8)


def test_firth_maximizes_the_penalized_likelihood() -> None:
    X, y = patients(17, n=80, p=4, prevalence=0.1)
    X[:, 1] = (X[:, 1] - 50) / 10

    def penalized(beta: np.ndarray) -> float:
        eta = X @ beta
        p = scipy.special.expit(eta)
        log_det = np.linalg.slogdet(X.T @ (X * (p * (1 - p))[:, None]))[1]
        return float(-(y * eta - np.logaddexp(0, eta)).sum() - log_det / 2)

    best = scipy.optimize.minimize(penalized, np.zeros(4), method="BFGS", options={"gtol": 1e-8})
    fit = fit_logistic(X, y, firth=True)
    assert_allclose(fit.params, best.x, atol=1e-5)
    assert fit.log_likelihood == pytest.approx(-best.fun, rel=1e-9)


def test_firth_is_finite_where_maximum_likelihood_is_not() -> None:
    X, y = patients(18)
    fit = fit_logistic(
        np.column_stack([X, np.arange(y.size) < 3]), np.where(np.arange(y.size) < 3, 0, y), firth=True
    )
    assert fit.converged
    assert np.isfinite(fit.std_errors).all()


@pytest.mark.parametrize("firth", [False, True])
def test_heavy_tails_are_climbed_without_overshooting(firth: bool) -> None:
    """A full Newton step would swing around the maximum, or past it."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = np.column_stack([np.ones(60), np.exp(rng.normal(0, 2.5, 60))])
        y = (rng.random(60) < scipy.special.expit(X[:, 1] - 2)).astype(float)
        fit = fit_logistic(X, y, firth=firth)
        assert fit.converged
        assert fit.iterations < 25


def test_firth_of_nearly_repeating_columns() -> None:
    X, y = patients(18)
    shifted = X.copy()
    shifted[:, 1] += 1e9
    fit, plain = fit_logistic(shifted, y, firth=True), fit_logistic(X, y, firth=True)
    assert_allclose(fit.params[1:], plain.params[1:], rtol=1e-5)
    assert fit.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-5)


def test_columns_of_zeros_only() -> None:
    fit = fit_logistic(np.zeros((5, 2)), [0, 1, 0, 1, 1])
    assert fit.dropped == (0, 1)
    assert not fit.estimated.any()
    assert "every column is zero" in str(fit_logistic(np.zeros((5, 2)), [0, 1, 0, 1, 1], firth=True).failure)


def test_too_few_steps_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = patients(25)
    monkeypatch.setattr("simsepsis.analysis.logistic_newton._PATIENCE", 1)
    for room in ("logistic", "logistic_newton"):
        monkeypatch.setattr(f"simsepsis.analysis.{room}.MOST_FACTORS", 1)
    for fit, steps in ((fit_logistic(X, y), 1), (fit_logistic(X, y, firth=True), 2)):
        assert f"no convergence in {steps}" in str(fit.failure)
        assert np.isnan(fit.params).all()


def test_the_sandwich_needs_several_clusters() -> None:
    X, y = patients(26)
    assert np.isnan(sandwich_covariance(X, y, fit_logistic(X, y), cluster=np.zeros(y.size))).all()


def test_wald_tests_by_normal_and_t() -> None:
    X, y = patients(19)
    fit = fit_logistic(X, y)
    reference = sm.Logit(y, X).fit(disp=0, method="newton", tol=1e-12)
    normal, t = wald_tests(fit), wald_tests(fit, df=10)
    assert_allclose(normal.p_value, reference.pvalues, rtol=1e-6)
    assert_allclose(np.column_stack([normal.ci_low, normal.ci_high]), reference.conf_int(), rtol=1e-6)
    assert_allclose((t.ci_high - fit.params) / fit.std_errors, 2.2281388519649385)
    assert (t.p_value > normal.p_value).all()


def test_wald_tests_say_nothing_about_what_was_not_estimated() -> None:
    X, y = patients(20)
    y[:5] = 0
    fit = fit_logistic(np.column_stack([X, X[:, 0], np.arange(y.size) < 5]), y)
    tests = wald_tests(fit)
    assert np.isnan(tests.p_value[5:]).all()
    assert np.isnan(tests.ci_low[5:]).all()
    assert np.isfinite(tests.p_value[:5]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda X, y: (np.where(np.arange(X.size).reshape(X.shape) == 12, np.nan, X), y, None),
            "row 2, column 2",
        ),
        (lambda X, y: (X, np.where(np.arange(y.size) == 3, 2, y), None), "outcome: row 3 is 2"),
        (lambda X, y: (X, np.where(np.arange(y.size) == 3, np.nan, y), None), "outcome: row 3 is nan"),
        (lambda X, y: (X[1:], y, None), "one row for each of the 400 outcomes"),
        (lambda X, y: (X, y, -np.ones(y.size)), "weights: row 0 is -1"),
        (lambda X, y: (X, y, np.ones(3)), "weights has shape"),
    ],
)
def test_refuses_bad_data(change: object, message: str) -> None:
    X, y, weights = change(*patients(21))  # type: ignore[operator]
    with pytest.raises(DataError, match=message):
        fit_logistic(X, y, weights=weights)


def test_nothing_to_fit_is_a_reason_not_an_error() -> None:
    X, y = patients(22)
    assert "nothing to fit" in str(fit_logistic(X[:, :0], y).failure)
    assert "nothing to fit" in str(fit_logistic(X, y, weights=np.zeros(y.size)).failure)


def test_leaves_its_arguments_alone() -> None:
    X, y = patients(23)
    before = X.copy(), y.copy()
    fit_logistic(X, y)
    fit_logistic(X, y, firth=True)
    assert (before[0] == X).all()
    assert (before[1] == y).all()


def test_layout_in_memory_does_not_matter() -> None:
    X, y = patients(24)
    assert_allclose(fit_logistic(np.asfortranarray(X), y).params, fit_logistic(X, y).params, rtol=1e-12)


@pytest.mark.parametrize("width", [3, 30])
@pytest.mark.parametrize(("precision", "near"), [(np.float64, 1e-13), (np.float32, 1e-4)])
def test_a_tall_matrix_is_multiplied_in_pieces(width: int, precision: type, near: float) -> None:
    rng = np.random.default_rng(3)
    X, variance = rng.normal(size=(width, 2 * PIECE + 5)).T, rng.random(2 * PIECE + 5)
    whole = (X * variance[:, None]).T @ X
    found = information(X, variance, precision)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, whole, rtol=0, atol=near * whole.max())


def test_a_fit_of_many_rows_solves_the_score_equations() -> None:
    rng = np.random.default_rng(4)
    X = np.vstack([np.ones(PIECE + 7), rng.normal(size=(4, PIECE + 7))]).T
    y = (rng.random(len(X)) < scipy.special.expit(X @ [-1.0, 0.5, 0.0, -0.5, 0.2])).astype(float)
    fit = fit_logistic(X, y)
    risk = scipy.special.expit(X @ fit.params)
    np.testing.assert_allclose(X.T @ (y - risk), 0, atol=1e-6 * len(X))
    covariance = np.linalg.inv((X * (risk * (1 - risk))[:, None]).T @ X)
    np.testing.assert_allclose(fit.std_errors, np.sqrt(np.diag(covariance)), rtol=1e-9)
