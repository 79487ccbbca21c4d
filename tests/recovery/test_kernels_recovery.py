"""Long studies: the kernels recover the truth that the data were drawn from, with honest standard errors.

Every tolerance is four Monte Carlo standard errors at a fixed seed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.special

from simsepsis.analysis.fit import Fit, wald_tests
from simsepsis.analysis.gee import fit_gee
from simsepsis.analysis.logistic import fit_logistic, sandwich_covariance
from simsepsis.analysis.matching import match_pairs
from simsepsis.analysis.ranks import mann_whitney
from simsepsis.analysis.survival import (
    cumulative_incidence,
    fit_cox,
    kaplan_meier,
    log_rank,
    proportional_hazards_test,
    rmst,
)
from simsepsis.analysis.two_by_two import (
    breslow_day,
    mantel_haenszel,
    pair_table,
    paired_risk_difference,
    two_by_two_table,
)

pytestmark = pytest.mark.slow

Draw = Callable[[np.random.Generator], Fit]


def near_share(observed: np.ndarray, share: float) -> None:
    """Assert that a proportion is what it should be."""
    assert abs(observed.mean() - share) < 4 * np.sqrt(share * (1 - share) / observed.size)


def recovers(draw: Draw, truth: np.ndarray, repetitions: int, *, bias: float = 0.0) -> None:
    """Assert unbiased estimates (but for a known bias), honest standard errors and 95% coverage."""
    rng = np.random.default_rng(1)
    fits = [draw(rng) for _ in range(repetitions)]
    assert all(fit.converged for fit in fits)
    params = np.array([fit.params for fit in fits])
    errors = np.array([fit.std_errors for fit in fits])
    spread = params.std(axis=0, ddof=1)
    assert (np.abs(params.mean(axis=0) - truth) < bias + 4 * spread / np.sqrt(repetitions)).all()
    ratio = np.sqrt((errors**2).mean(axis=0)) / spread
    assert (np.abs(ratio - 1) < 0.02 + 4 / np.sqrt(2 * repetitions)).all()
    for covered in (np.abs(params - truth) < 1.959964 * errors).T:
        assert abs(covered.mean() - 0.95) < 0.01 + 4 * np.sqrt(0.95 * 0.05 / repetitions)


def test_logistic_regression() -> None:
    truth = np.array([-1.0, 0.5, -0.7])

    def draw(rng: np.random.Generator) -> Fit:
        X = np.column_stack([np.ones(1500), rng.normal(size=1500), rng.random(1500) < 0.3])
        return fit_logistic(X, rng.random(1500) < scipy.special.expit(X @ truth))

    recovers(draw, truth, 1500, bias=0.005)


def test_firth_has_less_bias_with_rare_events() -> None:
    rng = np.random.default_rng(2)
    truth, plain, firth = np.array([-3.5, 1.0]), [], []
    for _ in range(1500):
        X = np.column_stack([np.ones(200), rng.normal(size=200)])
        y = rng.random(200) < scipy.special.expit(X @ truth)
        plain.append(fit_logistic(X, y).params)
        firth.append(fit_logistic(X, y, firth=True).params)
    usable = np.isfinite(plain).all(axis=1)
    bias = np.abs(np.array(plain)[usable].mean(axis=0) - truth), np.abs(np.mean(firth, axis=0) - truth)
    assert (bias[1] < bias[0] / 2).all()


def clustered(
    rng: np.random.Generator, clusters: int, size: int, treated: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Draw deaths of risk 0.3 that are beta-binomial by ICU, with intra-cluster correlation 0.05."""
    risk = rng.beta(0.3 * 19, 0.7 * 19, clusters)
    cluster = np.repeat(np.arange(clusters), size)
    y = rng.random(cluster.size) < risk[cluster]
    return np.column_stack([np.ones(cluster.size), treated]), y, cluster


@pytest.mark.parametrize("correlation", ["exchangeable", "independence"])
def test_gee_with_many_clusters(correlation: str) -> None:
    def draw(rng: np.random.Generator) -> Fit:
        treated = rng.random(2400) < 0.4
        return fit_gee(*clustered(rng, 120, 20, treated), correlation=correlation)

    recovers(draw, np.array([np.log(0.3 / 0.7), 0.0]), 1200, bias=0.01)


def test_gee_recovers_the_correlation() -> None:
    rng = np.random.default_rng(3)
    fits = [fit_gee(*clustered(rng, 100, 25, rng.random(2500) < 0.5)) for _ in range(600)]
    alpha = np.array([fit.correlation for fit in fits])
    assert abs(alpha.mean() - 0.05) < 0.0005 + 4 * alpha.std() / np.sqrt(600)


