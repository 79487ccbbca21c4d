"""The replicate loop: the same results for any number of workers, in replicate order."""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from time import sleep
from typing import Any, TypeVar

import joblib
from joblib.externals.loky.backend.resource_tracker import ensure_running
from joblib.externals.loky.process_executor import BrokenProcessPool

from simsepsis.errors import ExperimentError, SimsepsisError, UsageError, did_you_mean
from simsepsis.threads import one_thread

B = TypeVar("B")
T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Called with replicates done and replicates in all."""

BATCHES_PER_WORKER = 10
LARGEST_BATCH = 25
"""Batches are small enough for an even load and a moving progress bar, large enough to hide their cost."""

BATCHES_PER_WAVE = 4
"""Batches of a worker that are waited for together where results cannot come one by one."""

BATCHES_AHEAD = 2
"""Batches of a worker that a cluster has at a time, so that none waits for the way there and back."""

WATCH_SECONDS = 0.5
"""Time between two looks of a worker at whether the main process is there."""

ANSWER_SECONDS = 10
"""Time that a scheduler has to answer."""

RAY_ON_THE_NETWORK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Environment variable that lets ray use an address other machines reach, by its name where it began."""

BEGINS = tuple(map(int, joblib.__version__.split(".")[:2])) >= (1, 5)
"""Whether joblib lets a worker begin with something; otherwise its first batch does."""

LOOPBACK = "127.0.0.1"
"""Where a cluster of this machine listens, so that no other machine can send it work."""


class ReplicateError(RuntimeError):
    """A defect that surfaced in one replicate; the message begins with the replicate's number."""


def run_replicates(
    task: Callable[[int], T], n: int, *, jobs: int = -1, progress: Progress | None = None
) -> list[T]:
    """Return ``[task(0), …, task(n − 1)]``, computed by several processes."""
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
    """Yield ``task(batch)`` of each batch as it is finished, in any order."""
    with open_workers(jobs=jobs, backend=backend, scheduler=scheduler) as workers:
        yield from workers.spread(task, batches)


Results = Generator[Any, None, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """Processes that wait for work.

    Attributes
    ----------
    n
        How many.
    results
        From a task and batches to the results as they come.
    killed
        What it raises when a worker is lost.
    """

    n: int
    results: Callable[[Callable[[Any], Any], Iterable[Any]], Results]
    killed: tuple[type[Exception], ...] = ()

    def spread(self, task: Callable[[B], T], batches: Iterable[B]) -> Generator[T, None, None]:
        """Yield ``task(batch)`` of each batch as it is finished, in any order.

        Batches are taken a few at a time, and a result is forgotten once it has been yielded, so memory does
        not depend on their number. A caller that stops early closes the generator, which ends the work.
        """
        results = self.results(task, batches)
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


@contextmanager
def open_workers(*, jobs: int = -1, backend: str = "loky", scheduler: str | None = None) -> Iterator[Workers]:
    """Have workers ready while the context lasts."""
    check_backend(backend, scheduler)
    with BACKENDS[backend].start(_workers(jobs), scheduler) as workers:
        yield workers


def check_backend(backend: str, scheduler: str | None = None) -> None:
    """Raise `UsageError` unless work can run on a backend."""
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


@contextmanager
def _loky(n: int, _scheduler: str | None) -> Iterator[Workers]:
    if n == 1:
        yield Workers(n=1, results=_here)
        return
    _start_tracker()
    begin: dict[str, Any] = {"initializer": _serve, "initargs": (os.getpid(),)} if BEGINS else {}
    with joblib.parallel_config(backend="loky", n_jobs=n, inner_max_num_threads=1, **begin):
        yield Workers(n=n, results=_as_they_come, killed=(BrokenProcessPool,))


def _start_tracker() -> None:
    """Start joblib's process that clears up behind the others, deaf to the end of the terminal like them."""
    if hasattr(signal, "SIGHUP"):
        # What is blocked here when it is started stays blocked there.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        try:
            ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _here(task: Callable[[B], T], batches: Iterable[B]) -> Generator[T, None, None]:
    with one_thread():
        yield from (task(batch) for batch in batches)


def _as_they_come(task: Callable[[B], T], batches: Iterable[B]) -> Generator[T, None, None]:
    parallel = joblib.Parallel(return_as="generator_unordered", batch_size=1)
    serve, main = joblib.delayed(_in_own_worker), os.getpid()
    results: Generator[T, None, None] = parallel(serve(main, task, one) for one in batches)
    return results


@contextmanager
def _dask(n: int, scheduler: str | None) -> Iterator[Workers]:
    """Have a client of a cluster; without an address, of a new one on this machine."""
    # Dask is an optional extra.
    distributed = import_module("distributed")
    if scheduler is None:
        # What a cluster says of workers that end with it is no news to who ends it.
        quiet = {"dashboard_address": None, "silence_logs": logging.ERROR}
        client = distributed.Client(n_workers=n, threads_per_worker=1, host=LOOPBACK, **quiet)
    else:
        try:
            client = distributed.Client(scheduler, timeout=ANSWER_SECONDS)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"scheduler '{scheduler}' does not answer; start one with `dask scheduler` and give its "
                "address"
            ) from error
    with client:
        # Workers of a queue come when it lets them; there is nothing to do before the first one is there.
        client.wait_for_workers(1)
        size = max(1, sum(client.ncores().values()))
        yield Workers(n=size, results=partial(_by_client, client, size), killed=(distributed.KilledWorker,))


