"""Distance of a simulated population from a printed cell, in the thesis's own sampling standard errors."""

from __future__ import annotations

import numpy as np

from simsepsis.arrays import FloatArray
from simsepsis.studies.jseptic_ivigg.world.calibration.targets import (
    ARMS,
    QUARTILES,
    Targets,
    band,
    resolution,
    weighted_cdf,
)

ROOM = 0.4
"""Standard errors by which a fit should stay inside the values that are printed alike."""

Weights = dict[str, FloatArray]
"""Arm → (n,) weights: the probability of being in that arm."""


def arm_weights(treated: FloatArray) -> Weights:
    """Return the weights of both arms from each patient's probability of treatment."""
    return {"ivigg": treated, "control": 1.0 - treated}


def percent_residuals(targets: Targets, variable: str, value: FloatArray, weights: Weights) -> FloatArray:
    """Return (2,) differences of a 0/1 column's proportion from print, in SEs, IVIgG first."""
    gaps = []
    for arm in ARMS:
        printed = targets.proportion(variable, "", arm)
        error = np.sqrt(printed * (1.0 - printed) / targets.size[arm])
        gaps.append((np.average(value, weights=weights[arm]) - printed) / error)
    return np.array(gaps)


def quartile_gap(
    below: FloatArray, upto: FloatArray, p: FloatArray, size: int, room: float = 0.0
) -> FloatArray:
    r"""Return how far probability `p` lies outside [`below`, `upto`] in SEs of a sample proportion.

    A quartile printed as q says that the share of patients below q's rounding interval is at most p and
    the share up to its end at least p. The SE is :math:`\sqrt{p(1-p)/n}`: a quantile's error on the scale of
    probabilities, which needs no density and holds for scores with ties. Positive: simulated values
    are too high.
    """
    error = np.sqrt(p * (1.0 - p) / size)
    high = np.maximum(p - upto + room * error, 0.0)
    low = np.maximum(below - p + room * error, 0.0)
    return np.asarray((high - low) / error)


def quartile_residuals(
    targets: Targets, variable: str, value: FloatArray, weights: Weights, room: float = ROOM
) -> FloatArray:
    """Return (6,) gaps of the quartiles in SEs, IVIgG first; 0 where print and population agree."""
    p = np.array(list(QUARTILES.values()))
    gaps = []
    for arm in ARMS:
        edges = [band(q, resolution(variable, q)) for q in targets.quartiles(variable, arm)]
        # A hundredth of a step keeps rounding of decimals out of the comparison.
        low, high = (np.array(side) for side in zip(*edges, strict=True))
        below = weighted_cdf(value, weights[arm], low - 1e-9)
        upto = weighted_cdf(value, weights[arm], high + 1e-9)
        gaps.append(quartile_gap(below, upto, p, targets.size[arm], room))
    return np.concatenate(gaps)
