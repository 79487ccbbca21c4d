"""One replicate again, bit for bit; and a random share of rows and truths, compared with what is stored."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from simsepsis.analysis.methods import method_names, methods_of
from simsepsis.analysis.methods.method import Task
from simsepsis.analysis.methods.shared import Shared
from simsepsis.analysis.methods.time_limit import time_limit
from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import ExperimentError, UsageError
from simsepsis.experiment.cells import Cell
from simsepsis.experiment.replicates import draw_cohorts, estimate_replicates, rows_of, work_of
from simsepsis.experiment.results import joined
from simsepsis.experiment.run_folder import RunFolder, open_run
from simsepsis.experiment.sealed import version_of
from simsepsis.experiment.truths import true_values, truth_work
from simsepsis.replication import Part, open_workers
from simsepsis.streams import streams
from simsepsis.threads import one_thread
from simsepsis.world.cohort import Cohort

COMPARED = ("estimate", "std_error", "ci_low", "ci_high", "p_value", "n_used", "converged", "failure")
"""Columns that are the same bits whenever a row is computed, on one machine with the same packages."""

TRUTH_COMPARED = ("value", "mcse", "population")

ROUNDING = 1e-6
"""Difference, as a share of the number, up to which another processor or package may round differently."""

LEAST_SIZE = 1e-3
"""Smaller numbers are taken for this large, so that what should be 0 may be off by a billionth."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replay:
    """A replicate computed again.

    Attributes
    ----------
    cell, replicate
        Which.
    cohort, twin
        The registry, and its randomized twin where a method needs it.
    estimates
        Rows of the methods asked for.
    tracebacks
        Method → where it gave up.
    """

    cell: Cell
    replicate: int
    cohort: Cohort
    twin: Cohort | None
    estimates: pd.DataFrame
    tracebacks: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verified:
    """Stored rows computed again.

    Attributes
    ----------
    replicates, rows, truths
        How many were compared.
    different
        Stored rows that are not the same bits when computed again, with the ``column`` that differs first and
        the ``gap``: the largest difference as a share of the number, infinite where no number differs.
    different_truths
        The same of truths.
    notes
        What may explain differences, in sentences.
    """

    replicates: int
    rows: int
    truths: int
    different: pd.DataFrame
    different_truths: pd.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def beyond_rounding(self) -> int:
        """Return how many rows and truths differ by more than other processors and packages explain."""
        return sum(int((table["gap"] > ROUNDING).sum()) for table in (self.different, self.different_truths))


@one_thread()
def replay(path: str | Path, *, cell: str | int, replicate: int, method: str | None = None) -> Replay:
    """Compute one replicate of a run again.

    Parameters
    ----------
    path
        The run folder.
    cell
        Name or key of the cell.
    replicate
        Number of the replicate; it need not have been run.
    method
        A method or group of methods; None: all of the plan.

    Raises
    ------
    ExperimentError
        If the folder holds no run or no such cell.
    UsageError
        If the replicate or the method is impossible.
    """
    folder = open_run(path)
    if replicate < 0:
        raise UsageError(f"replicate = {replicate}: replicates are counted from 0; give 0 or more")
    world, seed, spec = folder.cell(cell), folder.plan.run.seed, folder.plan.run.analysis
    methods = folder.plan.run.methods if method is None else method_names((method,), spec)
    cohort, twin = draw_cohorts(world, replicate, methods, seed=seed, spec=spec)
    limit = folder.plan.run.method_seconds
    rows = estimate_replicates(world, (replicate,), methods, seed=seed, spec=spec, limit=limit)
    shared = Shared(
        registry=cohort.registry,
        spec=spec,
        draw=streams(seed, replicate=replicate),
        randomized=None if twin is None else twin.registry,
        limit=limit,
    )
    failed = [name for name in methods if not rows.loc[rows["method"] == name, "converged"].all()]
    told = {name: _traceback(name, shared, cohort) for name in failed}
    return Replay(
        cell=world,
        replicate=replicate,
        cohort=cohort,
        twin=twin,
        estimates=rows,
        tracebacks={name: text for name, text in told.items() if text is not None},
    )


