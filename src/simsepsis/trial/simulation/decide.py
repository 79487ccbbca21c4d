"""From what trials find at their looks to what they decide and report: one row per trial and treated arm."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.trial.simulation.batch import Results, planned_side
from simsepsis.trial.simulation.clusters import degrees_of_freedom
from simsepsis.trial.simulation.multiplicity import rejected
from simsepsis.trial.simulation.setting import Setting
from simsepsis.trial.simulation.stopping import DECISIONS, LEVEL, Stops, adjusted, stop


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
