"""The replicate loop: the same results for any number of workers, in replicate order."""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
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

BATCHES_PER_WAVE = 3
"""Batches of a worker that are waited for together where results cannot come one by one."""


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

    Parameters
    ----------
    task, batches
        As in `Workers.spread`.
    jobs, backend, scheduler
        As in `open_workers`.

    Raises
    ------
    UsageError, ExperimentError
        As in `open_workers` and `Workers.spread`.
    """
    with open_workers(jobs=jobs, backend=backend, scheduler=scheduler) as workers:
        yield from workers.spread(task, batches)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """Processes that wait for work.

    Attributes
    ----------
    n
        How many.
    here
        Whether this process does the work itself.
    waves
        Whether batches are handed out a few for each worker at a time, and all waited for, since the backend
        cannot give results back one by one.
    killed
        What a backend raises when it has lost a worker.
    """

    n: int
    here: bool
    waves: bool
    killed: tuple[type[Exception], ...]

    def spread(self, task: Callable[[B], T], batches: Iterable[B]) -> Generator[T, None, None]:
        """Yield ``task(batch)`` of each batch as it is finished, in any order.

        Batches are taken a few at a time, and a result is forgotten once it has been yielded, so memory does
        not depend on their number. A caller that stops early closes the generator, which ends the work.

        Parameters
        ----------
        task
            Function of a batch that can be pickled, and that raises only what shall end the run.
        batches
            What to do; may be a generator.

        Raises
        ------
        ExperimentError
            If a worker process was killed.
        """
        if self.here:
            with threadpool_limits(limits=1):
                yield from (task(batch) for batch in batches)
            return
        results = self._in_waves(task, batches) if self.waves else self._as_they_come(task, batches)
        try:
            # `yield from` would close the results, with joblib's warning, when the caller stops.
            for result in results:  # noqa: UP028
                yield result
        except self.killed as error:
            raise ExperimentError(
                "a worker process was killed, perhaps for want of memory; what was finished before is kept: "
                "run again to go on, with fewer jobs"
            ) from error
        finally:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                results.close()

    def _as_they_come(self, task: Callable[[B], T], batches: Iterable[B]) -> Generator[T, None, None]:
        parallel = joblib.Parallel(return_as="generator_unordered", batch_size=1)
        results: Generator[T, None, None] = parallel(joblib.delayed(_in_worker)(task, one) for one in batches)
        return results

    def _in_waves(self, task: Callable[[B], T], batches: Iterable[B]) -> Generator[T, None, None]:
        waiting = iter(batches)
        while wave := list(islice(waiting, self.n * BATCHES_PER_WAVE)):
            yield from joblib.Parallel(batch_size=1)(joblib.delayed(_in_worker)(task, one) for one in wave)


@contextmanager
def open_workers(*, jobs: int = -1, backend: str = "loky", scheduler: str | None = None) -> Iterator[Workers]:
    """Have workers ready while the context lasts.

    Parameters
    ----------
    jobs
        As in `run_replicates`; a cluster with an address has as many workers as it has.
    backend
        ``loky``: processes of this machine; ``dask``: a dask.distributed cluster; ``ray``: a ray cluster.
    scheduler
        Address of the cluster, such as ``tcp://host:8786`` for dask or ``auto`` for ray; None: a cluster of
        this machine, which ends with the context.

    Raises
    ------
    UsageError
        If `jobs` is out of range, the backend is unknown or not installed, or the cluster does not answer.
    """
    check_backend(backend, scheduler)
    n = _workers(jobs)
    start = BACKENDS[backend].start
    with start(n, scheduler) as killed:
        size = n if scheduler is None else joblib.effective_n_jobs()
        here = n == 1 and backend == "loky"
        yield Workers(n=size, here=here, waves=backend == "ray", killed=killed)


def check_backend(backend: str, scheduler: str | None = None) -> None:
    """Raise `UsageError` unless work can run on a backend.

    Parameters
    ----------
    backend, scheduler
        As in `open_workers`.
    """
    if backend not in BACKENDS:
        near = did_you_mean(backend, BACKENDS)
        raise UsageError(f"backend '{backend}' is unknown{near}; known are {', '.join(BACKENDS)}")
    package = BACKENDS[backend].package
    if find_spec(package) is None:
        raise UsageError(
            f"backend '{backend}' needs the package {package}, which is not installed; install "
            f"simsepsis[{backend}] or use --backend loky"
        )
    if scheduler is not None and backend == "loky":
        raise UsageError(f"scheduler '{scheduler}' has no use with backend 'loky'; give --backend dask")


Killed = tuple[type[Exception], ...]


@contextmanager
def _loky(n: int, _scheduler: str | None) -> Iterator[Killed]:
    with joblib.parallel_config(backend="loky", n_jobs=n, inner_max_num_threads=1):
        yield (BrokenProcessPool,)


@contextmanager
def _dask(n: int, scheduler: str | None) -> Iterator[Killed]:
    """Have a client of a cluster; without an address, of a new one on this machine."""
    # Dask is an optional extra.
    distributed = import_module("distributed")
    if scheduler is None:
        client = distributed.Client(n_workers=n, threads_per_worker=1, dashboard_address=None)
    else:
        try:
            client = distributed.Client(scheduler, timeout=10)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"scheduler '{scheduler}' does not answer; start one with `dask scheduler` and give its "
                "address"
            ) from error
    with client, joblib.parallel_config(backend="dask", n_jobs=-1):
        yield (distributed.KilledWorker,)


@contextmanager
def _ray(n: int, scheduler: str | None) -> Iterator[Killed]:
    """Have a connection to a ray cluster; without an address, to a new one on this machine."""
    # Ray is an optional extra.
    ray = import_module("ray")
    where = {"address": scheduler} if scheduler else {"num_cpus": n, "include_dashboard": False}
    try:
        ray.init(**where, log_to_driver=False, logging_level="ERROR")
    except (OSError, ValueError) as error:
        raise UsageError(
            f"scheduler '{scheduler}' does not answer; start one with `ray start --head` and give its address"
        ) from error
    try:
        import_module("ray.util.joblib").register_ray()
        with joblib.parallel_config(backend="ray", n_jobs=n if scheduler is None else -1):
            yield (import_module("ray.exceptions").RayError,)
    finally:
        ray.shutdown()


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A place where work may run.

    Attributes
    ----------
    package
        What it needs.
    start
        From number of workers and address to a context, in which joblib uses it, and which tells what is
        raised when a worker is lost.
    """

    package: str
    start: Callable[[int, str | None], AbstractContextManager[Killed]]


BACKENDS = {
    "loky": Backend(package="joblib", start=_loky),
    "dask": Backend(package="distributed", start=_dask),
    "ray": Backend(package="ray", start=_ray),
}
"""Where work may run."""


def _in_worker(task: Callable[[B], T], batch: B) -> T:
    # A terminal sends Ctrl-C to all its processes; the one that started the workers ends them.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
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
