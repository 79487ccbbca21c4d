"""Test of proportional hazards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.special
from numpy.typing import ArrayLike

from simsepsis.analysis.fit import Fit
from simsepsis.analysis.ranks import average_ranks
from simsepsis.analysis.survival.cox_data import CoxData, cox_data, sorted_likelihood, with_columns
from simsepsis.analysis.survival.partial_likelihood import PartialLikelihood
from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.errors import DataError, UsageError
from simsepsis.threads import one_thread

TRANSFORMS = ("km", "rank", "log", "identity")
_NOTHING = 1e-9
"""Share of its information that a covariate's trend must have of its own."""


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
        R: ``cox.zph(fit, transform)`` of survival 3.0 and later, which computes the exact score test. Where
        events are at one time, or a covariate varies at one of them only, there is none; `failure` says so.

    Raises
    ------
    DataError
        As `fit_cox`, and if the covariates are not those of the fit.
    UsageError
        If the transform is unknown, or its logarithm does not exist.

    References
    ----------
    Grambsch PM, Therneau TM. Biometrika 1994;81:515.
    """
    if transform not in TRANSFORMS:
        raise UsageError(f"transform '{transform}' is unknown; choose one of {', '.join(TRANSFORMS)}")
    usable = fit.estimated
    data = cox_data(X, duration, event, entry=entry, ties=ties, weights=weights, strata=strata)
    if data.X.shape[1] != usable.size:
        raise DataError(
            f"covariates have {data.X.shape[1]} columns and the fit has {usable.size}; give those of the fit"
        )
    if not fit.converged or not usable.any():
        return _no_test(usable.size, fit.failure or "nothing was estimated")
    if not data.event[data.weights > 0].any():
        return _no_test(usable.size, "there is no event")
    likelihood, order = sorted_likelihood(data)
    scale = _transformed(data, transform)[order][likelihood.sets.deaths]
    if scale.min() == scale.max():
        return _no_test(usable.size, "all events happen at one time, so hazards cannot change with time")
    params = fit.params if data.units is None else fit.params * data.units
    # the test does not depend on the unit of g(t)
    scale = scale / np.abs(scale).max()
    return _score_test(with_columns(likelihood, usable), params[usable], scale - scale.mean(), usable)


def _score_test(
    likelihood: PartialLikelihood, params: FloatArray, scale: FloatArray, usable: BoolArray
) -> ProportionalHazardsTest:
    """Score and information of x·g(t), given the coefficients of x."""
    with np.errstate(all="ignore"):
        at = likelihood.at(params)
    if not np.isfinite(at.information).all() or not _testable(at.information, at.information):
        return _no_test(usable.size, "the coefficients are not those of these data, or no covariate varies")
    sets = likelihood.sets
    expected = np.add.reduceat(at.means, sets.first, axis=0) / sets.count[:, None]
    schoenfeld = likelihood.X[sets.deaths] - expected[sets.group]
    score = (scale * likelihood.weights[sets.deaths]) @ schoenfeld
    variances = likelihood.term_variances(at)
    cross = np.einsum("d,dij->ij", scale, variances)
    square = np.einsum("d,dij->ij", scale**2, variances)
    information = variances.sum(axis=0)
    residual = square - cross @ np.linalg.solve(information, cross)
    if not _testable(residual, square):
        reason = "a covariate varies among those at risk at one time only, so no trend of it can be tested"
        return _no_test(usable.size, reason)
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


def _testable(residual: FloatArray, square: FloatArray) -> bool:
    """Whether what is left of an information tells of every covariate something that no other tells."""
    own = np.diag(residual)
    if not (own > np.maximum(_NOTHING * np.diag(square), 0.0)).all():
        return False
    lengths = np.sqrt(own)
    factor, info = scipy.linalg.lapack.dpotrf(residual / np.outer(lengths, lengths), lower=1)
    return info == 0 and bool(np.diag(factor).min() ** 2 > _NOTHING)


def _transformed(data: CoxData, transform: str) -> FloatArray:
    """Return g(t) of each row."""
    times = data.duration
    if transform == "identity":
        return times
    if transform == "rank":
        return average_ranks(times)
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
