"""One thread for matrix products: with more, their last bits depend on how many there are."""

from __future__ import annotations

import threading
from contextlib import ContextDecorator
from functools import cache
from types import TracebackType
from typing import Any, Self

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]


@cache
def _libraries() -> Any:
    """Return the libraries of linear algebra; scipy brings its own beside numpy's, and must be there."""
    import scipy.linalg  # noqa: F401

    return ThreadpoolController().select(user_api="blas")


class one_thread(ContextDecorator):  # noqa: N801
    """Have matrix products use one thread, in a ``with`` block or a decorated function.

    The number of threads belongs to the process. Blocks may be nested and overlap between threads: the last
    one that ends brings back what was there before the first one.
    """

    _lock = threading.Lock()
    _open = 0
    _limit: Any = None

    def __enter__(self) -> Self:
        kind = type(self)
        with kind._lock:
            if kind._open == 0:
                kind._limit = _libraries().limit(limits=1)
            kind._open += 1
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        kind = type(self)
        with kind._lock:
            kind._open -= 1
            if kind._open == 0:
                kind._limit.restore_original_limits()
