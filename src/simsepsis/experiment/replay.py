"""One replicate again, bit for bit; and a random share of all of them, compared with what is stored."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from simsepsis.analysis.methods import METHODS, method_names
from simsepsis.analysis.methods.method import Task
from simsepsis.analysis.methods.shared import Shared
from simsepsis.analysis.methods.time_limit import time_limit
from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.arrays import IntArray
from simsepsis.cohort import Cohort
from simsepsis.errors import ExperimentError, UsageError
from simsepsis.experiment.cells import Cell
from simsepsis.experiment.estimate import Work, do_batch, draw_cohorts, estimate_replicates
from simsepsis.experiment.folder import RunFolder
from simsepsis.experiment.opening import open_run
from simsepsis.replication import Batch, Part, run_batches
from simsepsis.streams import streams

COMPARED = ("estimate", "std_error", "ci_low", "ci_high", "p_value", "n_used", "converged", "failure")
"""Columns that are the same bits whenever and wherever a row is computed."""


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
    replicates, rows
        How many were compared.
    different
        Stored rows that are not the same bits when computed again, with the ``column`` that differs first.
    """

    replicates: int
    rows: int
    different: pd.DataFrame


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
    world, seed = folder.cell(cell), folder.plan.run.seed
    methods = folder.plan.run.methods if method is None else method_names((method,))
    cohort, twin = draw_cohorts(world, replicate, methods, seed=seed)
    rows = estimate_replicates(world, (replicate,), methods, seed=seed, limit=folder.plan.run.method_seconds)
    shared = Shared(
        registry=cohort.registry,
        spec=THESIS_SPEC,
        draw=streams(seed, replicate=replicate),
        randomized=None if twin is None else twin.registry,
        limit=folder.plan.run.method_seconds,
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
    """Compute a random share of the stored replicates again and compare the bits.

    Parameters
    ----------
    path
        The run folder.
    fraction
        Share of the replicates, above 0 and at most 1; at least one is computed.
    seed
        Which ones.
    jobs
        Worker processes; −1: one per core.

    Raises
    ------
    ExperimentError
        If the folder holds no run, or no rows.
    UsageError
        If the fraction is impossible.
    """
    if not 0.0 < fraction <= 1.0:
        raise UsageError(f"fraction = {fraction}: give a number above 0 and up to 1")
    folder = open_run(path)
    chosen = _chosen(folder, fraction, seed)
    works = [_work(folder, cell, replicate, stored) for (cell, replicate), stored in chosen.items()]
    different = []
    for done in run_batches(do_batch, works, jobs=jobs):
        stored = chosen[(done.batch.cell, done.batch.first)]
        different.append(_different(stored, done.rows))
    found = pd.concat(different, ignore_index=True)
    order = ["cell", "replicate", "method", "estimand"]
    return Verified(
        replicates=len(chosen),
        rows=sum(len(rows) for rows in chosen.values()),
        different=found.sort_values(order, ignore_index=True),
    )


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


def _stored(parts: Sequence[Part], cell: int, below: int) -> IntArray:
    """Return the replicates of a cell that have a row and count."""
    there = np.zeros(below, dtype=np.bool_)
    for part in parts:
        if part.batch.cell == cell:
            there[part.batch.first : part.batch.last + 1] = True
    return np.flatnonzero(there)


def _work(folder: RunFolder, cell: int, replicate: int, stored: pd.DataFrame) -> Work:
    held = set(stored["method"])
    batch = Batch(
        run=folder.run,
        cell=cell,
        first=replicate,
        last=replicate,
        methods=tuple(name for name in folder.plan.run.methods if name in held),
    )
    run = folder.plan.run
    return Work(batch=batch, cell=folder.cell(cell), seed=run.seed, method_seconds=run.method_seconds)


def _different(stored: pd.DataFrame, again: pd.DataFrame) -> pd.DataFrame:
    """Return the stored rows that differ, and in which column first."""
    keys = ["method", "estimand"]
    left = stored.set_index(keys).sort_index()
    right = again.set_index(keys).sort_index().reindex(left.index)
    first = pd.Series("", index=left.index)
    for name in reversed(COMPARED):
        same = (left[name] == right[name]) | (left[name].isna() & right[name].isna())
        first = first.where(same, name)
    changed = left.assign(column=first)[(first != "").to_numpy()]
    return changed.reset_index()


def _traceback(method: str, shared: Shared, cohort: Cohort) -> str | None:
    """Return where a method gives up; None where it gives rows that say why themselves."""
    needs = METHODS[method].needs
    oracle = cohort.oracle if "oracle" in needs else None
    try:
        with time_limit(shared.limit):
            list(METHODS[method].function(Task(method=method, shared=shared, oracle=oracle)))
    except Exception:
        return traceback.format_exc()
    return None
