"""Performance of intervals and tests, each measure with its Monte Carlo standard error.

Shapes: limits, estimates and verdicts are (..., r) with the replicates last; the truth and its MCSE are
(...) or one number. NaN is what a replicate does not have. Every measure uses the replicates that have what
it needs (case-wise) and says how many.

Formulas: Morris TP, White IR, Crowther MJ. Stat Med 2019;38:2074, table 6. What goes beyond it names its own
source.
"""

from __future__ import annotations

import numpy as np

from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.performance.mcse import (
    Measured,
    Numbers,
    centre,
    mean_of,
    over_truth,
    per_replicate,
    proportion_of,
    quotient,
    with_truth_error,
)


def coverage(low: FloatArray, high: FloatArray, truth: Numbers, truth_mcse: Numbers = 0.0) -> Measured:
    """Coverage: share of intervals with low ≤ θ ≤ high, MCSE √[C(1 − C)/n].

    Parameters
    ----------
    low, high
        Confidence limits, shape (..., r).
    truth, truth_mcse
        θ and its Monte Carlo standard error, shape (...).
    """
    return over_truth(lambda theta: proportion_of(covers(low, high, theta)), truth, truth_mcse)


def bounded_coverage(
    outcome: float,
    low: FloatArray,
    high: FloatArray,
    attempted: BoolArray,
    truth: Numbers,
    truth_mcse: Numbers = 0.0,
) -> Measured:
    """Coverage over all attempted replicates where one without an interval counts as `outcome`: a bound.

    Parameters
    ----------
    outcome
        1 or 0.
    low, high
        Confidence limits, shape (..., r).
    attempted
        Whether the method was run in the replicate, shape (..., r).
    truth, truth_mcse
        θ and its Monte Carlo standard error, shape (...).
    """
    return over_truth(
        lambda theta: with_failures_as(outcome, covers(low, high, theta), attempted), truth, truth_mcse
    )


def bias_eliminated_coverage(estimate: FloatArray, low: FloatArray, high: FloatArray) -> Measured:
    """Coverage of the mean estimate θ̄ in place of θ, MCSE √[C(1 − C)/n] with θ̄ taken as fixed.

    Parameters
    ----------
    estimate, low, high
        θ̂ and its confidence limits, shape (..., r); θ̄ is over all estimates, with limits or without.
    """
    return coverage(low, high, centre(estimate).mean)


def noncoverage_left(
    low: FloatArray, high: FloatArray, truth: Numbers, truth_mcse: Numbers = 0.0
) -> Measured:
    """Left non-coverage: share of intervals that lie above the truth, θ < low.

    Parameters
    ----------
    low, high
        Confidence limits, shape (..., r).
    truth, truth_mcse
        θ and its Monte Carlo standard error, shape (...).
    """
    return over_truth(
        lambda theta: proportion_of(_where_known(per_replicate(theta) < low, low, high, theta)),
        truth,
        truth_mcse,
    )


def noncoverage_right(
    low: FloatArray, high: FloatArray, truth: Numbers, truth_mcse: Numbers = 0.0
) -> Measured:
    """Right non-coverage: share of intervals that lie below the truth, θ > high.

    Parameters
    ----------
    low, high
        Confidence limits, shape (..., r).
    truth, truth_mcse
        θ and its Monte Carlo standard error, shape (...).
    """
    return over_truth(
        lambda theta: proportion_of(_where_known(per_replicate(theta) > high, low, high, theta)),
        truth,
        truth_mcse,
    )


def rejection(rejected: FloatArray) -> Measured:
    """Rejection rate: share of tests that reject, MCSE √[p(1 − p)/n].

    Power where the null hypothesis is false, type I error where it is true.

    Parameters
    ----------
    rejected
        1, 0 or NaN, shape (..., r).
    """
    return proportion_of(rejected)


def ci_width(low: FloatArray, high: FloatArray) -> Measured:
    """Mean width of the confidence interval, MCSE s/√n.

    Parameters
    ----------
    low, high
        Confidence limits, shape (..., r).
    """
    return mean_of(high - low)


