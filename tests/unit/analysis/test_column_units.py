"""A covariate in any unit has the same estimate: columns of 1e200 or 1e-200 are neither dropped nor lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from simsepsis.analysis.conditional_logistic import fit_conditional_logistic
from simsepsis.analysis.fit import Fit, wald_tests
from simsepsis.analysis.gee import fit_gee
from simsepsis.analysis.logistic import fit_logistic, linear_predictor, sandwich_covariance
from simsepsis.analysis.rank import independent_columns
from simsepsis.analysis.survival import fit_cox, proportional_hazards_test
from simsepsis.errors import DataError, UsageError

RNG = np.random.default_rng(8)
N = 240
X = np.column_stack([np.ones(N), RNG.normal(size=(N, 2)), RNG.integers(0, 2, N)])
Y = (RNG.random(N) < 1 / (1 + np.exp(0.4 - X[:, 1] + 0.5 * X[:, 3]))).astype(int)
CLUSTER = RNG.integers(0, 30, N)
TIME = np.ceil(RNG.exponential(9, N))
RARE = np.where((Y == 0) & (RNG.random(N) < 0.1), 1.0, 0.0)

FITS: dict[str, Callable[[np.ndarray], Fit]] = {
    "logistic": lambda X: fit_logistic(X, Y),
    "weighted": lambda X: fit_logistic(X, Y, weights=1 + CLUSTER),
    "firth": lambda X: fit_logistic(X, Y, firth=True),
    "gee": lambda X: fit_gee(X, Y, CLUSTER),
    "gee_corrected": lambda X: fit_gee(X, Y, CLUSTER, covariance="mancl_derouen"),
    "gee_from_a_start": lambda X: fit_gee(X, Y, CLUSTER, start=np.zeros(X.shape[1])),
    "cox": lambda X: fit_cox(X[:, 1:], TIME, Y),
    "cox_by_cluster": lambda X: fit_cox(X[:, 1:], TIME, Y, cluster=CLUSTER, entry=TIME - 2),
    "conditional": lambda X: fit_conditional_logistic(X[:, 1:], Y, CLUSTER),
}


@pytest.mark.parametrize("name", FITS)
@pytest.mark.parametrize("unit", [2.0**-900, 1e-200, 1e-12, 1e12, 1e200, 2.0**1000])
def test_the_unit_of_a_covariate_does_not_matter(name: str, unit: float) -> None:
    units = np.array([1.0, unit, 1.0, 1.0])
    plain, scaled = FITS[name](X), FITS[name](X * units)
    own = units[-plain.params.size :]
    assert scaled.converged
    assert scaled.failure is None
    assert scaled.dropped == plain.dropped
    assert_allclose(scaled.params * own, plain.params, rtol=1e-7)
    assert_allclose(scaled.std_errors * own, plain.std_errors, rtol=1e-7)
    assert_allclose(wald_tests(scaled).p_value, wald_tests(plain).p_value, rtol=1e-6)
    if plain.log_likelihood is not None:
        # half the log determinant of the information, Firth's penalty, moves with the unit
        penalty = np.log(unit) if name == "firth" else 0.0
        assert scaled.log_likelihood == pytest.approx(plain.log_likelihood + penalty, rel=1e-9)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_repeated_and_separating_columns_are_found_in_any_unit(unit: float) -> None:
    columns = np.column_stack([X, X[:, 1] * unit, RARE * unit])
    for fit in (fit_logistic(columns, Y), fit_gee(columns, Y, CLUSTER)):
        assert fit.dropped == (4,)
        assert fit.separated == (5,)
        assert fit.params[5] == -np.inf
        plain = fit_logistic(np.column_stack([X, RARE]), Y)
        if fit.correlation is None:
            assert_allclose(fit.params[:4], plain.params[:4], rtol=1e-7)
    found = fit_cox(columns[:, 1:], TIME, Y)
    assert found.dropped == (3,)
    assert found.params[4] == -np.inf
    assert independent_columns(columns).tolist() == [0, 1, 2, 3, 5]
    assert independent_columns(np.column_stack([X, X[:, 1]]) * unit).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_predictions_and_trends_are_those_of_the_usual_unit(unit: float) -> None:
    units = np.array([1.0, 1.0, unit, 1.0])
    plain, scaled = fit_logistic(X, Y), fit_logistic(X * units, Y)
    assert_allclose(linear_predictor(X * units, scaled), linear_predictor(X, plain), rtol=1e-8, atol=1e-10)
    again = fit_logistic(X * units, Y, start=scaled.params)
    assert again.iterations <= plain.iterations
    assert_allclose(again.params, scaled.params, rtol=1e-8)
    usual, other = (
        proportional_hazards_test(fit_cox(Z[:, 1:], TIME, Y), Z[:, 1:], TIME, Y) for Z in (X, X * units)
    )
    assert_allclose(other.statistic, usual.statistic, rtol=1e-7)
    assert other.global_statistic == pytest.approx(usual.global_statistic, rel=1e-7)
    with pytest.raises(DataError, match="column 2 is of the size of"):
        sandwich_covariance(X * units, Y, scaled)


def test_a_coefficient_beyond_any_number_is_a_failure() -> None:
    fit = fit_logistic(X * [1, 1e-310, 1, 1], Y)
    assert not fit.converged
    assert str(fit.failure).startswith(
        "the coefficient of column 1 is beyond any number; multiply the column"
    )
    assert np.isnan(fit.params).all()


def test_usual_columns_are_left_to_the_bit() -> None:
    frame, copy = X * [1, 1e20, 1e-20, 1], X * [1, 1e20, 1e-20, 1]
    fit_logistic(frame, Y)
    assert_array_equal(frame, copy)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["dead", "alive", *Y[2:]], "outcome: row 0 is 'dead', which is no number; give 0 or 1"),
        ([None, *Y[1:]], "outcome: row 0 is nan"),
        ([0.5, *Y[1:]], r"outcome: row 0 is 0\.5; give 0 or 1"),
        ([1j, *Y[1:]], "outcome: row 0 is"),
        ([[0], [1, 1]], "outcome has rows of different lengths; give 0 or 1"),
    ],
)
def test_outcomes_in_words_are_refused_with_their_row(values: Any, words: str) -> None:
    for fit in (
        lambda: fit_logistic(X, values),
        lambda: fit_logistic(X, values, firth=True),
        lambda: fit_gee(X, values, CLUSTER),
        lambda: fit_conditional_logistic(X, values, CLUSTER),
    ):
        with pytest.raises(DataError, match=words):
            fit()
    with pytest.raises(DataError, match=words.replace("outcome", "event")):
        fit_cox(X, TIME, values)


def test_a_search_whose_steps_repeat_goes_the_thorough_way() -> None:
    """Two equal steps left 0/0 as the share of a secant."""
    sample = np.array([[1, 0.3], [1, 0.8], [1, 0.3], [1, -1.3], [1, 0.9]])
    fit = fit_gee(sample, [1, 1, 0, 1, 1], [1, 2, 0, 1, 0], moment="geepack")
    assert "use independence" in str(fit.failure)


def test_a_large_level_within_strata_drowns_no_difference() -> None:
    level = 2.0**35 * (1 + CLUSTER)
    covariates = np.round(X[:, 1:3] * 2**10) / 2**10
    moved = fit_conditional_logistic(covariates + level[:, None], Y, CLUSTER)
    plain = fit_conditional_logistic(covariates, Y, CLUSTER)
    assert_allclose(moved.params, plain.params, rtol=1e-9)
    assert_allclose(moved.std_errors, plain.std_errors, rtol=1e-9)


@pytest.mark.parametrize(("df", "level"), [(0, 0.95), (np.nan, 0.95), (None, 1.0), (None, "0.9"), (-1, 0.95)])
def test_wald_tests_need_a_level_and_degrees_of_freedom(df: Any, level: Any) -> None:
    with pytest.raises(UsageError, match=r"df = |level = "):
        wald_tests(fit_logistic(X, Y), df=df, level=level)
