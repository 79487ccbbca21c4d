"""Figures drawn by other processes, which open what drawing needs while this one reads and analyses."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from subprocess import DEVNULL, PIPE, Popen
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Opened by the process itself, it would have to wait for pandas before the other one can begin.
    from simsepsis.show.figure import Drawn, Figure

Server = Popen[bytes]

_SERVE = "from simsepsis.show.drawers import serve; serve()"


def has_room() -> bool:
    """Return whether processes can be copied here, and have a core of their own."""
    return sys.platform == "linux" and (os.cpu_count() or 1) > 1


@contextmanager
def drawers() -> Iterator[Server | None]:
    """Have a process that draws what it is given by `drawn_by`; None where there is none."""
    server = _started() if has_room() else None
    if server is None:
        yield None
        return
    with server:
        try:
            yield server
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)


def _started() -> Server | None:
    # It finds modules where this process does, and not in the folder that happens to be the current one.
    alone = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-P", "-c", _SERVE]
    # In a session of its own it hears no Ctrl-C; the other process ends it, and all that it has begun.
    with suppress(OSError):
        return Popen(command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=alone, start_new_session=True)
    return None


@contextmanager
def drawn_by(server: Server | None, figures: Sequence[Figure]) -> Iterator[None]:
    """Have figures drawn while the context does something else; at its end they are.

    What another process cannot draw is left to this one, which then says why.
    """
    if server is None:
        yield
        return
    with ThreadPoolExecutor(1) as waiting:
        answer = waiting.submit(server.communicate, pickle.dumps(figures))
        yield
    # A process that was killed has answered nothing, or half of it.
    with suppress(EOFError, pickle.UnpicklingError):
        for figure, drawn in zip(figures, pickle.loads(answer.result()[0]), strict=True):
            if drawn is not None:
                figure.take(drawn)


def serve() -> None:
    """Open what drawing needs, read figures, and write what is drawn, each by a copy of this process."""
    import simsepsis.show.warm_up  # noqa: F401

    figures: Sequence[Figure] = pickle.load(sys.stdin.buffer)
    drawn = [_received(receiver) for receiver in [_begun(figure) for figure in figures]]
    pickle.dump(drawn, sys.stdout.buffer)


def _begun(figure: Figure) -> Connection:
    context = get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    context.Process(target=_draw, args=(figure, sender)).start()
    sender.close()
    return receiver


def _draw(figure: Figure, sender: Connection) -> None:
    with suppress(Exception):
        sender.send(figure.drawn)


def _received(receiver: Connection) -> Drawn | None:
    try:
        drawn: Drawn = receiver.recv()
    except EOFError:
        return None
    return drawn
