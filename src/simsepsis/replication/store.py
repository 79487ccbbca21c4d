"""Estimate rows on disk: one Parquet file per finished batch, each written whole or not at all."""

from __future__ import annotations

import io
import json
import os
import re
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from simsepsis.errors import ExperimentError, OutputError

STAMP = b"simsepsis.batch"
"""Key of a part's metadata."""

KEYS = ("cell", "replicate", "method", "estimand")
"""What names a row, and the order of every table that is read back."""

PART_FILE = re.compile(r"[0-9a-f]{8,}-[0-9]{7,}-[0-9]{7,}-([0-9a-f]{8})\.parquet")
"""Name of a part, which ends in a checksum of its content."""

SET_ASIDE = "set-aside"
"""Folder, beside the parts, for files that are not readable parts of this run."""

TIMES = ("seconds",)
"""Columns that differ whenever the same rows are computed."""

DRAFT = ".draft-"

Wanted = Mapping[str, Collection[Any]]
"""Column → values, of which a row must have one."""


def checksum(content: bytes) -> str:
    """Return the checksum that ends the name of a part."""
    return f"{zlib.crc32(content):08x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one part holds: some methods on consecutive replicates of one cell.

    Attributes
    ----------
    run
        What all parts of one run share; parts of another run are foreign.
    cell
        Key of the cell.
    first, last
        First and last replicate, both included.
    methods
        Names of the methods.
    """

    run: str
    cell: int
    first: int
    last: int
    methods: tuple[str, ...]

    def file_name(self, content: bytes) -> str:
        """Return the name of the part, which ends in a checksum of its content."""
        return f"{self.cell:08x}-{self.first:07d}-{self.last:07d}-{checksum(content)}.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A readable part of this run."""

    path: Path
    batch: Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a folder of parts holds.

    Attributes
    ----------
    parts
        Readable parts of this run, in the order of their names.
    set_aside
        One sentence for each file that is not one and was moved out of the way; where nothing is moved, for
        each file that has the name of a part and is none.
    """

    parts: tuple[Part, ...]
    set_aside: tuple[str, ...]


def part_content(batch: Batch, rows: pd.DataFrame) -> bytes:
    """Return the content of the part that holds the rows of a finished batch, made by who computed them."""
    table = pa.Table.from_pandas(rows, preserve_index=False)
    stamp = {STAMP: json.dumps(asdict(batch)).encode()}
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), **stamp})
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def write_part(folder: Path, batch: Batch, rows: pd.DataFrame) -> Part:
    """Write the rows of a finished batch."""
    return store_part(folder, batch, part_content(batch, rows))


def store_part(folder: Path, batch: Batch, content: bytes) -> Part:
    """Write the part of a finished batch; after a crash it is there whole, or not at all."""
    path = folder / batch.file_name(content)
    draft = folder / f"{DRAFT}{os.getpid()}-{path.name}"
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync(folder)
    except OSError as error:
        # A file system that has become read-only keeps the draft too; the next run removes it.
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise OutputError(
            f"{path}: cannot be written ({(error.strerror or str(error)).lower()}); the rows stored before "
            "are safe: mend that and run again to go on"
        ) from error
    return Part(path=path, batch=batch)


def scan_parts(folder: Path, belongs: Callable[[Batch], bool], *, move: bool = True) -> Scan:
    """Read every part once, and move away what is no intact part of this run."""
    parts: list[Part] = []
    told: list[str] = []
    for path in sorted(folder.glob("*")):
        named = PART_FILE.fullmatch(path.name) is not None
        # Hidden files are drafts, locks, and what file managers leave behind.
        if not named and (path.name.startswith(".") or not move or not path.is_file()):
            continue
        batch = _intact(path)
        if batch is not None and belongs(batch):
            parts.append(Part(path=path, batch=batch))
            continue
        reason = "is damaged" if batch is None else f"belongs to another run ({batch.run})"
        told.append(
            f"{set_aside(path, folder.parent, reason)} and its rows are computed again where missing"
            if move
            else f"{path.name} {reason}"
        )
    _check_agreement(parts)
    return Scan(parts=tuple(parts), set_aside=tuple(told))


def _check_agreement(parts: Iterable[Part]) -> None:
    """Raise unless parts that hold the same replicates and methods have the same numbers for them."""
    for one, other in _overlapping(parts):
        first = max(one.batch.first, other.batch.first)
        last = min(one.batch.last, other.batch.last)
        wanted = {"method": set(one.batch.methods) & set(other.batch.methods)}
        left, right = (
            rows[rows["replicate"] >= first].drop(columns=[*TIMES], errors="ignore").set_index([*KEYS])
            for rows in (read_rows([part], below=last + 1, wanted=wanted) for part in (one, other))
        )
        if not left.equals(right):
            raise ExperimentError(
                f"{one.path} and {other.path.name} hold the same replicates with different numbers; remove "
                "the one that was made on another machine or by other versions, and run again"
            )


def _overlapping(parts: Iterable[Part]) -> Iterator[tuple[Part, Part]]:
    """Yield pairs of parts that hold a method of the same replicate of the same cell."""
    open_parts: list[Part] = []
    for part in sorted(parts, key=lambda part: (part.batch.cell, part.batch.first)):
        own = part.batch
        open_parts = [one for one in open_parts if one.batch.cell == own.cell and one.batch.last >= own.first]
        yield from ((one, part) for one in open_parts if set(one.batch.methods) & set(own.methods))
        open_parts.append(part)


def remove_drafts(folder: Path) -> None:
    """Remove what a killed run began to write; no other run may be writing there."""
    for path in folder.glob(f"{DRAFT}*"):
        path.unlink(missing_ok=True)


def read_rows(
    parts: Iterable[Part],
    *,
    below: int | None = None,
    columns: Iterable[str] | None = None,
    wanted: Wanted | None = None,
) -> pd.DataFrame:
    """Return the rows of parts, sorted by `KEYS`, whatever the batches were that they came in."""
    names = None if columns is None else [*KEYS, *columns]
    kept = [part for part in parts if below is None or part.batch.first < below]
    tables = [_table(part, names, below, wanted or {}) for part in kept]
    if not tables:
        return pd.DataFrame(columns=list(names or KEYS))
    table = pa.concat_tables(tables, promote_options="permissive").unify_dictionaries()
    del tables
    table = table.take(_order(table))
    if names is None:
        table = table.cast(pa.schema([(field.name, _plain(field.type)) for field in table.schema]))
    # Column by column, and each forgotten by arrow once pandas has it.
    rows: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True, ignore_metadata=True)
    return rows


def _table(part: Part, names: list[str] | None, below: int | None, wanted: Wanted) -> pa.Table:
    """Return rows of one part, text as dictionaries."""
    try:
        with pq.ParquetFile(part.path) as file:
            text = [field.name for field in file.schema_arrow if _is_text(field.type)]
        with pq.ParquetFile(part.path, read_dictionary=text) as file:
            table = file.read(columns=names)
    except (OSError, pa.ArrowException) as error:
        raise ExperimentError(
            f"{part.path}: was removed or damaged while it was being read; run again to compute its rows"
        ) from error
    if below is not None and part.batch.last >= below:
        table = table.filter(pc.less(table.column("replicate"), below))
    for name, values in wanted.items():
        column = table.column(name)
        kind = _plain(column.type)
        table = table.filter(pc.is_in(column.cast(kind), value_set=pa.array(list(values), type=kind)))
    return table


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _order(table: pa.Table) -> pa.Array:
    """Return the places of the rows in the order of `KEYS`, each row once."""
    ranks = [_ranks(table.column(name).combine_chunks()) for name in KEYS]
    order = np.lexsort(ranks[::-1])
    # Two runs at once may have computed the same rows; `scan_parts` has seen that they are the same bits.
    new = np.ones(order.size, dtype=np.bool_)
    if order.size:
        new[1:] = np.any([rank[order[1:]] != rank[order[:-1]] for rank in ranks], axis=0)
    return pa.array(order[new])


def _ranks(column: pa.Array) -> NDArray[np.integer[Any]]:
    """Return numbers in the order of the column's values."""
    if not pa.types.is_dictionary(column.type):
        return np.asarray(column.to_numpy(zero_copy_only=False))
    texts = np.asarray(column.dictionary.to_numpy(zero_copy_only=False), dtype=str)
    codes = np.asarray(column.indices.to_numpy(zero_copy_only=False))
    return np.asarray(np.argsort(np.argsort(texts))[codes])


