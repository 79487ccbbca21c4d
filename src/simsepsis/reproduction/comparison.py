"""Printed numbers beside what the replicates gave: mean, interval, inside or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.reproduction.replicate import CURVE_DAYS
from simsepsis.study.layout import ARMS, Key
from simsepsis.study.published import Study
from simsepsis.words.numbers import DECIMALS

TAIL = 0.025
LEAST = 39
"""Replicates from which on the 2.5% quantile lies among them: the least n with 0.025 (n + 1) ≥ 1."""
RATIOS = ("odds_ratio", "hazard_ratio", "ci_low", "ci_high")
QUANTILES = ("median", "q1", "q3")
LEAST_P = 0.001
"""P values below this are printed as an upper bound."""
TABLE_COLUMNS = (
    "variable",
    "level",
    "statistic",
    "phase",
    "arm",
    "printed",
    "simulated",
    "low",
    "high",
    "inside",
    "text",
    "corrected",
    "inside_corrected",
    "mcse",
    "n_used",
    "fitted",
    "repeats",
)
"""Columns of a compared table; the first ten are the contract of ``tableN.csv``."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spread:
    """Where the replicates' values of each number lie; every array has one entry per number.

    Attributes
    ----------
    mean, mcse
        Mean (geometric for ratios and their limits) and its Monte Carlo standard error.
    low, high
        Quantiles of 2.5% and 97.5%; below `LEAST` replicates the extremes.
    n_used
        Replicates with a usable value.
    """

    mean: FloatArray
    mcse: FloatArray
    low: FloatArray
    high: FloatArray
    n_used: IntArray


def spread_of(
    draws: FloatArray, ratio: BoolArray | None = None, occurring: BoolArray | None = None
) -> Spread:
    """Return mean, Monte Carlo error and 95% interval of each column over replicates.

    Notes
    -----
    With n usable values the limits lie at the places 0.025 (n + 1) and 0.975 (n + 1) of the ordered values,
    on the straight line between neighbours: definition 6 of Hyndman and Fan, ``quantile(x, p, type = 6)`` of
    R. A further value falls below the k-th of n with probability k/(n + 1), so that these limits hold it with
    probability 95% for every n; between two ordered values that is exact for a uniform distribution, and near
    it for others. Definition 7, the default of numpy and R, holds 1 − 0.05 − 1.9/(n + 1), which is 90.4% for
    n = 40. Below n = `LEAST` the places lie beyond the values; the limits are then the extremes, and hold a
    further value with probability `held` only.

    References
    ----------
    Hyndman RJ, Fan Y. Am Stat 1996;50:361.
    """
    ratio = np.zeros(draws.shape[1], dtype=bool) if ratio is None else ratio
    usable = np.isfinite(draws) & (~ratio | (draws > 0))
    n_used = usable.sum(axis=0)
    scaled = np.where(usable, draws, np.nan)
    scaled[:, ratio] = np.log(scaled[:, ratio])
    count = np.where(n_used > 0, n_used, np.nan)
    mean = np.nansum(scaled, axis=0) / count
    square = np.nansum((scaled - mean) ** 2, axis=0)
    mcse = np.sqrt(square / np.where(n_used > 1, n_used - 1, np.nan) / count)
    occurring = np.zeros_like(ratio) if occurring is None else occurring
    low, high = _limits(np.where(usable, draws, np.nan), n_used, occurring)
    center = np.where(ratio, np.exp(np.where(ratio, mean, 0.0)), mean)
    return Spread(mean=center, mcse=np.where(ratio, center * mcse, mcse), low=low, high=high, n_used=n_used)


