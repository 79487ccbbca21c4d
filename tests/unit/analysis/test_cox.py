from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
import scipy.stats
import statsmodels.api as sm
from lifelines import CoxPHFitter
from numpy.testing import assert_allclose

from simsepsis.analysis.fit import Fit
from simsepsis.analysis.survival import fit_cox, log_rank, proportional_hazards_test
from simsepsis.analysis.survival.cox_data import cox_data, sorted_likelihood
from simsepsis.errors import DataError, UsageError


def patients(seed: int, n: int = 300, p: int = 3, grain: float = 4.0) -> tuple[np.ndarray, ...]:
    """Return covariates, times rounded up to a grain so that many tie, and events."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.random(n) < 0.4, rng.normal(70, 12, n), rng.poisson(2, (n, p - 2))])
    hazard = np.exp(-0.5 * X[:, 0] + 0.02 * (X[:, 1] - 70) + 0.1 * X[:, 2])
    death, leaving = rng.exponential(40 / hazard), rng.exponential(50, n)
    return X, np.ceil(np.minimum(death, leaving) / grain) * grain, (death <= leaving).astype(int)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("grain", [1e-9, 1.0, 15.0])
def test_equals_statsmodels(ties: str, grain: float) -> None:
    X, time, event = patients(1, grain=grain)
    fit = fit_cox(X, time, event, ties=ties)
    reference = sm.PHReg(time, X, status=event, ties=ties).fit()
    assert fit.converged
    assert fit.failure is None
    assert_allclose(fit.params, reference.params, rtol=0, atol=1e-8)
    assert_allclose(fit.std_errors, reference.bse, rtol=0, atol=1e-7)
    assert fit.log_likelihood == pytest.approx(reference.llf, rel=1e-10)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_strata_equal_statsmodels(ties: str) -> None:
    X, time, event = patients(2)
    strata = np.random.default_rng(2).integers(0, 20, time.size)
    fit = fit_cox(X, time, event, ties=ties, strata=strata)
    reference = sm.PHReg(time, X, status=event, ties=ties, strata=strata).fit()
    assert_allclose(fit.params, reference.params, rtol=0, atol=1e-8)
    assert_allclose(fit.std_errors, reference.bse, rtol=0, atol=1e-7)


@pytest.mark.parametrize("options", [{}, {"weights_col": "w"}, {"strata": ["s"]}, {"entry_col": "entry"}])
def test_equals_lifelines(options: dict[str, Any]) -> None:
    X, time, event = patients(3)
    rng = np.random.default_rng(3)
    data = pd.DataFrame(X, columns=["a", "b", "c"]).assign(time=time, event=event)
    extra = {
        "weights_col": ("weights", "w", rng.integers(1, 5, time.size)),
        "strata": ("strata", "s", rng.integers(0, 4, time.size)),
        "entry_col": ("entry", "entry", np.floor(time * rng.random(time.size) / 2)),
    }
    arguments = {}
    for option in options:
        name, column, values = extra[option]
        data[column] = values
        arguments[name] = values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = CoxPHFitter().fit(data, "time", "event", fit_options={"precision": 1e-12}, **options)
    fit = fit_cox(X, time, event, **arguments)
    assert_allclose(fit.params, reference.params_.to_numpy(), rtol=0, atol=1e-8)
    assert_allclose(fit.std_errors, reference.standard_errors_.to_numpy(), rtol=0, atol=1e-7)


def likelihood_by_hand(beta: float, x: np.ndarray, time: np.ndarray, event: np.ndarray, ties: str) -> float:
    """Log partial likelihood as printed in the textbook, death by death."""
    value = 0.0
    for t in np.unique(time[event == 1]):
        dead, at_risk = (time == t) & (event == 1), time >= t
        value += beta * x[dead].sum()
        for gone in range(dead.sum()):
            share = gone / dead.sum() if ties == "efron" else 0.0
            value -= np.log(np.exp(beta * x[at_risk]).sum() - share * np.exp(beta * x[dead]).sum())
    return value


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_maximizes_the_textbook_likelihood(ties: str) -> None:
    X, time, event = patients(4, n=60, grain=15)
    x = X[:, 0]
    fit = fit_cox(x, time, event, ties=ties)
    best = scipy.optimize.minimize_scalar(
        lambda beta: -likelihood_by_hand(beta, x, time, event, ties), bracket=(-1, 1), tol=1e-12
    )
    assert fit.params[0] == pytest.approx(best.x, abs=1e-6)
    assert fit.log_likelihood == pytest.approx(-best.fun, rel=1e-12)


def test_the_score_test_at_zero_is_the_log_rank_test() -> None:
    """With Breslow's ties and no ties in the data."""
    X, time, event = patients(5, grain=1e-9)
    likelihood, _ = sorted_likelihood(cox_data(X[:, 0], time, event))
    at = likelihood.at(np.zeros(1))
    score = float(at.gradient[0] ** 2 / at.information[0, 0])
    assert score == pytest.approx(log_rank(time, event, X[:, 0])[0], rel=1e-10)


