"""The batches that a run lacks, computed and stored until every cell has replicates enough."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from simsepsis.experiment.cells import Cell
from simsepsis.experiment.estimate import Work, do_batch
from simsepsis.experiment.folder import ESTIMATES, JUDGED_COLUMNS, RunFolder
from simsepsis.experiment.standing import Progress, Tally
from simsepsis.experiment.stopping import Look, looks
from simsepsis.replication import (
    Batch,
    Part,
    Workers,
    missing_replicates,
    read_rows,
    remove_drafts,
    write_part,
)

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
    """What a run folder holds after all batches.

    Attributes
    ----------
    parts
        All parts, old and new.
    notes
        What was found damaged or foreign, in sentences.
    replicates
        How many were computed now.
    """

    parts: tuple[Part, ...]
    notes: tuple[str, ...]
    replicates: int


@dataclass(slots=True, kw_only=True)
class Pace:
    """How long replicates take, so that batches take `BATCH_SECONDS`, and less when few are left.

    Attributes
    ----------
    workers
        How many share what is left.
    left
        Replicates that have not been handed out.
    replicates, seconds
        What was measured.
    """

    workers: int
    left: int = 0
    replicates: int = 0
    seconds: float = 0.0

    def measured(self, replicates: int, seconds: float) -> None:
        """Take a finished batch into account."""
        self.replicates += replicates
        self.seconds += seconds

    def take(self, most: int) -> int:
        """Return the number of replicates that the next batch shall have, which are left no longer.

        Parameters
        ----------
        most
            How many it may have.
        """
        per_second = self.replicates / self.seconds if self.seconds > 0.0 else 0.0
        share = self.left // (self.workers * BATCHES_PER_WORKER)
        wanted = min(int(BATCH_SECONDS * per_second), max(share, int(LEAST_SECONDS * per_second)))
        size = max(1, min(most, LARGEST_BATCH, wanted))
        self.left -= size
        return size


def compute_missing(folder: RunFolder, workers: Workers, progress: Progress | None) -> Computed:
    """Compute and store what a run lacks, round by round up to the next look at each cell.

    Parameters
    ----------
    folder
        The run, worlds settled and truths known.
    workers
        Who does it.
    progress
        Called after each stored batch.
    """
    remove_drafts(folder.path / ESTIMATES)
    scan = folder.scan(mend=True)
    parts, tally, pace = list(scan.parts), _tally(folder), Pace(workers=workers.n)
    for part in parts if progress is not None else ():
        tally.see(read_rows([part], columns=JUDGED_COLUMNS, wanted={"estimand": folder.judged}))
    found: dict[int, Look | None] = {}
    while True:
        found = {one.key: folder.last_look(one.key, tuple(parts), found.get(one.key)) for one in folder.cells}
        spans = [span for cell in folder.cells for span in _spans(folder, parts, cell, found[cell.key])]
        if not spans:
            return Computed(parts=tuple(parts), notes=scan.set_aside, replicates=tally.done)
        pace.left = sum(last - first + 1 for _, first, last, _ in spans)
        total = tally.done + pace.left + sum(_later(folder, look) for look in found.values())
        with closing(workers.spread(do_batch, _works(folder, spans, pace))) as results:
            for done in results:
                parts.append(write_part(folder.path / ESTIMATES, done.batch, done.rows))
                pace.measured(done.replicates, done.seconds)
                tally.add(done.rows[done.rows["estimand"].isin(folder.judged)], done.replicates)
                if progress is not None:
                    progress(tally.standing(total))


def _tally(folder: RunFolder) -> Tally:
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


def _works(folder: RunFolder, spans: list[Span], pace: Pace) -> Iterator[Work]:
    """Yield batches of the size that the pace asks for when their turn comes."""
    mark, run = folder.run, folder.plan.run
    for cell, start, end, methods in spans:
        first = start
        while first <= end:
            last = first + pace.take(end - first + 1) - 1
            batch = Batch(run=mark, cell=cell.key, first=first, last=last, methods=methods)
            yield Work(batch=batch, cell=cell, seed=run.seed, method_seconds=run.method_seconds)
            first = last + 1
