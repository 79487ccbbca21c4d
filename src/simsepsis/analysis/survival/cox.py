"""Cox regression."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike

from simsepsis.analysis.fit import Fit, failed_fit, in_units, spread
from simsepsis.analysis.inputs import label_codes
from simsepsis.analysis.survival.cox_data import CoxData, cox_data, sorted_likelihood, with_columns
from simsepsis.analysis.survival.monotone import monotone_levels
from simsepsis.analysis.survival.partial_likelihood import Evaluation, PartialLikelihood
from simsepsis.arrays import FloatArray, IntArray
from simsepsis.threads import one_thread

_MAX_ITERATIONS = 50
_QUICK = 8
_HALVINGS = 30
_TOLERANCE = 1e-9
_UNINFORMATIVE = 1e-11
_FLAT = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ascent:
    """Where Newton's method stopped; `obstacle` says why it did not arrive."""

    params: FloatArray
    here: Evaluation
    iterations: int
    obstacle: str | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Solution:
    """A solved partial likelihood: the columns it tells about, in the limit if it was monotone."""

    likelihood: PartialLikelihood
    order: IntArray
    ascent: _Ascent
    kept: IntArray
    dropped: IntArray
    entangled: IntArray
    direction: FloatArray | None


@one_thread()
def fit_cox(
    X: ArrayLike,
    duration: ArrayLike,
    event: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    ties: str = "efron",
    weights: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
) -> Fit:
    """Estimate log hazard ratios by Cox's partial likelihood.

    Parameters
    ----------
    X
        Covariates without intercept, shape (n, p), or (n,) for one.
    duration
        Time of event or censoring, 0 or more, shape (n,).
    event
        1 for an event, 0 for censoring, shape (n,).
    entry
        Time at which a row comes under observation, before `duration`, shape (n,); a row is at risk in
        (entry, duration], so a patient may have several rows. An entry below 0 is before the start, so that
        an event at time 0 counts. None: everybody from the start.
    ties
        ``"efron"`` or ``"breslow"``.
    weights
        Case weights ≥ 0, shape (n,); None for 1.
    strata
        Stratum label of each row, shape (n,); each stratum has its own baseline hazard.
    cluster
        Cluster label of each row, shape (n,): the covariance becomes the robust sandwich, the sum of d d'
        with d the weighted dfbeta residuals of a cluster. None: inverse information.

    Returns
    -------
    Fit
        `log_likelihood` is the log partial likelihood. Columns that do not vary in the risk sets, or repeat
        earlier columns there, are `dropped`. When the likelihood is monotone (a combination of columns is
        highest, among those at risk, at every event) `converged` is False, `failure` names the columns,
        their coefficients are ±inf and the others are at their limits.

    Raises
    ------
    DataError
        If a value is no number or missing, a duration or weight is negative, or an entry is not before its
        duration.
    UsageError
        If `ties` is unknown.

    Notes
    -----
    Times that differ by rounding only (up to 1.5e-8 of the mean time: 0.1 + 0.2 and 0.3) are ties, as by R's
    `timefix`; see `simsepsis.analysis.survival.times`.

    Newton's method with step halving. In the direction of a monotone likelihood each death is compared, in
    the limit, with those at risk who equal it there; that is one more stratification, and is fitted as such.
    R: ``coxph(Surv(entry, duration, event) ~ X + strata(s), weights = w, ties = "efron", cluster = id)``.

    References
    ----------
    Cox DR. JRSS B 1972;34:187. Efron B. JASA 1977;72:557. Lin DY, Wei LJ. JASA 1989;84:1074.
    Heinze G, Schemper M. Biometrics 2001;57:114 (monotone likelihood).
    """
    data = cox_data(X, duration, event, entry=entry, ties=ties, weights=weights, strata=strata)
    groups = None if cluster is None else label_codes(cluster, "cluster", data.event.size)
    width = data.X.shape[1]
    if not data.event[data.weights > 0].any():
        return failed_fit(width, "there is no event, so hazards cannot be compared")
    if groups is not None and groups[data.weights > 0].min() == groups[data.weights > 0].max():
        return failed_fit(width, "there is a single cluster, and a sandwich needs several")
    solution = _solve(data)
    if solution.kept.size == 0 and solution.direction is None:
        reason = "no covariate varies among those at risk at an event"
        return failed_fit(width, reason, dropped=solution.dropped.tolist())
    if solution.ascent.obstacle is not None:
        ascent = solution.ascent
        return failed_fit(
            width, str(ascent.obstacle), iterations=ascent.iterations, dropped=solution.dropped.tolist()
        )
    fit = _report(solution, width, None if groups is None else groups[solution.order])
    return in_units(fit, data.units)


