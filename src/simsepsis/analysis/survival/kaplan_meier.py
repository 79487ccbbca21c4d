"""Product-limit and Aalen–Johansen estimators, the log-rank test and restricted mean survival time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.special
from numpy.typing import ArrayLike

from simsepsis.analysis.inputs import binary_vector, finite_vector, label_codes
from simsepsis.analysis.numeric import finite_number, normal_quantile
from simsepsis.analysis.survival.times import SAME, distinct_times, durations
from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import DataError, UsageError
from simsepsis.threads import one_thread

INTERVALS = ("log", "log_log", "plain")
_MOST_CAUSES = 2.0**31


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _LifeTable:
    """Counts at each distinct time, ascending, and each patient's place among the times."""

    place: IntArray
    time: FloatArray
    at_risk: FloatArray
    events: FloatArray


def _life_table(duration: ArrayLike, event: ArrayLike) -> _LifeTable:
    """Count who is at risk and who has the event at each distinct time."""
    dead, times = _patients(duration, event)
    distinct, place = distinct_times(times)
    count = np.bincount(place)
    at_risk = np.cumsum(count[::-1])[::-1].astype(np.float64)
    events = np.bincount(place, weights=dead).astype(np.float64)
    return _LifeTable(place=place, time=distinct, at_risk=at_risk, events=events)


