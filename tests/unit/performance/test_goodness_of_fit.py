"""Distances of an observed vector: against what is computed from scratch, and in worlds that are right."""

from __future__ import annotations

import numpy as np
import pytest

from simsepsis.performance.conditional import predict
from simsepsis.performance.goodness_of_fit import (
    FEWEST,
    Judged,
    Vectors,
    distance,
    mean_square,
    shrinkage,
    squared_z,
)

STEP = 2.0


def correlated(rng: np.random.Generator, n: int, d: int = 6) -> np.ndarray:
    """Return (n, d) normal draws with correlation 0.6 and different scales."""
    shared = rng.standard_normal((n, 1))
    return (np.sqrt(0.6) * shared + np.sqrt(0.4) * rng.standard_normal((n, d))) * np.arange(1.0, d + 1.0)


def vectors_of(draws: np.ndarray, observed: np.ndarray, rounding: float = 0.0) -> Vectors:
    return Vectors(observed=observed, draws=draws, rounding=np.full(draws.shape[1], rounding))


def test_replicates_are_judged_by_moments_of_the_others():
    draws = correlated(np.random.default_rng(1), 30)
    draws[3, 2] = np.nan
    vectors = vectors_of(draws, draws[0], rounding=0.3)
    _, each = squared_z(vectors)
    for replicate in (0, 3, 17):
        others = np.delete(draws, replicate, axis=0)
        count = np.isfinite(others).sum(axis=0)
        spread = np.nanvar(others, axis=0, ddof=1) * (1 + 1 / count) + 0.3
        expected = ((draws[replicate] - np.nanmean(others, axis=0)) ** 2 + 0.3) / spread
        known = np.isfinite(draws[replicate])
        assert each[replicate][known] == pytest.approx(expected[known])
    assert np.isnan(each[3, 2])


def test_distance_of_a_replicate_is_that_from_the_covariance_of_the_others():
    draws = correlated(np.random.default_rng(2), 40)
    found = distance(vectors_of(draws, draws[0]))
    standard = (draws - draws.mean(axis=0)) / draws.std(axis=0, ddof=1)
    weight = shrinkage(standard)
    for replicate in (0, 11):
        others = np.delete(standard, replicate, axis=0)
        matrix = (1 - weight) * np.cov(others, rowvar=False) + weight * np.eye(draws.shape[1])
        gap = standard[replicate] - others.mean(axis=0)
        expected = gap @ np.linalg.solve(matrix, gap) / (1 + 1 / len(others)) / draws.shape[1]
        assert found.replicates[replicate] == pytest.approx(expected)


@pytest.mark.parametrize("judge", [mean_square, distance])
def test_p_is_uniform_in_the_right_world(judge):
    rng = np.random.default_rng(3)
    p = [judge(vectors_of(draws[1:], draws[0])).p for draws in (correlated(rng, 61) for _ in range(400))]
    shares = [np.mean(np.array(p) <= level) for level in (0.1, 0.5, 0.9)]
    assert shares == pytest.approx([0.1, 0.5, 0.9], abs=4 * 0.5 / np.sqrt(400))


def test_values_in_steps_have_a_mean_square_of_one():
    rng = np.random.default_rng(4)
    draws = STEP * np.round(rng.normal(10.0, 1.2, (4000, 40)) / STEP)
    observed = np.mean(
        [squared_z(vectors_of(draws[:400], one, STEP**2 / 12))[0].mean() for one in draws[400:]]
    )
    assert observed == pytest.approx(1.0, abs=0.02)


def test_a_wrong_world_is_told_by_mean_square_and_by_its_correlations():
    rng = np.random.default_rng(5)
    draws = correlated(rng, 200)
    scale = np.arange(1.0, 7.0)
    shifted = mean_square(vectors_of(draws, 3.0 * scale))
    assert shifted.observed == pytest.approx(9.0, rel=0.3)
    assert shifted.p == pytest.approx(1 / 201)
    alternating = scale * np.array([1.5, -1.5, 1.5, -1.5, 1.5, -1.5])
    assert mean_square(vectors_of(draws, alternating)).p > 0.03
    assert distance(vectors_of(draws, alternating)).p < 0.01


def test_numbers_that_hardly_vary_are_not_judged():
    draws = np.random.default_rng(6).normal(size=(100, 3))
    draws[:, 1] = 2.0
    draws[:3, 1] = 3.0
    vectors = vectors_of(draws, np.array([0.0, 5.0, np.nan]))
    assert vectors.varies.tolist() == [True, False, False]
    assert vectors.of(vectors.varies).observed.tolist() == [0.0]


def test_too_few_replicates_or_no_number_give_no_verdict():
    few = np.random.default_rng(7).normal(size=(FEWEST - 1, 3))
    for judge in (mean_square, distance):
        assert np.isnan(judge(vectors_of(few, few[0])).p)
        assert np.isnan(judge(vectors_of(np.empty((50, 0)), np.empty(0))).observed)


def test_p_counts_the_observed_among_the_replicates():
    assert Judged(observed=2.0, replicates=np.array([1.0, 2.0, 3.0])).p == 0.75


@pytest.mark.parametrize("related", [(), [[0]]])
def test_prediction_is_as_narrow_as_the_correlation_allows_and_covers(related):
    rng, rho, runs = np.random.default_rng(8), 0.8, 300
    inside, narrower = [], []
    for _ in range(runs):
        known = rng.standard_normal((101, 30))
        wanted = rho * known[:, :1] + np.sqrt(1 - rho**2) * rng.standard_normal((101, 1))
        found = predict(vectors_of(known[1:], known[0]), vectors_of(wanted[1:], wanted[0]), related)
        inside.append(abs(wanted[0, 0] - found.mean[0]) <= 1.96 * found.sd[0])
        narrower.append(found.narrower[0])
    assert np.mean(inside) == pytest.approx(0.95, abs=3 * np.sqrt(0.05 * 0.95 / runs))
    limit = np.sqrt(1 - rho**2)
    # Of thirty columns one tells; the plain regression is told which.
    assert limit * 0.95 < np.mean(narrower) < limit * (1.05 if related else 1.4)


def test_what_is_known_does_not_help_where_it_tells_nothing():
    rng = np.random.default_rng(9)
    known, wanted = rng.standard_normal((200, 5)), rng.standard_normal((200, 1))
    found = predict(vectors_of(known, known[0]), vectors_of(wanted, wanted[0]), [[0, 1]])
    assert 0.97 < found.narrower[0] <= 1.0