def _solve(data: CoxData) -> _Solution:
    """Climb the partial likelihood, and as long as it is monotone, that of its limit."""
    direction = dropped = None
    iterations = 0
    while True:
        likelihood, order = sorted_likelihood(data)
        kept, entangled, here = _informative_columns(likelihood)
        reduced = likelihood
        if kept.size < data.X.shape[1]:
            reduced = with_columns(likelihood, kept)
            here = reduced.at(np.zeros(kept.size))
        ascent = _climb(reduced, here)
        iterations += ascent.iterations
        dropped = _others(kept, data.X.shape[1]) if dropped is None else dropped
        monotone = monotone_levels(reduced) if _suspicious(reduced, ascent) else None
        if monotone is None:
            return _Solution(
                likelihood=reduced,
                order=order,
                ascent=replace(ascent, iterations=iterations),
                kept=kept,
                dropped=dropped,
                entangled=entangled,
                direction=direction,
            )
        found = np.zeros(data.X.shape[1])
        found[kept] = monotone.direction
        direction = found if direction is None else _before(direction, found, data.X)
        levels = np.zeros(data.strata.size, np.int64)
        levels[order] = monotone.levels
        data = replace(data, strata=data.strata * (int(levels.max()) + 1) + levels)


def _before(earlier: FloatArray, later: FloatArray, X: FloatArray) -> FloatArray:
    """Add a later direction to an earlier one, stretched so that no lead along it is lost."""
    gaps = np.diff(np.sort(X @ earlier))
    smallest = gaps[gaps > _UNINFORMATIVE**0.5 * gaps.max()].min()
    return np.asarray(earlier * (1 + 2 * np.ptp(X @ later) / smallest) + later)


def _others(kept: IntArray, width: int) -> IntArray:
    """Return the columns that are not among the kept ones."""
    other = np.ones(width, np.bool_)
    other[kept] = False
    return np.flatnonzero(other)


def _informative_columns(likelihood: PartialLikelihood) -> tuple[IntArray, IntArray, Evaluation]:
    """Columns with information of their own at β = 0, found by pivots in order as in R.

    Returns the kept columns, those of them from which a column left out cannot be told apart, and the
    likelihood at zero.
    """
    here = likelihood.at(np.zeros(likelihood.X.shape[1]))
    work = here.information.copy()
    scale = np.einsum("ij,ij->j", likelihood.X, likelihood.X) / len(likelihood.X)
    floor = _UNINFORMATIVE * scale * likelihood.term_weights().sum()
    kept = []
    for j in range(len(work)):
        if work[j, j] > floor[j]:
            kept.append(j)
            work -= np.outer(work[:, j], work[j]) / work[j, j]
    columns = np.array(kept, dtype=np.int64)
    others = _others(columns, len(work))
    if others.size == 0 or columns.size == 0:
        return columns, columns[:0], here
    inside = here.information[np.ix_(columns, columns)]
    shares = np.linalg.solve(inside, here.information[np.ix_(columns, others)])
    return columns, columns[(np.abs(shares) > _UNINFORMATIVE**0.5).any(axis=1)], here