def convergence(estimate: FloatArray, attempted: BoolArray) -> Measured:
    """Convergence rate: share of attempted replicates with an estimate, MCSE √[p(1 − p)/n].

    Parameters
    ----------
    estimate
        θ̂, shape (..., r).
    attempted
        Whether the method was run in the replicate, shape (..., r).
    """
    return proportion_of(np.where(attempted, np.where(np.isnan(estimate), 0.0, 1.0), np.nan))


def exaggeration(
    estimate: FloatArray,
    rejected: FloatArray,
    truth: Numbers,
    truth_mcse: Numbers = 0.0,
    *,
    null: float = 0.0,
) -> Measured:
    """Exaggeration (type M error): mean of |θ̂ − null|/|θ − null| among replicates that reject.

    MCSE √{s²/n + [value·MCSE(θ)/(θ − null)]²}; undefined (NaN) where the null hypothesis is true.

    Parameters
    ----------
    estimate
        θ̂, shape (..., r).
    rejected
        1, 0 or NaN, shape (..., r).
    truth, truth_mcse
        θ and its Monte Carlo standard error, shape (...).
    null
        Value under the null hypothesis.

    References
    ----------
    Gelman A, Carlin J. Perspect Psychol Sci 2014;9:641.
    """
    effect = np.asarray(truth, dtype=np.float64) - null
    ratio = np.abs(quotient(estimate - null, effect[..., None]))
    measured = mean_of(np.where(rejected == 1.0, ratio, np.nan))
    return with_truth_error(measured, quotient(measured.value * truth_mcse, effect))


def wrong_sign(estimate: FloatArray, rejected: FloatArray, truth: Numbers, *, null: float = 0.0) -> Measured:
    """Wrong-sign rate (type S error): share of rejecting replicates on the other side of the null than θ.

    MCSE √[p(1 − p)/n]; undefined (NaN) where the null hypothesis is true.

    Parameters
    ----------
    estimate
        θ̂, shape (..., r).
    rejected
        1, 0 or NaN, shape (..., r).
    truth
        θ, shape (...).
    null
        Value under the null hypothesis.

    References
    ----------
    Gelman A, Carlin J. Perspect Psychol Sci 2014;9:641.
    """
    side = np.sign(per_replicate(truth) - null)
    wrong = np.sign(estimate - null) == -side
    known = (rejected == 1.0) & ~np.isnan(estimate) & (np.abs(side) == 1.0)
    return proportion_of(np.where(known, wrong, np.nan))


def with_failures_as(outcome: float, hit: FloatArray, attempted: BoolArray) -> Measured:
    """Share of attempted replicates where those without a result count as `outcome`: a bound of the share.

    Parameters
    ----------
    outcome
        1 or 0.
    hit
        1, 0 or NaN for no result, shape (..., r).
    attempted
        Whether the method was run in the replicate, shape (..., r).

    Returns
    -------
    Measured
        NaN where no replicate has a result: that is missing, not 0.
    """
    filled = proportion_of(np.where(attempted & np.isnan(hit), outcome, hit))
    any_result = np.where(np.isnan(hit).all(axis=-1), np.nan, 1.0)
    return Measured(filled.value * any_result, filled.mcse * any_result, filled.n_used)


def covers(low: FloatArray, high: FloatArray, truth: Numbers) -> FloatArray:
    """Say for each interval whether it holds the truth: 1, 0, or NaN where a limit or the truth is missing.

    Parameters
    ----------
    low, high
        Confidence limits, shape (..., r).
    truth
        θ, shape (...).
    """
    theta = per_replicate(truth)
    return _where_known((low <= theta) & (theta <= high), low, high, truth)


def _where_known(said: BoolArray, low: FloatArray, high: FloatArray, truth: Numbers) -> FloatArray:
    missing = np.isnan(low) | np.isnan(high) | np.isnan(per_replicate(truth))
    return np.where(missing, np.nan, said)
