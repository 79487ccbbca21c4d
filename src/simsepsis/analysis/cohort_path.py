"""The name of a cohort's file: what is wrong with it is told before anything that reads files is opened."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

from simsepsis.documents import is_file
from simsepsis.errors import DataError

UNPACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
}
"""Ending of a compressed text file → what unpacks it."""

KINDS = {
    "text": (".csv", ".tsv", ".tab", ".txt"),
    "parquet": (".parquet", ".pq"),
    "excel": (".xlsx", ".xlsm", ".xls", ".ods"),
    "stata": (".dta",),
    "spss": (".sav", ".zsav", ".por"),
    "r": (".rds", ".rdata", ".rda"),
}
"""Kind of file → endings of its name."""
KIND_OF = {ending: kind for kind, endings in KINDS.items() for ending in endings}


def unreadable(path: Path, error: OSError) -> DataError:
    """Return the refusal of a file that the system does not give."""
    reason = error.strerror or "not a readable file"
    return DataError(f"{path}: cannot be read ({reason}); give the path of a cohort file")


def check_cohort_path(path: Path) -> str:
    """Return the ending that says how a file is read; raise `DataError` if it is unknown or no file there."""
    ending = _ending(path)
    try:
        if not is_file(path):
            path.stat()  # says why where there is none
            raise OSError(0, "is no file")
    except OSError as error:
        raise unreadable(path, error) from error
    return ending


def _ending(path: Path) -> str:
    endings = [suffix.lower() for suffix in path.suffixes]
    packed = bool(endings) and endings[-1] in UNPACKERS
    ending = endings[-1 - packed] if len(endings) > packed else ""
    if ending in (KINDS["text"] if packed else KIND_OF):
        return ending
    raise DataError(
        f"{path}: a cohort is a .csv or .parquet file (or .tsv, .txt, .csv.gz, .xlsx, .dta, .sav, .rds), not "
        f"'{path.suffix}'; convert it"
    )
