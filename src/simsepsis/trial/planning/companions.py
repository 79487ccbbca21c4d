"""Other trials on the same patients: endpoints, doses, populations, and trials that have been held."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import ndtri

from simsepsis.arrays import FloatArray
from simsepsis.errors import UsageError
from simsepsis.streams import streams
from simsepsis.trial.effect import effect_between
from simsepsis.trial.protocol import Arm, TrialProtocol
from simsepsis.trial.simulation import Pool, build_pool
from simsepsis.trial.simulation.batch import BATCH
from simsepsis.trial.simulation.draw import draw_trial, tally
from simsepsis.trial.simulation.enrichment import enrichment_cells, enrichment_map
from simsepsis.trial.simulation.outcomes import died
from simsepsis.trial.simulation.setting import prepare
from simsepsis.trial.simulation.simulate import Progress
from simsepsis.trial.simulation.tournament import tournament, with_endpoint
from simsepsis.trial.sizing.size import PlannedSize, plan_size
from simsepsis.world.changes import changed_scenario

MOST_TRIALS = 2_000
"""Simulated trials of every endpoint: their differences are paired, so that fewer are enough."""

MOST_IN_A_CELL = 500
"""Simulated trials of every population and interaction, which confirm the formula to about a point."""


def endpoint_tournament(
    protocol: TrialProtocol, size: PlannedSize, pool: Pool, jobs: int, progress: Progress | None = None
) -> pd.DataFrame:
    """Compare endpoints on the same simulated patients."""
    if protocol.allocation.clustered or protocol.margin:
        return pd.DataFrame()
    number = min(protocol.run.trials, MOST_TRIALS)
    rows = tournament(
        protocol.changed({"n_total": size.n_randomized}),
        replicates=number,
        jobs=jobs,
        pool=pool,
        progress=progress,
    )
    own = float(rows.loc[rows["endpoint"] == protocol.endpoint.name, "power"].iloc[0])
    z_alpha = size.assumptions.level.z
    return rows.assign(
        n_ratio=[_n_ratio(z_alpha, own, float(power)) for power in rows["power"]], n_sim=number
    )


def _error(values: FloatArray) -> float:
    return float(values.std(ddof=1) / math.sqrt(values.size)) if values.size > 1 else math.nan


def _n_ratio(z_alpha: float, own: float, other: float) -> float:
    """Return patients for the same power over those of the own endpoint; NaN where a power is 0 or 1."""
    if not (0.0 < own < 1.0 and 0.0 < other < 1.0):
        return math.nan
    drift = z_alpha + float(ndtri(other))
    return ((z_alpha + float(ndtri(own))) / drift) ** 2 if drift > 0 else math.nan


def dose_arms(
    protocol: TrialProtocol, size: PlannedSize, pool: Pool, jobs: int, progress: Progress | None = None
) -> pd.DataFrame:
    """Return what the assumed dose–response makes of other doses, and the patients that each would need."""
    world = changed_scenario(
        protocol.world.base, protocol.world.set, place=protocol.name, label=protocol.label
    )
    doses = protocol.offer.doses
    if doses is None or not world.dose_matters or len(protocol.arms) > 1:
        return pd.DataFrame()
    own = protocol.arms[0]
    others = tuple(
        Arm.model_validate({"name": f"{dose:g} {doses.unit}", doses.key: dose}) for dose in doses.values
    )
    several = protocol.model_copy(
        update={
            "arms": (*others, own.model_copy(update={"name": "planned dose"})),
            "effect": protocol.effect.model_copy(update={"arm": None}),
        }
    )
    there = build_pool(several)
    deaths = [died(course, protocol.outcome) for course in there.courses[: 1 + len(others)]]
    control, *risks = (float(there.weights @ dead) for dead in deaths)
    return pd.DataFrame(
        [
            {"dose": dose, **_sized(size, control, risk)}
            for dose, risk in zip(doses.values, risks, strict=True)
        ]
    )


def _sized(size: PlannedSize, control: float, treated: float) -> dict[str, object]:
    """Return the patients that two risks need, all else as planned."""
    row: dict[str, object] = {"p_control": control, "p_treated": treated, "risk_ratio": treated / control}
    scale = size.assumptions.effect.name
    horizon = size.assumptions.effect.horizon
    try:
        changed = replace(
            size.assumptions,
            p_control=control,
            effect=effect_between(control, treated, scale, horizon=horizon),
        )
        needed = plan_size(changed).n_randomized
        power = plan_size(changed, n_randomized=size.n_randomized).power
    except UsageError as error:
        return row | {"n_randomized": math.nan, "power": math.nan, "failure": str(error)}
    return row | {"n_randomized": needed, "power": power, "failure": ""}


def _enrichment(
    protocol: TrialProtocol, size: PlannedSize, pool: Pool, jobs: int, progress: Progress | None = None
) -> pd.DataFrame:
    """Return the enrichment map with fewer trials a cell; no rows where there is nothing to compare."""
    if not enrichment_cells(protocol):
        return pd.DataFrame()
    number = min(protocol.run.trials, MOST_IN_A_CELL)
    return enrichment_map(protocol, replicates=number, jobs=jobs, progress=progress).assign(n_sim=number)


def replay(
    protocol: TrialProtocol, size: PlannedSize, pool: Pool, jobs: int, progress: Progress | None = None
) -> pd.DataFrame:
    """Set the results of a trial that has been held against simulated trials as it was planned."""
    if not protocol.published:
        return pd.DataFrame()
    rows = []
    for truth, population in (("none", pool.null()), ("planned", pool)):
        drawn = _results(protocol, size, population, progress)
        for told in protocol.published:
            values = drawn[told.quantity]
            low, high = np.quantile(values, REPLAY_LIMITS)
            rows.append(
                {
                    "quantity": told.quantity,
                    "truth": truth,
                    "published": told.value,
                    "simulated": float(values.mean()),
                    "mcse": _error(values),
                    "low": float(low),
                    "high": float(high),
                    "inside": bool(low <= told.value <= high),
                    "n_sim": values.size,
                }
            )
    return pd.DataFrame(rows)


REPLAY_LIMITS = (0.05, 0.95)


def replayed(protocol: TrialProtocol) -> dict[str, str]:
    """Return what published quantities begin with → the outcome that has them."""
    offered = protocol.offer.outcomes
    days = [outcome for outcome in offered.values() if outcome.kind == "free_days"]
    if not days:
        return {"risk": protocol.risk.name}
    return {"risk": days[0].after, "days": days[0].name}


def _results(
    protocol: TrialProtocol, size: PlannedSize, pool: Pool, progress: Progress | None
) -> dict[str, FloatArray]:
    """Return the risks and mean ventilator-free days of both arms in each simulated trial."""
    arm, number = 1 + protocol.effect_arm, min(protocol.run.trials, MOST_TRIALS)
    told: dict[str, FloatArray] = {}
    plain = protocol.changed({"test.analysis": "unadjusted", "looks": {}})
    for name, endpoint in replayed(protocol).items():
        setting = prepare(with_endpoint(plain, endpoint), pool, size.n_randomized)
        counts = np.array(
            [
                tally(setting, draw_trial(setting, streams(protocol.run.seed, replicate=replicate)))[-1]
                for replicate in _counted(number, progress)
            ]
        ).sum(axis=1)
        means = (counts @ np.arange(counts.shape[-1])) / counts.sum(axis=-1)
        control, treated = means[:, 0], means[:, arm]
        told |= {
            f"{name}_control": control,
            f"{name}_treated": treated,
            f"{name}_difference": treated - control,
        }
    return told


def _counted(number: int, progress: Progress | None) -> Iterator[int]:
    """Yield the trials from 0, and tell progress of each batch of them."""
    for trial in range(number):
        yield trial
        if progress is not None and ((trial + 1) % BATCH == 0 or trial + 1 == number):
            progress(trial + 1, number)


def companion_trials(protocol: TrialProtocol) -> dict[str, int]:
    """Return how many trials each of `COMPANIONS` simulates."""
    endpoints = 0 if protocol.allocation.clustered or protocol.margin else len(protocol.offer.outcomes)
    replicas = 2 * len(replayed(protocol)) * bool(protocol.published)
    return {
        "endpoints": endpoints * min(protocol.run.trials, MOST_TRIALS),
        "enrichment": enrichment_cells(protocol) * min(protocol.run.trials, MOST_IN_A_CELL),
        "replay": replicas * min(protocol.run.trials, MOST_TRIALS),
    }


COMPANIONS: dict[str, Callable[[TrialProtocol, PlannedSize, Pool, int, Progress | None], pd.DataFrame]] = {
    "endpoints": endpoint_tournament,
    "doses": dose_arms,
    "enrichment": _enrichment,
    "replay": replay,
}
"""Table → the function that makes it, without rows where it does not concern a protocol."""
