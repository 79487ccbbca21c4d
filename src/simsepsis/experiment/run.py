"""An experiment run, gone on with, and summarized; nothing finished is computed twice."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd

from simsepsis.errors import UsageError
from simsepsis.experiment.cells import Cell, cells_of, settled
from simsepsis.experiment.plan import Plan, load_plan
from simsepsis.experiment.replicates import Computed, Progress, compute_missing
from simsepsis.experiment.results import Run, summarize_stored
from simsepsis.experiment.run_folder import ESTIMATES, RunFolder, check_same, open_run
from simsepsis.experiment.sealed import (
    CELLS,
    mend_sealed,
    mending,
    run_mark,
    stored_cells,
    stored_truth,
    write_cells,
    write_plan,
    write_truth,
)
from simsepsis.experiment.stopping import MOST_REPLICATES, Targets
from simsepsis.experiment.truths import true_values, truth_work
from simsepsis.files import sole_use, write_files
from simsepsis.replication import Workers, check_backend, open_workers
from simsepsis.spreadsheet import csv_bytes

Say = Callable[[str], None]
"""Called with what begins now, in words."""

PACKAGES = ("simsepsis", "numpy", "scipy", "pandas", "numba", "joblib", "pyarrow", "pydantic")


def run_experiment(
    path_or_plan: str | Path | Plan,
    out: str | Path,
    *,
    jobs: int = -1,
    backend: str = "loky",
    scheduler: str | None = None,
    replicates: int | None = None,
    until_mcse: Targets | None = None,
    max_replicates: int | None = None,
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
        In place of the plan's end.
    until_mcse
        Measure → Monte Carlo standard error that every judged series shall reach, in place of the plan's
        end. Cells are looked at at the fixed numbers of replicates of `simsepsis.experiment.looks` only.
    max_replicates
        Replicates at which a cell ends in any case; None: the plan's, or `MOST_REPLICATES`.
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
        If a file cannot be written, or another process runs in the folder; what was stored before stays.
    """
    begin = perf_counter()
    plan = path_or_plan if isinstance(path_or_plan, Plan) else load_plan(path_or_plan)
    plan = _with_end(plan, replicates, until_mcse, max_replicates)
    check_backend(backend, scheduler)
    asked = cells_of(plan)
    # Of two that begin in one new folder, only the one that has it looks at what is there.
    with sole_use(out) as path:
        notes = check_same(path, plan, asked)
        with open_workers(jobs=jobs, backend=backend, scheduler=scheduler) as workers:
            folder = _prepared(path, plan, asked, workers, say, notes)
            done = compute_missing(folder, workers, progress)
    return _summarized(folder, done, begin=begin)


def summarize_run(path: str | Path) -> Run:
    """Write performance, verdicts and manifest again from the stored rows.

    Parameters
    ----------
    path
        A run folder; the run need not have come to its end.

    Raises
    ------
    ExperimentError
        If it is none, has no rows or truths, or a file of it cannot be trusted.
    """
    begin = perf_counter()
    folder = open_run(path)
    lost = folder.lost
    if lost:
        said = f"the files of {_worlds(len(lost))} are lost, which are left out: {', '.join(lost[:8])}"
        folder = replace(folder, notes=(*folder.notes, f"{said}; {mending(folder.path)}"))
    return _summarized(folder, Computed(parts=folder.scan().parts, notes=(), replicates=0), begin=begin)


def _with_end(
    plan: Plan, replicates: int | None, until_mcse: Targets | None, max_replicates: int | None
) -> Plan:
    """Return the plan with another end, if one is given."""
    for name, number in (("replicates", replicates), ("max_replicates", max_replicates)):
        if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 1):
            raise UsageError(f"{name} = {number}: give a whole number of 1 or more")
    if replicates is not None and (until_mcse or max_replicates is not None):
        raise UsageError(
            f"replicates = {replicates} and until_mcse or max_replicates are two ends; give one of them"
        )
    if max_replicates is not None and not (until_mcse or plan.run.until_mcse):
        raise UsageError(f"max_replicates = {max_replicates} has no use without until_mcse; give both")
    run = plan.run
    end: dict[str, Any] = {}
    if replicates is not None:
        end = {"replicates": replicates, "until_mcse": {}, "max_replicates": None}
    elif until_mcse or max_replicates is not None:
        most = max_replicates or run.max_replicates or MOST_REPLICATES
        targets = dict(until_mcse or run.until_mcse)
        end = {"replicates": None, "until_mcse": targets, "max_replicates": most}
    return plan.model_copy(update={"run": run.model_copy(update=end)})


def _prepared(
    path: Path, plan: Plan, asked: tuple[Cell, ...], workers: Workers, say: Say, notes: tuple[str, ...]
) -> RunFolder:
    """Return the folder with worlds settled and truths known, those that it holds already left alone."""
    mark = run_mark(plan)
    notes = (*notes, *mend_sealed(path, mark))
    write_plan(path, plan)
    stored = {cell.key: cell for cell in stored_cells(path, mark)}
    missing = [cell for cell in asked if cell.key not in stored]
    if missing:
        say(f"settling {_worlds(len(missing))}")
        with closing(workers.spread(settled, missing)) as worlds:
            for cell in worlds:
                write_cells(path, [cell], mark)
        stored = {cell.key: cell for cell in stored_cells(path, mark)}
    cells = tuple(stored[cell.key] for cell in asked)
    folder = RunFolder(path=path, plan=plan, cells=cells, mark=mark, notes=notes)
    _add_truths(folder, workers, say)
    write_files(path / ESTIMATES, {})
    return folder


def _add_truths(folder: RunFolder, workers: Workers, say: Say) -> None:
    """Compute the truths that the folder lacks."""
    run, old = folder.plan.run, stored_truth(folder.path, folder.run)
    known = set() if old is None else set(zip(old["cell"], old["method"], strict=True))
    missing = {
        cell: tuple(name for name in run.methods if (cell.key, name) not in known) for cell in folder.cells
    }
    works = [truth_work(run, cell, names) for cell, names in missing.items() if names]
    if not works:
        return
    say(f"computing the truths of {_worlds(len(works))}")
    truth = [] if old is None else [old]
    with closing(workers.spread(true_values, works)) as tables:
        for table in tables:
            truth.append(table)
            whole = pd.concat(truth).sort_values(["cell", "method", "estimand"], ignore_index=True)
            write_truth(folder.path, whole, folder.run)


def _worlds(number: int) -> str:
    return f"{number} world{'' if number == 1 else 's'}"


def _summarized(folder: RunFolder, done: Computed, *, begin: float) -> Run:
    """Summarize the stored rows and write the tables."""
    run = summarize_stored(folder, done.parts, computed=done.replicates, notes=done.notes, begin=begin)
    _write(run)
    return run


def _write(run: Run) -> None:
    plan = run.plan
    ends = plan.run.model_dump(include={"replicates", "until_mcse", "max_replicates"}, exclude_none=True)
    manifest = {
        "name": plan.name,
        "question": plan.question,
        "plan_hash": plan.hash,
        "seed": plan.run.seed,
        **ends,
        "complete": not run.unfinished,
        "methods": list(plan.run.methods),
        "cells": [count.record() for count in run.counts],
        "worlds": CELLS,
        "accept": run.accepted,
        "notes": list(run.notes),
        "computed": run.computed,
        "seconds": round(run.seconds, 3),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }
    contents = {
        "performance.csv": csv_bytes(run.performance),
        "accept.csv": csv_bytes(run.verdicts),
        "manifest.json": (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode(),
    }
    write_files(run.folder.path, contents)
