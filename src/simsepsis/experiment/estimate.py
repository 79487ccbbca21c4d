"""The rows of one replicate, and of a batch of replicates: what a worker does."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import pandas as pd

from simsepsis.analysis.estimates import Estimate, estimates_frame
from simsepsis.analysis.methods import METHODS, run_methods
from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.cohort import Cohort, generate_cohort
from simsepsis.errors import UsageError
from simsepsis.experiment.cells import Cell
from simsepsis.replication import Batch
from simsepsis.streams import streams

ROW_KEYS = ("cell", "scenario", "replicate")
"""Columns in front of the columns of an estimate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A batch with the world that it is done in.

    Attributes
    ----------
    batch
        What is done.
    cell
        The cell, settled.
    seed
        Seed of the experiment.
    """

    batch: Batch
    cell: Cell
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Done:
    """A finished batch: its rows, and how long it took."""

    batch: Batch
    rows: pd.DataFrame
    seconds: float


def do_batch(work: Work) -> Done:
    """Return the rows of a batch.

    Parameters
    ----------
    work
        What to do.
    """
    begin = perf_counter()
    replicates = range(work.batch.first, work.batch.last + 1)
    frames = [estimate_replicate(work.cell, r, work.batch.methods, seed=work.seed) for r in replicates]
    rows = pd.concat(frames, ignore_index=True)
    return Done(batch=work.batch, rows=rows, seconds=perf_counter() - begin)


def estimate_replicate(cell: Cell, replicate: int, methods: Sequence[str], *, seed: int) -> pd.DataFrame:
    """Return the estimates of methods on one replicate of a cell.

    All cells draw from the same streams, so that a replicate has the same patients in worlds that differ in
    one mechanism, and contrasts between cells are paired.

    Parameters
    ----------
    cell
        The cell, settled.
    replicate
        Number of the replicate, from 0.
    methods
        Names of methods.
    seed
        Seed of the experiment.

    Returns
    -------
    DataFrame
        `ROW_KEYS` and the columns of an estimate, one row per method and estimand. Whatever goes wrong is
        the reason in the rows concerned.
    """
    try:
        rows = _estimated(cell, replicate, methods, seed)
    except UsageError:
        raise
    except Exception as error:
        # One method's defect must not take the others' rows with it.
        if len(methods) > 1:
            alone = [estimate_replicate(cell, replicate, (name,), seed=seed) for name in methods]
            return pd.concat(alone, ignore_index=True)
        rows = _failed(methods[0], error)
    rows["failure"] = rows["failure"].fillna("").astype(str)
    keys = {"cell": cell.key, "scenario": cell.name, "replicate": replicate}
    return pd.concat([pd.DataFrame(keys, index=rows.index), rows], axis=1)


def draw_cohorts(
    cell: Cell, replicate: int, methods: Sequence[str], *, seed: int
) -> tuple[Cohort, Cohort | None]:
    """Return the registry that methods are run on, and its randomized twin if one of them needs it.

    Parameters
    ----------
    cell, replicate, methods, seed
        As in `estimate_replicate`.
    """
    needs = {need for name in methods for need in METHODS[name].needs}
    cohort = generate_cohort(cell.scenario, seed=seed, replicate=replicate, oracle="oracle" in needs)
    if "twin" not in needs:
        return cohort, None
    twin = generate_cohort(cell.scenario, seed=seed, replicate=replicate, oracle=False, assignment="coin")
    return cohort, twin


def _estimated(cell: Cell, replicate: int, methods: Sequence[str], seed: int) -> pd.DataFrame:
    cohort, twin = draw_cohorts(cell, replicate, methods, seed=seed)
    return run_methods(
        methods,
        cohort.registry,
        draw=streams(seed, replicate=replicate),
        oracle=cohort.oracle,
        twin=None if twin is None else twin.registry,
    )


def _failed(method: str, error: Exception) -> pd.DataFrame:
    """Return the rows of a method that raised what no method should."""
    reason = traceback.format_exception_only(error)[-1].strip()
    names = METHODS[method].estimands_of(THESIS_SPEC)
    return estimates_frame([Estimate(method=method, estimand=name, failure=reason) for name in names])
