"""What each strategy of ICH E9(R1) for departures from the arms would estimate, exact in the population."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from simsepsis.arrays import FloatArray
from simsepsis.trial.effect import RISK_SCALES, effect_between
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.simulation.pool import Pool
from simsepsis.trial.simulation.setting import UNSIZED, Setting, prepare
from simsepsis.trial.simulation.truth import assigned_shares

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
    for name, risks in strategy_risks(prepare(protocol, pool, UNSIZED)).items():
        control, treated = float(risks[0]), float(risks[1 + protocol.effect_arm])
        effect = effect_between(control, treated, scale, horizon=protocol.outcome.day or 1.0).value
        rows.append(
            {"strategy": name, "p_control": control, "p_treated": treated, "scale": scale, "effect": effect}
        )
    return pd.DataFrame(rows)
