"""The replicate loop: the same results for any number of workers, in replicate order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import TypeVar

import joblib
from joblib.externals.loky.process_executor import BrokenProcessPool
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from simsepsis.errors import ExperimentError, SimsepsisError, UsageError, did_you_mean

B = TypeVar("B")
T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Called with replicates done and replicates in all."""

BATCHES_PER_WORKER = 10
LARGEST_BATCH = 25
"""Batches are small enough for an even load and a moving progress bar, large enough to hide their cost."""


BACKENDS = {"loky": "joblib", "dask": "distributed"}
"""Where work may run → the package that this needs."""


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
    for batch in run_batches(partial(_run_batch, task), batches, jobs=jobs):
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


def run_batches(
    task: Callable[[B], T],
    batches: Iterable[B],
    *,
    jobs: int = -1,
    backend: str = "loky",
    scheduler: str | None = None,
) -> Iterator[T]:
    """Yield ``task(batch)`` of each batch as it is finished, in any order.

    Batches are taken a few at a time, and a result is forgotten once it has been yielded, so memory does not
    depend on their number.

    Parameters
    ----------
    task
        Function of a batch that can be pickled, and that raises only what shall end the run.
    batches
        What to do; may be a generator.
    jobs
        As in `run_replicates`.
    backend
        ``loky``: processes of this machine; ``dask``: a dask.distributed cluster.
    scheduler
        Address of the cluster's scheduler, such as ``tcp://host:8786``; None: a cluster of this machine.

    Raises
    ------
    UsageError
        If `jobs` is out of range, or the backend is unknown or not installed.
    ExperimentError
        If a worker process was killed.
    """
    check_backend(backend, scheduler)
    if _workers(jobs) == 1 and backend == "loky":
        with threadpool_limits(limits=1):
            yield from (task(batch) for batch in batches)
        return
    with _workers_of(backend, jobs, scheduler):
        parallel = joblib.Parallel(return_as="generator_unordered", batch_size=1)
        try:
            yield from parallel(joblib.delayed(_single_threaded)(task, batch) for batch in batches)
        except BrokenProcessPool as error:
            raise ExperimentError(
                "a worker process was killed, perhaps for want of memory; what was finished before is kept: "
                "run again to go on, with fewer jobs"
            ) from error


def check_backend(backend: str, scheduler: str | None = None) -> None:
    """Raise `UsageError` unless work can run on a backend.

    Parameters
    ----------
    backend, scheduler
        As in `run_batches`.
    """
    if backend not in BACKENDS:
        near = did_you_mean(backend, BACKENDS)
        raise UsageError(f"backend '{backend}' is unknown{near}; known are {', '.join(BACKENDS)}")
    if find_spec(BACKENDS[backend]) is None:
        raise UsageError(
            f"backend '{backend}' needs the package {BACKENDS[backend]}, which is not installed; install it "
            "or use --backend loky"
        )
    if scheduler is not None and backend == "loky":
        raise UsageError(f"scheduler '{scheduler}' has no use with backend 'loky'; give --backend dask")


@contextmanager
def _workers_of(backend: str, jobs: int, scheduler: str | None) -> Iterator[None]:
    """Have joblib use a backend's workers while the context lasts."""
    if backend == "loky":
        with joblib.parallel_config(backend="loky", n_jobs=jobs, inner_max_num_threads=1):
            yield
        return
    with _dask_client(jobs, scheduler), joblib.parallel_config(backend="dask", n_jobs=-1):
        yield


def _dask_client(jobs: int, scheduler: str | None) -> AbstractContextManager[object]:
    """Return a client of a cluster; without an address, of a new one on this machine."""
    # Dask is an optional extra.
    client: Callable[..., AbstractContextManager[object]] = import_module("distributed").Client
    if scheduler is None:
        return client(n_workers=_workers(jobs), threads_per_worker=1, dashboard_address=None)
    try:
        return client(scheduler, timeout=10)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"scheduler '{scheduler}' does not answer; start one with `dask scheduler` and give its address"
        ) from error


def _single_threaded(task: Callable[[B], T], batch: B) -> T:
    with threadpool_limits(limits=1):
        return task(batch)


def _run_batch(task: Callable[[int], T], batch: range) -> list[tuple[int, T]]:
    return [(replicate, _run_one(task, replicate)) for replicate in batch]


def _run_one(task: Callable[[int], T], replicate: int) -> T:
    try:
        return task(replicate)
    except SimsepsisError as error:
        raise type(error)(f"replicate {replicate}: {error}") from error
    except Exception as error:
        raise ReplicateError(f"replicate {replicate}: {type(error).__name__}: {error}") from error
