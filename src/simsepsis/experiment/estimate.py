"""The rows of one replicate, and of a batch of replicates: what a worker does."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import pandas as pd

from simsepsis.analysis.estimates import Estimate, estimates_frame
from simsepsis.analysis.methods import METHODS, method_rows
from simsepsis.analysis.result import kind_of
from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.errors import UsageError
from simsepsis.experiment.cells import Cell
from simsepsis.replication import Batch
from simsepsis.streams import streams
from simsepsis.studies.jseptic_ivigg.world.generate import Cohort, generate_cohort

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
    method_seconds
        Seconds that each method may take; None: as long as it takes.
    """

    batch: Batch
    cell: Cell
    seed: int
    method_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Done:
    """A finished batch: its rows, and how long it took."""

    batch: Batch
    rows: pd.DataFrame
    seconds: float

    @property
    def replicates(self) -> int:
        """Return how many replicates it has."""
        return self.batch.last - self.batch.first + 1


def do_batch(work: Work) -> Done:
    """Return the rows of a batch.

    Parameters
    ----------
    work
        What to do.
    """
    begin = perf_counter()
    rows = estimate_replicates(
        work.cell,
        range(work.batch.first, work.batch.last + 1),
        work.batch.methods,
        seed=work.seed,
        limit=work.method_seconds,
    )
    return Done(batch=work.batch, rows=rows, seconds=perf_counter() - begin)


def estimate_replicates(
    cell: Cell, replicates: Sequence[int], methods: Sequence[str], *, seed: int, limit: float | None = None
) -> pd.DataFrame:
    """Return the estimates of methods on replicates of a cell.

    All cells draw from the same streams, so that a replicate has the same patients in worlds that differ in
    one mechanism, and contrasts between cells are paired.

    Parameters
    ----------
    cell
        The cell, settled.
    replicates
        Numbers of the replicates, from 0.
    methods
        Names of methods.
    seed
        Seed of the experiment.
    limit
        Seconds that each method may take; None: as long as it takes.

    Returns
    -------
    DataFrame
        `ROW_KEYS` and the columns of an estimate, one row per replicate, method and estimand. Whatever goes
        wrong is the reason in the rows concerned.
    """
    found = [_estimated(cell, replicate, methods, seed, limit) for replicate in replicates]
    # One frame for all: a frame of one replicate costs as much as an analysis.
    rows = estimates_frame(row for estimates in found for row in estimates)
    rows["failure"] = rows["failure"].fillna("").astype(str)
    numbers = np.repeat(np.asarray(replicates, dtype=np.int64), [len(estimates) for estimates in found])
    for place, (name, values) in enumerate(zip(ROW_KEYS, (cell.key, cell.name, numbers), strict=True)):
        rows.insert(place, name, values)
    return rows


def draw_cohorts(
    cell: Cell, replicate: int, methods: Sequence[str], *, seed: int
) -> tuple[Cohort, Cohort | None]:
    """Return the registry that methods are run on, and its randomized twin if one of them needs it.

    Parameters
    ----------
    cell, methods, seed
        As in `estimate_replicates`.
    replicate
        Number of the replicate.
    """
    needs = {need for name in methods for need in METHODS[name].needs}
    cohort = generate_cohort(cell.scenario, seed=seed, replicate=replicate, oracle="oracle" in needs)
    if "twin" not in needs:
        return cohort, None
    twin = generate_cohort(cell.scenario, seed=seed, replicate=replicate, oracle=False, assignment="coin")
    return cohort, twin


def _estimated(
    cell: Cell, replicate: int, methods: Sequence[str], seed: int, limit: float | None
) -> list[Estimate]:
    """Return the rows of one replicate."""
    try:
        cohort, twin = draw_cohorts(cell, replicate, methods, seed=seed)
        return method_rows(
            methods,
            cohort.records,
            draw=streams(seed, replicate=replicate),
            oracle=cohort.oracle,
            twin=None if twin is None else twin.records,
            limit=limit,
        )
    except UsageError:
        raise
    except Exception as error:
        # One method's defect must not take the others' rows with it.
        if len(methods) > 1:
            return [row for name in methods for row in _estimated(cell, replicate, (name,), seed, limit)]
        return _failed(methods[0], error)


def _failed(method: str, error: Exception) -> list[Estimate]:
    """Return the rows of a method that raised what no method should."""
    reason = traceback.format_exception_only(error)[-1].strip()
    names = METHODS[method].estimands_of(THESIS_SPEC)
    return [
        Estimate(method=method, estimand=name, failure=reason, failure_kind=kind_of(error)) for name in names
    ]