def test_small_sample_corrections_hold_the_size_where_the_plain_sandwich_does_not() -> None:
    """Ten clusters, treatment by cluster, no effect: KC with t is near 5%, plain z above (Li & Redden)."""
    rng = np.random.default_rng(4)
    treated = np.repeat(np.arange(10) % 2, 30)
    rejected: dict[str, list[bool]] = {}
    for _ in range(1500):
        data = clustered(rng, 10, 30, treated)
        for name, df in (("robust", None), ("robust", 8), ("kauermann_carroll", 8), ("mancl_derouen", 8)):
            tests = wald_tests(fit_gee(*data, covariance=name, correlation="independence"), df=df)
            rejected.setdefault(f"{name} {df}", []).append(bool(tests.p_value[1] < 0.05))
    share = {name: float(np.mean(values)) for name, values in rejected.items()}
    assert share["robust None"] > 0.09
    assert abs(share["kauermann_carroll 8"] - 0.05) < 0.015 + 4 * np.sqrt(0.05 * 0.95 / 1500)
    assert share["robust None"] > share["robust 8"] > share["kauermann_carroll 8"] > share["mancl_derouen 8"]


def test_weighted_logistic_regression_with_its_sandwich() -> None:
    """Inverse probability weights remove confounding, and the sandwich knows their precision."""
    rng = np.random.default_rng(5)
    estimates, errors = [], []
    for _ in range(800):
        x = rng.normal(size=1200)
        score = scipy.special.expit(0.8 * x)
        z = rng.random(1200) < score
        y = rng.random(1200) < scipy.special.expit(-0.5 + x)
        X = np.column_stack([np.ones(1200), z])
        weights = np.where(z, 1 / score, 1 / (1 - score))
        fit = fit_logistic(X, y, weights=weights)
        estimates.append(fit.params[1])
        errors.append(np.sqrt(sandwich_covariance(X, y, fit, weights=weights)[1, 1]))
    spread = np.std(estimates, ddof=1)
    assert abs(np.mean(estimates)) < 0.01 + 4 * spread / np.sqrt(800)
    assert 0.9 < np.mean(errors) / spread < 1.1


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_cox_regression_in_continuous_time(ties: str) -> None:
    truth = np.array([-0.5, 0.3])

    def draw(rng: np.random.Generator) -> Fit:
        X = np.column_stack([rng.random(600) < 0.5, rng.normal(size=600)])
        death, leaving = rng.exponential(np.exp(-X @ truth)), rng.exponential(1.5, 600)
        return fit_cox(X, np.minimum(death, leaving), death < leaving, ties=ties)

    recovers(draw, truth, 1500, bias=0.005)


def test_efron_is_nearer_than_breslow_with_heavy_ties() -> None:
    rng = np.random.default_rng(6)
    estimates: dict[str, list[float]] = {"efron": [], "breslow": []}
    for _ in range(400):
        x = rng.random(800) < 0.5
        time = np.ceil(4 * rng.exponential(np.exp(-0.8 * x)))
        for ties, values in estimates.items():
            values.append(float(fit_cox(x, time, np.ones(800), ties=ties).params[0]))
    bias = {ties: abs(np.mean(values) - 0.8) for ties, values in estimates.items()}
    assert bias["efron"] < bias["breslow"] / 3


def test_cox_sandwich_over_pairs_that_share_a_frailty() -> None:
    """Pairs share their hazard: the naive error is too wide for a contrast within them, the sandwich not."""
    rng = np.random.default_rng(7)
    estimates, naive, robust = [], [], []
    for _ in range(800):
        frailty = np.repeat(rng.gamma(1.0, 1.0, 300), 2)
        x, pair = np.tile([1.0, 0.0], 300), np.repeat(np.arange(300), 2)
        time = rng.exponential(1 / frailty)
        data = (x, np.minimum(time, 3.0), time < 3.0)
        estimates.append(fit_cox(*data).params[0])
        naive.append(fit_cox(*data).std_errors[0])
        robust.append(fit_cox(*data, cluster=pair).std_errors[0])
    spread = np.std(estimates, ddof=1)
    assert abs(np.mean(robust) / spread - 1) < 0.02 + 4 / np.sqrt(1600)
    assert np.mean(naive) > 1.1 * spread


def test_late_entry_is_no_bias_when_it_is_told() -> None:
    """Patients who die before they could enter are never seen; telling the entry times corrects that."""

    def draw(rng: np.random.Generator) -> Fit:
        x = rng.random(1500) < 0.5
        death, entry = rng.exponential(np.exp(-0.7 * x)), rng.exponential(0.4, 1500)
        seen = death > entry
        return fit_cox(x[seen], death[seen], np.ones(seen.sum()), entry=entry[seen])

    recovers(draw, np.array([0.7]), 800, bias=0.005)