def _climb(likelihood: PartialLikelihood, here: Evaluation) -> _Ascent:
    """Newton's method with step halving from β = 0."""
    params = np.zeros(likelihood.X.shape[1])
    if params.size == 0:
        return _Ascent(params=params, here=here, iterations=0, obstacle=None)
    tolerance = _TOLERANCE * likelihood.weights.mean()
    obstacle: str | None = f"no convergence in {_MAX_ITERATIONS} Newton steps"
    iteration = 0
    while iteration < _MAX_ITERATIONS:
        iteration += 1
        factor, info = scipy.linalg.lapack.dpotrf(here.information, lower=1, clean=1)
        if info != 0:
            obstacle = "the information became singular"
            break
        step = scipy.linalg.lapack.dpotrs(factor, here.gradient, lower=1)[0]
        close = float(here.gradient @ step) < tolerance
        params, here = _advance(likelihood, params, step, here)
        if close:
            # each step squares the error, so this was the last one that could matter
            obstacle = None
            break
    return _Ascent(params=params, here=here, iterations=iteration, obstacle=obstacle)


def _advance(
    likelihood: PartialLikelihood, params: FloatArray, step: FloatArray, here: Evaluation
) -> tuple[FloatArray, Evaluation]:
    """Take a step, halved until the likelihood is finite and does not fall."""
    floor = here.value - 1e-10 * abs(here.value)
    for _ in range(_HALVINGS):
        with np.errstate(all="ignore"):
            there = likelihood.at(params + step)
        if floor <= there.value < np.inf and np.isfinite(there.information).all():
            return params + step, there
        step = step / 2
    return params, here


def _suspicious(likelihood: PartialLikelihood, ascent: _Ascent) -> bool:
    """Whether the ascent failed, was slow, or ended where the likelihood is flat."""
    if likelihood.X.shape[1] == 0:
        return False
    if ascent.obstacle is not None or ascent.iterations > _QUICK:
        return True
    curvature = np.diag(ascent.here.information) * np.ptp(likelihood.X, axis=0) ** 2
    return bool(curvature.min() < _FLAT)


def _report(solution: _Solution, width: int, groups: IntArray | None) -> Fit:
    """Turn a solution into a fit over all columns."""
    ascent, direction = solution.ascent, solution.direction
    covariance = np.asarray(np.linalg.inv(ascent.here.information))
    if groups is not None:
        covariance = _sandwich(solution.likelihood, ascent.here, covariance, groups)
    params, errors, matrix = spread(solution.kept, width, ascent.params, covariance)
    failure = None
    finite_part = None if direction is None else np.nan_to_num(params)
    if direction is not None:
        lost = np.append(solution.entangled, np.flatnonzero(direction))
        params[lost] = errors[lost] = np.nan
        matrix[lost, :] = matrix[:, lost] = np.nan
        endless = direction != 0
        params[endless] = np.copysign(np.inf, direction[endless])
        failure = (
            f"monotone likelihood: columns {', '.join(str(j) for j in np.flatnonzero(endless))} order the "
            "events exactly, so these coefficients are infinite; the others are at their limits"
        )
    return Fit(
        params=params,
        std_errors=errors,
        covariance=matrix,
        converged=failure is None,
        iterations=ascent.iterations,
        log_likelihood=ascent.here.value,
        dropped=tuple(solution.dropped.tolist()),
        failure=failure,
        direction=direction,
        finite_part=finite_part,
    )


def _sandwich(
    likelihood: PartialLikelihood, here: Evaluation, inverse: FloatArray, groups: IntArray
) -> FloatArray:
    """Σ d d' over clusters, d the weighted dfbeta residuals summed within the cluster."""
    influence = (likelihood.score_residuals(here) * likelihood.weights[:, None]) @ inverse
    order = np.argsort(groups, kind="stable")
    begin = np.flatnonzero(np.diff(groups[order], prepend=-1))
    summed = np.add.reduceat(influence[order], begin, axis=0)
    return np.asarray(summed.T @ summed)
