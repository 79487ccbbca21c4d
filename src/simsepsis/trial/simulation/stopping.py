"""When trials stop, for many at once, and estimates that know of the looks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.special import ndtr, ndtri

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.trial.protocol import Looks, Test
from simsepsis.trial.protocol.parts import boundaries_of
from simsepsis.trial.sequential import Boundaries
from simsepsis.trial.sequential.inference import exceedances

DECISIONS = ("none", "efficacy", "harm", "futility")
"""How a trial ends: no rejection at the last look, or through one of the bounds."""

LEVEL = 0.95
TAIL = 0.5 * (1.0 - LEVEL)
DRIFTS: FloatArray = np.linspace(-14.0, 16.0, 151)
SCORES: FloatArray = np.linspace(-7.0, 9.0, 81)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stops:
    """How trials end, arrays (trials,): index of the look, and of `DECISIONS`."""

    look: IntArray
    decision: IntArray


def stop(z: FloatArray, boundaries: Boundaries, *, follow_futility: bool) -> Stops:
    """Return at which look each trial stops, and why."""
    lower = boundaries.lower(follow_futility=follow_futility)
    upward, downward = z >= boundaries.z, z <= lower
    crossed = upward | downward
    look = np.where(crossed.any(axis=1), crossed.argmax(axis=1), z.shape[1] - 1)
    rows = np.arange(z.shape[0])
    below = DECISIONS.index("harm" if boundaries.sides == 2 else "futility")
    decision = np.where(upward[rows, look], DECISIONS.index("efficacy"), 0)
    # At the last look of a one-sided test, not to reject is no stop for futility.
    last = look == z.shape[1] - 1
    counted = downward[rows, look] & ((boundaries.sides == 2) | ~last)
    return Stops(look=look, decision=np.where(counted, below, decision))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Adjusted:
    """Stage-wise adjusted results of trials, arrays (trials,), in units of z at the stopping look."""

    median: FloatArray
    low: FloatArray
    high: FloatArray
    p_value: FloatArray


def adjusted(z: FloatArray, look: IntArray, looks: Looks, test: Test, comparisons: int) -> Adjusted:
    """Return median-unbiased estimate, interval and p-value of each trial."""
    # The tables know nothing of the analysis: all of a level share theirs.
    level = Test(alpha=test.alpha, sides=test.sides, power=test.power)
    table = _tables(looks, level, comparisons)
    columns = np.full((4, z.size), np.nan)
    for index, curves in enumerate(table):
        rows = np.flatnonzero((look == index) & np.isfinite(z))
        columns[:, rows] = [curve(np.clip(z[rows], SCORES[0], SCORES[-1])) for curve in curves]
    upper = ndtr(-columns[3])
    p_value = upper if test.sides == 1 else 2.0 * np.minimum(upper, 1.0 - upper)
    return Adjusted(median=columns[0], low=columns[1], high=columns[2], p_value=p_value)


@lru_cache(maxsize=16)
def _tables(
    looks: Looks, test: Test, comparisons: int
) -> tuple[tuple[PchipInterpolator, PchipInterpolator, PchipInterpolator, PchipInterpolator], ...]:
    """Return for each look the curves of median, limits and −Φ⁻¹(p) against z, drifts in units of z."""
    boundaries = boundaries_of(looks, test, comparisons)
    # (drifts, looks, scores) probability of a result at least as extreme.
    extreme = np.array([exceedances(boundaries, SCORES, float(drift)) for drift in DRIFTS])
    null = np.array(exceedances(boundaries, SCORES, 0.0))
    curves = []
    for index, time in enumerate(boundaries.information):
        drifts = np.array([_drifts(extreme[:, index, k]) for k in range(SCORES.size)]).T
        quantiles = [PchipInterpolator(SCORES, row * np.sqrt(float(time))) for row in drifts]
        curves.append((*quantiles, PchipInterpolator(SCORES, -ndtri(np.clip(null[index], 1e-16, 1 - 1e-16)))))
    return tuple(curves)


def _drifts(extreme: FloatArray) -> FloatArray:
    """Return the drifts at which the result is extreme with probability ½, α/2 and 1 − α/2."""
    inside = (extreme > 1e-14) & (extreme < 1.0 - 1e-14)
    probits, drifts = ndtri(extreme[inside]), DRIFTS[inside]
    order = np.flatnonzero(np.diff(probits, prepend=-np.inf) > 1e-12)
    curve = PchipInterpolator(probits[order], drifts[order])
    return np.asarray(curve(ndtri([0.5, TAIL, 1.0 - TAIL])))
