"""Performance of estimates and standard errors, each measure with its Monte Carlo standard error.

Shapes: estimates and standard errors are (..., r) with the replicates last; the truth and its MCSE are
(...) or one number. NaN is what a replicate does not have. Every measure uses the replicates that have what
it needs (case-wise) and says how many.

Formulas: Morris TP, White IR, Crowther MJ. Stat Med 2019;38:2074, table 6; the robust MCSEs: White IR.
Stata J 2010;10:369. What goes beyond these names its own source.
"""

from __future__ import annotations

import numpy as np

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.performance.mcse import (
    Measured,
    Numbers,
    centre,
    error_of_root,
    mean_of,
    per_replicate,
    quotient,
    ratio_of,
    root_of,
    variance,
    with_truth_error,
)

Z_MEDIAN = 2.5758293035489004
"""Normal quantile of 0.995, which McKean and Schrader chose for the order statistics around the median."""


def mean_estimate(estimate: FloatArray) -> Measured:
    """Mean of θ̂, MCSE s/√n.

    Parameters
    ----------
    estimate
        θ̂, shape (..., r).
    """
    return mean_of(estimate)


def truth_of(estimate: FloatArray, truth: Numbers, truth_mcse: Numbers = 0.0) -> Measured:
    """θ itself, with its own Monte Carlo standard error; NaN where nothing estimates it.

    Parameters
    ----------
    estimate
        θ̂, shape (..., r).
    truth, truth_mcse
        θ and its Monte Carlo standard error, shape (...).
    """
    n = mean_of(estimate).n_used
    value, mcse = (np.where(n > 0, number, np.nan) for number in (truth, truth_mcse))
    return Measured(value, mcse, n)


def bias(estimate: FloatArray, truth: Numbers, truth_mcse: Numbers = 0.0) -> Measured:
    """Bias: mean of θ̂ − θ.

    MCSE √[s²/n + MCSE(θ)²], s the SD of the estimates.

    Parameters
    ----------
    estimate
        θ̂, shape (..., r).
    truth, truth_mcse
        θ and its Monte Carlo standard error, shape (...).
    """
    return with_truth_error(mean_of(estimate - per_replicate(truth)), truth_mcse)


def relative_bias(estimate: FloatArray, truth: Numbers, truth_mcse: Numbers = 0.0) -> Measured:
    """Relative bias: mean of (θ̂ − θ)/θ, so no bias is 0; undefined (NaN) at θ = 0.

    MCSE √[s²/n + (θ̄/θ)²·MCSE(θ)²]/|θ|.

    Parameters
    ----------
    estimate
        θ̂, shape (..., r).
    truth, truth_mcse
        θ and its Monte Carlo standard error, shape (...).
    """
    theta = per_replicate(truth)
    relative = mean_of(quotient(estimate - theta, theta))
    return with_truth_error(relative, quotient((relative.value + 1.0) * truth_mcse, truth))


