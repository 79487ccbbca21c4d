"""Survival of patients who carry matching weights: Kaplan–Meier and restricted mean."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.analysis.estimates import Z_95
from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Curve:
    """A weighted survival curve and how far each patient moves it.

    ``time, at_risk, events, survival`` at each distinct time, (m,); ``moved``: (n, m), each patient's
    influence on the logarithm of survival at each time.
    """

    time: FloatArray
    at_risk: FloatArray
    events: FloatArray
    survival: FloatArray
    moved: FloatArray


def _curve(duration: FloatArray, event: BoolArray, weights: FloatArray) -> _Curve:
    """Estimate a weighted Kaplan–Meier curve, with influences of its logarithm.

    A patient with weight w moves log S(t) by −w Σ (dN − Y d/R)/(R − d) over the times up to t, with R and d
    the weights at risk and dying. The squares sum to Greenwood's variance where all weights are 1.
    """
    time, code = np.unique(duration, return_inverse=True)
    dying = np.bincount(code, weights=weights * event).astype(np.float64)
    at_risk = np.cumsum(np.bincount(code, weights=weights)[::-1])[::-1].astype(np.float64)
    left = at_risk - dying
    # those with the last event leave nobody; the curve is 0 there and has no logarithm
    some = left > 1e-9 * at_risk
    hazard = np.where(some, dying / at_risk, 1.0)
    per_death = np.divide(1.0, left, out=np.zeros_like(left), where=some)
    expected = np.cumsum(np.where(some, hazard * per_death, 0.0))
    moved = np.minimum(expected[None, :], expected[code][:, None])
    own = event & some[code]
    moved -= np.where(own, per_death[code], 0.0)[:, None] * (np.arange(time.size) >= code[:, None])
    return _Curve(
        time=time,
        at_risk=at_risk,
        events=dying,
        survival=np.cumprod(1 - hazard),
        moved=moved * weights[:, None],
    )


def weighted_kaplan_meier(duration: FloatArray, event: BoolArray, weights: FloatArray) -> pd.DataFrame:
    """Estimate the survival function of weighted patients, the weights taken as known.

    Notes
    -----
    Standard error by the infinitesimal jackknife. R: ``survfit(Surv(duration, event) ~ 1, weights = w,
    robust = TRUE)``.

    References
    ----------
    Xie J, Liu C. Stat Med 2005;24:3089.
    """
    curve = _curve(duration, event, weights)
    alive = curve.survival > 0
    relative = np.where(alive, np.sqrt((curve.moved**2).sum(axis=0)), np.nan)
    low, high = (np.clip(curve.survival * np.exp(sign * Z_95 * relative), 0, 1) for sign in (-1, 1))
    return pd.DataFrame(
        {
            "time": curve.time,
            "at_risk": curve.at_risk,
            "events": curve.events,
            "survival": curve.survival,
            "std_error": curve.survival * relative,
            "ci_low": low,
            "ci_high": high,
        }
    )


def weighted_rmst(
    duration: FloatArray, event: BoolArray, weights: FloatArray, horizon: float
) -> tuple[float, float]:
    """Estimate the restricted mean survival time of weighted patients and its standard error."""
    if not horizon > 0:
        raise UsageError(f"horizon {horizon} is not positive; give the time up to which survival is averaged")
    curve = _curve(duration, event, weights)
    if curve.time[-1] < horizon and curve.survival[-1] > 0:
        return math.nan, math.nan
    within = curve.time < horizon
    edges = np.concatenate(([0.0], curve.time[within], [horizon]))
    areas = np.diff(edges) * np.concatenate(([1.0], curve.survival[within]))
    influence = curve.moved[:, within] @ areas[1:]
    return float(areas.sum()), float(np.sqrt(influence @ influence))
