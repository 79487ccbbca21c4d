"""Worlds calibrated anew: how uncertain a world is that was fitted to one set of printed tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.analysis.readings import Reading
from simsepsis.arrays import FloatArray, IntArray
from simsepsis.performance.goodness_of_fit import Judged, Vectors, squared_distances
from simsepsis.replication import run_replicates
from simsepsis.reproduction.fit import ALL, member, vectors_of
from simsepsis.reproduction.replicate import SimulatedThesis
from simsepsis.reproduction.words import sentence
from simsepsis.study.blocks import blocks_of, items_of
from simsepsis.study.layout import Key
from simsepsis.study.published import Study
from simsepsis.words.numbers import listed
from simsepsis.world.scenario import Scenario

COLUMNS = ("reading", "block", "items", "mean_z2", "p", "between_within")
"""Columns of ``ensemble.csv``."""
REPLICATES = 12
"""Registries simulated in each world."""
FEWEST_WORLDS = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ensemble:
    """The fit of worlds that were calibrated anew.

    Attributes
    ----------
    worlds
        How many.
    table
        `COLUMNS`: mean squared distance of print from all worlds together and its p, each world judged by
        the others; and by how much numbers differ between worlds, as a share of their standard deviation
        within one, in the median.
    """

    worlds: int
    table: pd.DataFrame

    @property
    def summary(self) -> tuple[str, ...]:
        """Return what the ensemble says, in words."""
        whole = self.table[self.table["block"] == ALL]
        told = [f"{row.mean_z2:.2f} (p = {row.p:.3f}, {row.reading})" for row in whole.itertuples()]
        spread = whole["between_within"].iloc[0]
        return (
            sentence(
                f"With {self.worlds} worlds, each calibrated anew to tables that this one prints and with",
                f"other sites, the mean squared distance of print from all is {listed(told)}; between",
                f"these worlds a number differs by {spread:.2f} of its standard deviation within one",
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _World:
    """The task of one world: calibrate it anew, simulate and analyse registries in it."""

    scenario: Scenario
    seed: int
    keys: tuple[Key, ...]
    study: Study
    readings: tuple[Reading, ...]

    def __call__(self, number: int) -> FloatArray:
        """Return (replicates, readings, numbers)."""
        world = self.scenario.recalibrated(seed=self.seed + number)
        task = SimulatedThesis(
            scenario=world,
            seed=self.seed + number,
            keys=self.keys,
            spec=self.study.spec,
            readings=self.readings,
        )
        return np.stack([task(replicate).by_reading for replicate in range(REPLICATES)])


def ensemble_of(
    study: Study,
    scenario: Scenario,
    worlds: int,
    readings: Sequence[Reading],
    *,
    seed: int,
    jobs: int = -1,
    progress: Callable[[int, int], None] | None = None,
) -> Ensemble:
    """Return how print lies among worlds that are calibrated anew."""
    keys = tuple(study.numbers)
    task = _World(scenario=scenario, seed=seed, keys=keys, study=study, readings=tuple(readings))
    draws = run_replicates(task, worlds, jobs=jobs, progress=progress)
    places = {key: place for place, key in enumerate(keys)}
    printed = study.printed(corrected=True)["printed"].to_numpy(np.float64)
    items, blocks = items_of(study), (ALL, *(block.name for block in blocks_of(study)))
    world = np.repeat(np.arange(worlds), REPLICATES)
    rows = []
    for column, reading in enumerate(readings):
        pooled = np.concatenate([one[:, column] for one in draws])
        every = vectors_of(items, printed, pooled, places)
        kept = tuple(item for item, keep in zip(items, every.varies, strict=True) if keep)
        vectors = every.of(every.varies)
        spread = between_within(vectors.draws, world)
        for block in blocks:
            chosen = member(kept, block)
            judged = judge_worlds(vectors.of(chosen), world)
            share = float(np.nanmedian(spread[chosen])) if chosen.any() else float("nan")
            rows.append((reading.name, block, int(chosen.sum()), judged.observed, judged.p, share))
    return Ensemble(worlds=worlds, table=pd.DataFrame(rows, columns=list(COLUMNS)))


def judge_worlds(vectors: Vectors, world: IntArray) -> Judged:
    """Return the mean squared distance of print, and of each replicate from the worlds that are not its own.

    Notes
    -----
    Replicates of one world are alike, so that a replicate is judged by mean and variance of all others'.
    """
    if not vectors.observed.size:
        return Judged(observed=float("nan"), replicates=np.full(len(world), np.nan))
    each = []
    for number in np.unique(world):
        others = vectors.draws[world != number]
        each.append(squared_distances(vectors.draws[world == number], others, vectors.rounding))
    observed = squared_distances(vectors.observed[None], vectors.draws, vectors.rounding)
    known = np.concatenate(each)
    known = known[np.isfinite(known).any(axis=1)]
    return Judged(observed=float(np.nanmean(observed)), replicates=np.nanmean(known, axis=1))


def between_within(draws: FloatArray, world: IntArray) -> FloatArray:
    """Return the standard deviation of each number between worlds over that within, chance taken out."""
    groups: Mapping[int, FloatArray] = {int(one): draws[world == one] for one in np.unique(world)}
    means = np.stack([np.nanmean(group, axis=0) for group in groups.values()])
    within = np.mean([np.nanvar(group, axis=0, ddof=1) for group in groups.values()], axis=0)
    between = means.var(axis=0, ddof=1) - within / REPLICATES
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt(np.maximum(between, 0.0) / within))
