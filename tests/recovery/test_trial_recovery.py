"""Analytic power against simulated trials: within three Monte Carlo standard errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.trial import (
    Design,
    Effect,
    Futility,
    adjusted_inference,
    assurance,
    cluster_design_effect,
    cluster_variance,
    conditional_power,
    design_binary,
    design_group_sequential,
    design_log_rank,
    design_two_proportions,
    design_ventilator_free_days,
    design_win_ratio_ordinal,
    load_priors,
    predictive_power,
    sequential_design,
    size_variation,
    stepped_wedge_schedule,
    ventilator_free_days,
)
from simsepsis.trial.sequential.inference import exceedance

pytestmark = pytest.mark.slow
TRIALS = 20_000
Z = 1.959963984540054
VENTILATED = np.r_[0.35, np.linspace(2, 1, 28) / 42 * 0.65]


def assert_within(found: BoolArray, expected: float, *, errors: float = 3.0) -> None:
    error = math.sqrt(expected * (1 - expected) / found.size)
    assert abs(found.mean() - expected) < errors * error


def pooled_z(dead: FloatArray, patients: FloatArray) -> FloatArray:
    """Return Z of the pooled test, positive for benefit; the last axis is (control, treated)."""
    risks = dead / patients
    mean = dead.sum(-1) / patients.sum(-1)
    spread = np.sqrt(mean * (1 - mean) * (1 / patients).sum(-1))
    return (risks[..., 0] - risks[..., 1]) / spread


def arms(design: Design) -> tuple[int, int]:
    return int(design.n_control), int(design.n_treated)


@pytest.mark.parametrize("ratio", [1.0, 2.0])
@pytest.mark.parametrize("power", [0.8, 0.9])
def test_two_proportions(ratio: float, power: float):
    rng = np.random.default_rng(11)
    design = design_two_proportions(0.33, 0.27, ratio=ratio, power=power).rounded()
    sizes = np.array(arms(design))
    dead = rng.binomial(sizes, (0.33, 0.27), (TRIALS, 2))
    assert_within(pooled_z(dead, sizes) > Z, design.power)
    null = rng.binomial(sizes, (0.33, 0.33), (TRIALS, 2))
    assert_within(np.abs(pooled_z(null, sizes)) > Z, 0.05)


@pytest.mark.parametrize(
    ("formula", "deltas"),
    [
        ("log_risk_ratio", lambda p: (np.log(p), (1 - p) / p)),
        ("log_odds_ratio", lambda p: (np.log(p / (1 - p)), 1 / (p * (1 - p)))),
        ("arcsine", lambda p: (2 * np.arcsin(np.sqrt(p)), np.ones_like(p))),
        ("unpooled", lambda p: (p, p * (1 - p))),
    ],
)
def test_other_formulas_with_their_own_tests(formula, deltas):
    rng = np.random.default_rng(12)
    design = design_two_proportions(0.33, 0.27, formula=formula).rounded()
    sizes = np.array(arms(design))
    value, variance = deltas(rng.binomial(sizes, (0.33, 0.27), (TRIALS, 2)) / sizes)
    z = (value[:, 0] - value[:, 1]) / np.sqrt((variance / sizes).sum(-1))
    assert_within(z > Z, design.power)


def log_rank_z(time: FloatArray, dead: BoolArray, treated: BoolArray) -> float:
    """Return the log-rank statistic, positive where treated patients die less; no ties."""
    order = np.argsort(time)
    died, given = dead[order], treated[order]
    at_risk = np.arange(time.size, 0, -1)
    share = given[::-1].cumsum()[::-1] / at_risk
    expected, variance = share[died].sum(), (share * (1 - share))[died].sum()
    return float((expected - given[died].sum()) / math.sqrt(variance))


def test_log_rank_with_everybody_censored_at_day_28():
    rng = np.random.default_rng(13)
    design = design_log_rank(0.81, 0.33, horizon=28).rounded()
    treated = np.repeat([False, True], arms(design))
    rate = -math.log(0.67) / 28 * np.where(treated, 0.81, 1.0)
    found, events = [], []
    for _ in range(TRIALS):
        time = rng.exponential(size=treated.size) / rate
        dead = time < 28
        found.append(log_rank_z(np.minimum(time, 28 + 1e-9 * time), dead, treated) > Z)
        events.append(dead.sum())
    assert_within(np.array(found), design.power)
    counts = np.array(events)
    assert counts.mean() == pytest.approx(design.events, abs=3 * counts.std() / math.sqrt(counts.size))


def ordinal_counts(design: Design, control: FloatArray, treated: FloatArray) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(14)
    sizes = arms(design)
    return rng.multinomial(sizes[0], control, TRIALS), rng.multinomial(sizes[1], treated, TRIALS)


@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_ventilator_free_days_by_the_rank_test(ratio: float):
    control, treated = ventilator_free_days(0.33, VENTILATED), ventilator_free_days(0.25, VENTILATED)
    design = design_ventilator_free_days(control, treated, ratio=ratio).rounded()
    left, right = ordinal_counts(design, control, treated)
    n0, n1 = arms(design)
    below = np.cumsum(left, axis=1) - left
    index = (right * (below + 0.5 * left)).sum(1) / (n0 * n1)
    pooled = left + right
    n = n0 + n1
    ties = (pooled.astype(float) ** 3 - pooled).sum(1) / (n * (n - 1))
    spread = np.sqrt((n + 1 - ties) / (12 * n0 * n1))
    assert_within((index - 0.5) / spread > Z, design.power)


def test_the_win_ratio_by_its_wald_test():
    control, treated = ventilator_free_days(0.33, VENTILATED), ventilator_free_days(0.25, VENTILATED)
    design = design_win_ratio_ordinal(control, treated).rounded()
    left, right = ordinal_counts(design, control, treated)
    n0, n1 = arms(design)
    below = (np.cumsum(left, 1) - left) / n0
    above = 1 - np.cumsum(left, 1) / n0
    win, loss = ((right / n1 * part).sum(1) for part in (below, above))
    by_treated = below / win[:, None] - above / loss[:, None]
    won = (1 - np.cumsum(right, 1) / n1) / win[:, None]
    by_control = won - (np.cumsum(right, 1) - right) / n1 / loss[:, None]
    variance = (right / n1 * by_treated**2).sum(1) / n1 + (left / n0 * by_control**2).sum(1) / n0
    assert_within(np.log(win / loss) / np.sqrt(variance) > Z, design.power)


def assert_variance(values: FloatArray, expected: float) -> None:
    """Compare with 3 Monte Carlo SEs, the variance of a variance estimated from the values."""
    squares = (values - values.mean()) ** 2
    assert abs(squares.mean() - expected) < 3 * squares.std() / math.sqrt(values.size)


def beta_risks(rng: np.random.Generator, mean: float, icc: float, shape: tuple[int, ...]) -> FloatArray:
    total = 1 / icc - 1
    return rng.beta(mean * total, (1 - mean) * total, shape)


def test_parallel_clusters_of_unequal_size():
    rng = np.random.default_rng(15)
    icc, risk = 0.04, 0.3
    sizes = np.array([15, 30, 45, 60, 80, 100, 150, 20, 70, 90])
    mean, variation = size_variation(sizes)
    arms_of = []
    for _ in range(2):
        risks = beta_risks(rng, risk, icc, (TRIALS, sizes.size))
        arms_of.append(rng.binomial(sizes, risks).sum(1) / sizes.sum())
    expected = 2 * risk * (1 - risk) / sizes.sum() * cluster_design_effect(mean, icc, cv=variation)
    assert_variance(arms_of[0] - arms_of[1], expected)


def test_clusters_that_cross_over():
    """Cluster risks on the normal scale, so that both correlations are exact."""
    rng = np.random.default_rng(16)
    icc, cac, size, clusters = 0.05, 0.7, 40, 24
    lasting = rng.normal(scale=math.sqrt(icc * cac), size=(TRIALS, clusters, 1))
    passing = rng.normal(scale=math.sqrt(icc * (1 - cac)), size=(TRIALS, clusters, 2))
    noise = rng.normal(scale=math.sqrt((1 - icc) / size), size=(TRIALS, clusters, 2))
    means = lasting + passing + noise
    first = np.arange(clusters) < clusters // 2
    turned = np.where(first[:, None], means, means[..., ::-1])
    difference = (turned[..., 0] - turned[..., 1]).mean(1)
    expected = 4 / (2 * size * clusters) * cluster_design_effect(size, icc, cac=cac)
    assert_variance(difference, expected)


@pytest.mark.parametrize("decay", [False, True])
def test_a_stepped_wedge_by_generalized_least_squares(decay: bool):
    rng = np.random.default_rng(17)
    icc, cac, size = 0.05, 0.8, 25
    schedule = stepped_wedge_schedule(4, clusters_per_step=2)
    clusters, periods = schedule.shape
    apart = np.abs(np.arange(periods)[:, None] - np.arange(periods))
    shared = cac ** (apart if decay else np.minimum(apart, 1))
    cover = icc * shared + (1 - icc) / size * np.eye(periods)
    means = rng.normal(size=(TRIALS, clusters, periods)) @ np.linalg.cholesky(cover).T
    columns = np.stack(
        [schedule, *(np.tile(np.eye(periods)[t], (clusters, 1)) for t in range(periods))], axis=-1
    )
    weighted = np.linalg.solve(cover, columns)  # over periods, for each cluster
    normal = np.einsum("ctp,ctq->pq", columns, weighted)
    estimates = np.linalg.solve(normal, np.einsum("ctp,nct->pn", weighted, means))[0]
    expected = cluster_variance(schedule, size, icc, cac=cac, decay=decay)
    assert_variance(estimates, expected)


def brownian_z(rng: np.random.Generator, time: FloatArray, drift: float, trials: int) -> FloatArray:
    """Return Z at each look of many trials."""
    steps = np.diff(time, prepend=0.0)
    moves = drift * steps + np.sqrt(steps) * rng.normal(size=(trials, time.size))
    return np.cumsum(moves, axis=1) / np.sqrt(time)


def stop_of(z: FloatArray, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Return the index of the look at which each trial stops, and whether for efficacy."""
    out = (z >= upper) | (z <= lower)
    out[:, -1] = True
    look = out.argmax(1)
    rows = np.arange(look.size)
    return look, z[rows, look] >= upper[look]


