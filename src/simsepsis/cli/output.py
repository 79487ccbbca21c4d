"""Output that nobody reads any more: a closed pipe costs what would be shown, and nothing else."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING

from simsepsis.errors import OutputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Forgiving(io.FileIO):
    """A file that swallows what is written once its reader has gone, as ``head -1`` does."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write, or forget from here on: the reader, or the terminal, has gone."""
        try:
            return super().write(data)
        except OSError as error:
            # Whatever else writes here, such as a worker that is started later, is spared the same error.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            if error.errno in (errno.EPIPE, errno.EIO):
                return memoryview(data).nbytes
            raise OutputError(
                f"the output cannot be written ({error.strerror}); redirect it elsewhere"
            ) from error


def forgive_closed_pipes() -> None:
    """Let the process's output and error output go on where their readers end."""
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if _is_own(stream, number):
            stream.flush()
            setattr(sys, name, _forgiving(stream))


def _is_own(stream: object, number: int) -> bool:
    """Return whether a stream writes to the process's own descriptor, as that of a test does not."""
    try:
        return isinstance(stream, io.TextIOWrapper) and stream.fileno() == number
    except (OSError, ValueError):
        return False


def _forgiving(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(Forgiving(stream.fileno(), "w", closefd=False)),
        encoding=stream.encoding,
        # What the terminal's character set lacks is spelled out.
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
