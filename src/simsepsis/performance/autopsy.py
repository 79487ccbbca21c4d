"""Why coverage is what it is: the part of bias, of the standard error, and the rest."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.special

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.performance.estimate_rows import KEYS, Settings
from simsepsis.performance.grid import Block, Judged, Truth, lay_out
from simsepsis.performance.mcse import (
    Numbers,
    centre,
    mean_of,
    per_replicate,
    proportion_of,
    quotient,
    variance,
)
from simsepsis.performance.measures import covers


class Autopsy(NamedTuple):
    """Coverage and what it is made of, as `coverage_autopsy` describes; shape (...) each."""

    observed: FloatArray
    mcse: FloatArray
    predicted: FloatArray
    predicted_mcse: FloatArray
    unexplained: FloatArray
    unexplained_mcse: FloatArray
    nominal: FloatArray
    from_bias: FloatArray
    from_se: FloatArray
    bias: FloatArray
    empirical_se: FloatArray
    model_se: FloatArray
    multiplier_low: FloatArray
    multiplier_high: FloatArray
    n_used: IntArray


AUTOPSY_NUMBERS = Autopsy._fields
"""Columns of `coverage_autopsy` between the keys and `n_sim`, in order."""


WITH_MCSE = {"observed": "mcse", "predicted": "predicted_mcse", "unexplained": "unexplained_mcse"}
"""The numbers of an autopsy that have a Monte Carlo standard error, and its name."""


class Moments(NamedTuple):
    """What predicts the coverage of one series: shape (...) each.

    `below` and `above` are the root mean squares of the distances from the estimate to its lower and upper
    limit: z·M on either side where a method's limits are estimate ± z·SE.
    """

    bias: FloatArray
    empirical_se: FloatArray
    model_se: FloatArray
    below: FloatArray
    above: FloatArray


def coverage_autopsy(
    estimates: pd.DataFrame, truth: Truth, *, alpha: float = 0.05, limits_alpha: float = 0.05
) -> pd.DataFrame:
    """Predict each method's coverage from bias and standard error, together and alone, beside the observed.

    Parameters
    ----------
    estimates, truth, alpha, limits_alpha
        As for `summarize`.

    Returns
    -------
    DataFrame
        One row per series with cell, scenario, method, estimand, `AUTOPSY_NUMBERS` and `n_sim`.
        `predicted`: from bias and standard error; `from_bias`: were the standard error right; `from_se`: were
        there no bias; `nominal`: were there neither error; `unexplained`: observed − predicted, the part of
        shape, varying standard errors and their correlation with the estimate.

    Raises
    ------
    DataError, UsageError
        As `summarize`.

    Notes
    -----
    With bias b, empirical SE E, model SE M and z = 1.96, predicted coverage is Φ((zM − b)/E) −
    Φ((−zM − b)/E); from bias alone M = E, from the standard error alone b = 0. In place of zM stands the
    root mean square distance from the estimate to its lower limit in the first term, to its upper limit in
    the second, so z is that of the rows' own intervals, whatever made them (`multiplier_low`,
    `multiplier_high`: that distance over M). For t intervals z is then above 1.96 and `nominal` above 95%:
    the excess pays for the standard error's own variation, which is in `unexplained`. Only replicates with
    estimate, finite standard error and finite limits count.

    MCSEs of `predicted` and `unexplained` are the SD of the replicates' influence on them over √n; the
    truth's part is half the difference between θ + MCSE(θ) and θ − MCSE(θ), as for `summarize`.
    """
    return autopsy_of(lay_out(estimates, truth, Settings(alpha=alpha, limits_alpha=limits_alpha)))


def autopsy_of(judged: Judged) -> pd.DataFrame:
    """Return `coverage_autopsy` of series that are laid out already."""
    series, found = judged.collect(_examined)
    numbers = pd.DataFrame(found, columns=list(AUTOPSY_NUMBERS))
    numbers["n_used"] = numbers["n_used"].astype(np.int64)
    return pd.concat([series[list(KEYS)], numbers, series["n_sim"]], axis=1)


def predicted_coverage(bias: Numbers, spread: Numbers, below: Numbers, above: Numbers) -> FloatArray:
    """Coverage of intervals of fixed reach around normal estimates: Φ((below − b)/E) − Φ((−above − b)/E)."""
    right, left = quotient(below - bias, spread), quotient(-above - bias, spread)
    return np.asarray(scipy.special.ndtr(right) - scipy.special.ndtr(left))


def examine(
    estimate: FloatArray, std_error: FloatArray, low: FloatArray, high: FloatArray, truth: Numbers
) -> Autopsy:
    """Take the coverage of each series apart; only replicates with all four numbers finite count."""
    raw = (estimate - per_replicate(truth), std_error, estimate - low, high - estimate)
    known = np.all([np.isfinite(x) for x in raw], axis=0)
    error, model, below, above = (np.where(known, x, np.nan) for x in raw)
    hit = np.where(known, covers(low, high, truth), np.nan)
    centred = centre(error)
    reach = [_root_mean_square(x) for x in (model, below, above)]
    moments = Moments(centred.mean, np.sqrt(variance(centred)), *reach)
    return _explained(hit, _influence(error, below, above, moments), moments)


def _explained(hit: FloatArray, influence: FloatArray, moments: Moments) -> Autopsy:
    b, e, m, below, above = moments
    z_low, z_high = quotient(below, m), quotient(above, m)
    observed = proportion_of(hit)
    predicted = predicted_coverage(b, e, below, above)
    return Autopsy(
        observed=observed.value,
        mcse=observed.mcse,
        predicted=predicted,
        predicted_mcse=mean_of(influence).mcse,
        unexplained=observed.value - predicted,
        unexplained_mcse=mean_of(hit - influence).mcse,
        nominal=predicted_coverage(0.0, e, z_low * e, z_high * e),
        from_bias=predicted_coverage(b, e, z_low * e, z_high * e),
        from_se=predicted_coverage(0.0, e, below, above),
        bias=b,
        empirical_se=e,
        model_se=m,
        multiplier_low=z_low,
        multiplier_high=z_high,
        n_used=observed.n_used,
    )


def _examined(b: Block) -> FloatArray:
    """Return `AUTOPSY_NUMBERS` of each series of a block, shape (k, s)."""
    here, up, down = (
        examine(b.estimate, b.std_error, b.low, b.high, b.truth + step)
        for step in (0.0, b.truth_mcse, -b.truth_mcse)
    )
    errors = {
        error: np.hypot(getattr(here, error), (getattr(up, name) - getattr(down, name)) / 2.0)
        for name, error in WITH_MCSE.items()
    }
    return np.asarray(here._replace(**errors), dtype=np.float64)


def _root_mean_square(x: FloatArray) -> FloatArray:
    return np.sqrt(centre(np.square(x)).mean)


def _influence(error: FloatArray, below: FloatArray, above: FloatArray, moments: Moments) -> FloatArray:
    """Return each replicate's influence on the predicted coverage, shape (..., r).

    The derivatives of the prediction by bias, E and the two distances, times each replicate's influence on
    these four.
    """
    b, e, _, low, high = (item[..., None] for item in moments)
    right, left = quotient(low - b, e), quotient(-high - b, e)
    at_right, at_left = _density(right), _density(left)
    own = error - b
    return quotient(
        (at_left - at_right) * own
        + (at_left * left - at_right * right) * quotient(np.square(own) - e * e, 2.0 * e)
        + at_right * quotient(np.square(below) - low * low, 2.0 * low)
        + at_left * quotient(np.square(above) - high * high, 2.0 * high),
        e,
    )


def _density(x: FloatArray) -> FloatArray:
    return np.asarray(np.exp(-0.5 * np.square(x)) / np.sqrt(2.0 * np.pi))
