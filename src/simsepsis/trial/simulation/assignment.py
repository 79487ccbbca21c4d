"""Randomization of patients: by coin, in permuted blocks, by minimization."""

from __future__ import annotations

import numba
import numpy as np

from simsepsis.arrays import FloatArray, IntArray


@numba.njit(cache=True)
def permuted_blocks(stratum: IntArray, strata: int, block: IntArray, uniform: FloatArray) -> IntArray:
    """Return arms (n,) in permuted blocks within strata."""
    left = np.zeros((strata, block.size), np.int64)
    arms = np.empty(stratum.size, np.int64)
    for i in range(stratum.size):
        mine = left[stratum[i]]
        if mine.sum() == 0:
            mine[:] = block
        # Drawing from what is left of the block is drawing one of its permutations.
        draw = uniform[i] * mine.sum()
        arm = 0
        while arm < block.size - 1 and draw >= mine[arm]:
            draw -= mine[arm]
            arm += 1
        mine[arm] -= 1
        arms[i] = arm
    return arms


@numba.njit(cache=True)
def minimized(
    level: IntArray, levels: int, ratio: FloatArray, probability: float, uniform: FloatArray
) -> IntArray:
    """Return arms (n,) by minimization with a biased coin."""
    # Pocock SJ, Simon R. Biometrics 1975;31:103.
    factors, n = level.shape
    arms = ratio.size
    seen = np.zeros((factors, levels, arms))
    chosen = np.empty(n, np.int64)
    for i in range(n):
        imbalance = np.zeros(arms)
        for arm in range(arms):
            for f in range(factors):
                low, high = np.inf, -np.inf
                for other in range(arms):
                    count = (seen[f, level[f, i], other] + (other == arm)) / ratio[other]
                    low, high = min(low, count), max(high, count)
                imbalance[arm] += high - low
        best = _one_of_the_least(imbalance, uniform[0, i])
        arm = best
        if uniform[1, i] >= probability:
            step = int((uniform[1, i] - probability) / (1.0 - probability) * (arms - 1))
            arm = (best + 1 + min(step, arms - 2)) % arms
        for f in range(factors):
            seen[f, level[f, i], arm] += 1.0
        chosen[i] = arm
    return chosen


@numba.njit(cache=True)
def _one_of_the_least(values: FloatArray, uniform: float) -> int:
    least = values.min()
    ties = np.flatnonzero(values <= least + 1e-9)
    return int(ties[min(int(uniform * ties.size), ties.size - 1)])


def by_coin(ratio: FloatArray, uniform: FloatArray) -> IntArray:
    """Return arms (n,) drawn independently."""
    edges = np.cumsum(ratio)[:-1] / ratio.sum()
    return np.searchsorted(edges, uniform, side="right")