def everything(seed: int, n: int = 150) -> tuple[tuple[np.ndarray, ...], dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    X, time, event = patients(seed, n)
    return (X, time, event), {
        "entry": np.floor(time * rng.random(n) / 2),
        "weights": rng.integers(1, 9, n) / 4,
        "strata": rng.integers(0, 3, n),
    }


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_gradient_and_information_are_derivatives(ties: str) -> None:
    data, options = everything(6)
    likelihood, _ = sorted_likelihood(cox_data(*data, ties=ties, **options))
    beta, h = np.array([0.3, 0.01, -0.1]), 1e-5
    at = likelihood.at(beta)
    for j in range(3):
        step = np.eye(3)[j] * h
        up, down = likelihood.at(beta + step), likelihood.at(beta - step)
        assert at.gradient[j] == pytest.approx((up.value - down.value) / (2 * h), rel=1e-6, abs=1e-6)
        assert_allclose(at.information[j], (down.gradient - up.gradient) / (2 * h), rtol=1e-5, atol=1e-6)
    assert_allclose(likelihood.term_variances(at).sum(axis=0), at.information, rtol=1e-9)
    assert_allclose(likelihood.weights @ likelihood.score_residuals(at), at.gradient, atol=1e-9)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_the_sandwich_is_the_infinitesimal_jackknife(ties: str) -> None:
    """The change of the estimate with each patient's weight, by differences."""
    X, time, event = patients(7, n=60, grain=1e-9)
    h = 1e-4
    moves = []
    for row in range(60):
        weights = np.ones((2, 60))
        weights[0, row] += h
        weights[1, row] -= h
        up, down = (fit_cox(X, time, event, ties=ties, weights=w).params for w in weights)
        moves.append((up - down) / (2 * h))
    influence = np.array(moves)
    by_row = fit_cox(X, time, event, ties=ties, cluster=np.arange(60))
    assert_allclose(by_row.covariance, influence.T @ influence, rtol=1e-5)
    pair = np.arange(60) // 2
    by_pair = fit_cox(X, time, event, ties=ties, cluster=pair)
    summed = influence[::2] + influence[1::2]
    assert_allclose(by_pair.covariance, summed.T @ summed, rtol=1e-5)


def test_splitting_follow_up_changes_nothing() -> None:
    X, time, event = patients(8)
    cut = np.ceil(time / 3)
    split = fit_cox(
        np.concatenate([X, X]),
        np.concatenate([cut, time]),
        np.concatenate([np.zeros_like(event), event]),
        entry=np.concatenate([np.zeros_like(cut), cut])
        - np.concatenate([np.ones_like(cut), np.zeros_like(cut)]),
        cluster=np.tile(np.arange(time.size), 2),
    )
    whole = fit_cox(X, time, event, cluster=np.arange(time.size))
    assert_allclose(split.params, whole.params, rtol=1e-9)
    assert_allclose(split.covariance, whole.covariance, rtol=1e-8)


def test_whole_weights_count_rows_with_breslow() -> None:
    X, time, event = patients(9)
    weights = np.random.default_rng(9).integers(0, 3, time.size)
    often = np.repeat(np.arange(time.size), weights)
    weighted = fit_cox(X, time, event, weights=weights, ties="breslow")
    repeated = fit_cox(X[often], time[often], event[often], ties="breslow")
    assert_allclose(weighted.params, repeated.params, rtol=1e-9)
    assert_allclose(weighted.covariance, repeated.covariance, rtol=1e-8)


def test_tiny_weights_are_not_taken_for_convergence() -> None:
    X, time, event = patients(9)
    tiny = fit_cox(X, time, event, weights=np.full(time.size, 1e-10))
    assert_allclose(tiny.params, fit_cox(X, time, event).params, rtol=1e-8)


def test_pairs_as_strata() -> None:
    """Conditional on pairs of one death each, Cox is log(b/c)."""
    first, second = np.repeat([1, 2], [30, 12]), np.repeat([2, 1], [30, 12])
    time = np.column_stack([first, second]).ravel()
    x, event = np.tile([1.0, 0.0], 42), np.ones(84)
    fit = fit_cox(x, time, event, strata=np.arange(84) // 2)
    assert fit.params[0] == pytest.approx(np.log(30 / 12), rel=1e-10)
    assert fit.std_errors[0] == pytest.approx(np.sqrt(1 / 30 + 1 / 12), rel=1e-8)


def test_order_of_rows_does_not_matter() -> None:
    data, options = everything(10)
    shuffled = np.random.default_rng(10).permutation(150)
    fit = fit_cox(*data, cluster=np.arange(150) // 4, **options)
    again = fit_cox(
        *(part[shuffled] for part in data),
        cluster=(np.arange(150) // 4)[shuffled],
        **{name: values[shuffled] for name, values in options.items()},
    )
    assert_allclose(again.params, fit.params, rtol=1e-10)
    assert_allclose(again.covariance, fit.covariance, rtol=1e-9)


def test_drops_columns_without_information() -> None:
    X, time, event = patients(11)
    strata = np.random.default_rng(11).integers(0, 3, time.size)
    unseen = np.where(time < time[event == 1].min(), np.arange(time.size), 0.0)
    full = np.column_stack(
        [np.full(time.size, 0.1), X[:, :2], X[:, 0] + X[:, 1], strata * 1.0, unseen, X[:, 2]]
    )
    fit, plain = fit_cox(full, time, event, strata=strata), fit_cox(X, time, event, strata=strata)
    assert fit.converged
    assert fit.dropped == (0, 3, 4, 5)
    assert_allclose(fit.params[[1, 2, 6]], plain.params, rtol=1e-9)
    assert np.isnan(fit.params[[0, 3, 4, 5]]).all()
    assert fit_cox(np.ones(time.size), time, event).failure is not None


def rare_without_events(seed: int) -> tuple[np.ndarray, ...]:
    X, time, event = patients(seed)
    rare = np.arange(time.size) < 5
    event[rare] = 0
    return X, rare.astype(float), time, event


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_a_covariate_without_events_is_infinite_and_the_rest_as_without_its_rows(ties: str) -> None:
    X, rare, time, event = rare_without_events(12)
    fit = fit_cox(np.column_stack([rare, X]), time, event, ties=ties, cluster=np.arange(time.size) // 3)
    rest = fit_cox(X[5:], time[5:], event[5:], ties=ties, cluster=np.arange(5, time.size) // 3)
    assert not fit.converged
    assert "monotone likelihood: columns 0 " in str(fit.failure)
    assert fit.params[0] == -np.inf
    assert np.isnan(fit.std_errors[0])
    assert fit.separated == (0,)
    assert_allclose(fit.params[1:], rest.params, rtol=1e-8)
    assert_allclose(fit.covariance[1:, 1:], rest.covariance, rtol=1e-7)
    assert fit.log_likelihood == pytest.approx(rest.log_likelihood, rel=1e-10)


@pytest.mark.parametrize("options", [{"entry": None}, {"strata": None}, {"weights": None}])
def test_monotone_likelihood_with_options(options: dict[str, Any]) -> None:
    X, rare, time, event = rare_without_events(13)
    rng = np.random.default_rng(13)
    values = {
        "entry": np.floor(time * rng.random(time.size)) - 1,
        "strata": rng.integers(0, 3, time.size),
        "weights": rng.integers(1, 5, time.size) / 2,
    }
    chosen = {name: values[name] for name in options}
    fit = fit_cox(np.column_stack([X, rare]), time, event, **chosen)
    rest = fit_cox(X[5:], time[5:], event[5:], **{name: v[5:] for name, v in chosen.items()})
    assert fit.params[3] == -np.inf
    assert_allclose(fit.params[:3], rest.params, rtol=1e-8)
    assert_allclose(fit.std_errors[:3], rest.std_errors, rtol=1e-7)


def test_a_covariate_that_orders_all_deaths_is_infinite() -> None:
    _, time, _ = patients(14, n=40, grain=1e-9)
    fit = fit_cox(-time, time, np.ones(40))
    assert not fit.converged
    assert "monotone likelihood" in str(fit.failure)
    assert fit.params[0] == np.inf
    assert np.isnan(fit.std_errors[0])


def test_one_monotone_covariate_behind_another() -> None:
    X, rare, time, event = rare_without_events(15)
    other = ((np.arange(time.size) >= 5) & (np.arange(time.size) < 12)).astype(float)
    event[other > 0] = 0
    fit = fit_cox(np.column_stack([rare, other, X]), time, event)
    rest = fit_cox(X[12:], time[12:], event[12:])
    assert list(fit.params[:2]) == [-np.inf, -np.inf]
    assert_allclose(fit.params[2:], rest.params, rtol=1e-8)
    assert fit.separated == (0, 1)


def test_no_event_is_a_reason_not_an_error() -> None:
    X, time, event = patients(16)
    for fit in (fit_cox(X, time, 0 * event), fit_cox(X, time, event, weights=1 - event)):
        assert "there is no event" in str(fit.failure)
        assert "there is no event" in str(proportional_hazards_test(fit, X, time, 0 * event).failure)
        assert not fit.converged
        assert np.isnan(fit.params).all()


def test_a_single_cluster_has_no_sandwich() -> None:
    fit = fit_cox(*patients(16), cluster=np.zeros(300))
    assert "single cluster" in str(fit.failure)
    assert np.isnan(fit.std_errors).all()


@pytest.mark.parametrize("late", [False, True])
def test_monotone_by_a_combination_of_two_covariates(late: bool) -> None:
    """Neither column orders the events, their sum does; the third is as without the rows it sets apart."""
    X, rare, time, event = rare_without_events(25)
    a = np.random.default_rng(25).normal(size=time.size).round(1)
    columns = np.column_stack([a, -rare - a, X[:, 0]])
    options = {"entry": time - 7.0} if late else {}
    fit = fit_cox(columns, time, event, **options)
    rest = fit_cox(columns[5:, [0, 2]], time[5:], event[5:], **{k: v[5:] for k, v in options.items()})
    assert fit.separated == (0, 1)
    assert list(fit.params[:2]) == [np.inf, np.inf]
    assert fit.params[2] == pytest.approx(rest.params[1], rel=1e-8)
    assert fit.std_errors[2] == pytest.approx(rest.std_errors[1], rel=1e-7)


def test_a_combination_that_orders_every_event_leaves_nothing_to_estimate() -> None:
    X, time, event = patients(27, n=60, grain=1e-9)
    a = np.random.default_rng(27).normal(size=60).round(1)
    order = np.where(event == 1, -scipy.stats.rankdata(time), -100.0)
    fit = fit_cox(np.column_stack([a, order - a, X[:, 2]]), time, event)
    assert {0, 1} <= set(fit.separated)
    assert not fit.estimated.any()
    assert fit.log_likelihood == pytest.approx(0, abs=1e-12)


def test_too_few_steps_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simsepsis.analysis.survival.cox._MAX_ITERATIONS", 1)
    fit = fit_cox(*patients(26))
    assert "no convergence in 1 Newton steps" in str(fit.failure)
    assert np.isnan(fit.params).all()


def test_extreme_covariates_do_not_overflow() -> None:
    X, time, event = patients(17)
    fit = fit_cox(X * [1, 1e6, 1], time, event)
    assert_allclose(fit.params * [1, 1e6, 1], fit_cox(X, time, event).params, rtol=1e-8)
    far = fit_cox(X + 1e7, time, event)
    assert_allclose(far.params, fit_cox(X, time, event).params, rtol=1e-6)


def test_proportional_hazards_by_adding_the_interaction() -> None:
    """The score test is that of one more covariate x·g(t), split at the event times."""
    X, time, event = patients(18, n=80, grain=1e-9)
    x = X[:, 0]
    fit = fit_cox(x, time, event)
    test = proportional_hazards_test(fit, x, time, event, transform="identity")
    ends = np.unique(time[event == 1])
    intervals = list(zip(np.r_[0, ends], np.r_[ends, 1e9], strict=True))
    rows = [(i, start, end) for i in range(80) for start, end in intervals if start < time[i]]
    person, start, end = (np.array(part) for part in zip(*rows, strict=True))
    stop = np.minimum(end, time[person])
    dead = event[person] * (stop == time[person])
    centred = np.minimum(stop, ends[-1]) - ends.mean()
    likelihood, _ = sorted_likelihood(
        cox_data(np.column_stack([x[person], x[person] * centred]), stop, dead, entry=start)
    )
    at = likelihood.at(np.r_[fit.params, 0.0])
    inverse = np.linalg.inv(at.information)
    assert abs(at.gradient[0]) < 1e-8
    assert test.statistic[0] == pytest.approx(at.gradient[1] ** 2 * inverse[1, 1], rel=1e-6)
    assert test.global_statistic == pytest.approx(test.statistic[0])


def test_proportional_hazards_rejects_crossing_hazards_and_not_others() -> None:
    rng = np.random.default_rng(19)
    x = np.repeat([0.0, 1.0], 400)
    crossing = rng.weibull(np.where(x == 1, 2.0, 0.7))
    parallel = rng.weibull(1.3, 800) * np.exp(-0.5 * x)
    event = np.ones(800)
    p_values = [
        proportional_hazards_test(fit_cox(x, time, event), x, time, event).global_p_value
        for time in (crossing, parallel)
    ]
    assert p_values[0] < 1e-6
    assert p_values[1] > 0.01


def test_proportional_hazards_of_a_failed_fit() -> None:
    X, rare, time, event = rare_without_events(20)
    fit = fit_cox(np.column_stack([rare, X]), time, event)
    test = proportional_hazards_test(fit, np.column_stack([rare, X]), time, event)
    assert "monotone" in str(test.failure)
    assert np.isnan(test.global_p_value)


def test_proportional_hazards_leaves_out_dropped_columns() -> None:
    X, time, event = patients(21)
    doubled = np.column_stack([X[:, :1], X[:, :1], X[:, 1:]])
    test = proportional_hazards_test(fit_cox(doubled, time, event), doubled, time, event)
    plain = proportional_hazards_test(fit_cox(X, time, event), X, time, event)
    assert np.isnan(test.statistic[1])
    assert_allclose(test.statistic[[0, 2, 3]], plain.statistic)
    assert test.df == 3


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"ties": "exact"}, UsageError, "ties 'exact' is unknown"),
        ({"entry": np.full(300, 1e9)}, DataError, "entry: row 0 enters at 1e\\+09"),
        ({"weights": -np.ones(300)}, DataError, "weights: row 0 is -1"),
        ({"strata": [1]}, DataError, "one label for each of the 300 rows"),
        ({"cluster": [1]}, DataError, "one label for each of the 300 rows"),
        ({"cluster": [None] * 300}, DataError, "cluster: row 0 has no label"),
    ],
)
def test_refuses_bad_options(change: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fit_cox(*patients(22), **change)


def test_refuses_bad_data() -> None:
    X, time, event = patients(23)
    with pytest.raises(DataError, match="event: row 0 is 7"):
        fit_cox(X, time, event * 0 + 7)
    with pytest.raises(DataError, match="duration: row 2 is nan"):
        fit_cox(X, np.where(np.arange(300) == 2, np.nan, time), event)
    with pytest.raises(DataError, match="row 0, column 0 is inf"):
        fit_cox(X + np.inf, time, event)
    fit = fit_cox(X, time, event)
    with pytest.raises(UsageError, match="transform 'sqrt' is unknown"):
        proportional_hazards_test(fit, X, time, event, transform="sqrt")
    with pytest.raises(UsageError, match="has no logarithm"):
        proportional_hazards_test(fit, X, time - time.min(), event, transform="log")


def test_leaves_its_arguments_alone() -> None:
    data, options = everything(24)
    kept = [part.copy() for part in (*data, *options.values())]
    fit = fit_cox(*data, cluster=np.arange(150), **options)
    assert isinstance(fit, Fit)
    assert all((a == b).all() for a, b in zip(kept, (*data, *options.values()), strict=True))
