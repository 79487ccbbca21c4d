from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_ind
from tests.examples import with_slow

from simsepsis.streams import streams
from simsepsis.trial import build_pool, design_fixed, planned_total, simulate_trials
from simsepsis.trial.simulation.clusters import compare_clusters, draw_clusters
from simsepsis.trial.simulation.from_protocol import screen
from simsepsis.trial.simulation.pool import icu_correlation, world_icc
from simsepsis.trial.simulation.setting import prepare
from simsepsis.trial.sizing.size import plan_size

MANY = {"sites": {"number": 120, "sampled": True, "sizes": "equal"}, "effect.value": 0.7}
PARALLEL = MANY | {
    "allocation.unit": "parallel_cluster",
    "test.analysis": "cluster_means",
    "allocation.cluster_size": 14,
}
CROSSOVER = MANY | {
    "allocation.unit": "cluster_crossover",
    "test.analysis": "cluster_means",
    "allocation.cluster_size": 6,
}
WEDGE = MANY | {
    "allocation.unit": "stepped_wedge",
    "allocation.steps": 3,
    "test.analysis": "gee",
    "allocation.cluster_size": 5,
}


POWERS = {
    "parallel": (PARALLEL, 500),
    "crossover": (CROSSOVER, 500),
    "crossover, ICUs change": (CROSSOVER | {"allocation.cac": 0.0}, 500),
    "stepped wedge": (WEDGE, 200),
}


@pytest.mark.parametrize("case", with_slow(POWERS, {"crossover"}))
def test_the_power_is_the_analytic_one(protocol, case):
    changes, trials = POWERS[case]
    told = protocol(changes)
    found = simulate_trials(told, replicates=trials, jobs=1)
    expected = design_fixed(told).with_total(found.n_total).power
    assert abs(found.measure("rejection")[0] - expected) < 3 * np.sqrt(expected * (1 - expected) / trials)
    value, mcse = found.measure("bias")
    assert abs(value) < 3 * mcse + 0.1 * found.measure("empirical_se")[0] ** 2


@pytest.mark.parametrize(
    ("analysis", "trials"), [("cluster_means", 700), pytest.param("gee", 350, marks=pytest.mark.slow)]
)
def test_the_power_with_icus_of_unequal_size_is_that_of_the_plan(protocol, analysis, trials):
    changes = {"allocation.unit": "cluster_crossover", "test.analysis": analysis, "effect.value": 0.8}
    # In a large pool the effect on the average ICU is the one on the average patient, as the plan has it.
    told = protocol(changes | {"test.power": 0.8, "run.pool": 60_000})
    pool = build_pool(told)
    size = plan_size(screen(told, pool).assumptions)
    found = simulate_trials(told, replicates=trials, jobs=1, n_total=size.n_randomized, pool=pool)
    assert abs(found.measure("rejection")[0] - size.power) < 3 * np.sqrt(0.8 * 0.2 / trials)
    assert design_fixed(told, pool).with_total(size.n_randomized).power == pytest.approx(size.power, abs=0.02)


def test_few_icus_keep_the_level(protocol):
    told = protocol(
        {
            "allocation.unit": "parallel_cluster",
            "test.analysis": "cluster_means",
            "allocation.cluster_size": 30,
        }
    )
    found = simulate_trials(told, replicates=600, jobs=1, null=True)
    assert abs(found.measure("rejection_any_side")[0] - 0.05) < 3 * np.sqrt(0.05 * 0.95 / 600)
    assert found.n_total == 42 * 30


def test_means_of_icus_are_compared_by_t(protocol):
    told = protocol(PARALLEL | {"test.estimate": "risk_difference"})
    setting = prepare(told, build_pool(told), planned_total(told))
    trial = draw_clusters(setting, streams(5))
    drawn = trial.drawn
    dead = setting.codes[drawn.course, drawn.patient]
    means = np.bincount(drawn.site, dead) / np.bincount(drawn.site)
    treats = trial.schedule[:, 0] == 1
    there = ttest_ind(means[treats], means[~treats])
    z, estimate, error = compare_clusters(setting, trial)
    assert estimate == pytest.approx(means[treats].mean() - means[~treats].mean())
    assert estimate / error == pytest.approx(there.statistic)
    assert np.sign(z) == -np.sign(estimate)


