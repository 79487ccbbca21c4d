"""Balance between the arms: standardized differences, variance ratios and eCDF distances."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from simsepsis.analysis.inputs import binary_vector, case_weights, finite_vector
from simsepsis.analysis.numeric import finite_number
from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.errors import DataError, UsageError

Denominator = Literal["pooled", "treated", "control"]

_FEW_LEVELS = 1000
"""Whole numbers below this are counted, others are put in order first."""
_CANCELLED = 1e-6
"""Share of a sum of squares about the common mean below which that about a group's own mean is taken anew."""

IMBALANCE_PERCENT = 10.0
"""The thesis calls a covariate unbalanced above this absolute standardized difference."""


def standardized_difference(
    x: ArrayLike,
    treated: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    denominator: Denominator | float = "pooled",
) -> float:
    """Estimate the difference of the arms' means in standard deviations, treated minus control.

    Parameters
    ----------
    x
        (n,): the covariate; 0/1 values are taken as a proportion.
    treated
        (n,): the arms, 0/1 or bool.
    weights
        (n,): weights ≥ 0; None for equal weights.
    denominator
        ``pooled``: √((s₁² + s₀²)/2); ``treated`` or ``control``: that arm's SD; a number: this SD, for
        instance one from before matching.

    Returns
    -------
    float
        A fraction, not percent. 0 where the arms are equal and constant; ±inf where both are constant at
        different values.

    Raises
    ------
    DataError
        If lengths differ, a value is no number, missing or infinite, an arm is empty, the treatment is not
        0/1, or a weight is negative.
    UsageError
        If the denominator is unknown, or an SD that is negative or no number.

    Notes
    -----
    Variances have divisor n − 1, with weights Σw(x−m)²/(1−Σw²) with w summing to 1; those of 0/1
    covariates are p(1−p). The covariate is centred first, so that neither a constant nor a small spread
    around a large number is lost in rounding. R:
    ``cobalt::col_w_smd(x, treat, s.d.denom = "pooled", bin.vars = …)``.

    References
    ----------
    Austin PC. Stat Med 2009;28:3083, sections 2.1 and 2.2.
    """
    values, arm, weight = _checked(x, treated, weights)
    binary = bool(np.all((values == 0) | (values == 1)))
    # In a unit of their own size (a power of two, which rounds nothing) and around their mean, squares
    # neither overflow nor drown in the place of the numbers.
    unit = float(np.exp2(np.frexp(np.abs(values).max())[1] - 1.0)) if values.any() and not binary else 1.0
    centred = values if binary else values / unit - (values / unit).mean()
    (mean1, var1), (mean0, var0) = (
        weighted_moments(centred[side], weight[side], binary=binary) for side in (arm, ~arm)
    )
    difference = np.array(mean1 - mean0)
    if not isinstance(denominator, str):
        spread = finite_number(denominator, "denominator", least=0.0)
        with np.errstate(over="ignore", divide="ignore"):
            return float(difference / np.float64(spread / unit)) if difference else 0.0
    choices = {"pooled": (var1 + var0) / 2, "treated": var1, "control": var0}
    if denominator not in choices:
        raise UsageError(f"denominator '{denominator}' is unknown; choose {', '.join(choices)} or give an SD")
    return float(standardized(difference, np.sqrt(choices[denominator])))


