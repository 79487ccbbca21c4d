"""What simulated trials say of a plan, and the number of patients that they confirm."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from scipy.special import ndtri

from simsepsis.trial.simulation import TrialSimulation
from simsepsis.trial.sizing.size import PlannedSize, plan_size, whole_patients

NULL, PLANNED = "null", "planned"
SHORT = 2.0
"""Monte Carlo standard errors below the target from which a simulated power is too low."""

ROUNDS = 3
"""Sizes that are tried at most."""

Simulate = Callable[[int, bool], TrialSimulation]
"""Function from patients, and whether treatment does nothing, to simulated trials."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Confirmed:
    """A size that simulation has confirmed, or the last that was tried."""

    size: PlannedSize
    trials: TrialSimulation
    tried: pd.DataFrame


def confirm_size(size: PlannedSize, simulate: Simulate, *, fixed: bool) -> Confirmed:
    """Simulate a planned size, and enlarge it while its power is below the target beyond chance."""
    tried: list[tuple[int, float, float]] = []
    for _ in range(ROUNDS):
        trials = simulate(size.n_randomized, False)
        power, error = trials.measure("rejection")
        tried.append((size.n_randomized, power, error))
        if fixed or power >= size.assumptions.power - SHORT * error:
            break
        size = plan_size(size.assumptions, n_randomized=_enlarged(size, power))
    else:
        trials = simulate(size.n_randomized, False)
        tried.append((size.n_randomized, *trials.measure("rejection")))
    table = pd.DataFrame(tried, columns=["n_randomized", "power", "mcse"])
    return Confirmed(size=size, trials=trials, tried=table)


def _enlarged(size: PlannedSize, power: float) -> int:
    """Return the patients for the target, of whole blocks as before."""
    level = size.assumptions.level
    wanted, had = level.z + ndtri(size.assumptions.power), level.z + ndtri(max(power, 0.05))
    if size.assumptions.clusters is not None:
        return whole_patients(size.n_randomized * float(wanted / had) ** 2, size.assumptions)
    control = size.arms[0]
    return math.ceil(control * float(wanted / had) ** 2) * round(size.n_randomized / control)


def operating_table(trials: dict[str, TrialSimulation]) -> pd.DataFrame:
    """Return the operating characteristics under every truth."""
    frames = [simulation.characteristics.assign(truth=truth) for truth, simulation in trials.items()]
    return pd.concat(frames, ignore_index=True)[["truth", "arm", "measure", "value", "mcse", "n_sim"]]


def simulated_looks(trials: dict[str, TrialSimulation]) -> pd.DataFrame:
    """Return how simulated trials end at each look, under every truth."""
    frames = [simulation.looks.assign(truth=truth) for truth, simulation in trials.items()]
    return pd.concat(frames, ignore_index=True)
