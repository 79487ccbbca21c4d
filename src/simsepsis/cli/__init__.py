"""The command line: parse, call one function, print."""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import pairwise

import typer.main

from simsepsis.cli import own_studies, studies, thesis, trials, worlds
from simsepsis.cli.app import app
from simsepsis.cli.output import forgive_closed_pipes
from simsepsis.errors import InterruptedRunError, SimsepsisError
from simsepsis.words import one_sentence

COMMANDS = (own_studies, thesis, worlds, studies, trials)
"""Rooms whose commands are added to the application by being opened."""

BAD_INPUT = 2
FAILURE = 1
INTERRUPTED = 130

ENDINGS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""What a cluster's queue sends to a job, and a terminal that is closed to its processes."""


@contextmanager
def _ended_politely() -> Iterator[None]:
    """Have `ENDINGS` end a command as Ctrl-C does; those that are ignored, as under nohup, stay so."""

    def end(*_: object) -> None:
        # The next one would come into the clearing up.
        for number in heard:
            signal.signal(number, signal.SIG_IGN)
        ended.set()
        raise KeyboardInterrupt

    ended = threading.Event()
    in_charge = threading.current_thread() is threading.main_thread()
    heard = [number for number in ENDINGS if in_charge and signal.getsignal(number) == signal.SIG_DFL]
    for number in heard:
        signal.signal(number, end)
    try:
        yield
    except OSError:
        if not ended.is_set():
            raise
        # Clearing up cannot write to a terminal that was closed.
        raise KeyboardInterrupt from None
    finally:
        for number in heard:
            signal.signal(number, signal.SIG_DFL)


def _fail(sentence: str, code: int) -> int:
    # A terminal that was closed shows nothing.
    with suppress(OSError, SimsepsisError):
        print(f"simsepsis: {one_sentence(sentence)}", file=sys.stderr)
    return code


def _given(message: str, arguments: list[str]) -> str:
    """Return the value that an option was given, which the parser's sentence leaves out."""
    for option, value in pairwise(arguments):
        if f"'{option}'" in message:
            return f", not '{value}'"
    return ""


@cache
def _program() -> Callable[..., int | None]:
    """Return the parser of all commands, which takes longer to build than many a command to run."""
    return typer.main.get_command(app)


def _run(arguments: list[str]) -> int:
    """Return the exit status of one command line; every refusal is one sentence on stderr."""
    try:
        with _ended_politely():
            return int(_program()(arguments, prog_name="simsepsis", standalone_mode=False) or 0)
    except InterruptedRunError as stop:
        return _fail(str(stop), INTERRUPTED)
    except SimsepsisError as error:
        return _fail(str(error), BAD_INPUT)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted; nothing half-written was left behind", INTERRUPTED)
    except Exception as error:
        # What the parser raises is not public, but it always brings its sentence with it.
        describe = getattr(error, "format_message", None)
        if describe is None:
            sentence = f"{type(error).__name__}: {error}"
            return _fail(f"{sentence}; run again with --debug for the traceback", FAILURE)
        return _fail(f"{describe().rstrip('.')}{_given(describe(), arguments)}; see --help", BAD_INPUT)


def main() -> None:
    """Run the command line and exit: 0 done, 2 bad input, 1 anything else.

    A reader that goes away, such as ``head -1``, changes neither what is done nor the status.
    """
    forgive_closed_pipes()
    # Opening libraries and drawing leave little rubbish: looking for it takes a tenth of the time.
    gc.set_threshold(50_000, 20, 20)
    arguments = sys.argv[1:] or ["--help"]
    if "--debug" in arguments:
        arguments.remove("--debug")
        raise SystemExit(app(arguments, prog_name="simsepsis", standalone_mode=False) or 0)
    raise SystemExit(_run(arguments))