def verify(path: str | Path, *, fraction: float = 0.02, seed: int = 0, jobs: int = -1) -> Verified:
    """Compute a random share of the stored replicates, and of the worlds' truths, again and compare the bits.

    Parameters
    ----------
    path
        The run folder.
    fraction
        Share of the replicates of each world, and of the worlds whose truths are computed, above 0 and at
        most 1; at least one of each.
    seed
        Which ones.
    jobs
        Worker processes; −1: one per core.

    Raises
    ------
    ExperimentError
        If the folder holds no run, no rows, or a file that cannot be trusted.
    UsageError
        If the fraction is impossible.

    Notes
    -----
    Libraries of numbers choose their code by the processor, so that elsewhere last bits may differ;
    `ROUNDING` tells them from what is wrong. A decision that hangs on a last bit, such as a tie in matching,
    may rarely make more of it.
    """
    if not 0.0 < fraction <= 1.0:
        raise UsageError(f"fraction = {fraction}: give a number above 0 and up to 1")
    folder = open_run(path)
    chosen, truths = _chosen(folder, fraction, seed), _chosen_truths(folder, fraction, seed)
    works = [
        work_of(folder, folder.cell(cell), number, number, _held(folder, stored))
        for (cell, number), stored in chosen.items()
    ]
    truth_works = [
        truth_work(folder.plan.run, folder.cell(cell), _held(folder, stored))
        for cell, stored in truths.items()
    ]
    different, different_truths = [], []
    with open_workers(jobs=jobs) as workers:
        for rows in workers.spread(rows_of, works):
            stored = chosen[(int(rows["cell"].iloc[0]), int(rows["replicate"].iloc[0]))]
            different.append(_different(stored, rows, COMPARED))
        for again in workers.spread(true_values, truth_works):
            stored = truths[int(again["cell"].iloc[0])]
            different_truths.append(_different(stored, again, TRUTH_COMPARED))
    order = ["cell", "method", "estimand"]
    return Verified(
        replicates=len(chosen),
        rows=sum(len(rows) for rows in chosen.values()),
        truths=sum(len(rows) for rows in truths.values()),
        different=joined(different).sort_values(["replicate", *order], kind="stable", ignore_index=True),
        different_truths=joined(different_truths).sort_values(order, ignore_index=True),
        notes=(*folder.notes, *_other_version(folder)),
    )


def _other_version(folder: RunFolder) -> Iterator[str]:
    there, here = version_of(folder.run), version("simsepsis")
    if there != here:
        yield f"The rows were computed by simsepsis {there}, and again by {here}."


def _chosen(folder: RunFolder, fraction: float, seed: int) -> dict[tuple[int, int], pd.DataFrame]:
    """Return the stored rows of random replicates, by cell and replicate."""
    parts = folder.scan().parts
    if not parts:
        raise ExperimentError(f"{folder.path}: no replicate is stored yet; run the experiment first")
    rng = np.random.default_rng(seed)
    chosen: dict[tuple[int, int], pd.DataFrame] = {}
    for cell in folder.cells:
        stored = _stored(parts, cell.key, folder.counted(cell.key, parts))
        if stored.size:
            size = max(1, round(fraction * stored.size))
            picked = rng.choice(stored, size=size, replace=False)
            rows = folder.rows(cell.key, parts, wanted={"replicate": picked})
            chosen |= {(cell.key, int(number)): found for number, found in rows.groupby("replicate")}
    return chosen


def _chosen_truths(folder: RunFolder, fraction: float, seed: int) -> dict[int, pd.DataFrame]:
    """Return the stored truths of random worlds, by cell."""
    truth, keys = folder.truth(), [cell.key for cell in folder.cells]
    own = truth[truth["cell"].isin(keys) & truth["method"].isin(folder.plan.run.methods)]
    size = max(1, round(fraction * len(keys)))
    picked = np.random.default_rng([seed, 1]).choice(keys, size=size, replace=False)
    return {int(cell): rows for cell, rows in own[own["cell"].isin(picked)].groupby("cell")}


def _stored(parts: Sequence[Part], cell: int, below: int) -> IntArray:
    """Return the replicates of a cell that have a row and count."""
    there = np.zeros(below, dtype=np.bool_)
    for part in parts:
        if part.batch.cell == cell:
            there[part.batch.first : part.batch.last + 1] = True
    return np.flatnonzero(there)


def _held(folder: RunFolder, stored: pd.DataFrame) -> tuple[str, ...]:
    """Return the methods of the plan that stored rows have, in its order."""
    there = set(stored["method"])
    return tuple(name for name in folder.plan.run.methods if name in there)


def _different(stored: pd.DataFrame, again: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the stored rows that differ, in which column first, and by how much at the most."""
    keys = ["method", "estimand"]
    left = stored.set_index(keys).sort_index()
    right = again.set_index(keys).sort_index().reindex(left.index)
    first, gap = pd.Series("", index=left.index), np.zeros(len(left))
    for name in reversed(columns):
        same = ((left[name] == right[name]) | (left[name].isna() & right[name].isna())).to_numpy()
        first = first.where(same, name)
        gap = np.where(same, gap, np.maximum(gap, _gaps(left[name], right[name])))
    changed = left.assign(column=first, gap=gap)[(first != "").to_numpy()]
    return changed.reset_index()


def _gaps(left: pd.Series, right: pd.Series) -> FloatArray:
    """Return the differences of numbers as a share of the larger one; infinite for what is no fraction."""
    if not pd.api.types.is_float_dtype(left.dtype):
        return np.full(len(left), np.inf)
    one, other = left.to_numpy(float), right.to_numpy(float)
    size = np.maximum(np.maximum(np.abs(one), np.abs(other)), LEAST_SIZE)
    with np.errstate(invalid="ignore"):
        share = np.abs(one - other) / size
    return np.where(np.isnan(share), np.inf, share)


def _traceback(method: str, shared: Shared, cohort: Cohort) -> str | None:
    """Return where a method gives up; None where it gives rows that say why themselves."""
    known = methods_of(shared.spec)
    oracle = cohort.oracle if "oracle" in known[method].needs else None
    try:
        with time_limit(shared.limit):
            list(known[method].function(Task(method=method, shared=shared, oracle=oracle)))
    except Exception:
        return traceback.format_exc()
    return None
