"""An experiment run, gone on with, and summarized; nothing finished is computed twice."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd

from simsepsis.errors import ExperimentError, UsageError
from simsepsis.experiment.cells import Cell, cells_of, settled
from simsepsis.experiment.claim import ACCEPT_COLUMNS, judge, overall
from simsepsis.experiment.estimate import Work, do_batch
from simsepsis.experiment.folder import (
    CELLS,
    ESTIMATES,
    RunFolder,
    check_same,
    open_run,
    run_mark,
    stored_cells,
    stored_truth,
    write_cells,
    write_plan,
    write_truth,
)
from simsepsis.experiment.plan import Plan, load_plan
from simsepsis.experiment.truth import TruthWork, true_values
from simsepsis.files import check_folder, write_files
from simsepsis.performance import PERFORMANCE_COLUMNS, summarize
from simsepsis.replication import (
    Batch,
    Part,
    check_backend,
    missing_replicates,
    remove_drafts,
    run_batches,
    write_part,
)

Progress = Callable[[int, int, int], None]
"""Called with replicates done, replicates to do in this call, and failed rows so far."""

Say = Callable[[str], None]
"""Called with what begins now, in words."""

Spread = Callable[..., Iterator[Any]]
"""`simsepsis.replication.run_batches` with its workers settled."""

BATCH_SECONDS = 5.0
"""Time a batch shall take: its file's cost is then nothing beside it, and a kill loses little."""

LARGEST_BATCH = 1_000
PACKAGES = ("simsepsis", "numpy", "scipy", "pandas", "numba", "joblib", "pyarrow", "pydantic")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """A run of an experiment, as far as it has come.

    Attributes
    ----------
    folder
        Plan, worlds and stored rows.
    performance
        One row per series and measure.
    verdicts
        What the numbers say to each claim, per series.
    computed
        Replicates that this call computed.
    failures
        Rows without an estimate, among all stored rows that the plan judges.
    seconds
        Wall time of this call.
    notes
        What was found damaged or foreign, in sentences.
    """

    folder: RunFolder
    performance: pd.DataFrame
    verdicts: pd.DataFrame
    computed: int = 0
    failures: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def accepted(self) -> dict[str, str]:
        """Return the verdict of each claim: pass, fail or inconclusive."""
        return overall(self.verdicts)


@dataclass(slots=True)
class Pace:
    """How long replicates take, so that batches take `BATCH_SECONDS`.

    Attributes
    ----------
    largest
        Largest batch, so that every worker gets several.
    replicates, seconds
        What was measured.
    """

    largest: int
    replicates: int = 0
    seconds: float = 0.0

    def measured(self, replicates: int, seconds: float) -> None:
        """Take a finished batch into account."""
        self.replicates += replicates
        self.seconds += seconds

    def size(self) -> int:
        """Return the number of replicates that the next batch shall have."""
        if self.seconds <= 0.0:
            return 1
        return max(1, min(self.largest, int(BATCH_SECONDS * self.replicates / self.seconds)))


def run_experiment(
    path_or_plan: str | Path | Plan,
    out: str | Path,
    *,
    jobs: int = -1,
    backend: str = "loky",
    scheduler: str | None = None,
    replicates: int | None = None,
    progress: Progress | None = None,
    say: Say = lambda _: None,
) -> Run:
    """Run an experiment, or go on with it, and summarize what is stored then.

    Rows depend on seed, world, replicate and method only, so the tables are the same bits for any number of
    workers, any batches, after any number of interruptions; only ``seconds`` differ.

    Parameters
    ----------
    path_or_plan
        Name of a shipped experiment, path of a plan, or a plan.
    out
        Run folder, new or of the same run.
    jobs
        Worker processes; −1: one per core.
    backend, scheduler
        As in `simsepsis.replication.run_batches`.
    replicates
        In place of the plan's.
    progress
        Called after each stored batch.
    say
        Called with what is done before the first batch, in words.

    Raises
    ------
    ExperimentError
        If the plan is not legal, or the folder holds another run.
    ScenarioError
        If a world does not exist.
    OutputError
        If a file cannot be written; what was stored before stays.
    """
    begin = perf_counter()
    plan = path_or_plan if isinstance(path_or_plan, Plan) else load_plan(path_or_plan)
    plan = _with_replicates(plan, replicates)
    check_backend(backend, scheduler)
    asked = cells_of(plan)
    path = check_folder(out)
    check_same(path, plan, asked)
    spread = partial(run_batches, jobs=jobs, backend=backend, scheduler=scheduler)
    folder = _prepared(path, plan, asked, spread, say)
    parts, notes, computed = _computed(folder, spread, progress)
    return _summarized(folder, parts, computed=computed, notes=notes, begin=begin)


