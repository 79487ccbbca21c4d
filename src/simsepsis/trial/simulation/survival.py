"""Time to death by day, everybody followed to the horizon, for many trials at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simsepsis.arrays import FloatArray

NEWTON_STEPS = 8


def compare_times(counts: NDArray[np.int64] | NDArray[np.float64]) -> dict[str, FloatArray]:
    """Return stratified log-rank test, log hazard ratio and its standard error of each trial."""
    lived = counts.astype(np.float64)
    at_risk = np.cumsum(lived[..., ::-1], axis=-1)[..., ::-1][..., :-1]
    risk0, risk1 = at_risk[..., 0, :], at_risk[..., 1, :]
    dead, dead1 = lived[..., :-1].sum(axis=-2), lived[..., 1, :-1]
    n = np.maximum(risk0 + risk1, 1.0)
    excess = (dead * risk1 / n - dead1).sum(axis=(-2, -1))
    spread = dead * risk1 * risk0 * (n - dead) / (n * n * np.maximum(n - 1.0, 1.0))
    variance = spread.sum(axis=(-2, -1))
    start = -excess / variance
    estimate, information = _breslow(dead, dead1, risk0, risk1, start)
    return {
        "z": excess / np.sqrt(variance),
        "estimate": estimate,
        "std_error": 1.0 / np.sqrt(information),
    }


def _breslow(
    dead: FloatArray, dead1: FloatArray, risk0: FloatArray, risk1: FloatArray, start: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the maximum of the partial likelihood of one binary covariate, and the information there."""
    beta, information = start, np.ones_like(start)
    for _ in range(NEWTON_STEPS):
        hazard = risk1 * np.exp(beta)[..., None, None]
        share = np.where(hazard > 0.0, hazard / np.where(hazard > 0.0, risk0 + hazard, 1.0), 0.0)
        information = (dead * share * (1.0 - share)).sum(axis=(-2, -1))
        step = (dead1 - dead * share).sum(axis=(-2, -1)) / information
        beta = beta + step
        if not np.any(np.abs(step) > 1e-10):
            break
    return beta, information