def test_proportional_hazards_test_holds_its_size() -> None:
    rng = np.random.default_rng(8)
    p_values = []
    for _ in range(1000):
        X = np.column_stack([rng.random(200) < 0.5, rng.normal(size=200)])
        death, leaving = rng.exponential(np.exp(-X @ [0.5, 0.3])), rng.exponential(2.0, 200)
        data = (X, np.minimum(death, leaving), death < leaving)
        p_values.append(proportional_hazards_test(fit_cox(*data), *data).global_p_value)
    near_share(np.array(p_values) < 0.05, 0.05)


def test_survival_curve_restricted_mean_and_incidence() -> None:
    rng = np.random.default_rng(9)
    curve, covered, means, mean_errors, shares, share_errors = [], [], [], [], [], []
    for _ in range(1500):
        death, home, leaving = rng.exponential(10, 300), rng.exponential(20, 300), rng.exponential(30, 300)
        time = np.minimum(np.minimum(death, home), leaving)
        alone = np.minimum(death, leaving)
        at_ten = kaplan_meier(alone, death < leaving).query("time <= 10").iloc[-1]
        curve.append(at_ten["survival"])
        covered.append(at_ten["ci_low"] < np.exp(-1) < at_ten["ci_high"])
        value, error = rmst(alone, death < leaving, 12.0)
        means.append(value)
        mean_errors.append(error)
        cause = np.select([time == death, time == home], [1, 2])
        first = cumulative_incidence(time, cause).query("cause == 1 and time <= 8").iloc[-1]
        shares.append(first["incidence"])
        share_errors.append(first["std_error"])
    for values, truth in (
        (curve, np.exp(-1)),
        (means, 10 * (1 - np.exp(-1.2))),
        (shares, 2 / 3 * (1 - np.exp(-8 * 0.15))),
    ):
        assert abs(np.mean(values) - truth) < 4 * np.std(values) / np.sqrt(1500)
    near_share(np.array(covered), 0.95)
    for values, errors in ((means, mean_errors), (shares, share_errors)):
        assert abs(np.mean(errors) / np.std(values) - 1) < 4 / np.sqrt(3000) + 0.01


def test_tests_hold_their_size() -> None:
    rng = np.random.default_rng(10)
    log_ranks, ranks, breslow, tarone = [], [], [], []
    for _ in range(1500):
        group = rng.random(200) < 0.4
        death, leaving = np.ceil(rng.exponential(20, 200)), np.ceil(rng.exponential(30, 200))
        log_ranks.append(log_rank(np.minimum(death, leaving), death <= leaving, group)[1])
        ranks.append(mann_whitney(rng.poisson(2, 200), group)[0])
        stratum = rng.integers(0, 2, 800)
        treated = rng.random(800) < 0.5
        died = rng.random(800) < scipy.special.expit(-1 + stratum + 0.5 * treated)
        tables = [two_by_two_table(treated[stratum == s], died[stratum == s]) for s in (0, 1)]
        result = breslow_day(tables)
        breslow.append(result.p_value)
        tarone.append(result.tarone_p_value)
    for p_values in (log_ranks, ranks, breslow, tarone):
        assert abs((np.array(p_values) < 0.05).mean() - 0.05) < 0.005 + 4 * np.sqrt(0.05 * 0.95 / 1500)


def test_mantel_haenszel_and_its_interval() -> None:
    rng = np.random.default_rng(11)
    logs, covered = [], []
    for _ in range(1500):
        tables = []
        for base in (-1.5, -0.5, 0.5):
            events = rng.binomial(60, scipy.special.expit([base + 0.6, base]))
            tables.append(np.column_stack([events, 60 - events]))
        common = mantel_haenszel(tables)
        logs.append(np.log(common.estimate))
        covered.append(common.ci_low < np.exp(0.6) < common.ci_high)
    assert abs(np.mean(logs) - 0.6) < 0.01 + 4 * np.std(logs) / np.sqrt(1500)
    near_share(np.array(covered), 0.95)


def test_matching_removes_the_bias_that_it_claims_to_remove() -> None:
    """Austin 2011: a caliper of 0.2 SD of the logit removes at least 98% of the crude bias in the matched."""
    rng = np.random.default_rng(12)
    crude, matched, covered = [], [], []
    for _ in range(400):
        x = rng.normal(size=2000)
        z = rng.random(2000) < scipy.special.expit(-1.2 + 0.8 * x)
        y = rng.random(2000) < scipy.special.expit(-1 + x)
        crude.append(y[z].mean() - y[~z].mean())
        pairs = match_pairs(0.8 * x, z, rng=rng)
        effect = paired_risk_difference(pair_table(y[pairs.treated], y[pairs.control]))
        matched.append(effect.estimate)
        covered.append(effect.ci_low < 0 < effect.ci_high)
    assert abs(np.mean(matched)) < 0.02 * np.mean(crude) + 4 * np.std(matched) / np.sqrt(400)
    near_share(np.array(covered), 0.95)