PLANS = {
    "plain": design_group_sequential([0.3, 0.55, 0.8, 1]),
    "pocock": design_group_sequential([0.25, 0.5, 0.75, 1], spending="pocock"),
    "binding": design_group_sequential(
        [0.4, 0.7, 1], futility=Futility(spending="ld_pocock", power=0.9, binding=True)
    ),
    "free": design_group_sequential(
        [0.4, 0.7, 1], futility=Futility(spending="hsd", parameter=-2, power=0.8)
    ),
    "two_sided": design_group_sequential([0.4, 0.7, 1], alpha=0.05, sides=2, spending="kim_demets"),
}


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("drift", [0.0, 1.5, 3.2])
def test_stopping_probabilities(name: str, drift: float):
    plan = PLANS[name]
    rng = np.random.default_rng(19)
    z = brownian_z(rng, plan.information, drift, 400_000)
    look, efficacy = stop_of(z, plan.lower(), plan.z)
    table = plan.stopping_probabilities(drift)
    for index, row in enumerate(table.itertuples()):
        here = look == index
        # Nine looks and drifts at once: 4 SEs for each.
        assert_within(here & efficacy, max(row.efficacy, 1e-9), errors=4.0)
        assert_within(here, row.stop, errors=4.0)
    information = plan.information[look]
    error = information.std() / math.sqrt(look.size)
    assert information.mean() == pytest.approx(plan.expected_information(drift), abs=3 * error)
    assert_within(efficacy, plan.power(drift))


