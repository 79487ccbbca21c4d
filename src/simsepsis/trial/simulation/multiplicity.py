"""Several arms against one control: single-step and step-down tests of Dunnett."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.trial.inputs import Level

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(96)


@lru_cache(maxsize=256)
def dunnett_critical_value(ratios: tuple[float, ...], alpha: float, sides: int) -> float:
    r"""Return the critical value of the largest of several comparisons with one control."""
    # Dunnett CW. J Am Stat Assoc 1955;50:1096.
    level = Level(alpha=alpha, sides=sides)
    shared = np.sqrt(np.array(ratios) / (1.0 + np.array(ratios)))
    own = np.sqrt(1.0 - shared**2)
    weights = WEIGHTS / WEIGHTS.sum()

    def accepted(critical: float) -> float:
        high = ndtr((critical + np.outer(NODES, shared)) / own)
        low = ndtr((-critical + np.outer(NODES, shared)) / own) if sides == 2 else 0.0
        return float(weights @ np.prod(high - low, axis=1))

    bonferroni = float(-ndtri(level.one_sided / len(ratios)))
    if len(ratios) == 1:
        return level.z
    return float(brentq(lambda c: accepted(c) - (1.0 - alpha), level.z, bonferroni + 1e-9, xtol=1e-10))


def rejected(z: FloatArray, ratios: Sequence[float], level: Level, method: str) -> BoolArray:
    """Return which comparisons are rejected on the planned side, for many trials."""
    # Marcus R, Peritz E, Gabriel KR. Biometrika 1976;63:655. Dunnett CW, Tamhane AC. Stat Med 1991;10:939.
    arms = tuple(float(ratio) for ratio in ratios)
    size = np.nan_to_num(np.abs(z) if level.sides == 2 else z, nan=-np.inf)
    if method == "bonferroni":
        return np.asarray(z >= float(-ndtri(level.one_sided / len(arms))))
    if method == "dunnett":
        return np.asarray(z >= dunnett_critical_value(arms, level.alpha, level.sides))
    order = np.argsort(-size, axis=1, kind="stable")
    out = np.zeros(z.shape, dtype=np.bool_)
    still = np.ones(len(z), dtype=np.bool_)
    rows = np.arange(len(z))
    for step in range(len(arms)):
        left = order[:, step:]
        critical = np.array(
            [
                dunnett_critical_value(tuple(arms[arm] for arm in sorted(mine)), level.alpha, level.sides)
                for mine in left
            ]
        )
        still &= size[rows, order[:, step]] >= critical
        out[rows, order[:, step]] = still
    # A rejection on the other side of a two-sided test lets the procedure go on, but is no success.
    return out & (z > 0.0)
