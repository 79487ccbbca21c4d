"""From what trials find at their looks to what they decide and report: one row per trial and treated arm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.trial.protocol.testing import Looks, Test, boundaries_of
from simsepsis.trial.sequential.boundaries import Boundaries
from simsepsis.trial.sequential.inference import exceedances
from simsepsis.trial.simulation.batch import Results, planned_side
from simsepsis.trial.simulation.clusters import degrees_of_freedom
from simsepsis.trial.simulation.multiplicity import rejected
from simsepsis.trial.simulation.setting import Setting

DECISIONS = ("none", "efficacy", "harm", "futility")
"""How a trial ends: no rejection at the last look, or through one of the bounds."""

ANY, ALL = "any arm", "all arms"
"""Among the arms: a rejection in one of them, and in every one."""

LEVEL = 0.95
TAIL = 0.5 * (1.0 - LEVEL)
DRIFTS: FloatArray = np.linspace(-14.0, 16.0, 151)
SCORES: FloatArray = np.linspace(-7.0, 9.0, 81)


Curve = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stops:
    """How trials end, arrays (trials,): index of the look, and of `DECISIONS`."""

    look: IntArray
    decision: IntArray


def stop(z: FloatArray, boundaries: Boundaries, *, follow_futility: bool) -> Stops:
    """Return at which look each trial stops, and why."""
    lower = boundaries.lower(follow_futility=follow_futility)
    upward, downward, inside = z >= boundaries.z, z <= lower, np.zeros(z.shape, np.bool_)
    holes = boundaries.holes(follow_futility=follow_futility)
    if holes is not None:
        inside[:, :-1] = (np.abs(z) <= holes[1])[:, :-1]
    crossed = upward | downward | inside
    look = np.where(crossed.any(axis=1), crossed.argmax(axis=1), z.shape[1] - 1)
    rows = np.arange(z.shape[0])
    below = DECISIONS.index("harm" if boundaries.sides == 2 else "futility")
    decision = np.where(upward[rows, look], DECISIONS.index("efficacy"), 0)
    # At the last look of a one-sided test, not to reject is no stop for futility.
    last = look == z.shape[1] - 1
    counted = downward[rows, look] & ((boundaries.sides == 2) | ~last)
    decision = np.where(counted, below, decision)
    return Stops(look=look, decision=np.where(inside[rows, look], DECISIONS.index("futility"), decision))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Adjusted:
    """Stage-wise adjusted results of trials, arrays (trials,), in units of z at the stopping look."""

    median: FloatArray
    low: FloatArray
    high: FloatArray
    p_value: FloatArray


def adjusted(z: FloatArray, look: IntArray, looks: Looks, test: Test, comparisons: int) -> Adjusted:
    """Return median-unbiased estimate, interval and p-value of each trial."""
    # The tables know nothing of the analysis: all of a level share theirs.
    level = Test(alpha=test.alpha, sides=test.sides, power=test.power)
    table = _tables(looks, level, comparisons)
    columns = np.full((4, z.size), np.nan)
    for index, curves in enumerate(table):
        rows = np.flatnonzero((look == index) & np.isfinite(z))
        columns[:, rows] = [curve(np.clip(z[rows], SCORES[0], SCORES[-1])) for curve in curves]
    upper = ndtr(-columns[3])
    p_value = upper if test.sides == 1 else 2.0 * np.minimum(upper, 1.0 - upper)
    return Adjusted(median=columns[0], low=columns[1], high=columns[2], p_value=p_value)


@lru_cache(maxsize=16)
def _tables(looks: Looks, test: Test, comparisons: int) -> tuple[tuple[Curve, ...], ...]:
    """Return for each look the curves of median, limits and −Φ⁻¹(p) against z, drifts in units of z."""
    boundaries = boundaries_of(looks, test, comparisons)
    # (drifts, looks, scores) probability of a result at least as extreme.
    extreme = np.array([exceedances(boundaries, SCORES, float(drift)) for drift in DRIFTS])
    null = np.array(exceedances(boundaries, SCORES, 0.0))
    curves = []
    for index, time in enumerate(boundaries.information):
        drifts = np.array([_drifts(extreme[:, index, k]) for k in range(SCORES.size)]).T
        quantiles = [_curve(SCORES, row * np.sqrt(float(time))) for row in drifts]
        curves.append((*quantiles, _curve(SCORES, -ndtri(np.clip(null[index], 1e-16, 1 - 1e-16)))))
    return tuple(curves)


def _curve(x: FloatArray, y: FloatArray) -> Curve:
    """Return a monotone curve through points."""
    # Plans by formulas alone do not wait for it.
    from scipy.interpolate import PchipInterpolator

    return PchipInterpolator(x, y)  # type: ignore[no-any-return]


def _drifts(extreme: FloatArray) -> FloatArray:
    """Return the drifts at which the result is extreme with probability ½, α/2 and 1 − α/2."""
    inside = (extreme > 1e-14) & (extreme < 1.0 - 1e-14)
    probits, drifts = ndtri(extreme[inside]), DRIFTS[inside]
    order = np.flatnonzero(np.diff(probits, prepend=-np.inf) > 1e-12)
    curve = _curve(probits[order], drifts[order])
    return np.asarray(curve(ndtri([0.5, TAIL, 1.0 - TAIL])))


def trial_rows(setting: Setting, results: Results) -> pd.DataFrame:
    """Return the rows of `TrialSimulation.trials`."""
    arms = range(setting.pool.arms)
    frames = [_arm_rows(setting, results, arm) for arm in arms]
    if len(frames) > 1 and results.z.shape[1] == 1:
        frames = _family(setting, results, frames)
    rows = pd.concat(frames, ignore_index=True)
    return rows.sort_values("trial", kind="stable", ignore_index=True)


def follows_futility(setting: Setting) -> bool:
    """Return whether the simulated trials stop for futility."""
    rule = setting.protocol.looks.futility
    return rule is not None and (rule.followed or rule.binding)


def _arm_rows(setting: Setting, results: Results, arm: int) -> pd.DataFrame:
    protocol = setting.protocol
    z, boundaries = results.z[:, :, arm], protocol.boundaries
    stops = stop(z, boundaries, follow_futility=follows_futility(setting))
    rows = np.arange(len(z))
    at = (rows, stops.look)
    estimate, std_error = results.estimate[*at, arm], results.std_error[*at, arm]
    reach = float(stdtrit(degrees_of_freedom(setting.protocol), 0.5 + 0.5 * LEVEL))
    known, dead = results.known[at], results.dead[at]
    return pd.DataFrame(
        {
            "trial": rows,
            "arm": protocol.arms[arm].name,
            "look": stops.look + 1,
            "information": boundaries.information[stops.look],
            "decision": np.array(DECISIONS)[stops.decision],
            "rejected": stops.decision == DECISIONS.index("efficacy"),
            "z": z[at],
            "estimate": estimate,
            "std_error": std_error,
            "ci_low": estimate - reach * std_error,
            "ci_high": estimate + reach * std_error,
            **_adjusted(setting, stops, z[at], estimate, std_error),
            "n_randomized": results.randomized[at],
            "n_known": known.sum(axis=1),
            "n_control": known[:, 0],
            "n_treated": known[:, arm + 1],
            "deaths_control": dead[:, 0],
            "deaths_treated": dead[:, arm + 1],
            "months": results.months[at],
            "failure": np.where(
                np.isfinite(z[at]), "", "no test: the outcomes leave its variance or its model undefined"
            ),
        }
    )


def _adjusted(
    setting: Setting, stops: Stops, z: FloatArray, estimate: FloatArray, std_error: FloatArray
) -> dict[str, FloatArray]:
    """Return stage-wise adjusted columns; without looks they are those that know of none."""
    protocol = setting.protocol
    shared = len(protocol.arms) if protocol.test.multiplicity == "bonferroni" else 1
    scores = adjusted(z, stops.look, protocol.looks, protocol.test, shared)
    # The estimate over its standard error is the test statistic but for the variance that each assumes.
    side = _estimate_side(setting)
    shift = side * estimate / std_error - z
    low, high = (side * std_error * (limit + shift) for limit in (scores.low, scores.high))
    return {
        "adjusted_estimate": side * std_error * (scores.median + shift),
        "adjusted_low": np.minimum(low, high),
        "adjusted_high": np.maximum(low, high),
        "p_value": scores.p_value,
    }


def _estimate_side(setting: Setting) -> float:
    """Return 1 where a larger estimate is on the planned side, −1 where a smaller one is."""
    higher_is_better = setting.protocol.scale in ("win_ratio", "probability_index")
    return planned_side(setting) * (1.0 if higher_is_better else -1.0)


def _family(setting: Setting, results: Results, frames: list[pd.DataFrame]) -> list[pd.DataFrame]:
    """Return the rows with decisions that control the error of all comparisons together."""
    test = setting.protocol.test
    ratios = [arm.ratio for arm in setting.protocol.arms]
    hits = rejected(results.z[:, 0], ratios, test.level, test.multiplicity)
    harms = rejected(-results.z[:, 0], ratios, test.level, test.multiplicity) & (test.sides == 2)
    return [
        frame.assign(rejected=hits[:, arm], decision=_words(hits[:, arm], harms[:, arm]))
        for arm, frame in enumerate(frames)
    ]


def _words(hit: BoolArray, harm: BoolArray) -> NDArray[np.str_]:
    return np.where(hit, "efficacy", np.where(harm, "harm", "none"))