def test_schedules_and_sizes_are_as_planned(protocol):
    for changes, periods in ((PARALLEL, 1), (CROSSOVER, 2), (WEDGE, 4)):
        told = protocol(changes)
        setting = prepare(told, build_pool(told), planned_total(told))
        trial = draw_clusters(setting, streams(1))
        assert trial.schedule.shape == (120, periods)
        counts = np.bincount(trial.drawn.site * periods + trial.period)
        assert np.all(counts == told.allocation.cluster_size)
        np.testing.assert_array_equal(trial.drawn.arm, trial.schedule[trial.drawn.site, trial.period])
    assert np.all(np.diff(trial.schedule, axis=1) >= 0)
    assert trial.schedule.sum(axis=0).tolist() == [0, 40, 80, 120]


def test_the_size_of_icus_is_what_the_power_needs(protocol):
    sites = {"sites": {"number": 120, "sampled": True, "sizes": "equal"}}
    told = protocol(
        sites
        | {"allocation.unit": "cluster_crossover", "test.analysis": "cluster_means", "effect.value": 0.75}
    )
    design = design_fixed(told)
    assert design.clusters == pytest.approx(120, rel=0.1)
    total = planned_total(told)
    assert total % 240 == 0
    assert design.with_total(total).power == pytest.approx(0.9, abs=0.03)
    stated = told.changed({"allocation.icc": 0.05, "allocation.cac": 0.5})
    assert planned_total(stated) > total
    assert world_icc(stated, build_pool(stated)) == 0.05


def test_registry_icus_differ_in_size(protocol):
    told = protocol(
        {"allocation.unit": "parallel_cluster", "test.analysis": "gee", "allocation.cluster_size": 20}
    )
    setting = prepare(told, build_pool(told), planned_total(told))
    sizes = np.bincount(draw_clusters(setting, streams(1)).drawn.site)
    assert sizes.size == 42
    assert sizes.max() > 3 * np.median(sizes)


def test_the_correlation_of_a_world_does_not_follow_the_size_of_its_pool(protocol):
    sized = {"allocation.unit": "parallel_cluster", "test.analysis": "gee", "effect.value": 0.7}
    small, large = (protocol(sized | {"run.pool": number}) for number in (10_000, 30_000))
    assert world_icc(small, build_pool(small)) == world_icc(large, build_pool(large))
    # The size follows the risk of the pool, which has its own error; the correlation adds none.
    given = {"endpoint.control_risk": 0.3}
    assert planned_total(small.changed(given)) == pytest.approx(planned_total(large.changed(given)), rel=0.02)


def test_the_luck_of_few_patients_is_no_correlation():
    rng = np.random.default_rng(1)
    icus, each = 300, 40
    risk = rng.beta(0.25 * 49, 0.75 * 49, icus)
    icu = np.repeat(np.arange(icus), each)
    found = [
        icu_correlation(icu, (rng.random(icus * each) < np.repeat(risk, each)).astype(float), chance=chance)
        for _ in range(40)
        for chance in (False, True)
    ]
    true = risk.var() / (risk.mean() * (1 - risk.mean()))
    assert np.mean(found[::2]) == pytest.approx(true, rel=0.05)
    assert np.mean(found[1::2]) == pytest.approx(true + (1 - true) / each, rel=0.05)


@pytest.mark.parametrize("icc", with_slow([None, 0.002, 0.08], [0.002]))
def test_simulated_icus_are_as_alike_as_is_planned(protocol, icc):
    """The variance of the difference of two arms of ICUs is what the ICC makes of it."""
    told = protocol(PARALLEL | {"allocation.icc": icc, "allocation.cluster_size": 30})
    pool = build_pool(told)
    setting = prepare(told, pool, planned_total(told))
    found = []
    for replicate in range(80):
        drawn = draw_clusters(setting, streams(3, replicate=replicate)).drawn
        dead = setting.dead[0, drawn.patient]
        found.append(np.bincount(drawn.site, dead) / np.bincount(drawn.site))
    means = np.array(found)
    p, m = means.mean(), 30
    icus = means.size
    expected = world_icc(told, pool)
    design = means.var(ddof=1) / (p * (1 - p) / m)
    assert design == pytest.approx(
        1 + (m - 1) * expected, abs=4 * (1 + (m - 1) * expected) * np.sqrt(2 / icus)
    )
    assert p == pytest.approx(pool.weights @ setting.dead[0], abs=0.01)
