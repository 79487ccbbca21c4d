"""Product-limit and Aalen–Johansen estimators, the log-rank test and restricted mean survival time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.special
from numpy.typing import ArrayLike

from simsepsis.analysis.inputs import binary_vector, finite_vector
from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import DataError, UsageError
from simsepsis.threads import one_thread

INTERVALS = ("log", "log_log", "plain")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _LifeTable:
    """Counts at each distinct time, ascending."""

    time: FloatArray
    at_risk: FloatArray
    events: FloatArray


def _life_table(duration: ArrayLike, event: ArrayLike) -> _LifeTable:
    """Count who is at risk and who has the event at each distinct time."""
    dead = binary_vector(event, "event")
    times = finite_vector(duration, "duration", dead.size)
    if times.size == 0:
        raise DataError("there is no duration; give at least one patient")
    distinct, code, count = np.unique(times, return_inverse=True, return_counts=True)
    at_risk = np.cumsum(count[::-1])[::-1].astype(np.float64)
    events = np.bincount(code, weights=dead).astype(np.float64)
    return _LifeTable(time=distinct, at_risk=at_risk, events=events)


@one_thread()
def kaplan_meier(
    duration: ArrayLike, event: ArrayLike, *, interval: str = "log", level: float = 0.95
) -> pd.DataFrame:
    """Kaplan–Meier estimate of the survival function with Greenwood's standard error.

    Parameters
    ----------
    duration
        Time of event or censoring, shape (n,).
    event
        1 for an event, 0 for censoring, shape (n,).
    interval
        Scale on which the pointwise interval is symmetric: ``"log"`` (R's default), ``"log_log"`` or
        ``"plain"``.
    level
        Confidence level.

    Returns
    -------
    DataFrame
        time, at_risk, events, survival, std_error, ci_low, ci_high: one row for each distinct time,
        ascending. Where survival is 0 the standard error and the interval are NaN.

    Notes
    -----
    R: ``survfit(Surv(duration, event) ~ 1, conf.type = "log")``.

    References
    ----------
    Kaplan EL, Meier P. JASA 1958;53:457. Greenwood M. 1926.
    """
    if interval not in INTERVALS:
        raise UsageError(f"interval '{interval}' is unknown; choose one of {', '.join(INTERVALS)}")
    table = _life_table(duration, event)
    survival = _survival(table)
    relative = np.sqrt(np.cumsum(_greenwood_terms(table)))
    alive = survival > 0
    relative = np.where(alive, relative, np.nan).astype(np.float64)
    low, high = _interval(survival, relative, interval, scipy.special.ndtri(0.5 + level / 2))
    return pd.DataFrame(
        {
            "time": table.time,
            "at_risk": table.at_risk.astype(np.int64),
            "events": table.events.astype(np.int64),
            "survival": survival,
            "std_error": survival * relative,
            "ci_low": low,
            "ci_high": high,
        }
    )


def _survival(table: _LifeTable) -> FloatArray:
    """Product-limit estimate at each time."""
    return np.asarray(np.cumprod(1 - table.events / table.at_risk))


def _greenwood_terms(table: _LifeTable) -> FloatArray:
    """d/(n(n − d)) at each time, 0 where nobody survives it."""
    left = table.at_risk * (table.at_risk - table.events)
    return np.divide(table.events, left, out=np.zeros_like(left), where=left > 0)


def _interval(
    survival: FloatArray, relative: FloatArray, interval: str, z: float
) -> tuple[FloatArray, FloatArray]:
    """Pointwise limits from the relative standard error, kept within 0 and 1."""
    if interval == "plain":
        low, high = survival - z * survival * relative, survival + z * survival * relative
    elif interval == "log":
        low, high = survival * np.exp(-z * relative), survival * np.exp(z * relative)
    else:
        inside = (survival > 0) & (survival < 1)
        log = np.log(survival, out=np.full_like(survival, -1.0), where=inside)
        shift = np.exp(z * relative / -log)
        low, high = (np.where(inside, survival**power, np.where(survival == 1, 1.0, np.nan))
                     for power in (shift, 1 / shift))  # fmt: skip
    return np.clip(low, 0, 1), np.clip(high, 0, 1)


@one_thread()
def log_rank(duration: ArrayLike, event: ArrayLike, group: ArrayLike) -> tuple[float, float]:
    """Log-rank test that survival is the same in all groups.

    Parameters
    ----------
    duration
        Time of event or censoring, shape (n,).
    event
        1 for an event, 0 for censoring, shape (n,).
    group
        Group label, shape (n,); two or more groups.

    Returns
    -------
    tuple
        Chi-square statistic with groups − 1 degrees of freedom, and its p-value; NaN where no event tells the
        groups apart.

    Notes
    -----
    R: ``survdiff(Surv(duration, event) ~ group)``.

    References
    ----------
    Mantel N. Cancer Chemother Rep 1966;50:163. Peto R, Peto J. JRSS A 1972;135:185.
    """
    dead = binary_vector(event, "event")
    times = finite_vector(duration, "duration", dead.size)
    labels = np.asarray(group)
    if labels.shape != times.shape:
        raise DataError(
            f"group has shape {labels.shape}; give one label for each of the {times.size} durations"
        )
    names, member = np.unique(labels, return_inverse=True)
    distinct, code = np.unique(times, return_inverse=True)
    if names.size < 2:
        return float("nan"), float("nan")
    cell = code * names.size + member
    shape = (distinct.size, names.size)
    leaving = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    events = np.bincount(cell, weights=dead, minlength=shape[0] * shape[1]).reshape(shape)
    at_risk = np.cumsum(leaving[::-1], axis=0)[::-1]
    return _log_rank_statistic(at_risk.astype(np.float64), events.astype(np.float64))


def _log_rank_statistic(at_risk: FloatArray, events: FloatArray) -> tuple[float, float]:
    """Quadratic form of observed minus expected events in all groups but the last."""
    total, deaths = at_risk.sum(axis=1), events.sum(axis=1)
    share = at_risk / total[:, None]
    excess = (events - deaths[:, None] * share).sum(axis=0)[:-1]
    spread = np.divide(deaths * (total - deaths), total - 1, out=np.zeros_like(total), where=total > 1)
    cross = share.T @ (share * spread[:, None])
    covariance = (np.diag(spread @ share) - cross)[:-1, :-1]
    df = np.linalg.matrix_rank(covariance)
    if df == 0:
        return float("nan"), float("nan")
    statistic = float(excess @ np.linalg.pinv(covariance, hermitian=True) @ excess)
    return statistic, float(scipy.special.chdtrc(df, statistic))


def rmst(duration: ArrayLike, event: ArrayLike, horizon: float) -> tuple[float, float]:
    """Restricted mean survival time, the area under the Kaplan–Meier curve up to a horizon.

    Parameters
    ----------
    duration
        Time of event or censoring, ≥ 0, shape (n,).
    event
        1 for an event, 0 for censoring, shape (n,).
    horizon
        End of the area, > 0, in units of the durations.

    Returns
    -------
    tuple
        Area and its standard error √Σ A_j² d_j/(n_j(n_j − d_j)), A_j the area after time j. NaN when the
        last patient is censored before the horizon, as the curve is then unknown.

    Notes
    -----
    R: ``summary(survfit(...), rmean = horizon)``, ``survRM2``.

    References
    ----------
    Royston P, Parmar MKB. BMC Med Res Methodol 2013;13:152.
    """
    if not horizon > 0:
        raise UsageError(f"horizon {horizon} is not positive; give the time up to which survival is averaged")
    table = _life_table(duration, event)
    survival = _survival(table)
    if table.time[-1] < horizon and survival[-1] > 0:
        return float("nan"), float("nan")
    within = table.time < horizon
    edges = np.concatenate(([0.0], table.time[within], [horizon]))
    heights = np.concatenate(([1.0], survival[within]))
    areas = np.diff(edges) * heights
    later = np.cumsum(areas[::-1])[::-1][1:]
    variance = later**2 @ _greenwood_terms(table)[within]
    return float(areas.sum()), float(np.sqrt(variance))


def cumulative_incidence(duration: ArrayLike, cause: ArrayLike, *, level: float = 0.95) -> pd.DataFrame:
    """Aalen–Johansen cumulative incidence of each cause with the other causes as competing events.

    Parameters
    ----------
    duration
        Time of the first event or of censoring, shape (n,).
    cause
        0 for censoring, 1, 2, … for the cause, shape (n,).
    level
        Confidence level of the plain interval.

    Returns
    -------
    DataFrame
        cause, time, at_risk, events, incidence, std_error, ci_low, ci_high: for each cause one row for each
        distinct time, ascending.

    References
    ----------
    Aalen OO, Johansen S. Scand J Stat 1978;5:141. Marubini E, Valsecchi MG. 1995, section 10.3 (variance).
    """
    codes = finite_vector(cause, "cause")
    wrong = np.flatnonzero((codes < 0) | (codes != np.round(codes)))
    if wrong.size:
        raise DataError(
            f"cause: row {wrong[0]} is {codes[wrong[0]]:g}; give 0 for censoring or 1, 2, … for a cause"
        )
    table = _life_table(duration, codes > 0)
    place = np.searchsorted(table.time, np.asarray(duration, dtype=np.float64))
    kinds = np.unique(codes[codes > 0])
    return pd.concat([_one_cause(table, place, codes, kind, level) for kind in kinds], ignore_index=True)


def _one_cause(
    table: _LifeTable, place: IntArray, codes: FloatArray, kind: float, level: float
) -> pd.DataFrame:
    """Cumulative incidence of one cause."""
    before = np.concatenate(([1.0], _survival(table)[:-1]))
    events = np.bincount(place, weights=codes == kind, minlength=table.time.size).astype(np.float64)
    incidence = np.cumsum(before * events / table.at_risk)
    error = _incidence_error(table, events, before, incidence)
    half = scipy.special.ndtri(0.5 + level / 2) * error
    return pd.DataFrame(
        {
            "cause": int(kind),
            "time": table.time,
            "at_risk": table.at_risk.astype(np.int64),
            "events": events.astype(np.int64),
            "incidence": incidence,
            "std_error": error,
            "ci_low": np.clip(incidence - half, 0, 1),
            "ci_high": np.clip(incidence + half, 0, 1),
        }
    )


def _incidence_error(
    table: _LifeTable, events: FloatArray, before: FloatArray, incidence: FloatArray
) -> FloatArray:
    """Delta-method standard error at each time.

    Σ_j (F − F_j)² d_j/(n_j(n_j − d_j)) + Σ_j S_j² e_j(n_j − e_j)/n_j³ − 2 Σ_j (F − F_j) S_j e_j/n_j², with
    the squares multiplied out into cumulative sums.
    """
    n = table.at_risk
    overall = _greenwood_terms(table)
    own = before**2 * (n - events) * events / n**3
    cross = before * events / n**2
    squared = incidence**2 * np.cumsum(overall) - 2 * incidence * np.cumsum(incidence * overall)
    squared += np.cumsum(incidence**2 * overall) + np.cumsum(own)
    squared -= 2 * (incidence * np.cumsum(cross) - np.cumsum(incidence * cross))
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))