def test_type_one_error_when_a_futility_rule_is_ignored():
    z = brownian_z(np.random.default_rng(20), PLANS["free"].information, 0.0, 2_000_000)
    assert_within((z >= PLANS["free"].z).any(1), 0.025)


@pytest.mark.parametrize("looks", ["final", "all"])
def test_conditional_and_predictive_power(looks: str):
    rng = np.random.default_rng(21)
    plan, seen, z = PLANS["plain"], 0.3, 1.1
    ahead = plan.information[1:]
    bounds = plan.z[1:] if looks == "all" else np.append(np.full(ahead.size - 1, np.inf), plan.z[-1])
    reached = z * math.sqrt(seen)
    for prior in (None, (2.5, 0.8)):
        mean, variance = reached / seen, 1 / seen
        if prior is not None:
            precision = 1 / prior[1] ** 2 + seen
            mean, variance = (prior[0] / prior[1] ** 2 + reached) / precision, 1 / precision
        drift = mean + math.sqrt(variance) * rng.normal(size=(400_000, 1))
        steps = np.diff(ahead, prepend=seen)
        moves = drift * steps + np.sqrt(steps) * rng.normal(size=(400_000, ahead.size))
        later = (reached + np.cumsum(moves, axis=1)) / np.sqrt(ahead)
        assert_within((later >= bounds).any(1), predictive_power(plan, z, seen, prior=prior, looks=looks))
    moves = 3.0 * steps + np.sqrt(steps) * rng.normal(size=(400_000, ahead.size))
    later = (reached + np.cumsum(moves, axis=1)) / np.sqrt(ahead)
    assert_within((later >= bounds).any(1), conditional_power(plan, z, seen, drift=3.0, looks=looks))


