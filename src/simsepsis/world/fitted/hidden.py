"""A confounder that nobody recorded, with which the measured ones keep the margins that were found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit

from simsepsis.arrays import FloatArray

if TYPE_CHECKING:
    from simsepsis.world.fitted.scenario import Unmeasured

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
NEWTON_STEPS = 30


def draw_hidden(unmeasured: Unmeasured, n: int, rng: np.random.Generator) -> FloatArray:
    """Return u of n patients; zeros where there is none."""
    if unmeasured.kind == "binary":
        return (rng.random(n) < unmeasured.prevalence).astype(np.float64)
    return rng.standard_normal(n) if unmeasured.kind == "normal" else np.zeros(n)


def mean_of(unmeasured: Unmeasured) -> float:
    """Return the mean of u."""
    return unmeasured.prevalence if unmeasured.kind == "binary" else 0.0


def conditional_log_odds(score: FloatArray, hidden: FloatArray, unmeasured: Unmeasured) -> FloatArray:
    r"""Return the log odds of treatment given u, whose mean over u is the probability without it.

    :math:`\operatorname{logit} P(T \mid x, u) = a(x) + \gamma u` with a(x) such that
    :math:`E_u P(T \mid x, u) = e(x)` for every patient: whatever u does, the measured covariates of both arms
    are as they were found.
    """
    slope = float(np.log(unmeasured.or_treatment))
    if unmeasured.kind == "none" or slope == 0.0:
        return score
    start = _binary(score, unmeasured) if unmeasured.kind == "binary" else _normal(score, slope)
    return start + slope * hidden


def _binary(score: FloatArray, unmeasured: Unmeasured) -> FloatArray:
    """Return a(x), the root of a square equation in its exponential."""
    ratio, share, chance = (
        unmeasured.or_treatment,
        unmeasured.prevalence,
        np.clip(expit(score), 1e-12, 1 - 1e-12),
    )
    square = ratio * (1.0 - chance)
    linear = (1.0 - share) + share * ratio - chance * (1.0 + ratio)
    # The stable form of the positive root: what is subtracted never cancels.
    root = np.sqrt(linear**2 + 4.0 * square * chance)
    positive = np.where(linear > 0.0, 2.0 * chance / (linear + root), (root - linear) / (2.0 * square))
    return np.asarray(np.log(positive))


def _normal(score: FloatArray, slope: float) -> FloatArray:
    """Return a(x) by Newton's method, from the usual approximation of a logit mixed over a normal."""
    chance = np.clip(expit(score), 1e-12, 1 - 1e-12)
    start = logit(chance) * np.sqrt(1.0 + 0.346 * slope**2)
    for _ in range(NEWTON_STEPS):
        each = expit(start[:, None] + slope * NODES)
        change = (each @ WEIGHTS - chance) / np.maximum((each * (1.0 - each)) @ WEIGHTS, 1e-12)
        start = start - np.clip(change, -2.0, 2.0)
        if np.abs(change).max(initial=0.0) < 1e-10:
            break
    return np.asarray(start)