def standardized(difference: FloatArray, spread: FloatArray) -> FloatArray:
    """Return differences over SDs; no difference is 0 whatever the SD, and NaN where that has no number."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = difference / np.where(np.isinf(spread), np.nan, spread)
    return np.where(difference == 0.0, 0.0, ratio)


def _checked(
    x: ArrayLike, treated: ArrayLike, weights: ArrayLike | None
) -> tuple[FloatArray, BoolArray, FloatArray]:
    """Return covariate, arms and weights of those who have a weight."""
    values = finite_vector(x, "covariate")
    arm = binary_vector(treated, "arms", values.size) == 1
    weight = np.ones(values.size) if weights is None else case_weights(weights, values.size)
    for name, side in (("treated", arm), ("control", ~arm)):
        if not weight[side].any():
            raise DataError(f"the {name} arm is empty or has no weight; give patients in both arms")
    used = weight > 0
    return values[used], arm[used], weight[used]


def weighted_moments(values: FloatArray, weights: FloatArray, *, binary: bool = False) -> tuple[float, float]:
    """Return mean and variance as in `standardized_difference`; those of a constant are exact."""
    share = weights / weights.sum()
    from_first = values - values[0]
    shift = float(share @ from_first)
    mean = float(values[0] + shift)
    if binary:
        return mean, mean * (1 - mean)
    most = int(np.argmax(share))
    rest = np.delete(share, most)
    # 1 − Σw², which one heavy weight would cancel
    lost = float(share[most] * rest.sum() + rest @ (1 - rest))
    return mean, float(share @ (from_first - shift) ** 2) / lost if lost > 0 else 0.0


def group_moments(values: FloatArray, groups: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return means and variances (divisor n − 1) of many covariates in many groups at once."""
    gaps = np.isnan(values)
    size = groups.sum(axis=0) - gaps.astype(np.float64) @ groups
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        # Centring first keeps the sums of squares from cancelling.
        centre = np.sum(values, axis=1, keepdims=True, where=~gaps) / (~gaps).sum(axis=1, keepdims=True)
        centred = np.where(gaps, 0.0, values - centre)
        mean = (centred @ groups) / size
        squares = (centred * centred) @ groups
        variance = np.maximum(squares - size * mean**2, 0.0) / np.maximum(size - 1, 1)
        doubtful = (variance * np.maximum(size - 1, 1) < _CANCELLED * squares) & (size > 0)
    mean += centre
    for row, group in np.argwhere(doubtful):
        own = values[row, (groups[:, group] > 0) & ~gaps[row]]
        mean[row, group], variance[row, group] = weighted_moments(own, np.ones(own.size))
    return mean, variance


def pooled_sd(variance1: FloatArray, variance0: FloatArray) -> FloatArray:
    """Return √((s₁² + s₀²)/2)."""
    return np.sqrt((variance1 + variance0) / 2)


def ecdf_distances(values: FloatArray, treated: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Estimate mean and greatest distance of the arms' empirical distribution functions.

    Returns
    -------
    tuple
        Mean and maximum, (k,) each. The mean is over the distinct values below the largest, so that for a
        0/1 covariate both are the difference of the proportions. The maximum is the Kolmogorov–Smirnov
        statistic. NaN where an arm is empty.
    """
    if treated.all() or not treated.any():
        nothing = np.full(len(values), np.nan)
        return nothing, nothing.copy()
    found = np.array([_ecdf_distance(row, treated) for row in values]).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def _ecdf_distance(values: FloatArray, treated: BoolArray) -> tuple[float, float]:
    known = ~np.isnan(values)
    arms = [values[known & side] for side in (treated, ~treated)]
    counts = _counts_of(arms)
    steps = [count / max(arm.size, 1) for count, arm in zip(counts, arms, strict=True)]
    distance = np.abs(np.cumsum(steps[0] - steps[1]))[:-1]
    return distance.sum() / max(distance.size, 1), distance.max(initial=0.0)


def _counts_of(arms: list[FloatArray]) -> list[FloatArray]:
    """Return how often each distinct value of the arms stands in each of them, in ascending order."""
    lowest = min(arm.min(initial=0.0) for arm in arms)
    highest = max(arm.max(initial=0.0) for arm in arms)
    whole = lowest >= 0.0 and highest < _FEW_LEVELS
    if whole and all((arm == np.floor(arm)).all() for arm in arms):
        counts = [np.bincount(arm.astype(np.int64), minlength=int(highest) + 1) for arm in arms]
        there = counts[0] + counts[1] > 0
        return [count[there].astype(np.float64) for count in counts]
    distinct, place = np.unique(np.concatenate(arms), return_inverse=True)
    parts = np.split(place, [arms[0].size])
    return [np.bincount(part, minlength=distinct.size).astype(np.float64) for part in parts]