def missing_replicates(
    parts: Iterable[Part], cell: int, methods: Iterable[str], replicates: int
) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Yield first and last of consecutive replicates of a cell that lack the same methods, and these."""
    rows = {method: row for row, method in enumerate(methods)}
    lacking = np.ones((len(rows), replicates), dtype=np.bool_)
    for part in parts:
        if part.batch.cell == cell:
            for method in rows.keys() & set(part.batch.methods):
                lacking[rows[method], part.batch.first : part.batch.last + 1] = False
    changes = np.flatnonzero((lacking[:, 1:] != lacking[:, :-1]).any(axis=0)) + 1
    for first, end in pairwise([0, *changes.tolist(), replicates]):
        if lacking[:, first].any():
            yield first, end - 1, tuple(method for method, row in rows.items() if lacking[row, first])


def _intact(path: Path) -> Batch | None:
    """Return what a part holds; None where it is not the file that was written under this name."""
    named = PART_FILE.fullmatch(path.name)
    try:
        content = path.read_bytes()
        # What is damaged is not even decoded.
        if named is None or named[1] != checksum(content):
            return None
        fields = json.loads(pq.read_schema(io.BytesIO(content)).metadata[STAMP])
        batch = Batch(**{**fields, "methods": tuple(fields["methods"])})
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        return None
    return batch if path.name == batch.file_name(content) else None


def set_aside(path: Path, folder: Path, reason: str) -> str:
    """Move a file that cannot be trusted out of the way, and say so."""
    aside = folder / SET_ASIDE
    try:
        aside.mkdir(exist_ok=True)
        number = sum(1 for _ in aside.glob(f"{path.name}*"))
        path.replace(aside / (f"{path.name}.{number}" if number else path.name))
    except OSError as error:
        raise OutputError(f"{path}: {reason} and cannot be moved away ({error}); remove it") from error
    return f"{path.name} {reason}; it is now in {SET_ASIDE}"


def _sync(folder: Path) -> None:
    """Make a rename last through a power cut; systems without folder handles need no such call."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
