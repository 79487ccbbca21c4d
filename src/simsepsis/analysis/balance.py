"""Balance between the arms: standardized differences, variance ratios and eCDF distances."""

from __future__ import annotations

from typing import Literal

import numpy as np

from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.errors import DataError, UsageError

Denominator = Literal["pooled", "treated", "control"]

IMBALANCE_PERCENT = 10.0
"""The thesis calls a covariate unbalanced above this absolute standardized difference."""


def standardized_difference(
    x: object, treated: object, *, weights: object | None = None, denominator: Denominator | float = "pooled"
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
        If lengths differ, a value is NaN, an arm is empty, or the treatment is not 0/1.
    UsageError
        If the denominator is unknown.

    Notes
    -----
    Variances have divisor n − 1, with weights Σw(x−m)²/(1−Σw²) with w summing to 1; those of 0/1
    covariates are p(1−p). R: ``cobalt::col_w_smd(x, treat, s.d.denom = "pooled", bin.vars = …)``.

    References
    ----------
    Austin PC. Stat Med 2009;28:3083, sections 2.1 and 2.2.
    """
    values, arm, weight = _checked(x, treated, weights)
    binary = bool(np.all((values == 0) | (values == 1)))
    (mean1, var1), (mean0, var0) = (
        _weighted_moments(values[side], weight[side], binary=binary) for side in (arm, ~arm)
    )
    if isinstance(denominator, str):
        choices = {"pooled": (var1 + var0) / 2, "treated": var1, "control": var0}
        if denominator not in choices:
            raise UsageError(
                f"denominator '{denominator}' is unknown; choose {', '.join(choices)} or give an SD"
            )
        spread = float(np.sqrt(choices[denominator]))
    else:
        spread = float(denominator)
    return float(standardized(np.array(mean1 - mean0), np.array(spread)))


def standardized(difference: FloatArray, spread: FloatArray) -> FloatArray:
    """Return differences over SDs; no difference is 0 whatever the SD."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = difference / spread
    return np.where(difference == 0.0, 0.0, ratio)


def _checked(x: object, treated: object, weights: object | None) -> tuple[FloatArray, BoolArray, FloatArray]:
    values = np.asarray(x, dtype=np.float64)
    arm = np.asarray(treated, dtype=np.float64)
    weight = np.ones(values.shape) if weights is None else np.asarray(weights, dtype=np.float64)
    if values.ndim != 1 or arm.shape != values.shape or weight.shape != values.shape:
        raise DataError(
            f"covariate, arms and weights have shapes {values.shape}, {arm.shape} and {weight.shape}; "
            "give three vectors of one length"
        )
    for name, vector in (("covariate", values), ("weights", weight), ("arms", arm)):
        if np.isnan(vector).any():
            raise DataError(f"{name} has NaN in row {int(np.argmax(np.isnan(vector)))}; leave the row out")
    if not np.all((arm == 0) | (arm == 1)):
        wrong = arm[(arm != 0) & (arm != 1)][0]
        raise DataError(f"arms have the value {wrong:g}; give 0 or 1")
    for name, side in (("treated", arm == 1), ("control", arm == 0)):
        if weight[side].sum() <= 0:
            raise DataError(f"the {name} arm is empty or has no weight; give patients in both arms")
    return values, arm == 1, weight


def _weighted_moments(values: FloatArray, weights: FloatArray, *, binary: bool) -> tuple[float, float]:
    share = weights / weights.sum()
    mean = float(share @ values)
    if binary:
        return mean, mean * (1 - mean)
    lost = 1 - float(share @ share)
    return mean, float(share @ (values - mean) ** 2) / lost if lost > 0 else 0.0


def group_moments(values: FloatArray, groups: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return means and variances (divisor n − 1) of many covariates in many groups at once.

    Parameters
    ----------
    values
        (k, n): covariates; NaN is left out.
    groups
        (n, g): 1 where the patient belongs to the group, else 0.

    Returns
    -------
    tuple
        Means (k, g) and variances (k, g).
    """
    gaps = np.isnan(values)
    size = groups.sum(axis=0) - gaps.astype(np.float64) @ groups
    # Centring first keeps the sums of squares from cancelling.
    centre = np.mean(values, axis=1, keepdims=True, where=~gaps)
    centred = np.where(gaps, 0.0, values - centre)
    shift = (centred @ groups) / size
    squares = (centred * centred) @ groups - size * shift**2
    return shift + centre, np.maximum(squares, 0.0) / np.maximum(size - 1, 1)


def pooled_sd(variance1: FloatArray, variance0: FloatArray) -> FloatArray:
    """Return √((s₁² + s₀²)/2)."""
    return np.sqrt((variance1 + variance0) / 2)


def ecdf_distances(values: FloatArray, treated: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Estimate mean and greatest distance of the arms' empirical distribution functions.

    Parameters
    ----------
    values
        (k, n): covariates; NaN is left out.
    treated
        (n,): the arms.

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
    order = np.argsort(values, axis=1)
    ranked = np.take_along_axis(values, order, axis=1)
    arm, known = treated[order], ~np.isnan(ranked)
    sizes = [np.maximum((side & known).sum(axis=1, keepdims=True), 1) for side in (arm, ~arm)]
    step = np.where(known, np.where(arm, 1 / sizes[0], -1 / sizes[1]), 0.0)
    distance = np.abs(np.cumsum(step, axis=1))[:, :-1]
    last = np.diff(ranked, axis=1) > 0
    counted = np.where(last, distance, 0.0)
    return counted.sum(axis=1) / np.maximum(last.sum(axis=1), 1), counted.max(axis=1)
