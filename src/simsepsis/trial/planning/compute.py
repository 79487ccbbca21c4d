"""From a protocol to its plan: every part, in the order in which one needs the other."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from simsepsis.errors import UsageError
from simsepsis.trial.planning.accrual import accrual_table, patient_flow
from simsepsis.trial.planning.analyses import analyses_table, analyses_trials
from simsepsis.trial.planning.belief import prior_table
from simsepsis.trial.planning.companions import COMPANIONS, companion_trials
from simsepsis.trial.planning.grids import (
    sensitivity_table,
    size_grid,
)
from simsepsis.trial.planning.looks import boundary_table, expected_sizes
from simsepsis.trial.planning.operating import (
    NULL,
    PLANNED,
    Confirmed,
    confirm_size,
    operating_table,
    simulated_looks,
)
from simsepsis.trial.planning.record import TrialPlan
from simsepsis.trial.planning.tally import Tally
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.simulation import (
    Pool,
    TrialSimulation,
    build_pool,
    simulate_trials,
)
from simsepsis.trial.simulation.from_protocol import planned_size
from simsepsis.trial.simulation.screen import Screened, screen
from simsepsis.trial.simulation.simulate import Progress
from simsepsis.trial.simulation.strategies import strategies_table
from simsepsis.trial.sizing import PlannedSize, detectable


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is simulated, by how many processes; `replicates` None: the protocol's, 0: none."""

    replicates: int | None = None
    seed: int | None = None
    jobs: int = -1
    store: Path | None = None

    def __post_init__(self) -> None:
        if self.replicates is not None and self.replicates < 0:
            raise UsageError(f"replicates = {self.replicates}: give a whole number of 0 or more")


def compute_plan(
    protocol: TrialProtocol, *, effort: Effort | None = None, progress: Progress | None = None
) -> TrialPlan:
    """Return the plan of a trial: by formulas, then simulated on the cohort."""
    spent = effort or Effort()
    chosen = _seeded(protocol, spent)
    tally = Tally(show=progress or (lambda done, total: None), parts=_parts(chosen))
    seconds: dict[str, float] = {}
    with _timed(seconds, "population"):
        pool = build_pool(chosen)
        screened = screen(chosen, pool)
    size = planned_size(chosen, screened)
    with _timed(seconds, "simulation"):
        simulated = _simulated(chosen, size, pool, spent, tally)
    with _timed(seconds, "formulas"):
        parts = _analytic(chosen, screened, simulated.pop("size", size))
    with _timed(seconds, "comparisons"):
        tables = simulated.pop("tables", {}) | _compared(chosen, parts["size"], pool, spent, tally)
        tables["strategies"] = strategies_table(chosen, pool)
        tables = {name: table for name, table in tables.items() if len(table)}
    tally.end()
    return TrialPlan(protocol=chosen, screened=screened, **parts, **simulated, tables=tables, seconds=seconds)


def _seeded(protocol: TrialProtocol, effort: Effort) -> TrialProtocol:
    """Return the protocol with the seed and the number of trials that are used."""
    given = {"trials": effort.replicates or None, "seed": effort.seed}
    changed = {name: value for name, value in given.items() if value is not None}
    run = type(protocol.run).model_validate(protocol.run.model_dump() | changed)
    return protocol.model_copy(update={"run": run})


def _analytic(protocol: TrialProtocol, screened: Screened, size: PlannedSize) -> dict[str, Any]:
    sites = protocol.sites
    return {
        "size": size,
        "looks": boundary_table(size),
        "expected": expected_sizes(size),
        "grid": size_grid(size.assumptions),
        "sensitivity": sensitivity_table(size, practice=protocol.offer.practice),
        "priors": _believed(protocol, size),
        "pace": accrual_table(size, sites, screened.eligible, protocol.outcome_lag_days),
        "flow": patient_flow(size, sites, screened.eligible),
        "detectable": _detectable(size),
    }


def _believed(protocol: TrialProtocol, size: PlannedSize) -> pd.DataFrame:
    """Return the assurance under the priors; none of a margin, which no prior is about."""
    if protocol.margin is not None:
        return pd.DataFrame()
    return prior_table(size, protocol.weighted, protocol.study)


def _detectable(size: PlannedSize) -> float:
    if size.assumptions.margin is not None:
        return math.nan
    try:
        return detectable(size)
    except UsageError:
        return math.nan


def _simulated(
    protocol: TrialProtocol, size: PlannedSize, pool: Pool, effort: Effort, tally: Tally
) -> dict[str, Any]:
    """Return the confirmed size and what its simulated trials say; nothing simulated without replicates."""
    if effort.replicates == 0:
        empty = pd.DataFrame(columns=["truth", "arm", "measure", "value", "mcse", "n_sim"])
        return {"operating": empty, "simulated_trials": 0}

    def simulate(patients: int, null: bool) -> TrialSimulation:
        return simulate_trials(
            protocol,
            n_total=patients,
            null=null,
            pool=pool,
            jobs=effort.jobs,
            store=effort.store,
            progress=tally,
        )

    tally.begin("truths")
    confirmed: Confirmed = confirm_size(size, simulate, fixed=protocol.stated_total is not None)
    trials = {NULL: simulate(confirmed.size.n_randomized, True), PLANNED: confirmed.trials}
    tally.begin("analyses")
    return {
        "size": confirmed.size,
        "operating": operating_table(trials),
        "simulated_trials": protocol.run.trials,
        "tables": {
            "tried": confirmed.tried,
            "simulated_looks": simulated_looks(trials),
            "analyses": analyses_table(protocol, confirmed.size, confirmed.trials, pool, effort.jobs, tally),
        },
    }


def _compared(
    protocol: TrialProtocol, size: PlannedSize, pool: Pool, effort: Effort, tally: Tally
) -> dict[str, pd.DataFrame]:
    """Return the companion tables that concern this protocol."""
    if effort.replicates == 0:
        return {}
    tables = {}
    for name, build in COMPANIONS.items():
        tally.begin(name)
        tables[name] = build(protocol, size, pool, effort.jobs, tally)
    return tables


def _parts(protocol: TrialProtocol) -> dict[str, int]:
    """Return how many trials each part simulates, if no second size must be tried."""
    own = {"truths": 2 * protocol.run.trials, "analyses": analyses_trials(protocol)}
    return own | companion_trials(protocol)


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    seconds[part] = time.perf_counter() - begun
