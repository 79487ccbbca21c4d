"""One thread for matrix products, whose last bits depend on how many there are; several for patients."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ContextDecorator
from functools import cache
from types import TracebackType
from typing import Any, Self, TypeVar

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

Part = TypeVar("Part")
Made = TypeVar("Made")


def side_by_side(work: Callable[[Part], Made], parts: Sequence[Part]) -> list[Made]:
    """Return what is made of each part, a thread per core: for work that mostly lets the interpreter go."""
    if len(parts) < 2:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(work, parts))


@cache
def _libraries() -> list[Any]:
    """Return the libraries of linear algebra; scipy brings its own beside numpy's, and must be there."""
    import scipy.linalg  # noqa: F401

    found: list[Any] = ThreadpoolController().select(user_api="blas").lib_controllers
    return found


def _set(library: Any, threads: int) -> None:
    """Set a library's number of threads, from whatever thread."""
    # Newer versions of threadpoolctl leave this to the thread that did so first; here a lock keeps order.
    let_go = getattr(library, "clear_controlling_thread", lambda **_: None)
    let_go(force=True)
    library.set_num_threads(threads)
    let_go(force=True)


class _Here(threading.local):
    """What a thread has open, and the numbers of threads that it began with."""

    blocks = 0
    before: tuple[int, ...] = ()


class one_thread(ContextDecorator):  # noqa: N801
    """Have matrix products use one thread, in a ``with`` block or a decorated function.

    Blocks may be nested, and overlap between threads: most libraries have one number for the whole process,
    which the last block that ends brings back; those built on OpenMP have one for each thread.
    """

    _lock = threading.Lock()
    _here = _Here()
    _threads = 0
    _before: tuple[int, ...] = ()

    def __enter__(self) -> Self:
        kind, here = type(self), self._here
        here.blocks += 1
        if here.blocks == 1:
            with kind._lock:
                here.before = tuple(library.get_num_threads() for library in _libraries())
                kind._before = kind._before if kind._threads else here.before
                kind._threads += 1
                for library in _libraries():
                    _set(library, 1)
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        kind, here = type(self), self._here
        here.blocks -= 1
        if here.blocks == 0:
            with kind._lock:
                kind._threads -= 1
                for library, own, shared in zip(_libraries(), here.before, kind._before, strict=True):
                    if getattr(library, "threading_layer", "") == "openmp":
                        _set(library, own)
                    elif kind._threads == 0:
                        _set(library, shared)
