"""Worlds simulated for an inference: a Sobol design, one stored part per world, resumable like any run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from simsepsis.analysis.cells import cells
from simsepsis.analysis.readings import run_readings
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import ExperimentError, ScenarioError
from simsepsis.estimand import Estimand
from simsepsis.experiment.inference.priors import InferencePlan
from simsepsis.experiment.inference.sobol import sobol_normals
from simsepsis.files import write_files
from simsepsis.replication import (
    Batch,
    Part,
    missing_replicates,
    open_workers,
    read_rows,
    remove_drafts,
    scan_parts,
    write_part,
)
from simsepsis.streams import stream
from simsepsis.truth import CONTRASTS
from simsepsis.world.cohort import generate_cohort
from simsepsis.world.contrast import Risks
from simsepsis.world.scenario import Scenario

PARTS = "worlds"
OWNER = "inference.txt"
"""File that says whose worlds a folder holds."""
CANDIDATES = 2**16
"""Points of the Sobol sequence; a world's number is its place among them."""
TRUTH_SEED = 0
FAILURE = "failure"
Progress = Callable[[int, int], None]


@lru_cache(maxsize=4)
def candidates(settings: int, seed: int) -> FloatArray:
    """Return `CANDIDATES` scrambled Sobol points as standard normal deviates, (candidates, settings)."""
    return sobol_normals(settings, CANDIDATES, stream(seed, "assumptions"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Simulated:
    """What was simulated in some worlds.

    Attributes
    ----------
    numbers
        (w,): places of the worlds in the design.
    deviates
        (w, settings): their points, as standard normal deviates of the priors.
    draws
        Reading → (w, replicates, results); NaN where an analysis gave nothing.
    truths
        (w, truths).
    failures
        Number of a world that could not be made → why.
    """

    numbers: IntArray
    deviates: FloatArray
    draws: dict[str, FloatArray]
    truths: FloatArray
    failures: dict[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """Registries of one world that are still to be simulated."""

    world: int
    first: int
    last: int
    readings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedWorld:
    """The task: make a world, simulate its registries, analyse each in all readings."""

    plan: InferencePlan

    def __call__(self, ordered: Ordered) -> tuple[Ordered, pd.DataFrame]:
        """Return one row per replicate and reading; where there is no such world, one that says why."""
        plan, seed = self.plan, self.plan.infer.seed
        deviates = candidates(len(plan.keys), seed)[ordered.world]
        columns = [*result_names(plan), *plan.infer.truths]
        start = {"cell": ordered.world, "estimand": ""}
        try:
            world = plan.scenario(plan.values(deviates), ordered.world).resolved()
        except ScenarioError as error:
            nothing = dict.fromkeys(columns, np.nan)
            rows = [
                {**start, "replicate": r, "method": name, FAILURE: str(error), **nothing}
                for r in range(ordered.first, ordered.last + 1)
                for name in ordered.readings
            ]
            return ordered, pd.DataFrame(rows)
        truths = list(_truths(world, plan))
        rows = [
            {**start, "replicate": replicate, "method": name, FAILURE: ""}
            | dict(zip(columns, [*values, *truths], strict=True))
            for replicate in range(ordered.first, ordered.last + 1)
            for name, values in self._vectors(world, ordered, replicate)
        ]
        return ordered, pd.DataFrame(rows)

    def _vectors(
        self, world: Scenario, ordered: Ordered, replicate: int
    ) -> Iterator[tuple[str, list[float]]]:
        """Yield each reading's name and results."""
        study, seed = self.plan.study, self.plan.infer.seed
        readings = [one for one in self.plan.readings if one.name in ordered.readings]
        keys = tuple(study.numbers)
        places = {key: place for place, key in enumerate(keys)}
        # Worlds share no random numbers: a common error of all worlds would be taken for their differences.
        number = ordered.world * 100_000 + replicate
        registry = generate_cohort(world, seed=seed, replicate=number).records
        results = run_readings(
            registry, readings, rng=stream(seed, "matching", replicate=number), spec=study.spec
        )
        for name, result in results.items():
            found = cells(result)
            # A study may print its outcomes in another table than the analysis does.
            anywhere = {key[1:]: value for key, value in found.items()}
            values = np.array([found.get(key, anywhere.get(key[1:], np.nan)) for key in keys])
            yield name, [float(item.values(values, places)) for item in self.plan.items]


def result_names(plan: InferencePlan) -> list[str]:
    """Return the columns of the results."""
    return [f"result_{place}" for place in range(len(plan.items))]


def _truths(world: Scenario, plan: InferencePlan) -> Iterator[float]:
    if not plan.infer.truths:
        return
    outcomes = world.potential_outcomes(population=plan.infer.truth_population, seed=TRUTH_SEED)
    for name in plan.infer.truths:
        estimand = Estimand.parse(name)
        weights = outcomes.propensity if estimand.population == "att" else np.ones_like(outcomes.propensity)
        events = (arm.event[estimand.outcome] for arm in (outcomes.treated, outcomes.untreated))
        treated, untreated = events
        yield CONTRASTS[estimand.scale](Risks(treated=treated, untreated=untreated, weights=weights))[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldStore:
    """Where the worlds of an inference are kept.

    Attributes
    ----------
    path
        The run folder.
    plan
        What they are simulated for.
    """

    path: Path
    plan: InferencePlan

    @property
    def folder(self) -> Path:
        """Return the folder of the parts."""
        return self.path / PARTS

    def _claim(self) -> None:
        """Make the folder this inference's own, or raise where it is another's."""
        self.folder.mkdir(parents=True, exist_ok=True)
        place, mark = self.path / OWNER, self.plan.mark
        owner = place.read_text(encoding="utf-8").strip() if place.exists() else mark
        if owner != mark:
            raise ExperimentError(
                f"{self.path}: holds worlds of another inference ({owner}), this one is {mark}; give another "
                "--out"
            )
        write_files(self.path, {OWNER: f"{mark}\n".encode()})

    def parts(self) -> tuple[tuple[Part, ...], tuple[str, ...]]:
        """Return the parts that are there, and what was set aside."""
        mark = self.plan.mark
        scan = scan_parts(self.folder, lambda batch: batch.run == mark)
        return scan.parts, scan.set_aside

    def lacking(self, numbers: Iterable[int], parts: tuple[Part, ...]) -> Iterator[Ordered]:
        """Yield what is still to be simulated of some worlds."""
        names = [one.name for one in self.plan.readings]
        for number in numbers:
            for first, last, lacking in missing_replicates(parts, number, names, self.plan.infer.replicates):
                yield Ordered(world=number, first=first, last=last, readings=lacking)

    def simulate(
        self,
        numbers: Iterable[int],
        *,
        jobs: int,
        backend: str,
        scheduler: str | None,
        progress: Progress | None,
    ) -> tuple[str, ...]:
        """Simulate what is missing of some worlds, store each as it is finished, and return what to tell."""
        self._claim()
        remove_drafts(self.folder)
        numbers = list(numbers)
        parts, told = self.parts()
        orders = list(self.lacking(numbers, parts))
        done, mark = len(numbers) - len({one.world for one in orders}), self.plan.mark
        if progress is not None:
            progress(done, len(numbers))
        if not orders:
            return told
        with open_workers(jobs=jobs, backend=backend, scheduler=scheduler) as workers:
            for ordered, rows in workers.spread(SimulatedWorld(plan=self.plan), orders):
                batch = Batch(
                    run=mark,
                    cell=ordered.world,
                    first=ordered.first,
                    last=ordered.last,
                    methods=ordered.readings,
                )
                write_part(self.folder, batch, rows)
                done += 1
                if progress is not None:
                    progress(min(done, len(numbers)), len(numbers))
        return told

    def read(self, numbers: Iterable[int]) -> Simulated:
        """Return what is stored of some worlds."""
        plan, wanted = self.plan, list(numbers)
        parts, _ = self.parts()
        chosen = [part for part in parts if part.batch.cell in set(wanted)]
        rows = read_rows(chosen, below=plan.infer.replicates)
        failed = rows[rows[FAILURE] != ""].drop_duplicates("cell")
        made = rows[rows[FAILURE] == ""]
        worlds = np.array([number for number in wanted if number in set(made["cell"])], dtype=np.int64)
        shape = (worlds.size, plan.infer.replicates, len(plan.items))
        order = made.set_index(["method", "cell", "replicate"]).sort_index()
        draws = {
            reading.name: order.loc[reading.name, result_names(plan)]
            .reindex(pd.MultiIndex.from_product([worlds, range(plan.infer.replicates)]))
            .to_numpy(np.float64)
            .reshape(shape)
            for reading in plan.readings
        }
        firsts = made.drop_duplicates("cell").set_index("cell")
        return Simulated(
            numbers=worlds,
            deviates=candidates(len(plan.keys), plan.infer.seed)[worlds],
            draws=draws,
            truths=firsts.loc[worlds, list(plan.infer.truths)].to_numpy(np.float64),
            failures=dict(zip(failed["cell"].astype(int), failed[FAILURE], strict=True)),
        )


def next_worlds(plausible: BoolArray, implausibility: FloatArray, taken: set[int], wanted: int) -> list[int]:
    """Return the first plausible candidates that are not taken; where there are too few, the nearest ones."""
    free = np.array([place not in taken for place in range(plausible.size)])
    chosen = np.flatnonzero(plausible & free)[:wanted].tolist()
    if len(chosen) < wanted:
        order = np.argsort(np.where(free & ~plausible, implausibility, np.inf), kind="stable")
        chosen += order[: wanted - len(chosen)].tolist()
    return [int(place) for place in chosen]
