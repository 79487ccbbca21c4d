from __future__ import annotations

import numpy as np
import pytest

from simsepsis.trial.simulation.draw import by_coin, minimized, permuted_blocks

RNG = np.random.default_rng(3)
N = 4_000


def test_every_block_of_a_stratum_is_complete():
    stratum = RNG.integers(5, size=N)
    arms = permuted_blocks(stratum, 5, np.array([2, 4]), RNG.random(N))
    for one in range(5):
        mine = arms[stratum == one]
        whole = mine[: mine.size // 6 * 6].reshape(-1, 6)
        assert np.all(whole.sum(axis=1) == 4)


def test_all_permutations_of_a_block_are_alike():
    arms = permuted_blocks(np.zeros(6 * N, dtype=np.int64), 1, np.array([2, 2]), RNG.random(6 * N))
    blocks = arms.reshape(-1, 4) @ np.array([8, 4, 2, 1])
    counts = np.unique(blocks, return_counts=True)[1]
    assert counts.size == 6
    expected = blocks.size / 6
    assert np.sum((counts - expected) ** 2 / expected) < 20.5  # chi-square on 5 df, p = 0.001


def test_a_coin_keeps_to_the_ratios():
    arms = by_coin(np.array([1.0, 2.0, 1.0]), RNG.random(N))
    shares = np.bincount(arms) / N
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=3 * np.sqrt(0.25 / N))


def test_minimization_balances_every_factor_at_once():
    level = np.array([RNG.integers(42, size=N), RNG.integers(2, size=N)])
    uniform = RNG.random((2, N))
    arms = minimized(level, 42, np.array([1.0, 1.0]), 0.8, uniform)
    coin = by_coin(np.array([1.0, 1.0]), uniform[1])

    def imbalance(assigned: np.ndarray, factor: int) -> float:
        return float(np.abs(np.bincount(level[factor], weights=2 * assigned - 1)).mean())

    for factor in (0, 1):
        assert imbalance(arms, factor) < 0.4 * imbalance(coin, factor)
    assert abs(arms.mean() - 0.5) < 0.01


def test_minimization_keeps_to_a_ratio_and_without_chance_to_its_rule():
    level = RNG.integers(3, size=(2, N))
    arms = minimized(level, 3, np.array([1.0, 2.0]), 0.9, RNG.random((2, N)))
    assert arms.mean() == pytest.approx(2 / 3, abs=0.02)
    strict = minimized(np.zeros((1, 10), dtype=np.int64), 2, np.array([1.0, 1.0]), 1.0, RNG.random((2, 10)))
    assert np.all(strict.reshape(5, 2).sum(axis=1) == 1)