def _patients(duration: ArrayLike, event: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return events and times of at least one patient."""
    dead = binary_vector(event, "event")
    times = durations(duration, dead.size)
    if times.size == 0:
        raise DataError("there is no duration; give at least one patient")
    return dead, times


@one_thread()
def kaplan_meier(
    duration: ArrayLike, event: ArrayLike, *, interval: str = "log", level: float = 0.95
) -> pd.DataFrame:
    """Kaplan–Meier estimate of the survival function with Greenwood's standard error.

    Parameters
    ----------
    duration
        Time of event or censoring, 0 or more, shape (n,).
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

    Raises
    ------
    DataError
        If there is nobody, a value is no number or missing, a time is negative, or an event is not 0 or 1.
    UsageError
        If the interval is unknown or the level not between 0 and 1.

    Notes
    -----
    Times that differ by rounding only are ties, as by R's `timefix`; see `fit_cox`. The same holds for the
    other functions of survival. R: ``survfit(Surv(duration, event) ~ 1, conf.type = "log")``.

    References
    ----------
    Kaplan EL, Meier P. JASA 1958;53:457. Greenwood M. 1926.
    """
    if interval not in INTERVALS:
        raise UsageError(f"interval '{interval}' is unknown; choose one of {', '.join(INTERVALS)}")
    z = normal_quantile(level)
    table = _life_table(duration, event)
    survival = _survival(table)
    relative = np.sqrt(np.cumsum(_greenwood_terms(table)))
    alive = survival > 0
    relative = np.where(alive, relative, np.nan).astype(np.float64)
    low, high = _interval(survival, relative, interval, z)
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
        Time of event or censoring, 0 or more, shape (n,).
    event
        1 for an event, 0 for censoring, shape (n,).
    group
        Group label, shape (n,), of one kind (all numbers or all text); two or more groups.

    Returns
    -------
    tuple
        Chi-square statistic with groups − 1 degrees of freedom, and its p-value; NaN where no event tells the
        groups apart.

    Raises
    ------
    DataError
        As `kaplan_meier`, and if a label is missing or labels are of several kinds.

    Notes
    -----
    R: ``survdiff(Surv(duration, event) ~ group)``.

    References
    ----------
    Mantel N. Cancer Chemother Rep 1966;50:163. Peto R, Peto J. JRSS A 1972;135:185.
    """
    dead, times = _patients(duration, event)
    member = label_codes(group, "group", times.size)
    distinct, place = distinct_times(times)
    groups = int(member.max()) + 1
    if groups < 2:
        return float("nan"), float("nan")
    cell = place * groups + member
    shape = (distinct.size, groups)
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
        End of the area, > 0, in units of the durations; inf for the whole curve.

    Returns
    -------
    tuple
        Area and its standard error √Σ A_j² d_j/(n_j(n_j − d_j)), A_j the area after time j. NaN beyond
        `farthest_horizon`, where the last patient is censored before the horizon and the curve is unknown.

    Raises
    ------
    DataError
        As `kaplan_meier`.
    UsageError
        If the horizon is not positive.

    Notes
    -----
    R: ``summary(survfit(...), rmean = horizon)``, ``survRM2``, whose rule for the largest horizon this is.

    References
    ----------
    Royston P, Parmar MKB. BMC Med Res Methodol 2013;13:152.
    """
    end = finite_number(horizon, "horizon", endless=True)
    if end <= 0:
        raise UsageError(f"horizon {horizon} is not positive; give the time up to which survival is averaged")
    table = _life_table(duration, event)
    survival = _survival(table)
    if end > _farthest(table, survival) * (1 + SAME):
        return float("nan"), float("nan")
    end = min(end, float(table.time[-1]))
    within = table.time < end
    # in a unit of the size of the times, a power of two, so that squares neither overflow nor vanish
    unit = 2.0 ** math.frexp(end)[1] / 2
    edges = np.concatenate(([0.0], table.time[within], [end])) / unit
    heights = np.concatenate(([1.0], survival[within]))
    areas = np.diff(edges) * heights
    later = np.cumsum(areas[::-1])[::-1][1:]
    variance = later**2 @ _greenwood_terms(table)[within]
    return float(areas.sum() * unit), float(np.sqrt(variance) * unit)


def farthest_horizon(duration: ArrayLike, event: ArrayLike) -> float:
    """Return the largest horizon up to which restricted mean survival time is known.

    Parameters
    ----------
    duration, event
        As in `rmst`.

    Returns
    -------
    float
        The longest follow-up where somebody is censored then, inf where the last patient has the event:
        then survival is 0 afterwards. Of two arms the smaller one binds, as in ``survRM2``.

    References
    ----------
    Tian L et al. Biometrics 2020;76:1157 (choice of the horizon).
    """
    table = _life_table(duration, event)
    return _farthest(table, _survival(table))


def _farthest(table: _LifeTable, survival: FloatArray) -> float:
    return float(table.time[-1]) if survival[-1] > 0 else math.inf


def cumulative_incidence(duration: ArrayLike, cause: ArrayLike, *, level: float = 0.95) -> pd.DataFrame:
    """Aalen–Johansen cumulative incidence of each cause with the other causes as competing events.

    Parameters
    ----------
    duration
        Time of the first event or of censoring, 0 or more, shape (n,).
    cause
        0 for censoring, 1, 2, … for the cause, shape (n,).
    level
        Confidence level of the plain interval.

    Returns
    -------
    DataFrame
        cause, time, at_risk, events, incidence, std_error, ci_low, ci_high: for each cause that occurs one
        row for each distinct time, ascending. Without any event, cause 1 with incidence 0.

    Raises
    ------
    DataError
        As `kaplan_meier`, and if a cause is no whole number of 0 or more.
    UsageError
        If the level is not between 0 and 1.

    References
    ----------
    Aalen OO, Johansen S. Scand J Stat 1978;5:141. Marubini E, Valsecchi MG. 1995, section 10.3 (variance).
    """
    z = normal_quantile(level)
    codes = finite_vector(cause, "cause")
    wrong = np.flatnonzero((codes < 0) | (codes != np.round(codes)) | (codes > _MOST_CAUSES))
    if wrong.size:
        raise DataError(
            f"cause: row {wrong[0]} is {codes[wrong[0]]:g}; give 0 for censoring or 1, 2, … for a cause"
        )
    table = _life_table(duration, codes > 0)
    kinds = np.unique(codes[codes > 0]) if codes.any() else [1.0]
    return pd.concat([_one_cause(table, codes, kind, z) for kind in kinds], ignore_index=True)


def _one_cause(table: _LifeTable, codes: FloatArray, kind: float, z: float) -> pd.DataFrame:
    """Cumulative incidence of one cause."""
    before = np.concatenate(([1.0], _survival(table)[:-1]))
    events = np.bincount(table.place, weights=codes == kind, minlength=table.time.size).astype(np.float64)
    incidence = np.cumsum(before * events / table.at_risk)
    error = _incidence_error(table, events, before, incidence)
    half = z * error
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
