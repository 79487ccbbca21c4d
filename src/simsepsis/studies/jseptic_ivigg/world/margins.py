"""Marginal distributions: quantile functions from printed quartiles, and joint tables from margins."""

from __future__ import annotations

import numba
import numpy as np
from scipy.special import ndtr, ndtri

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import ScenarioError
from simsepsis.studies.jseptic_ivigg.world.people import Margin

UPPER_QUARTILE = float(ndtri(0.75))
Z_LIMIT = 6.0
Z_STEPS = 1200
Z_GRID: FloatArray = np.linspace(-Z_LIMIT, Z_LIMIT, Z_STEPS + 1)
"""Standard normal scores at which every tabulated function of a latent variable is known."""


@numba.njit(cache=True, nogil=True)
def tabulated(z: FloatArray, table: FloatArray) -> FloatArray:
    """Return a function tabulated on `Z_GRID` at `z`, linear in between and constant beyond.

    The grid is even, so the place is computed, not searched: ten times faster than `numpy.interp`.
    """
    out = np.empty_like(z)
    per_unit = Z_STEPS / (2.0 * Z_LIMIT)
    for i in range(z.size):
        place = min(max((z[i] + Z_LIMIT) * per_unit, 0.0), Z_STEPS - 1e-9)
        k = int(place)
        out[i] = table[k] + (place - k) * (table[k + 1] - table[k])
    return out


@numba.njit(cache=True, nogil=True)
def graded(z: FloatArray, cuts: FloatArray) -> IntArray:
    """Return how many of a few increasing cut points each of `z` reaches.

    The same as `numpy.searchsorted` with ``side="right"``, many times faster where the cuts are few.
    """
    out = np.zeros(z.size, dtype=np.int64)
    # cut by cut and without a branch, so that several scores are compared at a time
    for cut in cuts:
        for i in range(z.size):
            out[i] += z[i] >= cut
    return out


def split_normal_cdf(x: FloatArray, quartiles: tuple[float, float, float]) -> FloatArray:
    """Return the distribution function of two half normals that meet at the median.

    Each half has the standard deviation that puts its quartile where it was printed, so that the
    three quartiles are met exactly.
    """
    low, median, high = quartiles
    scale = np.where(x < median, median - low, high - median) / UPPER_QUARTILE
    return np.asarray(ndtr((x - median) / scale))


def arm_cdf(margin: Margin, arm: str, x: FloatArray) -> FloatArray:
    """Return the distribution function of one arm (``"ivigg"`` or ``"control"``) at `x`."""
    quartiles = margin.ivigg if arm == "ivigg" else margin.control
    if margin.family == "split_lognormal":
        low, median, high = np.log(quartiles)
        return split_normal_cdf(np.log(np.maximum(x, 1e-12)), (low, median, high))
    return split_normal_cdf(x, quartiles)


def _support(margin: Margin, size: int = 4001) -> FloatArray:
    if margin.family == "split_lognormal":
        return np.geomspace(max(margin.low, 1e-3), margin.high, size)
    return np.linspace(margin.low, margin.high, size)


def pooled_quantiles(margin: Margin, share: float, p: FloatArray) -> FloatArray:
    """Return the quantiles of both arms together at probabilities `p`.

    The pooled distribution is ``share * F_ivigg + (1 - share) * F_control``, inverted on a fine grid
    and kept within the margin's limits.
    """
    x = _support(margin)
    pooled = share * arm_cdf(margin, "ivigg", x) + (1.0 - share) * arm_cdf(margin, "control", x)
    return np.asarray(np.interp(p, pooled, x))


def cut_points(probabilities: FloatArray, z: FloatArray, p: FloatArray) -> FloatArray:
    """Return the latent scores that cut a variable into levels of the given probabilities."""
    cumulative = np.cumsum(probabilities) / np.sum(probabilities)
    return np.asarray(np.interp(cumulative[:-1], p, z))


def fit_joint(
    seed_table: FloatArray, margins: dict[int, FloatArray], *, tolerance: float = 1e-12
) -> FloatArray:
    """Return the table nearest to `seed_table` that has the wanted margins (iterative proportional fitting).

    Zeros of the seed stay zero: what is impossible stays impossible. The odds ratios of the seed are
    kept, which is how an assumed association is combined with printed margins.

    References
    ----------
    Deming and Stephan (1940), Annals of Mathematical Statistics 11:427.
    """
    table = seed_table / seed_table.sum()
    for _ in range(2000):
        worst = 0.0
        for axis, wanted in margins.items():
            others = tuple(i for i in range(table.ndim) if i != axis)
            have = table.sum(axis=others)
            worst = max(worst, float(np.abs(have - wanted).max()))
            shape = [1] * table.ndim
            shape[axis] = -1
            ratio = np.divide(wanted, have, out=np.zeros_like(have), where=have > 0)
            table = table * ratio.reshape(shape)
        if worst < tolerance:
            return np.asarray(table)
    raise ScenarioError(
        f"the margins of the infection table miss their target by {worst:.2g}; "
        "an impossible combination takes more than its category has"
    )
