"""Whom to randomize: patients at high risk, patients in whom treatment does more, or everybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd

from simsepsis.trial.protocol import TrialProtocol, parse_condition
from simsepsis.trial.simulation.pool import Pool, build_pool
from simsepsis.trial.simulation.setting import prepare
from simsepsis.trial.simulation.simulate import simulate_trials
from simsepsis.trial.simulation.sizing import UNSIZED, planned_total
from simsepsis.trial.simulation.truth import risks

CONDITIONS = (
    "all",
    "apache2 >= 20",
    "apache2 >= 29",
    "endogenous_igg < 6.5",
    "apache2 >= 29 or endogenous_igg < 6.5",
)
MODIFIERS: tuple[Mapping[str, float], ...] = (
    {},
    {"severe": 2.0},
    {"low_igg": 2.0},
)
"""Factors on the log hazard ratio in patients with APACHE II of 29 or more, and with low IgG."""


def enrichment_map(
    protocol: TrialProtocol,
    *,
    conditions: Sequence[str] = CONDITIONS,
    modifiers: Sequence[Mapping[str, float]] = MODIFIERS,
    replicates: int = 2_000,
    seed: int | None = None,
    jobs: int = -1,
) -> pd.DataFrame:
    """Size and duration of the trial over whom it randomizes (prognostic) × in whom it works (predictive).

    In each world the planned effect holds in everybody; restricting the population then changes risk and
    effect as they are in that world, not by assumption.

    Parameters
    ----------
    protocol
        The trial; its population condition is replaced.
    conditions
        Populations.
    modifiers
        Effect modification of each world: keys of a scenario's ``effect.modifier``.
    replicates
        Simulated trials that confirm the power of each cell.
    seed, jobs
        As in `simulate_trials`.

    Returns
    -------
    DataFrame
        One row per cell: population, modifier, eligible_share, control_risk, treated_risk, risk_ratio (as
        randomized), n_total, screened, expected_months, power, power_mcse.
    """
    everybody = protocol.changed({"population.where": "all", "n_total": None})
    rows = []
    for modifier, where in product(modifiers, conditions):
        world = {f"effect.modifier.{key}": value for key, value in modifier.items()}
        told = everybody.changed({"world.set": dict(everybody.world.set) | world})
        pool = build_pool(told)
        condition = parse_condition(where)
        part = pool.among(condition) if condition.groups else pool
        rows.append(
            {"population": where, "modifier": _words(modifier)} | _cell(told, part, replicates, seed, jobs)
        )
    return pd.DataFrame(rows)


def _words(modifier: Mapping[str, float]) -> str:
    return ", ".join(f"{key} x {value:g}" for key, value in modifier.items()) or "none"


def _cell(
    protocol: TrialProtocol, pool: Pool, replicates: int, seed: int | None, jobs: int
) -> dict[str, object]:
    arm = protocol.effect_arm + 1
    control, treated = (float(risk) for risk in risks(prepare(protocol, pool, UNSIZED))[[0, arm]])
    total = planned_total(protocol, pool)
    found = simulate_trials(protocol, replicates=replicates, seed=seed, jobs=jobs, n_total=total, pool=pool)
    power, mcse = found.measure("rejection")
    randomized = found.measure("expected_n")[0]
    return {
        "eligible_share": pool.eligible_share,
        "control_risk": control,
        "treated_risk": treated,
        "risk_ratio": treated / control if control > 0.0 else np.nan,
        "n_total": total,
        "screened": randomized / (pool.eligible_share * protocol.sites.consent),
        "expected_months": found.measure("expected_months")[0],
        "power": power,
        "power_mcse": mcse,
    }