def _limits(draws: FloatArray, n_used: IntArray, occurring: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Return the quantiles of `TAIL` and 1 − `TAIL` of the usable values of each column."""
    ordered = np.sort(draws, axis=0)  # NaN last
    low, high = (_at(ordered, tail, n_used, occurring) for tail in (TAIL, 1.0 - TAIL))
    return low, high


def _at(
    ordered: FloatArray, tail: float, n_used: IntArray, occurring: BoolArray, left_out: IntArray | None = None
) -> FloatArray:
    """Return the quantile of each column's ordered values, without one whose rank is given; NaN if none."""
    last = np.maximum(n_used, 1)
    place = np.clip(tail * (n_used + 1), 1.0, last)
    before = np.floor(place).astype(np.int64)
    columns = np.arange(ordered.shape[1])
    lower, upper = before - 1, np.minimum(before + 1, last) - 1
    if left_out is not None:
        lower, upper = lower + (lower >= left_out), upper + (upper >= left_out)
    low, high = ordered[lower, columns], ordered[upper, columns]
    beyond = np.where(occurring, np.rint(place - before), place - before)
    return np.asarray(np.where(low == high, low, low + beyond * (high - low)))


def held(replicates: int) -> float:
    """Return the probability that the interval of so many replicates holds a further one."""
    return 1.0 - 2.0 * max(TAIL, 1.0 / (replicates + 1))


def compare(study: Study, draws: FloatArray) -> pd.DataFrame:
    """Return every printed number beside its simulated mean and 95% interval."""
    printed, corrected = study.printed(), study.printed(corrected=True)
    keys = list(study.numbers)
    ratio, quartile = (printed["statistic"].isin(names).to_numpy() for names in (RATIOS, QUANTILES))
    spread = spread_of(draws, ratio, quartile)
    low, high = _as_printed(printed, spread.low, spread.high)
    misprint = corrected["corrected"].to_numpy()
    inside = _inside(printed, printed["printed"].to_numpy(), low, high)
    bound = printed["bound"].mask(misprint, "")
    mended = _inside(printed.assign(bound=bound), corrected["printed"].to_numpy(), low, high)
    originals = study.numbers.originals()
    columns = {
        "simulated": spread.mean,
        "low": low,
        "high": high,
        "inside": inside,
        "corrected": corrected["printed"].where(misprint),
        "inside_corrected": mended,
        "mcse": spread.mcse,
        "n_used": spread.n_used,
        "fitted": [_is_fitted(key) for key in keys],
        "repeats": ["" if originals[key] == key else originals[key].table for key in keys],
    }
    return printed.assign(**columns)[["table", *TABLE_COLUMNS]]


def _as_printed(printed: pd.DataFrame, *numbers: FloatArray) -> tuple[FloatArray, ...]:
    """Return numbers with the printed number of decimals; the last axis is that of the frame.

    Quartiles are printed as they fall (6.5 beside 6) and stay as they are; so do the limits of upper
    bounds. P values and ratios have three decimals, though a last 0 or those of large ratios are not printed.
    """
    exact = printed["statistic"].isin(QUANTILES).to_numpy() | (printed["bound"] != "").to_numpy()
    least = np.where(printed["statistic"].isin(("p_value", *RATIOS)), 3, 0)
    scale = 10.0 ** np.maximum(printed["decimals"].to_numpy(), least)
    return tuple(np.where(exact, one, np.round(one * scale) / scale) for one in numbers)


def _inside(printed: pd.DataFrame, numbers: FloatArray, low: FloatArray, high: FloatArray) -> pd.Series:
    bounded = (printed["bound"] != "").to_numpy()
    verdict = np.where(bounded, low < numbers, _within(numbers, low, high))
    return pd.Series(verdict, index=printed.index, dtype="boolean").mask(np.isnan(low))


def _within(numbers: FloatArray, low: FloatArray, high: FloatArray) -> BoolArray:
    slack = 1e-9 * (1.0 + np.abs(numbers))
    within: BoolArray = (low - slack <= numbers) & (numbers <= high + slack)
    return within


def inside_of_replicates(comparison: pd.DataFrame, draws: FloatArray) -> FloatArray:
    """Return what share of the compared numbers each replicate has inside the intervals of the others.

    Notes
    -----
    What the printed numbers are held against: that many lie inside where the world is right. A replicate's
    numbers are rounded as those in print are.
    """
    exact = comparison["statistic"].isin(QUANTILES).to_numpy()
    n_used = np.isfinite(draws).sum(axis=0)
    ordered = np.sort(draws, axis=0)  # NaN last
    rank = np.argsort(np.argsort(draws, axis=0, kind="stable"), axis=0, kind="stable")
    low, high = (_at(ordered, tail, n_used - 1, exact, rank) for tail in (TAIL, 1.0 - TAIL))
    frame = comparison.assign(bound="", decimals=comparison["statistic"].map(DECIMALS).fillna(0))
    numbers, low, high = _as_printed(frame, draws, low, high)
    tiny = (comparison["statistic"] == "p_value").to_numpy() & (draws < LEAST_P)
    inside = np.where(tiny, low < LEAST_P, _within(numbers, low, high)).astype(np.float64)
    inside[~np.isfinite(draws)] = np.nan
    return np.asarray(np.nanmean(inside, axis=1))


def _is_fitted(key: Key) -> bool:
    """Tell whether the calibration aims at a number: everything before matching, and the flow to it."""
    return key.phase == "before" or (key.variable, key.level) == ("n", "analysed")


def curves_of(survival: Sequence[FloatArray], at_risk: Sequence[FloatArray]) -> pd.DataFrame:
    """Return the mean Kaplan–Meier curves of both arms with their pointwise 95% simulation intervals."""
    days = CURVE_DAYS.size
    alive = spread_of(np.stack([curve.ravel() for curve in survival]))
    followed = spread_of(np.stack([curve.ravel() for curve in at_risk]))
    return pd.DataFrame(
        {
            "arm": np.repeat(ARMS, days),
            "time": np.tile(CURVE_DAYS, len(ARMS)),
            "survival": alive.mean,
            "low": alive.low,
            "high": alive.high,
            "at_risk": followed.mean,
            "n_used": alive.n_used,
        }
    )


def failures_of(failures: Sequence[tuple[tuple[str, str], ...]]) -> pd.DataFrame:
    """Return how often each step failed: ``step, replicates, first, reason``, the most frequent first.

    Parameters
    ----------
    failures
        (step, reason) of each replicate, in order. `first` is the first replicate in which the step
        failed, and `reason` why it did there.
    """
    rows = [(step, number, reason) for number, failed in enumerate(failures) for step, reason in failed]
    frame = pd.DataFrame(rows, columns=["step", "replicate", "reason"])
    counted = frame.groupby("step", as_index=False).agg(
        replicates=("replicate", "nunique"), first=("replicate", "min"), reason=("reason", "first")
    )
    return counted.sort_values(["replicates", "step"], ascending=[False, True], ignore_index=True)
