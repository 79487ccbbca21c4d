"""Test of proportional hazards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.special
import scipy.stats
from numpy.typing import ArrayLike

from simsepsis.analysis.fit import Fit
from simsepsis.analysis.survival.cox_data import CoxData, cox_data, sorted_likelihood, with_columns
from simsepsis.analysis.survival.partial_likelihood import PartialLikelihood
from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.errors import UsageError
from simsepsis.threads import one_thread

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


@one_thread()
def proportional_hazards_test(
    fit: Fit,
    X: ArrayLike,
    duration: ArrayLike,
    event: ArrayLike,
    *,
    transform: str = "km",
    entry: ArrayLike | None = None,
    ties: str = "efron",
    weights: ArrayLike | None = None,
    strata: ArrayLike | None = None,
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
    usable = fit.estimated
    if not fit.converged or not usable.any():
        return _no_test(fit.params.size, fit.failure or "nothing was estimated")
    data = cox_data(X, duration, event, entry=entry, ties=ties, weights=weights, strata=strata)
    likelihood, order = sorted_likelihood(data)
    scale = _transformed(data, transform)[order][likelihood.sets.deaths]
    return _score_test(with_columns(likelihood, usable), fit.params[usable], scale - scale.mean(), usable)


def _score_test(
    likelihood: PartialLikelihood, params: FloatArray, scale: FloatArray, usable: BoolArray
) -> ProportionalHazardsTest:
    """Score and information of x·g(t), given the coefficients of x."""
    at = likelihood.at(params)
    sets = likelihood.sets
    expected = np.add.reduceat(at.means, sets.first, axis=0) / sets.count[:, None]
    schoenfeld = likelihood.X[sets.deaths] - expected[sets.group]
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
        p_value=scipy.special.chdtrc(1, statistic),
        global_statistic=overall,
        global_p_value=float(scipy.special.chdtrc(score.size, overall)),
        df=int(score.size),
    )


def _transformed(data: CoxData, transform: str) -> FloatArray:
    """Return g(t) of each row."""
    times = data.duration
    if transform == "identity":
        return times
    if transform == "rank":
        return np.asarray(scipy.stats.rankdata(times), dtype=np.float64)
    if transform == "log":
        if times.min() <= 0:
            raise UsageError(f"duration {times.min():g} has no logarithm; choose another transform")
        return np.log(times)
    distinct, place = np.unique(times, return_inverse=True)
    at_risk = times.size - np.searchsorted(np.sort(times), distinct).astype(np.float64)
    if data.entry is not None:
        at_risk -= times.size - np.searchsorted(np.sort(data.entry), distinct)
    survival = np.cumprod(1 - np.bincount(place, weights=data.event) / at_risk)
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
