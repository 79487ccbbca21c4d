"""Replicates of a cell: one, a batch by a worker, and all that a run lacks."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
import pandas as pd

from simsepsis.analysis.estimates import Z_95, Estimate, estimates_frame
from simsepsis.analysis.methods import method_rows, methods_of
from simsepsis.analysis.result import kind_of
from simsepsis.analysis.spec import AnalysisSpec, default_spec
from simsepsis.arrays import FloatArray
from simsepsis.errors import UsageError
from simsepsis.experiment.cells import Cell
from simsepsis.experiment.run_folder import ESTIMATES, JUDGED_COLUMNS, RunFolder
from simsepsis.experiment.stopping import Look, looks
from simsepsis.performance import wilson_half_width
from simsepsis.replication import (
    Batch,
    Part,
    Workers,
    missing_replicates,
    part_content,
    read_rows,
    remove_drafts,
    store_part,
)
from simsepsis.streams import streams
from simsepsis.world.cohort import Cohort, generate_cohort

ROW_KEYS = ("cell", "scenario", "replicate")
"""Columns in front of the columns of an estimate."""


Series = tuple[int, str, str]
"""Cell, method and estimand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Of judged rows: how many have no estimate; of each series how many intervals cover, of how many."""

    failures: int
    intervals: Mapping[Series, tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A batch, its settled cell, the analysis, the seed, the truths judged, and a method's time limit."""

    batch: Batch
    cell: Cell
    spec: AnalysisSpec
    seed: int
    truth: Mapping[Series, float]
    method_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Done:
    """A finished batch: the content of its part, what is counted of it, and how long it took.

    Workers prepare both, so that the process that gathers from hundreds of them has only to write.
    """

    batch: Batch
    content: bytes
    counts: Counts
    seconds: float

    @property
    def replicates(self) -> int:
        """Return how many replicates it has."""
        return self.batch.last - self.batch.first + 1


def work_of(
    folder: RunFolder,
    cell: Cell,
    first: int,
    last: int,
    methods: tuple[str, ...],
    truth: Mapping[Series, float] | None = None,
) -> Work:
    """Return what a run asks of some replicates of a cell."""
    run = folder.plan.run
    return Work(
        batch=Batch(run=folder.run, cell=cell.key, first=first, last=last, methods=methods),
        cell=cell,
        spec=run.analysis,
        seed=run.seed,
        truth=truth or {},
        method_seconds=run.method_seconds,
    )


def do_batch(work: Work) -> Done:
    """Compute a batch, and prepare what is stored and counted of it."""
    begin = perf_counter()
    rows = rows_of(work)
    content, counts = part_content(work.batch, rows), counted(rows, work.truth)
    return Done(batch=work.batch, content=content, counts=counts, seconds=perf_counter() - begin)


def rows_of(work: Work) -> pd.DataFrame:
    """Return the rows of a batch."""
    return estimate_replicates(
        work.cell,
        range(work.batch.first, work.batch.last + 1),
        work.batch.methods,
        seed=work.seed,
        spec=work.spec,
        limit=work.method_seconds,
    )


def counted(rows: pd.DataFrame, truth: Mapping[Series, float]) -> Counts:
    """Count the rows of the series whose truth is given."""
    failures, intervals = 0, {}
    for name, own in rows.groupby(["cell", "method", "estimand"], sort=False, observed=True):
        value = truth.get(name)
        if value is None:
            continue
        used = own["converged"].to_numpy(dtype=bool)
        covered = (own["ci_low"].to_numpy() <= value) & (value <= own["ci_high"].to_numpy())
        failures += int((~used).sum())
        if used.any():
            intervals[name] = (int((covered & used).sum()), int(used.sum()))
    return Counts(failures=failures, intervals=intervals)


def estimate_replicates(
    cell: Cell,
    replicates: Sequence[int],
    methods: Sequence[str],
    *,
    seed: int,
    spec: AnalysisSpec | None = None,
    limit: float | None = None,
) -> pd.DataFrame:
    """Return the estimates of methods on replicates of a cell.

    All cells draw from the same streams, so that a replicate has the same patients in worlds that differ in
    one mechanism, and contrasts between cells are paired.
    """
    spec = spec or default_spec()
    found = [_estimated(cell, replicate, methods, seed, spec, limit) for replicate in replicates]
    # One frame for all: a frame of one replicate costs as much as an analysis.
    rows = estimates_frame(row for estimates in found for row in estimates)
    rows["failure"] = rows["failure"].fillna("").astype(str)
    numbers = np.repeat(np.asarray(replicates, dtype=np.int64), [len(estimates) for estimates in found])
    for place, (name, values) in enumerate(zip(ROW_KEYS, (cell.key, cell.name, numbers), strict=True)):
        rows.insert(place, name, values)
    return rows