@pytest.mark.parametrize("name", ["plain", "binding", "two_sided"])
def test_adjusted_intervals_cover_and_the_estimate_is_median_unbiased(name: str):
    """Under the true drift the exceedance is uniform: limits and median are where they should be."""
    plan, drift = PLANS[name], 2.0
    z = brownian_z(np.random.default_rng(22), plan.information, drift, 4_000)
    look, _ = stop_of(z, plan.lower(), plan.z)
    found = np.array(
        [exceedance(plan, int(k) + 1, float(row[k]), drift) for k, row in zip(look, z, strict=True)]
    )
    for share in (0.025, 0.5, 0.975):
        assert_within(found < share, share)


def test_the_naive_estimate_is_too_large_after_stopping_and_the_adjusted_one_is_not():
    plan, drift = PLANS["pocock"], 2.0
    z = brownian_z(np.random.default_rng(23), plan.information, drift, 600)
    look, _ = stop_of(z, plan.lower(), plan.z)
    rows = [
        adjusted_inference(
            plan,
            look=int(k) + 1,
            information_fraction=float(plan.information[k]),
            z=float(row[k]),
            std_error=1 / math.sqrt(plan.information[k]),
        )
        for k, row in zip(look, z, strict=True)
    ]
    assert_within(np.array([row.estimate > drift for row in rows]), 0.5)
    assert_within(np.array([row.ci_low < drift < row.ci_high for row in rows]), 0.95)
    naive = np.array([row.naive for row in rows])
    assert naive.mean() - drift > 3 * naive.std() / math.sqrt(naive.size)


@pytest.mark.parametrize("futility", [None, Futility(spending="hsd", parameter=-2)])
def test_a_sequential_trial_with_deaths(futility: Futility | None):
    rng = np.random.default_rng(24)
    plan = design_group_sequential([0.5, 0.75, 1], futility=futility)
    trial = sequential_design(design_two_proportions(0.33, 0.27), plan)
    per_arm = np.round(trial.n_total * plan.information / 2).astype(int)
    steps = np.diff(per_arm, prepend=0)
    for treated in (0.27, 0.33):
        moves = [rng.binomial(steps, risk, (TRIALS, steps.size)) for risk in (0.33, treated)]
        dead = np.cumsum(np.stack(moves, axis=-1), axis=1)
        z = pooled_z(dead, np.repeat(per_arm[:, None], 2, axis=1))
        look, efficacy = stop_of(z, plan.lower(), plan.z)
        effect = Effect(value=treated - 0.33, scale="risk_difference")
        assert_within(efficacy, trial.power_at(effect))
        used = 2.0 * per_arm[look]
        error = used.std() / math.sqrt(used.size)
        assert used.mean() == pytest.approx(trial.expected_n(effect), abs=3 * error)


@pytest.mark.parametrize("name", ["all_trials", "low_risk_of_bias_both"])
def test_assurance(name: str):
    rng = np.random.default_rng(25)
    design = design_binary(0.33, Effect(value=0.81, scale="risk_ratio")).rounded()
    part = load_priors()[name].components[0]
    ratios = np.exp(rng.normal(part.mean, part.sd, TRIALS))
    sizes = np.array(arms(design))
    dead = rng.binomial(sizes, np.stack([np.full(TRIALS, 0.33), 0.33 * ratios], axis=-1))
    out = assurance(design, load_priors()[name])
    assert_within(pooled_z(dead, sizes) > Z, out.value)
    assert_within(ratios < 1, out.ceiling)
