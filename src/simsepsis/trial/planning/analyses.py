"""The same trial by other analyses: what strata and covariates gain, by formula and in simulated trials."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.simulation import Pool, TrialSimulation, simulate_trials
from simsepsis.trial.simulation.precision import variance_left
from simsepsis.trial.simulation.setting import prepare
from simsepsis.trial.simulation.simulate import Progress
from simsepsis.trial.sizing import PlannedSize

PLAIN: dict[str, Any] = {"test.analysis": "unadjusted", "allocation.method": "simple"}
"""The trial that the formula is for: patients randomized by coin and compared without strata."""

OTHERS = {"stratified": "strata", "adjusted": "covariates"}
"""Analysis → what it needs of the test."""
MOST_TRIALS = 2_000
"""Simulated trials of an analysis that is neither the plan's nor the formula's."""


def analyses_table(
    protocol: TrialProtocol,
    size: PlannedSize,
    trials: TrialSimulation,
    pool: Pool,
    jobs: int,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Return the power of the same patients by several analyses."""
    if not _compares(protocol):
        return pd.DataFrame()
    rows = [_row(protocol, size, trials, pool, planned=True)]
    for told, number in _others(protocol):
        found = simulate_trials(
            told, replicates=number, jobs=jobs, n_total=size.n_randomized, pool=pool, progress=progress
        )
        rows.append(_row(told, size, found, pool, planned=False))
    return pd.DataFrame(rows)


def analyses_trials(protocol: TrialProtocol) -> int:
    """Return how many trials `analyses_table` simulates."""
    return sum(number for _, number in _others(protocol)) if _compares(protocol) else 0


def _compares(protocol: TrialProtocol) -> bool:
    return len(protocol.arms) == 1 and not protocol.allocation.clustered and protocol.outcome.binary


def _others(protocol: TrialProtocol) -> Iterator[tuple[TrialProtocol, int]]:
    """Yield the trial by each other analysis, and how often it is simulated."""
    possible = [name for name, needed in OTHERS.items() if getattr(protocol.test, needed)]
    for changes in (PLAIN, *({"test.analysis": name} for name in possible)):
        told = protocol.changed(changes)
        if told == protocol or (changes != PLAIN and told.test.analysis == protocol.test.analysis):
            continue
        yield told, protocol.run.trials if changes == PLAIN else min(protocol.run.trials, MOST_TRIALS)


def _row(
    protocol: TrialProtocol, size: PlannedSize, trials: TrialSimulation, pool: Pool, *, planned: bool
) -> dict[str, object]:
    power, mcse = trials.measure("rejection")
    left = variance_left(prepare(protocol, pool, size.n_randomized))
    ignored = protocol.test.analysis == "unadjusted" and protocol.allocation.method != "simple"
    return {
        "planned": planned,
        "analysis": protocol.test.analysis,
        "method": protocol.allocation.method,
        "variance_left": left,
        "power_formula": math.nan if ignored else power_with(size, left),
        "power": power,
        "mcse": mcse,
        "n_sim": trials.trials["trial"].nunique(),
    }


def power_with(size: PlannedSize, left: float) -> float:
    """Return the power of planned patients by an analysis that leaves a part of the variance."""
    return size.trial.with_total(size.n_randomized * size.assumptions.sparse / left).power
