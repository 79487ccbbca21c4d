"""Cox regression."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from simsepsis.analysis.fit import Fit, binary_vector, design_matrix, failed_fit, finite_vector, independent_columns, spread
from simsepsis.analysis.survival.partial_likelihood import Evaluation, PartialLikelihood, risk_sets
from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import DataError, UsageError

TIES = ("efron", "breslow")
_MAX_ITERATIONS = 40
_PATIENCE = 15
_TOLERANCE = 1e-15
_NEGLIGIBLE = 1e-3


def fit_cox(
    X: object,
    duration: object,
    event: object,
    *,
    entry: object | None = None,
    ties: str = "efron",
    weights: object | None = None,
    strata: object | None = None,
    cluster: object | None = None,
) -> Fit:
    """Estimate log hazard ratios by Cox's partial likelihood.

    Parameters
    ----------
    X
        Covariates without intercept, shape (n, p), or (n,) for one.
    duration
        Time of event or censoring, shape (n,).
    event
        1 for an event, 0 for censoring, shape (n,).
    entry
        Time at which a row comes under observation, before `duration`, shape (n,); a row is at risk in
        (entry, duration], so a patient may have several rows. None: everybody from the start.
    ties
        ``"efron"`` or ``"breslow"``.
    weights
        Case weights ≥ 0, shape (n,); None for 1.
    strata
        Stratum label of each row, shape (n,); each stratum has its own baseline hazard.
    cluster
        Cluster label of each row, shape (n,): the covariance becomes the robust sandwich Σ d d' of the
        dfbeta residuals summed by cluster. None: inverse information.

    Returns
    -------
    Fit
        `log_likelihood` is the log partial likelihood. With a monotone likelihood (a column or combination
        is highest in the risk set at every event) `converged` is False, `failure` names the columns and their
        coefficients are ±inf.

    Raises
    ------
    DataError
        If a value is missing, an entry is not before its duration or a weight is negative.
    UsageError
        If `ties` is unknown.

    Notes
    -----
    R: ``coxph(Surv(entry, duration, event) ~ X + strata(s), weights = w, ties = "efron", cluster = id)``.

    References
    ----------
    Cox DR. JRSS B 1972;34:187. Efron B. JASA 1977;72:557. Lin DY, Wei LJ. JASA 1989;84:1074.
    """
    if ties not in TIES:
        raise UsageError(f"ties '{ties}' is unknown; choose one of {', '.join(TIES)}")
    likelihood, order = sorted_likelihood(X, duration, event, entry, ties, weights, strata)
    width = np.asarray(X).shape[1] if np.ndim(X) == 2 else 1
    if likelihood is None:
        return failed_fit(width, "there is no event, so hazards cannot be compared")
    kept = _informative_columns(likelihood)
    groups = None if cluster is None else _cluster_codes(cluster, order)
    return _climb(likelihood, kept, groups)


def sorted_likelihood(
    X: object,
    duration: object,
    event: object,
    entry: object | None,
    ties: str,
    weights: object | None,
    strata: object | None,
) -> tuple[PartialLikelihood | None, IntArray]:
    """Check the data, sort them by stratum and descending time, and index the risk sets.

    Parameters
    ----------
    X, duration, event, entry, ties, weights, strata
        As in `fit_cox`.

    Returns
    -------
    tuple
        The partial likelihood (None without any event) and the row of each sorted position.
    """
    dead = binary_vector(event, "event")
    rows = dead.size
    design = design_matrix(X, rows)
    times = finite_vector(duration, "duration", rows)
    case_weights = np.ones(rows) if weights is None else finite_vector(weights, "weights", rows)
    if (case_weights < 0).any():
        row = int(np.argmax(case_weights < 0))
        raise DataError(f"weights: row {row} is {case_weights[row]:g}; give weights of 0 or more")
    codes = np.zeros(rows, np.int64) if strata is None else _codes(strata, "strata", rows)
    begin = None if entry is None else _entry_times(entry, times)
    used = np.flatnonzero(case_weights > 0)
    order = used[np.lexsort((-times[used], codes[used])) if strata is not None else np.argsort(-times[used])]
    if not dead[order].any():
        return None, order
    time_code, entry_code = _time_codes(times[order], None if begin is None else begin[order])
    stratum = np.unique(codes[order], return_inverse=True)[1] if strata is not None else codes[order]
    likelihood = PartialLikelihood(
        X=design[order] - design[order].mean(axis=0),
        weights=case_weights[order],
        stratum=stratum,
        stratum_begin=np.flatnonzero(np.diff(stratum, prepend=-1)),
        sets=risk_sets(time_code, dead[order], stratum, entry_code, ties),
    )
    return likelihood, order


def _entry_times(entry: object, times: FloatArray) -> FloatArray:
    """Return entry times, each before the end of its row."""
    begin = finite_vector(entry, "entry", times.size)
    late = np.flatnonzero(begin >= times)
    if late.size:
        row = late[0]
        raise DataError(f"entry: row {row} enters at {begin[row]:g}, not before its duration {times[row]:g}")
    return begin


def _time_codes(times: FloatArray, entry: FloatArray | None) -> tuple[IntArray, IntArray | None]:
    """Replace times by their ranks 0, 1, 2 …, common to both."""
    if entry is None:
        return np.unique(times, return_inverse=True)[1], None
    codes = np.unique(np.concatenate((times, entry)), return_inverse=True)[1]
    return codes[: times.size], codes[times.size :]


def _codes(labels: object, name: str, rows: int) -> IntArray:
    """Return labels as integers from 0."""
    values = np.asarray(labels)
    if values.shape != (rows,):
        raise DataError(f"{name} has shape {values.shape}; give one label for each of the {rows} rows")
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _cluster_codes(cluster: object, order: IntArray) -> IntArray:
    """Return cluster codes of the sorted rows."""
    values = np.asarray(cluster)
    if values.ndim != 1 or values.size <= order.max():
        raise DataError(f"cluster has shape {values.shape}; give one label for each row")
    return np.unique(values[order], return_inverse=True)[1].astype(np.int64)


def _informative_columns(likelihood: PartialLikelihood) -> IntArray:
    """Columns that vary within strata and repeat no earlier column."""
    sizes = np.diff(np.append(likelihood.stratum_begin, likelihood.stratum.size))
    means = np.add.reduceat(likelihood.X, likelihood.stratum_begin, axis=0) / sizes[:, None]
    within = likelihood.X - means[likelihood.stratum]
    noise = np.linalg.norm(within, axis=0) <= 1e-11 * np.linalg.norm(likelihood.X, axis=0)
    within[:, noise] = 0.0
    return independent_columns(within)


def _climb(likelihood: PartialLikelihood, kept: IntArray, groups: IntArray | None) -> Fit:
    """Newton's method with step halving on the informative columns."""
    width = likelihood.X.shape[1]
    dropped = tuple(np.setdiff1d(np.arange(width), kept).tolist())
    if kept.size == 0:
        return failed_fit(width, "no covariate varies within the strata", dropped=dropped)
    if kept.size < width:
        likelihood = PartialLikelihood(X=likelihood.X[:, kept], weights=likelihood.weights,
                                       stratum=likelihood.stratum, stratum_begin=likelihood.stratum_begin,
                                       sets=likelihood.sets)  # fmt: skip
    params = np.zeros(kept.size)
    here = likelihood.at(params)
    failure = None
    for iteration in range(1, _MAX_ITERATIONS + 1):
        factor, info = scipy.linalg.lapack.dpotrf(here.information, lower=1, clean=1)
        if info != 0:
            failure = "the information matrix became singular"
            break
        step = scipy.linalg.lapack.dpotrs(factor, here.gradient, lower=1)[0]
        if float(here.gradient @ step) < _TOLERANCE:
            break
        params, here = _advance(likelihood, params, step, here)
    else:
        failure = f"no convergence in {iteration} Newton steps"
    if failure is not None:
        return failed_fit(width, failure, iterations=iteration, dropped=dropped)
    covariance = np.linalg.inv(here.information)
    if groups is not None:
        influence = (likelihood.score_residuals(here) * likelihood.weights[:, None]) @ covariance
        summed = np.zeros((int(groups.max()) + 1, kept.size))
        np.add.at(summed, groups, influence)
        covariance = summed.T @ summed
    full, errors, matrix = spread(kept, width, params, covariance)
    return Fit(params=full, std_errors=errors, covariance=matrix, converged=True, iterations=iteration,
               log_likelihood=here.value, dropped=dropped)  # fmt: skip


def _advance(
    likelihood: PartialLikelihood, params: FloatArray, step: FloatArray, here: Evaluation
) -> tuple[FloatArray, Evaluation]:
    """Take a step, halved until the likelihood does not fall."""
    there = likelihood.at(params + step)
    for _ in range(20):
        if there.value >= here.value - 1e-10 * abs(here.value):
            break
        step = step / 2
        there = likelihood.at(params + step)
    return params + step, there