def summarize_run(path: str | Path) -> Run:
    """Write performance, verdicts and manifest again from the stored rows.

    Parameters
    ----------
    path
        A run folder; the run need not have come to its end.

    Raises
    ------
    ExperimentError
        If it is none, or has no rows or truths.
    """
    begin = perf_counter()
    folder = open_run(path)
    scan = folder.scan()
    return _summarized(folder, scan.parts, notes=scan.set_aside, begin=begin)


def _with_replicates(plan: Plan, replicates: int | None) -> Plan:
    if replicates is None:
        return plan
    if isinstance(replicates, bool) or not isinstance(replicates, int) or replicates < 1:
        raise UsageError(f"replicates = {replicates}: give a whole number of 1 or more")
    return plan.model_copy(update={"run": plan.run.model_copy(update={"replicates": replicates})})


def _prepared(path: Path, plan: Plan, asked: tuple[Cell, ...], spread: Spread, say: Say) -> RunFolder:
    """Return the folder with worlds settled and truths known, those that it holds already left alone."""
    write_plan(path, plan)
    stored = {cell.key: cell for cell in stored_cells(path)}
    missing = [cell for cell in asked if cell.key not in stored]
    if missing:
        say(f"settling {len(missing)} worlds")
        for cell in spread(settled, missing):
            write_cells(path, [cell])
        stored = {cell.key: cell for cell in stored_cells(path)}
    folder = RunFolder(path=path, plan=plan, cells=tuple(stored[cell.key] for cell in asked))
    _add_truths(folder, spread, say)
    (path / ESTIMATES).mkdir(exist_ok=True)
    return folder


def _add_truths(folder: RunFolder, spread: Spread, say: Say) -> None:
    """Compute the truths that the folder lacks."""
    run, old = folder.plan.run, stored_truth(folder.path)
    known = set() if old is None else set(zip(old["cell"], old["method"], strict=True))
    missing = {
        cell: tuple(name for name in run.methods if (cell.key, name) not in known) for cell in folder.cells
    }
    works = [
        TruthWork(cell=cell, methods=names, population=run.truth_population, seed=run.seed)
        for cell, names in missing.items()
        if names
    ]
    if works:
        say(f"computing the truths of {len(works)} worlds")
    truth = [] if old is None else [old]
    for table in spread(true_values, works) if works else ():
        truth.append(table)
        whole = pd.concat(truth).sort_values(["cell", "method", "estimand"], ignore_index=True)
        write_truth(folder.path, whole)


# --- batches ----------------------------------------------------------------------------------------


