"""Files that are written whole or not at all."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from simsepsis.errors import OutputError

TABLE_SUFFIXES = (".csv", ".parquet")


def check_table_path(path: Path) -> None:
    """Raise `OutputError` unless the path ends in one of `TABLE_SUFFIXES`."""
    if path.suffix not in TABLE_SUFFIXES:
        raise OutputError(f"{path}: a table is written as .csv or .parquet; end the name in one of them")


def table_bytes(path: Path, frame: pd.DataFrame) -> bytes:
    """Return a frame as the content of a file of the path's type."""
    check_table_path(path)
    if path.suffix == ".csv":
        return str(frame.to_csv(index=False)).encode()
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def check_folder(folder: Path | str) -> Path:
    """Return the folder after having tried that it can be made and written; nothing is left behind.

    Called before a long run, so that nothing is computed that cannot be kept.

    Raises
    ------
    OutputError
        If the folder cannot be made or written.
    """
    folder = Path(folder)
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    write_files(folder, {})
    for place in missing:
        place.rmdir()
    return folder


def write_files(folder: Path | str, contents: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Write files into a folder: all are complete before the first one takes its place.

    Parameters
    ----------
    folder
        Made if it is not there, parents too.
    contents
        Name, possibly with subfolders → content.

    Returns
    -------
    tuple
        The paths written, in the order given.

    Raises
    ------
    OutputError
        If the folder cannot be made or written; then no file has been replaced.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as draft:
            for name, content in contents.items():
                place = Path(draft) / name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
            for name in contents:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(Path(draft) / name, folder / name)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OutputError(
            f"{folder}: cannot be written ({reason}); name a folder that you may write"
        ) from error
    return tuple(folder / name for name in contents)