def median_bias(estimate: FloatArray, truth: Numbers, truth_mcse: Numbers = 0.0) -> Measured:
    """Median bias: median of θ̂ − θ.

    MCSE (x₍ₙ₊₁₋c₎ − x₍c₎)/(2z) with c = (n + 1)/2 − z√(n/4), rounded, and z = 2.576; NaN below nine
    replicates, where c < 1.

    Parameters
    ----------
    estimate
        θ̂, shape (..., r).
    truth, truth_mcse
        θ and its Monte Carlo standard error, shape (...).

    References
    ----------
    McKean JW, Schrader RM. Commun Stat Simul Comput 1984;13:751.
    """
    ascending = np.sort(estimate - per_replicate(truth), axis=-1)
    n = np.asarray(np.count_nonzero(~np.isnan(ascending), axis=-1), dtype=np.int64)
    median = 0.5 * (_ranked(ascending, (n + 1) // 2) + _ranked(ascending, n // 2 + 1))
    c = np.rint((n + 1) / 2 - Z_MEDIAN * np.sqrt(n / 4)).astype(np.int64)
    spread = _ranked(ascending, n + 1 - c) - _ranked(ascending, c)
    mcse = np.where(c >= 1, spread / (2.0 * Z_MEDIAN), np.nan)
    return with_truth_error(Measured(median, mcse, n), truth_mcse)


def empirical_se(estimate: FloatArray, *, robust: bool = True) -> Measured:
    """Empirical standard error: E = √[Σ(θ̂ − θ̄)²/(n − 1)].

    MCSE by the sandwich, √k·se(E²)/(2E) with k = n/(n − 1), or E/√[2(n − 1)] for normal estimates.

    Parameters
    ----------
    estimate
        θ̂, shape (..., r).
    robust
        False for the normal-theory MCSE.
    """
    centred = centre(estimate)
    spread = np.sqrt(variance(centred))
    if not robust:
        return Measured(spread, quotient(spread, np.sqrt(2.0 * np.maximum(centred.n - 1, 0))), centred.n)
    inflation = quotient(centred.n, np.maximum(centred.n - 1, 0))
    squares = _squares(estimate, centred.deviation) * inflation[..., None]
    squared = ratio_of(squares, np.where(np.isnan(squares), np.nan, 1.0))
    return Measured(spread, error_of_root(np.sqrt(inflation) * squared.mcse, spread), centred.n)


def model_se(std_error: FloatArray) -> Measured:
    """Model standard error, the root of the mean variance: M = √(Σ SE²/n).

    MCSE √[Var(SE²)/(4nM²)].

    Parameters
    ----------
    std_error
        SE, shape (..., r).
    """
    return root_of(mean_of(np.square(std_error)))


def relative_error_model_se(estimate: FloatArray, std_error: FloatArray, *, robust: bool = True) -> Measured:
    """Relative error of the model standard error, percent: 100(M/E − 1).

    MCSE by the sandwich, 100·se(M²/E²)/(2M/E), or 100(M/E)√{Var(SE²)/(4nM⁴) + 1/[2(n − 1)]} for normal
    estimates. Only replicates with an estimate and a standard error count, for M and for E.

    Parameters
    ----------
    estimate, std_error
        θ̂ and SE, shape (..., r).
    robust
        False for the normal-theory MCSE.
    """
    both = np.isnan(estimate) | np.isnan(std_error)
    theta, model = np.where(both, np.nan, estimate), np.where(both, np.nan, std_error)
    m, e = model_se(model), empirical_se(theta, robust=False)
    ratio = quotient(m.value, e.value)
    if robust:
        squares = _squares(theta, centre(theta).deviation)
        error = error_of_root(ratio_of(np.square(model), squares).mcse, ratio)
    else:
        error = ratio * np.hypot(quotient(m.mcse, m.value), quotient(e.mcse, e.value))
    return Measured(100.0 * (ratio - 1.0), 100.0 * error, m.n_used)


def mse(estimate: FloatArray, truth: Numbers, truth_mcse: Numbers = 0.0) -> Measured:
    """Mean squared error: Σ(θ̂ − θ)²/n.

    MCSE √{Σ[(θ̂ − θ)² − MSE]²/[n(n − 1)] + [2·bias·MCSE(θ)]²}.

    Parameters
    ----------
    estimate
        θ̂, shape (..., r).
    truth, truth_mcse
        θ and its Monte Carlo standard error, shape (...).
    """
    error = estimate - per_replicate(truth)
    return with_truth_error(mean_of(np.square(error)), 2.0 * centre(error).mean * truth_mcse)


def rmse(estimate: FloatArray, truth: Numbers, truth_mcse: Numbers = 0.0) -> Measured:
    """Root mean squared error: √MSE.

    MCSE = MCSE(MSE)/(2·RMSE).

    Parameters
    ----------
    estimate
        θ̂, shape (..., r).
    truth, truth_mcse
        θ and its Monte Carlo standard error, shape (...).
    """
    return root_of(mse(estimate, truth, truth_mcse))


def relative_precision(estimate: FloatArray, reference: FloatArray, *, robust: bool = True) -> Measured:
    """Gain in precision over a reference method A, percent: 100[(E_A/E)² − 1].

    MCSE by the sandwich, 100·se(ΣT/ΣB) with T and B the squared deviations of A and of the method, or
    200(E_A/E)²√[(1 − ρ²)/(n − 1)] for normal estimates. A method against itself has 0 with MCSE 0.

    Parameters
    ----------
    estimate, reference
        θ̂ of the method and of the reference in the same replicates, shape (..., r); only replicates
        with both count.
    robust
        False for the normal-theory MCSE.
    """
    missing = np.isnan(estimate) | np.isnan(reference)
    own, other = (centre(np.where(missing, np.nan, x)) for x in (estimate, reference))
    squares = [_squares(np.where(missing, np.nan, 0.0), item.deviation) for item in (other, own)]
    ratio = ratio_of(*squares)
    error = ratio.mcse
    if not robust:
        shared = np.square((own.deviation * other.deviation).sum(axis=-1))
        rho2 = quotient(shared, np.nansum(squares[0], axis=-1) * np.nansum(squares[1], axis=-1))
        error = 2.0 * ratio.value * np.sqrt(quotient(np.maximum(1.0 - rho2, 0.0), np.maximum(own.n - 1, 0)))
    return Measured(100.0 * (ratio.value - 1.0), 100.0 * error, ratio.n_used)


def paired_difference(estimate: FloatArray, reference: FloatArray) -> Measured:
    """Difference from a reference method: mean of θ̂ − θ̂_A over the replicates that both have.

    MCSE s/√n with s the SD of the differences. Where both methods have the same truth, this is the difference
    of their biases, without the noise that they share.

    Parameters
    ----------
    estimate, reference
        θ̂ of the method and of the reference in the same replicates, shape (..., r).
    """
    return mean_of(estimate - reference)


def _squares(x: FloatArray, deviation: FloatArray) -> FloatArray:
    """Return squared deviations, NaN where x is."""
    return np.where(np.isnan(x), np.nan, np.square(deviation))


def _ranked(ascending: FloatArray, rank: IntArray) -> FloatArray:
    """Return the value of a rank, counted from 1; ranks outside are clipped."""
    index = np.clip(rank - 1, 0, ascending.shape[-1] - 1)[..., None]
    return np.take_along_axis(ascending, index, axis=-1)[..., 0]
