"""A limit on the wall time of a step that might never end."""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import perf_counter
from typing import ClassVar, TypeVar

from simsepsis.analysis.result import Attempt, attempt
from simsepsis.errors import FailureKind, SimsepsisError

T = TypeVar("T")


class TimeLimitError(Exception):
    """A step was ended because its time was over; no step inside it may take this for its own failure."""


class TimeOverError(SimsepsisError):
    """A step that needs what another one was too slow to give."""

    kind: ClassVar[FailureKind] = "time limit"


def attempt_within(limit: float | None, step: Callable[[], T]) -> Attempt[T]:
    """Run one step; failing, or taking too long, becomes its reason."""
    begin = perf_counter()
    try:
        with time_limit(limit):
            return attempt(step)
    except TimeLimitError:
        reason = f"ended at the time limit of {limit:g} s"
        return Attempt(value=None, failure=reason, seconds=perf_counter() - begin, kind="time limit")


def time_limit(limit: float | None) -> AbstractContextManager[None]:
    """Have `TimeLimitError` raised in the body once its time is over.

    Notes
    -----
    In the main thread of a process, where workers of loky and ray do their work, a timer's signal ends the
    body, asleep or not. In another thread, as in workers of dask, and where there are no signals, it ends at
    its next Python instruction. A compiled loop ends in either case only when it comes back to Python.
    """
    if limit is None:
        return nullcontext()
    has_signals = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    return _alarm(limit) if has_signals else _watched(limit)


@contextmanager
def _alarm(limit: float) -> Iterator[None]:
    """Have a signal raise `TimeLimitError` here; a timer that runs already is stopped meanwhile."""

    def ring(_number: int, _frame: object) -> None:
        raise TimeLimitError

    left, _ = signal.setitimer(signal.ITIMER_REAL, 0.0)
    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, limit)
        yield
    finally:
        # The signal may come between the end of the body and this line.
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
        finally:
            signal.signal(signal.SIGALRM, before or signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, left)


@contextmanager
def _watched(limit: float) -> Iterator[None]:
    """Have a second thread raise `TimeLimitError` here."""
    thread, over, ended = threading.get_ident(), threading.Lock(), threading.Event()

    def end() -> None:
        with over:
            if not ended.is_set():
                error = ctypes.py_object(TimeLimitError)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), error)

    timer = threading.Timer(limit, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        # Once the lock is passed, the other thread has either raised its error or never will.
        with over:
            ended.set()
        timer.cancel()