def _by_client(client: Any, n: int, task: Callable[[B], T], batches: Iterable[B]) -> Generator[T, None, None]:
    """Yield results of dask by its own means: through joblib, one that is an error is waited for for ever."""
    waiting = iter(batches)

    def submitted(number: int) -> list[Any]:
        return [client.submit(_in_worker, task, one, pure=False) for one in islice(waiting, number)]

    finished = import_module("distributed").as_completed(submitted(n * BATCHES_AHEAD))
    for future in finished:
        result: T = future.result()
        finished.update(submitted(1))
        yield result


@contextmanager
def _ray(n: int, scheduler: str | None) -> Iterator[Workers]:
    """Have a connection to a ray cluster; without an address, to a new one on this machine."""
    if scheduler is None:
        # Read when ray is imported: the new node then has the loopback address, and its servers listen there.
        os.environ.setdefault(RAY_ON_THE_NETWORK, "0")
    # Ray is an optional extra.
    ray = import_module("ray")
    alone = {"num_cpus": n, "include_dashboard": False, "dashboard_host": LOOPBACK}
    end = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            **({"address": scheduler} if scheduler else alone), log_to_driver=False, logging_level="ERROR"
        )
    except (OSError, ValueError) as error:
        raise UsageError(
            f"scheduler '{scheduler}' does not answer; start one with `ray start --head` and give its address"
        ) from error
    if threading.current_thread() is threading.main_thread():
        # Ray has put its own in its place.
        signal.signal(signal.SIGTERM, end)
    try:
        import_module("ray.util.joblib").register_ray()
        with joblib.parallel_config(backend="ray", n_jobs=n if scheduler is None else -1):
            size = joblib.effective_n_jobs()
            killed = import_module("ray.exceptions").RayError
            yield Workers(n=size, results=partial(_in_waves, size), killed=(killed,))
    finally:
        ray.shutdown()


def _in_waves(n: int, task: Callable[[B], T], batches: Iterable[B]) -> Generator[T, None, None]:
    """Yield results of a few batches for each worker at a time, since joblib has those of ray all at once."""
    waiting = iter(batches)
    while wave := list(islice(waiting, n * BATCHES_PER_WAVE)):
        yield from joblib.Parallel(batch_size=1)(joblib.delayed(_in_worker)(task, one) for one in wave)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A place where work may run.

    Attributes
    ----------
    package
        What it needs.
    start
        From number of workers and address to a context in which they are there.
    """

    package: str
    start: Callable[[int, str | None], AbstractContextManager[Workers]]


BACKENDS = {
    "loky": Backend(package="joblib", start=_loky),
    "dask": Backend(package="distributed", start=_dask),
    "ray": Backend(package="ray", start=_ray),
}
"""Where work may run."""


@cache
def _settle() -> None:
    """Spare the garbage collector what is loaded and stays: its rounds would take a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _in_own_worker(main: int, task: Callable[[B], T], batch: B) -> T:
    # Older versions of joblib know no beginning.
    _serve(main)
    return _in_worker(task, batch)


@cache
def _serve(main: int) -> None:
    """Let the main process decide when this one ends, and end after it, even if it was killed."""
    # A terminal sends Ctrl-C, and its own end, to all its processes, a queue the end of a job.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    if os.name == "posix":
        threading.Thread(target=_end_after, args=(main,), daemon=True).start()


def _end_after(main: int) -> None:
    """End this process once the one that started it is no longer its parent."""
    while os.getppid() == main:
        sleep(WATCH_SECONDS)
    os._exit(1)


def _in_worker(task: Callable[[B], T], batch: B) -> T:
    # A terminal sends Ctrl-C to all its processes; the one that started the workers ends them.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    _settle()
    with one_thread():
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
