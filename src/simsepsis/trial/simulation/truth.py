"""What the simulated trials estimate: the truth in the pool, exact, and its error against the world's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from simsepsis.arrays import FloatArray
from simsepsis.trial.effect import RATIOS, RISK_SCALES, effect_between
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.simulation.comparison import compare
from simsepsis.trial.simulation.outcomes import categories
from simsepsis.trial.simulation.pool import Pool
from simsepsis.trial.simulation.setting import Setting, unsized

GROUPS = 50
"""Parts of the pool from whose spread the error of its rates is estimated."""

MANY = 1e9
"""Patients for whom expected counts are as good as probabilities."""

LABELS = {scale: f"log_{scale}" for scale in RATIOS} | {"probability_index": "probability_index_minus_half"}
"""Scale → name of the coefficient that is estimated."""

TRUTH_COLUMNS = ("arm", "strategy", "measure", "value", "mcse")


def assigned_shares(setting: Setting, values: FloatArray) -> FloatArray:
    """Return what is expected of each patient in each arm as randomized, departures included."""
    arms = setting.pool.arms + 1
    expected = values[:arms].astype(np.float64)
    if setting.untreated is not None:
        expected[1:] += setting.untreated * (values[0] - values[1:arms])
    if setting.open_label is not None:
        expected[0] += setting.open_label * (values[arms].astype(np.float64) - values[0])
    return expected


def risks(setting: Setting, *, as_randomized: bool = True) -> FloatArray:
    """Return the risk of death of each arm, control first."""
    return np.asarray(_expected_deaths(setting, as_randomized) @ setting.weights)


def _expected_deaths(setting: Setting, as_randomized: bool) -> FloatArray:
    dead = setting.dead.astype(np.float64)
    return assigned_shares(setting, dead) if as_randomized else dead[: setting.pool.arms + 1]


def distributions(setting: Setting, parts: int = 1) -> FloatArray:
    """Return the distribution of the endpoint in each arm as randomized, by stratum of the analysis."""
    pool, kinds = setting.pool, categories(setting.protocol.outcome)
    rows = np.arange(pool.size)
    strata = setting.strata.number(pool.rates.size)
    place = (rows % parts) * strata + setting.strata.strata(pool.icu, rows)
    share = _course_shares(setting)
    out = np.zeros((parts, strata, pool.arms + 1, kinds))
    for arm, course in zip(*np.nonzero(share.any(axis=2)), strict=True):
        weights = setting.weights * share[arm, course]
        counted = np.bincount(place * kinds + setting.codes[course], weights, parts * strata * kinds)
        out[:, :, arm] += counted.reshape(parts, strata, kinds)
    return out


def _course_shares(setting: Setting) -> FloatArray:
    """Return the probability of each course in each arm, shape (arms + 1, courses, n)."""
    pool = setting.pool
    courses = len(pool.courses)
    one = np.zeros((courses, courses, pool.size))
    one[np.arange(courses), np.arange(courses)] = 1.0
    return np.array([assigned_shares(setting, one[course]) for course in range(courses)]).transpose(1, 0, 2)


def true_effects(setting: Setting, parts: int = 1) -> FloatArray:
    """Return the effect of each treated arm as randomized, on the scale of the estimate."""
    protocol, ratio = setting.protocol, setting.ratio
    counts = MANY * distributions(setting, parts) * ratio[:, None]
    columns = [compare(counts[:, :, [0, arm]], protocol.scale).estimate for arm in range(1, len(ratio))]
    return np.array(columns).T


def truth_table(setting: Setting) -> pd.DataFrame:
    """Return the truth in the pool and its Monte Carlo standard error against the world's."""
    control, *names = arm_names(setting.protocol)
    rows: list[dict[str, object]] = []
    for strategy, as_randomized in (("treatment_policy", True), ("hypothetical", False)):
        whole = risks(setting, as_randomized=as_randomized)
        spread = _error(risk_parts(setting, as_randomized=as_randomized))
        rows += [
            _row(name, strategy, "risk", *pair)
            for name, *pair in zip((control, *names), whole, spread, strict=True)
        ]
    spread, scale = _error(true_effects(setting, GROUPS)), setting.protocol.scale
    rows += [
        _row(name, "treatment_policy", LABELS.get(scale, scale), *pair)
        for name, *pair in zip(names, true_effects(setting)[0], spread, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(TRUTH_COLUMNS))


def arm_names(protocol: TrialProtocol) -> tuple[str, ...]:
    """Return the names of all arms, control first."""
    return (protocol.control, *(arm.name for arm in protocol.arms))


def risk_parts(setting: Setting, *, as_randomized: bool) -> FloatArray:
    """Return the risks of death in each part of the pool, shape (parts, arms + 1)."""
    expected = _expected_deaths(setting, as_randomized)
    part = np.arange(setting.pool.size) % GROUPS
    weights = setting.weights
    total = np.bincount(part, weights)
    return np.array([np.bincount(part, weights * arm) / total for arm in expected]).T


def effect_error(setting: Setting) -> float:
    """Return the Monte Carlo error of an effect that the planned risks bring with them, as a part of it."""
    protocol, arm = setting.protocol, setting.protocol.effect_arm
    control, treated = risk_parts(setting, as_randomized=True)[:, [0, 1 + arm]].T
    found = true_effects(setting.unstratified(), GROUPS)[:, arm]
    with np.errstate(invalid="ignore", divide="ignore"):
        at_end = np.log(np.log1p(-treated) / np.log1p(-control))
        by_risks = at_end if protocol.outcome.kind == "time" else control - treated
        share = 0.0 if protocol.support_alone else found.mean() / by_risks.mean()
        return float(_error(found - share * by_risks) / abs(found.mean()))


def _error(parts: FloatArray) -> FloatArray:
    # A part of a small pool may have no deaths and so no ratio: the error is then unknown, NaN.
    with np.errstate(invalid="ignore"):
        return np.asarray(parts.std(axis=0, ddof=1) / np.sqrt(len(parts)))


def _row(arm: str, strategy: str, measure: str, value: float, mcse: float) -> dict[str, object]:
    return {"arm": arm, "strategy": strategy, "measure": measure, "value": float(value), "mcse": float(mcse)}


Strategy = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
"""From weights, (arms, n) deaths under the arm's own treatment and departures from it to the arms' risks."""

STRATEGIES: dict[str, Strategy] = {
    "hypothetical": lambda w, dead, departs: dead @ w,
    "composite": lambda w, dead, departs: (1.0 - (1.0 - dead) * (1.0 - departs)) @ w,
    "while_on_treatment": lambda w, dead, departs: (dead * (1.0 - departs)) @ w,
    "principal_stratum": lambda w, dead, departs: (
        dead @ (w * np.prod(1.0 - departs, axis=0)) / (w @ np.prod(1.0 - departs, axis=0))
    ),
}
"""As if nobody departed; a departure is an event; events after one do not count; who departs in no arm."""


def strategy_risks(setting: Setting) -> dict[str, FloatArray]:
    """Return the risk of each arm, control first, by strategy."""
    arms = setting.pool.arms + 1
    dead = setting.dead.astype(np.float64)
    nobody = np.zeros(setting.pool.size)
    missed = nobody if setting.untreated is None else setting.untreated
    gained = nobody if setting.open_label is None else setting.open_label
    departs = np.array([gained, *[missed] * (arms - 1)])
    risks = {"treatment_policy": assigned_shares(setting, dead) @ setting.weights}
    return risks | {
        name: np.asarray(risk(setting.weights, dead[:arms], departs)) for name, risk in STRATEGIES.items()
    }


def strategies_table(protocol: TrialProtocol, pool: Pool) -> pd.DataFrame:
    """Return risks and effect in the planned arm by strategy; no rows where nobody departs."""
    conduct = protocol.conduct
    if conduct.nonadherence.share == conduct.contamination.share == 0.0:
        return pd.DataFrame()
    scale = protocol.scale if protocol.scale in RISK_SCALES else "risk_difference"
    rows = []
    for name, risks in strategy_risks(unsized(protocol, pool)).items():
        control, treated = float(risks[0]), float(risks[1 + protocol.effect_arm])
        effect = effect_between(control, treated, scale, horizon=protocol.outcome.day or 1.0).value
        rows.append(
            {"strategy": name, "p_control": control, "p_treated": treated, "scale": scale, "effect": effect}
        )
    return pd.DataFrame(rows)