def draw_cohorts(
    cell: Cell, replicate: int, methods: Sequence[str], *, seed: int, spec: AnalysisSpec | None = None
) -> tuple[Cohort, Cohort | None]:
    """Return the registry that methods are run on, and its randomized twin if one of them needs it."""
    known = methods_of(spec or default_spec())
    needs = {need for name in methods for need in known[name].needs}
    cohort = generate_cohort(cell.scenario, seed=seed, replicate=replicate, oracle="oracle" in needs)
    if "twin" not in needs:
        return cohort, None
    twin = generate_cohort(cell.scenario, seed=seed, replicate=replicate, oracle=False, assignment="coin")
    return cohort, twin


def _estimated(
    cell: Cell,
    replicate: int,
    methods: Sequence[str],
    seed: int,
    spec: AnalysisSpec,
    limit: float | None,
) -> list[Estimate]:
    """Return the rows of one replicate."""
    try:
        cohort, twin = draw_cohorts(cell, replicate, methods, seed=seed, spec=spec)
        return method_rows(
            methods,
            cohort.records,
            draw=streams(seed, replicate=replicate),
            oracle=cohort.oracle,
            twin=None if twin is None else twin.records,
            spec=spec,
            limit=limit,
        )
    except UsageError:
        raise
    except Exception as error:
        # One method's defect must not take the others' rows with it.
        if len(methods) > 1:
            apart = (_estimated(cell, replicate, (name,), seed, spec, limit) for name in methods)
            return [row for rows in apart for row in rows]
        return _failed(methods[0], spec, error)


