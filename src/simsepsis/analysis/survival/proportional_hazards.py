"""Test of proportional hazards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.stats

from simsepsis.analysis.fit import Fit, finite_vector
from simsepsis.analysis.survival.cox import sorted_likelihood
from simsepsis.analysis.survival.partial_likelihood import PartialLikelihood
from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.errors import UsageError

TRANSFORMS = ("km", "rank", "log", "identity")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProportionalHazardsTest:
    """Chi-square tests that each log hazard ratio, and all together, are constant in time.

    Attributes
    ----------
    statistic, p_value
        One degree of freedom for each covariate, shape (p,); NaN for a covariate that was not estimated.
    global_statistic, global_p_value
        All covariates together.
    df
        Degrees of freedom of the global test.
    failure
        Why there is no test; None when there is one.
    """

    statistic: FloatArray
    p_value: FloatArray
    global_statistic: float
    global_p_value: float
    df: int
    failure: str | None = None


def proportional_hazards_test(
    fit: Fit,
    X: object,
    duration: object,
    event: object,
    *,
    transform: str = "km",
    entry: object | None = None,
    ties: str = "efron",
    weights: object | None = None,
    strata: object | None = None,
) -> ProportionalHazardsTest:
    """Score test that adding x·g(t) to a Cox regression changes nothing (Grambsch–Therneau).

    Parameters
    ----------
    fit
        The Cox regression, from `fit_cox` with the same data and options.
    X, duration, event, entry, ties, weights, strata
        As in `fit_cox`.
    transform
        g(t): ``"km"`` 1 − the Kaplan–Meier survival just before t, ``"rank"`` the rank of t among all rows,
        ``"log"`` or ``"identity"``.

    Returns
    -------
    ProportionalHazardsTest
        R: ``cox.zph(fit, transform)`` of survival 3.0 and later, which computes the exact score test.

    Raises
    ------
    UsageError
        If the transform is unknown, or its logarithm does not exist.

    References
    ----------
    Grambsch PM, Therneau TM. Biometrika 1994;81:515.
    """
    if transform not in TRANSFORMS:
        raise UsageError(f"transform '{transform}' is unknown; choose one of {', '.join(TRANSFORMS)}")
    likelihood, order = sorted_likelihood(X, duration, event, entry, ties, weights, strata)
    usable = fit.estimated
    if likelihood is None or not fit.converged or not usable.any():
        return _no_test(fit.params.size, fit.failure or "nothing was estimated")
    times = finite_vector(duration, "duration")
    scale = _transformed(times, np.asarray(event) > 0, entry, transform)[order][likelihood.sets.deaths]
    return _score_test(_columns(likelihood, usable), fit.params[usable], scale - scale.mean(), usable)


def _columns(likelihood: PartialLikelihood, usable: BoolArray) -> PartialLikelihood:
    """Keep the estimated columns."""
    return PartialLikelihood(
        X=likelihood.X[:, usable],
        weights=likelihood.weights,
        stratum=likelihood.stratum,
        stratum_begin=likelihood.stratum_begin,
        sets=likelihood.sets,
    )


def _score_test(
    likelihood: PartialLikelihood, params: FloatArray, scale: FloatArray, usable: BoolArray
) -> ProportionalHazardsTest:
    """Score and information of x·g(t), given the coefficients of x."""
    at = likelihood.at(params)
    sets = likelihood.sets
    expected = np.add.reduceat(at.means, sets.first, axis=0) / sets.count[:, None]
    schoenfeld = likelihood.X[sets.deaths] - expected[sets.own]
    score = (scale * likelihood.weights[sets.deaths]) @ schoenfeld
    variances = likelihood.term_variances(at)
    cross = np.einsum("d,dij->ij", scale, variances)
    square = np.einsum("d,dij->ij", scale**2, variances)
    information = variances.sum(axis=0)
    residual = square - cross @ np.linalg.solve(information, cross)
    statistic = np.full(usable.size, np.nan)
    statistic[usable] = score**2 / np.diag(residual)
    overall = float(score @ np.linalg.solve(residual, score))
    return ProportionalHazardsTest(
        statistic=statistic,
        p_value=scipy.stats.chi2.sf(statistic, 1),
        global_statistic=overall,
        global_p_value=float(scipy.stats.chi2.sf(overall, score.size)),
        df=int(score.size),
    )


def _transformed(times: FloatArray, dead: BoolArray, entry: object | None, transform: str) -> FloatArray:
    """Return g(t) of each row."""
    if transform == "identity":
        return times
    if transform == "rank":
        return np.asarray(scipy.stats.rankdata(times), dtype=np.float64)
    if transform == "log":
        if times.min() <= 0:
            raise UsageError(f"duration {times.min():g} has no logarithm; choose another transform")
        return np.log(times)
    distinct = np.unique(times)
    at_risk = times.size - np.searchsorted(np.sort(times), distinct, side="left").astype(np.float64)
    if entry is not None:
        begin = np.sort(finite_vector(entry, "entry", times.size))
        at_risk -= times.size - np.searchsorted(begin, distinct, side="left")
    place = np.searchsorted(distinct, times)
    survival = np.cumprod(1 - np.bincount(place, weights=dead) / at_risk)
    return np.asarray(1 - np.concatenate(([1.0], survival))[place])


def _no_test(width: int, failure: str) -> ProportionalHazardsTest:
    """Return a test that could not be made, with the reason."""
    empty = np.full(width, np.nan)
    return ProportionalHazardsTest(
        statistic=empty,
        p_value=empty,
        global_statistic=float("nan"),
        global_p_value=float("nan"),
        df=0,
        failure=failure,
    )
