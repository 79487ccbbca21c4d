"""Endpoints against each other on the same patients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from simsepsis.arrays import FloatArray
from simsepsis.performance.mcse import mean_of, proportion_of
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.simulation.from_protocol import planned_total
from simsepsis.trial.simulation.pool import Pool, build_pool
from simsepsis.trial.simulation.simulate import Progress, TrialSimulation, simulate_trials


def tournament(
    protocol: TrialProtocol,
    *,
    endpoints: Sequence[str] | None = None,
    replicates: int | None = None,
    seed: int | None = None,
    jobs: int = -1,
    pool: Pool | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Compare endpoints by power on the same trials: the same patients, arms and departures.

    Parameters
    ----------
    protocol
        The trial; its effect, on its endpoint, makes the world in which all endpoints compete.
    endpoints
        Names of endpoints; None for all that the study offers.
    replicates, seed, jobs, pool, progress
        As in `simulate_trials`.

    Returns
    -------
    DataFrame
        One row per endpoint: endpoint, n_total, power, power_mcse, difference (from the protocol's own
        endpoint, over the same trials), difference_mcse, expected_n, expected_months, scale, effect_scale
        and effect (in the population; the logarithm of a ratio).

    Notes
    -----
    An adjusted analysis is one of deaths; time to death and ranks are then compared without adjustment.
    """
    there = pool or build_pool(protocol)
    total = planned_total(protocol, there)
    compared = tuple(protocol.offer.outcomes if endpoints is None else endpoints)
    names = dict.fromkeys((protocol.endpoint.name, *compared))
    found = {
        name: simulate_trials(
            with_endpoint(protocol, name),
            replicates=replicates,
            seed=seed,
            jobs=jobs,
            n_total=total,
            pool=there,
            progress=progress,
        )
        for name in names
    }
    own = _rejections(found[protocol.endpoint.name])
    return pd.DataFrame([_row(name, found[name], own) for name in compared])


def with_endpoint(protocol: TrialProtocol, name: str) -> TrialProtocol:
    """Return the protocol with another endpoint, which takes the effect as it is in the world."""
    if name == protocol.endpoint.name:
        return protocol
    endpoint: dict[str, object] = {"name": name}
    outcome = protocol.offer.outcomes[name]
    if outcome.kind == "time":
        endpoint["horizon"] = protocol.endpoint.horizon or outcome.day
    aim = protocol.effect.aim
    changes: dict[str, object] = {
        "endpoint": endpoint,
        # Only its side matters: the population, and with it the effect, is given.
        "effect": {
            "scale": "odds_ratio",
            "value": 0.9 if aim == "benefit" else 1.1,
            "arm": protocol.effect.arm,
            "aim": aim,
        },
    }
    if protocol.test.analysis == "adjusted" and not outcome.binary:
        changes["test.analysis"] = "unadjusted"
    return protocol.changed(changes)


def _rejections(simulation: TrialSimulation) -> FloatArray:
    arm = simulation.protocol.arms[simulation.protocol.effect_arm].name
    trials = simulation.trials
    return np.asarray(trials.loc[trials["arm"] == arm, "rejected"], dtype=np.float64)


def _row(name: str, simulation: TrialSimulation, own: FloatArray) -> dict[str, object]:
    hits = _rejections(simulation)
    power, gap = proportion_of(hits), mean_of(hits - own)
    truth = simulation.truth[simulation.truth["measure"] != "risk"].iloc[simulation.protocol.effect_arm]
    return {
        "endpoint": name,
        "n_total": simulation.n_total,
        "power": float(power.value),
        "power_mcse": float(power.mcse),
        "difference": float(gap.value),
        "difference_mcse": float(gap.mcse),
        "expected_n": simulation.measure("expected_n")[0],
        "expected_months": simulation.measure("expected_months")[0],
        "scale": simulation.protocol.scale,
        "effect_scale": truth["measure"],
        "effect": float(truth["value"]),
    }
