from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import nct, norm, t

from simsepsis.errors import UsageError
from simsepsis.trial import (
    cluster_design_effect,
    cluster_size_for,
    cluster_variance,
    design_cluster,
    design_two_proportions,
    inverse_size,
    size_variation,
    small_sample_factor,
    stepped_wedge_schedule,
)

DESIGN = design_two_proportions(0.33, 0.27)


def test_the_design_effect_of_the_textbook():
    assert cluster_design_effect(60, 0.02) == pytest.approx(1 + 59 * 0.02)
    assert cluster_design_effect(60, 0.02, cac=0.8) == pytest.approx(1 + 59 * 0.02 - 60 * 0.016)
    assert cluster_design_effect(60, 0.02, cv=0.5) == pytest.approx(1 + (1.25 * 60 - 1) * 0.02)


def test_unequal_sizes_are_the_variance_of_a_weighted_mean():
    sizes, icc = np.array([20, 40, 90, 110]), 0.05
    mean, variation = size_variation(sizes)
    weighted = (sizes**2 * (icc + (1 - icc) / sizes)).sum() / sizes.sum()
    assert cluster_design_effect(mean, icc, cv=variation) == pytest.approx(weighted)


def test_unequal_sizes_are_the_variance_of_a_plain_mean_of_means():
    sizes, icc = np.array([20, 40, 90, 110]), 0.05
    plain = (icc + (1 - icc) / sizes).mean() * sizes.mean()
    found = cluster_design_effect(sizes.mean(), icc, inverse=inverse_size(sizes))
    assert found == pytest.approx(plain)
    assert inverse_size([30, 30]) == pytest.approx(1.0)


def test_few_clusters_are_compared_by_t():
    one, two = (
        design_cluster(DESIGN, randomization="parallel_cluster", cluster_size=60, icc=0.02, df=df)
        for df in (np.inf, 10)
    )
    factor = two.n_total / one.n_total
    assert factor == pytest.approx(((2.22814 + 1.37218) / (1.95996 + 1.28155)) ** 2, abs=1e-4)
    assert factor == pytest.approx(small_sample_factor(DESIGN, 10))
    # The exact power, of the noncentral t, at the drift that the factor stands for.
    drift = np.sqrt(factor) * (norm.isf(0.025) + norm.isf(0.1))
    assert nct.sf(t.isf(0.025, 10), 10, drift) == pytest.approx(0.9, abs=0.01)
    assert "overstate" not in " ".join(two.notes)


def test_a_parallel_cluster_trial():
    design = design_cluster(DESIGN, randomization="parallel_cluster", cluster_size=60, icc=0.02)
    assert design.n_total == pytest.approx(DESIGN.n_total * 2.18)
    assert design.clusters == pytest.approx(design.n_total / 60)
    assert design.power_at(design.effect) == pytest.approx(0.9)
    assert design.with_total(2 * design.n_total).clusters == pytest.approx(2 * design.clusters)
    assert design.with_power(0.8).n_total < design.n_total


def test_a_crossover_needs_fewer_and_says_when_they_are_few():
    design = design_cluster(DESIGN, randomization="cluster_crossover", cluster_size=60, icc=0.02, cac=0.8)
    assert design.clusters == pytest.approx(design.n_total / 120)
    assert "overstate the power" in design.notes[-1]


def test_a_stepped_wedge_schedule():
    schedule = stepped_wedge_schedule(3, clusters_per_step=2)
    assert schedule.tolist() == [[0, 1, 1, 1]] * 2 + [[0, 0, 1, 1]] * 2 + [[0, 0, 0, 1]] * 2
    assert stepped_wedge_schedule(2, baseline=2).shape == (2, 4)


def test_a_stepped_wedge_trial():
    design = design_cluster(
        DESIGN, randomization="stepped_wedge", cluster_size=60, icc=0.02, cac=0.9, steps=5
    )
    patients = 60 * 6 * design.clusters
    assert design.n_total == pytest.approx(patients)
    variance = cluster_variance(stepped_wedge_schedule(5), 60, 0.02, cac=0.9) * 5 / design.clusters
    assert variance == pytest.approx(4 / DESIGN.n_total)


def test_correlation_that_decays_changes_a_stepped_wedge():
    schedule = stepped_wedge_schedule(5)
    flat = cluster_variance(schedule, 30, 0.05, cac=0.8)
    assert cluster_variance(schedule, 30, 0.05, cac=0.8, decay=True) > flat
    assert cluster_variance(schedule, 30, 0.05, cac=1.0, decay=True) == pytest.approx(
        cluster_variance(schedule, 30, 0.05, cac=1.0)
    )


def test_the_size_for_a_fixed_number_of_icus_goes_back_to_that_number():
    size = cluster_size_for(DESIGN, 42, randomization="cluster_crossover", icc=0.02, cac=0.8)
    design = design_cluster(DESIGN, randomization="cluster_crossover", cluster_size=size, icc=0.02, cac=0.8)
    assert design.clusters == pytest.approx(42)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: design_cluster(DESIGN, randomization="individual", cluster_size=60, icc=0.02),
            "design effect that does not exist.*n_total=2447.6 and stratify",
        ),
        (lambda: replace(DESIGN, design_effect=2.2), "design_effect=2.2 on an individually randomized trial"),
        (
            lambda: design_cluster(
                design_cluster(DESIGN, randomization="parallel_cluster", cluster_size=60, icc=0.02),
                randomization="parallel_cluster",
                cluster_size=60,
                icc=0.02,
            ),
            "parallel_cluster already",
        ),
        (
            lambda: design_cluster(DESIGN, randomization="cluster_crossover", cluster_size=60, icc=0.02),
            "cac is missing",
        ),
        (
            lambda: design_cluster(
                design_two_proportions(0.3, 0.2, ratio=2),
                randomization="cluster_crossover",
                cluster_size=60,
                icc=0.02,
                cac=1,
            ),
            "ratio=2 does not fit",
        ),
        (
            lambda: design_cluster(DESIGN, randomization="stepped_wedge", cluster_size=60, icc=0.02, cac=1),
            "steps=None",
        ),
        (
            lambda: cluster_size_for(DESIGN, 42, randomization="parallel_cluster", icc=0.02),
            "clusters=42 never reach a power of 0.9 .* at least 49",
        ),
        (lambda: cluster_design_effect(60, 1.5), "icc=1.5"),
        (lambda: cluster_design_effect(0.5, 0.02), "cluster_size=0.5"),
        (lambda: cluster_design_effect(60, 0.02, cac=1.2), "cac=1.2"),
        (lambda: size_variation([3, 0]), "empty"),
        (lambda: stepped_wedge_schedule(1), "no stepped wedge"),
        (lambda: cluster_variance(np.ones((3, 2)), 10, 0.02), "does not tell treatment from period"),
    ],
)
def test_refusals_of_clusters(make, words: str):
    with pytest.raises(UsageError, match=words):
        make()
