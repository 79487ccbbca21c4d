"""The replicate loop: the same results for any number of workers, in replicate order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import joblib
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from simsepsis.errors import SimsepsisError, UsageError

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Called with replicates done and replicates in all."""

BATCHES_PER_WORKER = 10
LARGEST_BATCH = 25
"""Batches are small enough for an even load and a moving progress bar, large enough to hide their cost."""


class ReplicateError(RuntimeError):
    """A defect that surfaced in one replicate; the message begins with the replicate's number."""


def run_replicates(
    task: Callable[[int], T], n: int, *, jobs: int = -1, progress: Progress | None = None
) -> list[T]:
    """Return ``[task(0), …, task(n − 1)]``, computed by several processes.

    Parameters
    ----------
    task
        Function of the replicate's number that can be pickled. It must draw its random numbers from streams
        that depend on that number only; then the results do not depend on `jobs`.
    n
        Number of replicates, at least 1.
    jobs
        Number of worker processes; −1 for one per core, 1 to stay in this process. Every worker uses one
        BLAS thread, this process too: with more, the last bits of a matrix product depend on their number.
    progress
        Called after each finished batch.

    Raises
    ------
    UsageError
        If `n` or `jobs` is out of range.
    ReplicateError
        If the task raises an error that is none of simsepsis's own; those come out as they are, with the
        number of the replicate in front.
    """
    batches = _batches(n, _workers(jobs))
    results: dict[int, T] = {}
    for batch in _finished(task, batches, jobs):
        results.update(batch)
        if progress is not None:
            progress(len(results), n)
    return [results[replicate] for replicate in range(n)]


def _workers(jobs: int) -> int:
    """Return the number of processes that `jobs` asks for."""
    if isinstance(jobs, bool) or not isinstance(jobs, int) or not (jobs == -1 or jobs >= 1):
        raise UsageError(
            f"jobs = {jobs}: give a number of worker processes of 1 or more, or -1 for all cores"
        )
    return joblib.cpu_count() if jobs == -1 else jobs


def _batches(n: int, workers: int) -> list[range]:
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise UsageError(f"replicates = {n}: give a whole number of 1 or more")
    size = max(1, min(LARGEST_BATCH, n // (workers * BATCHES_PER_WORKER)))
    return [range(start, min(start + size, n)) for start in range(0, n, size)]


def _finished(task: Callable[[int], T], batches: list[range], jobs: int) -> Iterator[list[tuple[int, T]]]:
    """Yield the batches' results as they come in, in any order."""
    if _workers(jobs) == 1:
        with threadpool_limits(limits=1):
            yield from (_run_batch(task, batch) for batch in batches)
        return
    with joblib.parallel_config(backend="loky", n_jobs=jobs, inner_max_num_threads=1):
        parallel = joblib.Parallel(return_as="generator_unordered", batch_size=1)
        yield from parallel(joblib.delayed(_run_batch)(task, batch) for batch in batches)


def _run_batch(task: Callable[[int], T], batch: range) -> list[tuple[int, T]]:
    return [(replicate, _run_one(task, replicate)) for replicate in batch]


def _run_one(task: Callable[[int], T], replicate: int) -> T:
    try:
        return task(replicate)
    except SimsepsisError as error:
        raise type(error)(f"replicate {replicate}: {error}") from error
    except Exception as error:
        raise ReplicateError(f"replicate {replicate}: {type(error).__name__}: {error}") from error
