"""How alike patients of one ICU are: in the world, and in the finite population that stands for it."""

from __future__ import annotations

import numpy as np

from simsepsis.arrays import FloatArray
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.simulation.outcomes import died
from simsepsis.trial.simulation.pool import Pool, build_pool

REFERENCE = 200_000
"""Patients from whom the ICC of a world is taken, whatever the population that trials draw from."""


def icu_correlation(pool: Pool, values: FloatArray, *, chance: bool = False) -> float:
    """Return the correlation ρ of two patients of one ICU, ICUs counted alike."""
    counts = np.bincount(pool.icu, minlength=pool.rates.size)
    seen = counts > 1
    n = counts[seen]
    means = np.bincount(pool.icu, weights=values, minlength=pool.rates.size)[seen] / n
    overall = float(means.mean())
    luck = 0.0 if chance else float((means * (1.0 - means) / (n - 1.0)).mean()) * (1.0 - 1.0 / n.size)
    return max(float(means.var()) - luck, 0.0) / (overall * (1.0 - overall))


def world_icc(protocol: TrialProtocol, pool: Pool) -> float:
    """Return the stated ICC, or that of the world under control: where ICUs are randomized, of one size."""
    if protocol.allocation.icc is not None:
        return protocol.allocation.icc
    if protocol.allocation.clustered and protocol.run.pool != REFERENCE:
        run = protocol.run.model_copy(update={"pool": REFERENCE})
        pool = build_pool(protocol.model_copy(update={"run": run}))
    return icu_correlation(pool, _deaths(protocol, pool))


def icc_drawn(protocol: TrialProtocol, pool: Pool) -> tuple[float, float]:
    """Return the ICC that trials of ICUs should have, and that of the pool as it is; parameters as above."""
    if not protocol.allocation.clustered:
        return 0.0, 0.0
    return world_icc(protocol, pool), icu_correlation(pool, _deaths(protocol, pool), chance=True)


def _deaths(protocol: TrialProtocol, pool: Pool) -> FloatArray:
    return died(pool.courses[0], protocol.outcome).astype(np.float64)
