"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePath
from typing import BinaryIO

import pandas as pd

from simsepsis.errors import OutputError
from simsepsis.spreadsheet import csv_bytes
from simsepsis.words import HIDDEN, shown

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

IN_USE = ".in-use"
TABLE_SUFFIXES = (".csv", ".parquet")
REMEDIES = {
    errno.ENOSPC: "make room there; nothing was replaced",
    errno.EDQUOT: "make room there; nothing was replaced",
    errno.EISDIR: "remove the folder that has the name of a file",
}
"""What helps where the folder is the right one."""


def check_table_path(path: Path) -> None:
    """Raise `OutputError` unless the path ends in one of `TABLE_SUFFIXES`."""
    if path.suffix not in TABLE_SUFFIXES:
        raise OutputError(f"{path}: a table is written as .csv or .parquet; end the name in one of them")


def table_bytes(path: Path, frame: pd.DataFrame) -> bytes:
    """Return a frame as the content of a file of the path's type."""
    check_table_path(path)
    if path.suffix == ".csv":
        return csv_bytes(frame)
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def check_folder(folder: Path | str) -> Path:
    """Return the folder after having tried that it can be made and written; nothing is left behind.

    Called before a long run, so that nothing is computed that cannot be kept.
    """
    folder = Path(folder)
    with _explained(folder):
        missing = [place for place in (folder, *folder.parents) if not place.exists()]
    write_files(folder, {})
    # Another process may have begun to write there meanwhile.
    with suppress(OSError):
        for place in missing:
            place.rmdir()
    return folder


def write_files(folder: Path | str, contents: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Write files into a folder: all are complete before the first one takes its place."""
    folder = Path(folder)
    for name in contents:
        _check_inside(name)
    with _explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as draft:
            for name, content in contents.items():
                place = Path(draft) / name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
            for name in contents:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(Path(draft) / name, folder / name)
    return tuple(folder / name for name in contents)


def _check_inside(name: str) -> None:
    """Raise unless a file stands inside the folder that it is written into."""
    path = PurePath(name)
    if path.is_absolute() or not path.name or ".." in path.parts or "\\" in name or HIDDEN.search(name):
        raise OutputError(f"{shown(name)}: is no name of a file inside a folder; choose another one")


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Say of a folder that cannot be written why, and what helps."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        remedy = REMEDIES.get(getattr(error, "errno", None) or 0, "name a folder that you may write")
        place = getattr(error, "filename2", None) or folder
        raise OutputError(f"{place}: cannot be written ({reason}); {remedy}") from error


@contextmanager
def sole_use(folder: Path | str) -> Iterator[Path]:
    """Keep a folder, made if need be, from other processes that ask for it in this way.

    Whoever dies in it leaves it free, as the system takes the lock back; where the file system has no locks,
    nothing is kept.
    """
    folder = Path(folder)
    with _explained(folder):
        mark = _claimed(folder)
    if mark is None:
        raise OutputError(
            f"{folder}: another process is at work there; wait until it has ended, or name another folder"
        )
    with mark:
        try:
            yield folder
        finally:
            with suppress(OSError):
                (folder / IN_USE).unlink()


def _claimed(folder: Path) -> BinaryIO | None:
    """Return the locked mark of a folder, open; None where another process has it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / IN_USE
    path.touch()
    with suppress(FileNotFoundError), ExitStack() as opened:
        mark = opened.enter_context(path.open("rb"))
        # Who ends removes the mark; a lock on one that is gone would keep nobody out.
        if _locked(mark) and os.path.samestat(os.fstat(mark.fileno()), path.stat()):
            opened.pop_all()
            return mark
    return None


def _locked(file: BinaryIO) -> bool:
    """Lock a file for as long as it is open; return False where another process has done so."""
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            # any other reason is a file system without locks
            return not isinstance(error, BlockingIOError)
    return True


def write_gallery(folder: Path | str, contents: Mapping[str, bytes], listing: str) -> tuple[Path, ...]:
    """Write files, and remove those beside the listing that an earlier call wrote and this one does not."""
    folder, place = Path(folder), Path(listing).parent
    before = _listed(folder / listing)
    own = {Path(name).name: _checksum(data) for name, data in contents.items() if Path(name).parent == place}
    kept = (json.dumps(own, indent=2) + "\n").encode()
    paths = write_files(folder, {**contents, listing: kept})
    for name in before.keys() - own.keys():
        path = folder / place / Path(name).name
        if path.is_file() and _checksum(path.read_bytes()) == before[name]:
            path.unlink()
    return paths


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _listed(path: Path) -> dict[str, str]:
    """Return file names and checksums of a listing; nothing where there is none that can be read."""
    try:
        listed = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in listed.items()} if isinstance(listed, dict) else {}
