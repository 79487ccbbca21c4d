"""One registry from one scenario and one seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import UsageError
from simsepsis.streams import Streams, streams
from simsepsis.studies.jseptic_ivigg.world.adjuncts import draw_adjuncts, draw_units
from simsepsis.studies.jseptic_ivigg.world.course import Exits
from simsepsis.studies.jseptic_ivigg.world.icus import assign_icus
from simsepsis.studies.jseptic_ivigg.world.later_scores import daily_scores, later_scores
from simsepsis.studies.jseptic_ivigg.world.observation import negative_controls, observe, records_of
from simsepsis.studies.jseptic_ivigg.world.oracle import Oracle, join_oracles, oracle_of, potential_of
from simsepsis.studies.jseptic_ivigg.world.prepared import World, settle
from simsepsis.studies.jseptic_ivigg.world.resolve import resolve
from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario
from simsepsis.studies.jseptic_ivigg.world.simulate import (
    Simulated,
    assign_by_coin,
    day_if_treated,
    exits_if_treated,
    exits_of,
    simulate,
)
from simsepsis.studies.jseptic_ivigg.world.supports import renal_support_days, support_days
from simsepsis.threads import one_thread
from simsepsis.world.cohort import Assignment, Cohort
from simsepsis.world.potential import Outcomes, join_outcomes

BLOCK = 16_384
"""Patients simulated at a time: few enough to stay in the cache, so that cost is linear in n."""

EARLY_DAYS = 2.0
"""Days within which the policy of an early start has treatment begin."""

Columns = dict[str, FloatArray | IntArray]


def _stay(exits: Exits) -> Columns:
    died = exits.hospital_death
    return {
        "icu_days": np.ceil(exits.icu_time),
        "hospital_days": np.ceil(exits.hospital_time),
        "icu_death": exits.icu_death.astype(np.int64),
        "hospital_death": died.astype(np.int64),
        "death_28d": (died & (exits.hospital_time <= 28.0)).astype(np.int64),
    }


def _care(
    world: World, block: Simulated, exits: Exits, starts: dict[str, FloatArray], rng: np.random.Generator
) -> Columns:
    """Return transfusions and days of organ support."""
    scenario, patients = world.scenario, block.patients
    noise = rng.standard_normal((len(scenario.transfusions) + len(scenario.supports), 2, patients.icu.size))
    columns: Columns = {
        f"{name}_units": draw_units(transfusion, patients, noise[row])
        for row, (name, transfusion) in enumerate(scenario.transfusions.items())
    }
    trend = block.fate.path[:, 6] - block.fate.path[:, 0]
    supports = scenario.supports
    for row, name in enumerate(("ventilator", "vasopressor"), start=len(scenario.transfusions)):
        columns[f"{name}_days"] = support_days(supports[name], patients, trend, exits, noise[row])
    start = np.minimum(starts["rrt"], starts["rrt_nonrenal"])
    columns["rrt_days"] = renal_support_days(supports["rrt"], patients, trend, start, exits, noise[-1])
    return columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Block:
    """A block of patients with everything that was done to them and came of it."""

    simulated: Simulated
    starts: dict[str, FloatArray]
    columns: Columns


def _block(world: World, icu: IntArray, draw: Streams, assignment: Assignment) -> _Block:
    simulated = simulate(world, icu, draw)
    if assignment == "coin":
        simulated = assign_by_coin(world, simulated, draw("coin"))
    path, exits = simulated.fate.path, exits_of(world, simulated)
    starts = draw_adjuncts(
        world.scenario, simulated.patients, path, exits.icu_time, simulated.ivigg_day, draw("adjuncts")
    )
    columns = dict(simulated.patients.columns)
    columns |= _stay(exits)
    columns |= later_scores(world, simulated.patients, path, exits, starts, draw("scores"))
    if world.scenario.observation.daily:
        rngs = draw("scores"), draw("daily")
        columns |= daily_scores(world, simulated.patients, path, exits, starts, rngs)
    if world.scenario.observation.controls:
        columns |= negative_controls(world.scenario, simulated.patients, draw("controls"))
    columns |= _care(world, simulated, exits, starts, draw("supports"))
    columns |= {name: np.isfinite(start).astype(np.int64) for name, start in starts.items()}
    columns["ivigg"] = np.isfinite(simulated.ivigg_day).astype(np.int64)
    starts["ivigg"] = simulated.ivigg_day
    columns = observe(world.scenario, simulated.patients, columns, starts, draw("observation"))
    return _Block(simulated=simulated, starts=starts, columns=columns)


def blocks_of(
    scenario: Scenario, *, seed: int, n: int, replicate: int = 0
) -> Iterator[tuple[World, IntArray, Streams]]:
    """Yield (world, ICU of each patient, streams) of each block of one registry."""
    if n < 1:
        raise UsageError(f"n = {n}: a registry needs at least one patient; give a positive number")
    world = settle(scenario, streams(seed, replicate=replicate))
    icu = assign_icus(world.roster, n)
    for number, first in enumerate(range(0, n, BLOCK)):
        yield world, icu[first : first + BLOCK], streams(seed, replicate=replicate, block=number)


def _add(whole: Columns, part: Columns, first: int, n: int) -> None:
    """Put a block's columns into those of the registry, whose n rows are allocated once.

    Keeping the blocks until all are there would take twice the memory, and touching memory for the first
    time is what large registries wait for.
    """
    for name, values in part.items():
        if values.size == n:
            whole[name] = values
            continue
        if name not in whole:
            whole[name] = np.empty_like(values, shape=n)
        whole[name][first : first + values.size] = values


def generate(
    scenario: Scenario, *, seed: int, n: int | None, replicate: int, oracle: bool, assignment: Assignment
) -> Cohort:
    """Return one registry; parameters as of `generate_cohort`."""
    settled = resolve(scenario)
    size = settled.n if n is None else n
    columns: Columns = {}
    oracles: list[Oracle] = []
    first = 0
    for world, icu, draw in blocks_of(settled, seed=seed, n=size, replicate=replicate):
        block = _block(world, icu, draw, assignment)
        _add(columns, block.columns, first, size)
        first += icu.size
        if oracle:
            oracles.append(oracle_of(world, block.simulated, block.starts))
    return Cohort(
        records=records_of(columns),
        oracle=join_oracles(oracles) if oracle else None,
        scenario_hash=settled.hash,
        seed=seed,
        replicate=replicate,
    )


def _while_in_icu(day: FloatArray, untreated: Exits) -> FloatArray:
    """Return days of a start, inf where the patient has left the ICU by then."""
    return np.where(day < untreated.icu_time, day, np.inf)


@one_thread()
def potential_outcomes(scenario: Scenario, *, population: int, seed: int) -> Outcomes:
    """Return the potential outcomes of a large population."""
    parts = []
    for world, icu, draw in blocks_of(resolve(scenario), seed=seed, n=population):
        block = simulate(world, icu, draw)
        early = np.where(block.ivigg_day <= EARLY_DAYS, block.ivigg_day, EARLY_DAYS)
        parts.append(
            Outcomes(
                treated=potential_of(exits_if_treated(world, block, day_if_treated(block))),
                untreated=potential_of(block.untreated),
                propensity=block.propensity,
                given=potential_of(exits_of(world, block)),
                early=potential_of(exits_if_treated(world, block, _while_in_icu(early, block.untreated))),
            )
        )
    return join_outcomes(parts)