def _failed(method: str, spec: AnalysisSpec, error: Exception) -> list[Estimate]:
    """Return the rows of a method that raised what no method should."""
    reason = traceback.format_exception_only(error)[-1].strip()
    names = methods_of(spec)[method].estimands_of(spec)
    return [
        Estimate(method=method, estimand=name, failure=reason, failure_kind=kind_of(error)) for name in names
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a run stands after a stored batch.

    Attributes
    ----------
    done, total
        Replicates of this call: computed, and to compute as far as is known now.
    failures
        Judged rows without an estimate among those.
    per_second
        Replicates per second of wall time.
    seconds_left
        At that speed.
    coverage_mcse
        Largest Monte Carlo standard error of coverage over the series that were judged; NaN as long as there
        is none. From Wilson's interval, so that it is not 0 where all intervals cover.
    """

    done: int
    total: int
    failures: int
    per_second: float
    seconds_left: float
    coverage_mcse: float


Progress = Callable[[Standing], None]
"""Called after each stored batch."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What is counted while a run runs; `truth`: of the series that are judged."""

    truth: Mapping[Series, float]
    begin: float = field(default_factory=perf_counter)
    done: int = 0
    failures: int = 0
    intervals: dict[Series, FloatArray] = field(default_factory=dict)

    def add(self, counts: Counts, replicates: int) -> None:
        """Count a batch."""
        self.done += replicates
        self.failures += counts.failures
        self.see(counts)

    def see(self, counts: Counts) -> None:
        """Let a batch count for the Monte Carlo error only, as those of an earlier call do."""
        for name, added in counts.intervals.items():
            self.intervals[name] = self.intervals.get(name, np.zeros(2)) + np.array(added)

    def standing(self, total: int) -> Standing:
        """Return how the run stands."""
        speed = self.done / max(perf_counter() - self.begin, 1e-9)
        return Standing(
            done=self.done,
            total=total,
            failures=self.failures,
            per_second=speed,
            seconds_left=(total - self.done) / speed,
            coverage_mcse=self._coverage_mcse(),
        )

    def _coverage_mcse(self) -> float:
        if not self.intervals:
            return float("nan")
        covered, n = np.array(list(self.intervals.values())).T
        return float(np.max(wilson_half_width(covered / n, n)) / Z_95)


BATCH_SECONDS = 5.0
"""Time a batch shall take: its file's cost is then nothing beside it, and a kill loses little."""

LEAST_SECONDS = 0.25
"""Time of the last batches, which become smaller so that all workers end at about the same time."""

LARGEST_BATCH = 1_000
BATCHES_PER_WORKER = 4
"""Batches of a worker that what is left is always divided into."""

Span = tuple[Cell, int, int, tuple[str, ...]]
"""A cell, first and last of consecutive replicates that lack the same methods, and these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """All parts of a run, what was found damaged or foreign, and how many replicates were computed now."""

    parts: tuple[Part, ...]
    notes: tuple[str, ...]
    replicates: int


@dataclass(slots=True, kw_only=True)
class Pace:
    """How long replicates take, so that batches take `BATCH_SECONDS`, and less when few are left."""

    workers: int
    left: int = 0
    replicates: int = 0
    seconds: float = 0.0

    def measured(self, replicates: int, seconds: float) -> None:
        """Take a finished batch into account."""
        self.replicates += replicates
        self.seconds += seconds

    def take(self, most: int) -> int:
        """Return the number of replicates that the next batch shall have, which are left no longer."""
        per_second = self.replicates / self.seconds if self.seconds > 0.0 else 0.0
        share = self.left // (self.workers * BATCHES_PER_WORKER)
        wanted = min(int(BATCH_SECONDS * per_second), max(share, int(LEAST_SECONDS * per_second)))
        size = max(1, min(most, LARGEST_BATCH, wanted))
        self.left -= size
        return size


def compute_missing(folder: RunFolder, workers: Workers, progress: Progress | None) -> Computed:
    """Compute and store what a run lacks, round by round up to the next look at each cell."""
    remove_drafts(folder.path / ESTIMATES)
    scan = folder.scan(mend=True)
    parts, tally, pace = list(scan.parts), tally_of(folder), Pace(workers=workers.n)
    for part in parts if progress is not None else ():
        rows = read_rows([part], columns=JUDGED_COLUMNS, wanted={"estimand": folder.judged})
        tally.see(counted(rows, tally.truth))
    found: dict[int, Look | None] = {}
    while True:
        found = {one.key: folder.last_look(one.key, tuple(parts), found.get(one.key)) for one in folder.cells}
        spans = [span for cell in folder.cells for span in _spans(folder, parts, cell, found[cell.key])]
        if not spans:
            return Computed(parts=tuple(parts), notes=scan.set_aside, replicates=tally.done)
        pace.left = sum(last - first + 1 for _, first, last, _ in spans)
        total = tally.done + pace.left + sum(_later(folder, look) for look in found.values())
        with closing(workers.spread(do_batch, _works(folder, spans, pace, tally.truth))) as results:
            for done in results:
                parts.append(store_part(folder.path / ESTIMATES, done.batch, done.content))
                pace.measured(done.replicates, done.seconds)
                tally.add(done.counts, done.replicates)
                if progress is not None:
                    progress(tally.standing(total))


def tally_of(folder: RunFolder) -> Tally:
    """Return the empty count of a run."""
    truth = folder.truth()
    truth = truth[truth["estimand"].isin(folder.judged)]
    series = zip(truth["cell"], truth["method"], truth["estimand"], strict=True)
    return Tally(truth=dict(zip(series, truth["value"], strict=True)))


def _spans(folder: RunFolder, parts: list[Part], cell: Cell, look: Look | None) -> Iterator[Span]:
    """Yield what a cell lacks up to the replicates that it needs as far as is known."""
    run = folder.plan.run
    for first, last, methods in missing_replicates(parts, cell.key, run.methods, _goal(folder, look)):
        yield cell, first, last, methods


def _goal(folder: RunFolder, look: Look | None) -> int:
    """Return the replicates that a cell needs, for all that has been seen of it."""
    most = folder.plan.run.most_replicates
    if not folder.plan.run.until_mcse:
        return most
    if look is None:
        return next(looks(most))
    return (
        look.replicates if look.enough else min((n for n in looks(most) if n > look.replicates), default=most)
    )


def _later(folder: RunFolder, look: Look | None) -> int:
    """Return the replicates that a cell is expected to need after its next look."""
    if look is None or look.enough:
        return 0
    most = folder.plan.run.most_replicates
    expected = min(float(most), look.replicates * look.excess**2)
    return max(0, int(expected) - _goal(folder, look))


def _works(folder: RunFolder, spans: list[Span], pace: Pace, truth: Mapping[Series, float]) -> Iterator[Work]:
    """Yield batches of the size that the pace asks for when their turn comes."""
    for cell, start, end, methods in spans:
        own = {series: value for series, value in truth.items() if series[0] == cell.key}
        first = start
        while first <= end:
            last = first + pace.take(end - first + 1) - 1
            yield work_of(folder, cell, first, last, methods, own)
            first = last + 1