def _computed(
    folder: RunFolder,
    spread: Spread,
    progress: Progress | None,
) -> tuple[list[Part], tuple[str, ...], int]:
    """Store what is missing; return all parts, notes on damage, and the number of replicates computed."""
    remove_drafts(folder.path / ESTIMATES)
    scan = folder.scan()
    parts, run = list(scan.parts), folder.plan.run
    spans = {cell: list(_spans(scan.parts, cell, folder.plan)) for cell in folder.cells}
    total = sum(last - first + 1 for items in spans.values() for first, last, _ in items)
    pace = Pace(largest=min(LARGEST_BATCH, max(1, run.replicates // 8)))
    done = failures = 0
    for batch in spread(do_batch, _works(folder, spans, pace)):
        parts.append(write_part(folder.path / ESTIMATES, batch.batch, batch.rows))
        size = batch.batch.last - batch.batch.first + 1
        pace.measured(size, batch.seconds)
        done, failures = done + size, failures + int((~batch.rows["converged"]).sum())
        if progress is not None:
            progress(done, total, failures)
    return parts, scan.set_aside, done


def _spans(parts: Iterable[Part], cell: Cell, plan: Plan) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Yield first and last of consecutive replicates that lack the same methods, and these."""
    missing = missing_replicates(parts, cell.key, plan.run.methods, plan.run.replicates)
    numbered = ((place, replicate, methods) for place, (replicate, methods) in enumerate(missing))
    for (_, methods), group in groupby(numbered, key=lambda item: (item[1] - item[0], item[2])):
        replicates = [replicate for _, replicate, _ in group]
        yield replicates[0], replicates[-1], methods


def _works(
    folder: RunFolder, spans: dict[Cell, list[tuple[int, int, tuple[str, ...]]]], pace: Pace
) -> Iterator[Work]:
    """Yield batches of the size that the pace asks for when their turn comes."""
    mark, seed = run_mark(folder.plan), folder.plan.run.seed
    for cell, items in spans.items():
        for start, end, methods in items:
            first = start
            while first <= end:
                last = min(end, first + pace.size() - 1)
                batch = Batch(run=mark, cell=cell.key, first=first, last=last, methods=methods)
                yield Work(batch=batch, cell=cell, seed=seed)
                first = last + 1


# --- summary ----------------------------------------------------------------------------------------


def _summarized(
    folder: RunFolder,
    parts: Iterable[Part],
    *,
    computed: int = 0,
    notes: tuple[str, ...] = (),
    begin: float,
) -> Run:
    """Summarize the stored rows, cell by cell, and write the tables."""
    stored = list(parts)
    if not stored:
        raise ExperimentError(f"{folder.path}: no replicate is stored yet; run the experiment first")
    tables: list[pd.DataFrame] = []
    counts: list[dict[str, Any]] = []
    for cell in folder.cells:
        rows = folder.rows(cell.key, stored, folder.judged)
        if len(rows):
            counts.append({"cell": cell.key, "scenario": cell.name, **_counts(rows)})
            tables.append(_performance(folder, rows))
    performance = pd.concat(tables, ignore_index=True).sort_values("cell", kind="stable", ignore_index=True)
    claims = folder.plan.claims
    found = [judge(words, claim, performance) for words, claim in claims.items()]
    verdicts = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(ACCEPT_COLUMNS))
    run = Run(
        folder=folder,
        performance=performance,
        verdicts=verdicts,
        computed=computed,
        failures=sum(int(item["failures"]) for item in counts),
        seconds=perf_counter() - begin,
        notes=notes,
    )
    _write(run, counts)
    return run


def _performance(folder: RunFolder, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the performance of one cell."""
    reference = folder.plan.run.reference
    found = reference if reference in set(rows["method"]) else None
    return summarize(rows, folder.truth(), reference=found)[list(PERFORMANCE_COLUMNS)]


def _counts(rows: pd.DataFrame) -> dict[str, Any]:
    once = rows.groupby(["replicate", "method"], sort=False)["seconds"].max()
    return {
        "replicates": int(rows["replicate"].nunique()),
        "rows": len(rows),
        "failures": int((~rows["converged"]).sum()),
        "method_seconds": round(float(once.sum()), 3),
    }


def _write(run: Run, counts: list[dict[str, Any]]) -> None:
    plan = run.folder.plan
    manifest = {
        "name": plan.name,
        "question": plan.question,
        "plan_hash": plan.hash,
        "seed": plan.run.seed,
        "replicates": plan.run.replicates,
        "complete": all(item["replicates"] == plan.run.replicates for item in counts)
        and len(counts) == len(run.folder.cells),
        "methods": list(plan.run.methods),
        "cells": counts,
        "worlds": CELLS,
        "accept": run.accepted,
        "notes": list(run.notes),
        "computed": run.computed,
        "seconds": round(run.seconds, 3),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }
    contents = {
        "performance.csv": run.performance.to_csv(index=False).encode(),
        "accept.csv": run.verdicts.to_csv(index=False).encode(),
        "manifest.json": (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode(),
    }
    write_files(run.folder.path, contents)
