"""Monte Carlo standard errors of means, proportions, ratios and roots over replicates.

Every function works along the last axis, where NaN is a value that a replicate does not have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
import scipy.special
from numpy.typing import ArrayLike

from simsepsis.arrays import FloatArray, IntArray

Numbers: TypeAlias = FloatArray | float
"""One number for each series, or one for all."""

undefined_as_nan = np.errstate(divide="ignore", invalid="ignore", over="ignore")
"""A decorator: what is undefined or too large comes out as NaN or infinite, not as a warning."""


class Measured(NamedTuple):
    """A value estimated from replicates, its Monte Carlo standard error, and the replicates it rests on."""

    value: FloatArray
    mcse: FloatArray
    n_used: IntArray


class Centred(NamedTuple):
    """Number and mean of the values that are there, and deviations from the mean; 0 for what is missing."""

    n: IntArray
    mean: FloatArray
    deviation: FloatArray


@undefined_as_nan
def quotient(top: ArrayLike, bottom: ArrayLike) -> FloatArray:
    """Return top/bottom, NaN where the bottom is 0."""
    down = np.asarray(bottom, dtype=np.float64)
    return np.asarray(np.where(down == 0, np.nan, np.asarray(top, dtype=np.float64) / down))


def per_replicate(truth: Numbers) -> FloatArray:
    """Give numbers of series an axis for the replicates."""
    return np.asarray(truth, dtype=np.float64)[..., None]


@undefined_as_nan
def centre(x: FloatArray) -> Centred:
    """Return number, mean and deviations of the values that are there."""
    seen = ~np.isnan(x)
    n = np.asarray(np.count_nonzero(seen, axis=-1), dtype=np.int64)
    mean = quotient(np.where(seen, x, 0.0).sum(axis=-1), n)
    return Centred(n, mean, np.where(seen, x - mean[..., None], 0.0))


@undefined_as_nan
def variance(centred: Centred) -> FloatArray:
    """Return the variance with divisor n − 1; NaN below two values."""
    return quotient(np.square(centred.deviation).sum(axis=-1), np.maximum(centred.n - 1, 0))


@undefined_as_nan
def mean_of(x: FloatArray) -> Measured:
    """Mean of a quantity over replicates, MCSE s/√n."""
    centred = centre(x)
    return Measured(centred.mean, np.sqrt(quotient(variance(centred), centred.n)), centred.n)


def proportion_of(hit: FloatArray) -> Measured:
    """Share of replicates, MCSE √[p(1 − p)/n].

    Notes
    -----
    The MCSE is 0 at p = 0 and 1. A rule that stops a run must use `wilson_half_width`.
    """
    n, p, _ = centre(hit)
    return Measured(p, np.sqrt(quotient(p * (1.0 - p), n)), n)


@undefined_as_nan
def ratio_of(top: FloatArray, bottom: FloatArray) -> Measured:
    """Ratio of two means over the same replicates, R = ΣT/ΣB, with its sandwich MCSE.

    Notes
    -----
    MCSE = √Σ(T − RB)²/ΣB, which is √[ΣT² − 2RΣTB + R²ΣB²]/ΣB without its cancellation: a quantity over
    itself has MCSE 0 exactly.

    References
    ----------
    White IR. Stata J 2010;10:369.
    """
    both = ~np.isnan(top) & ~np.isnan(bottom)
    t, b = np.where(both, top, 0.0), np.where(both, bottom, 0.0)
    down = b.sum(axis=-1)
    ratio = quotient(t.sum(axis=-1), down)
    residual = t - ratio[..., None] * b
    mcse = quotient(np.sqrt(np.square(residual).sum(axis=-1)), down)
    return Measured(ratio, mcse, np.asarray(np.count_nonzero(both, axis=-1), dtype=np.int64))


@undefined_as_nan
def root_of(measured: Measured) -> Measured:
    """Square root of a measured value, MCSE/(2√value) by the delta method; 0 where there is no error."""
    root = np.sqrt(measured.value)
    return Measured(root, error_of_root(measured.mcse, root), measured.n_used)


def error_of_root(mcse: FloatArray, root: FloatArray) -> FloatArray:
    """Return the MCSE of a square root from the MCSE of its square: mcse/(2·root), 0 where mcse is 0."""
    return np.where(mcse == 0, 0.0, quotient(mcse, 2.0 * root))


def with_truth_error(measured: Measured, error: Numbers) -> Measured:
    """Return a measure whose MCSE holds the truth's own Monte Carlo error as well, in quadrature.

    Notes
    -----
    The truth comes from another simulation than the replicates, so the two errors are independent.
    """
    return measured._replace(mcse=np.hypot(measured.mcse, np.abs(error)))


def over_truth(measure: Callable[[Numbers], Measured], truth: Numbers, truth_mcse: Numbers) -> Measured:
    """Return a measure at the truth, with the truth's own Monte Carlo error in its MCSE.

    For measures without a derivative to write down, such as coverage.

    Notes
    -----
    The truth's part is half the difference between the measure at θ + MCSE(θ) and at θ − MCSE(θ).
    """
    measured = measure(truth)
    if not np.any(np.asarray(truth_mcse) != 0):
        return measured
    up, down = measure(truth + truth_mcse), measure(truth - truth_mcse)
    return with_truth_error(measured, (up.value - down.value) / 2.0)


def wilson_limits(
    proportion: ArrayLike, n: ArrayLike, *, alpha: float = 0.05
) -> tuple[FloatArray, FloatArray]:
    """Wilson score limits of a proportion; NaN without replicates.

    References
    ----------
    Wilson EB. J Am Stat Assoc 1927;22:209.
    """
    p, count = np.asarray(proportion, dtype=np.float64), np.asarray(n, dtype=np.float64)
    z = float(scipy.special.ndtri(1.0 - alpha / 2.0))
    middle = quotient(p * count + z * z / 2.0, count + z * z)
    half = wilson_half_width(p, count, alpha=alpha)
    return np.where(half >= 0, np.maximum(middle - half, 0.0), np.nan), np.minimum(middle + half, 1.0)


def wilson_half_width(proportion: ArrayLike, n: ArrayLike, *, alpha: float = 0.05) -> FloatArray:
    """Half the width of the Wilson interval of a proportion; positive at 0 and 1, NaN without replicates.

    Notes
    -----
    z√[p(1 − p)n + z²/4]/(n + z²).

    References
    ----------
    Wilson EB. J Am Stat Assoc 1927;22:209.
    """
    p, count = np.asarray(proportion, dtype=np.float64), np.asarray(n, dtype=np.float64)
    z = float(scipy.special.ndtri(1.0 - alpha / 2.0))
    half = z * np.sqrt(p * (1.0 - p) * count + z * z / 4.0) / (count + z * z)
    return np.where(count > 0, half, np.nan)
