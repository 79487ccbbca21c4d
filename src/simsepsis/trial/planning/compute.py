"""The plan of a trial: every number that answers a protocol, in the order in which one needs the other."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.special import ndtri

from simsepsis.errors import UsageError
from simsepsis.trial.planning.accrual import accrual_curve, accrual_table, patient_flow
from simsepsis.trial.planning.belief import assurance_curve, prior_table
from simsepsis.trial.planning.companions import COMPANIONS, Bench, analyses_table, companion_trials
from simsepsis.trial.planning.grids import power_lines, sensitivity_map, sensitivity_table, size_grid
from simsepsis.trial.planning.looks import boundary_table, expected_sizes
from simsepsis.trial.planning.variants import BY_FORMULA, adaptive_table
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.simulation.batch import BATCH
from simsepsis.trial.simulation.from_protocol import Screened, planned_size, screen
from simsepsis.trial.simulation.pool import build_pool
from simsepsis.trial.simulation.simulate import Progress, TrialSimulation
from simsepsis.trial.simulation.truth import strategies_table
from simsepsis.trial.sizing.size import PlannedSize, detectable, plan_size, whole_patients


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrialPlan:
    """A planned trial.

    Attributes
    ----------
    protocol
        What was asked.
    screened
        Control risk and eligibility.
    size
        Patients, by steps.
    looks
        The looks and what they mean (`boundary_table`); no rows without looks.
    expected
        Expected randomized patients at the end: null, planned.
    grid
        Patients over control risk × effect × power (`size_grid`).
    sensitivity
        One assumption at a time (`sensitivity_table`).
    priors
        Assurance of the trial.
    pace, flow
        Months and the flow of patients.
    operating
        Operating characteristics of the simulated trials: truth, measure, value, mcse.
    simulated_trials
        Trials behind them; 0 where nothing was simulated.
    detectable
        Smallest reduction of risk that these patients detect with the target power; NaN if none.
    tables
        Further simulated tables by name: endpoints, enrichment, doses, replay.
    seconds
        Part of the computation → seconds.
    """

    protocol: TrialProtocol
    screened: Screened
    size: PlannedSize
    looks: pd.DataFrame
    expected: dict[str, float]
    grid: pd.DataFrame
    sensitivity: pd.DataFrame
    priors: pd.DataFrame
    pace: pd.DataFrame
    flow: pd.DataFrame
    operating: pd.DataFrame
    simulated_trials: int
    detectable: float
    tables: dict[str, pd.DataFrame]
    seconds: dict[str, float]

    @property
    def power(self) -> pd.DataFrame:
        """Power over patients (`power_lines`)."""
        return power_lines(self.size)

    @property
    def attenuation(self) -> pd.DataFrame:
        """Power over control risk × attenuation (`sensitivity_map`)."""
        return sensitivity_map(self.size)

    @property
    def assurance(self) -> pd.DataFrame:
        """Assurance over patients."""
        return assurance_curve(self.size, self.protocol.weighted, self.protocol.study)

    @property
    def accrual(self) -> pd.DataFrame:
        """Expected accrual by month."""
        return accrual_curve(self.size, self.protocol.sites, self.screened.eligible)

    @property
    def name(self) -> str:
        """Short name of the trial."""
        return self.protocol.name

    @property
    def n_total(self) -> int:
        """Patients to randomize, all arms."""
        return self.size.n_randomized


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
    chosen, simulates = _seeded(protocol, spent), spent.replicates != 0
    parts = _parts(chosen) if simulates else {}
    tally = Tally(show=progress or (lambda done, total: None), parts=parts)
    seconds: dict[str, float] = {}
    with _timed(seconds, "population"):
        pool = build_pool(chosen)
        screened = screen(chosen, pool)
    size, jobs, store = planned_size(chosen, screened), spent.jobs, spent.store
    bench = Bench(protocol=chosen, size=size, pool=pool, jobs=jobs, progress=tally, store=store)
    simulated = NOT_SIMULATED
    with _timed(seconds, "simulation"):
        if simulates:
            bench, simulated = _simulated(bench, tally)
    with _timed(seconds, "formulas"):
        computed = _analytic(chosen, screened, bench.size)
    with _timed(seconds, "comparisons"):
        tables = simulated["tables"] | (_compared(bench, tally) if simulates else {})
        tables |= {"strategies": strategies_table(chosen, pool)}
        tables |= {name: build(bench) for name, build in BY_FORMULA.items()}
    computed |= simulated | {"tables": {name: table for name, table in tables.items() if len(table)}}
    tally.end()
    return TrialPlan(protocol=chosen, screened=screened, **computed, seconds=seconds)


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
    """Return the assurance under the priors; none of what no prior is about."""
    if protocol.margin is not None or protocol.support_alone:
        return pd.DataFrame()
    return prior_table(size, protocol.weighted, protocol.study)


def _detectable(size: PlannedSize) -> float:
    if size.assumptions.margin is not None or size.assumptions.deathless:
        return math.nan
    try:
        return detectable(size)
    except UsageError:
        return math.nan


NOTHING = pd.DataFrame(columns=["truth", "arm", "measure", "value", "mcse", "n_sim"])
NOT_SIMULATED: dict[str, Any] = {"operating": NOTHING, "simulated_trials": 0, "tables": {}}
"""What a plan by formulas has of simulated trials."""


def _simulated(bench: Bench, tally: Tally) -> tuple[Bench, dict[str, Any]]:
    """Return the trial with its confirmed size, and what its simulated trials say."""
    protocol = bench.protocol

    def simulate(patients: int, null: bool) -> TrialSimulation:
        return bench.simulated(protocol, protocol.run.trials, patients, null=null)

    tally.begin("truths")
    confirmed = confirm_size(bench.size, simulate, fixed=protocol.stated_total is not None)
    trials = {NULL: simulate(confirmed.size.n_randomized, True), PLANNED: confirmed.trials}
    tally.begin("analyses")
    there = replace(bench, size=confirmed.size)
    operating = _by_truth({truth: one.characteristics for truth, one in trials.items()})
    tables = {
        "tried": confirmed.tried,
        "simulated_looks": _by_truth({truth: one.looks for truth, one in trials.items()}),
        "analyses": analyses_table(there, confirmed.trials),
    }
    return there, {
        "operating": operating[list(NOTHING)],
        "simulated_trials": protocol.run.trials,
        "tables": tables,
    }


def _by_truth(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([frame.assign(truth=truth) for truth, frame in frames.items()], ignore_index=True)


def _compared(bench: Bench, tally: Tally) -> dict[str, pd.DataFrame]:
    """Return the companion tables that concern this protocol."""
    tables = {}
    for name, build in COMPANIONS.items():
        tally.begin(name)
        tables[name] = build(bench)
    return tables | {"adaptive": adaptive_table(bench)}


def _parts(protocol: TrialProtocol) -> dict[str, int]:
    """Return how many trials each part simulates, if no second size must be tried."""
    return {"truths": 2 * protocol.run.trials} | companion_trials(protocol)


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    seconds[part] = time.perf_counter() - begun


@dataclass(slots=True, kw_only=True)
class Tally:
    """What `simulate_trials` calls in one part of a plan after the other."""

    show: Progress
    parts: dict[str, int]
    computed: int = 0
    own: int = 0
    seen: tuple[int, int] = (0, 0)

    def begin(self, part: str) -> None:
        """Say which part begins."""
        self.own = self.parts.pop(part, 0)

    def __call__(self, done: int, number: int) -> None:
        """Count what one simulation has done."""
        anew = number != self.seen[1] or done <= self.seen[0]
        self.own = max(self.own - (done if anew else done - self.seen[0]), number - done)
        self.computed += min(done, BATCH) if anew else done - self.seen[0]
        self.seen = (done, number)
        self.show(self.computed, self.computed + self.own + sum(self.parts.values()))

    def end(self) -> None:
        """Say that nothing more comes."""
        if self.computed:
            self.show(self.computed, self.computed)


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
