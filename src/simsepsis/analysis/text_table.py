"""Delimited text as columns of text: encoding, separator and header are found out, and stated."""

from __future__ import annotations

import csv
import io
import lzma
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from simsepsis.analysis.cohort_path import UNPACKERS
from simsepsis.errors import DataError

SEPARATORS = (",", ";", "\t", "|")
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_JAPANESE = re.compile("[\u3000-\u30ff\u4e00-\u9fff\uff01-\uff5e]{2}")
_DECLARED = re.compile(r"sep=(.)\r?\n")
"""The line by which spreadsheets state the separator."""
_SAMPLE = 1 << 16
_RECORDS = 50
"""Records of the beginning by which the separator is chosen."""


@dataclass(frozen=True, slots=True, eq=False)
class TextTable:
    """The cells of a delimited file as they are written.

    Attributes
    ----------
    header
        Name of each column, without blanks around it.
    columns
        The different texts of each column, and which of them each cell has; an empty cell is null.
    quoted
        Whether the file quotes its texts, so that an unquoted NA is a missing value, as R writes it.
    separator
        What separates the cells.
    notes
        What was found out about the file, one sentence each.
    """

    header: tuple[str, ...]
    columns: tuple[pa.DictionaryArray, ...]
    quoted: bool
    separator: str
    notes: tuple[str, ...]


def read_text_table(path: Path, settings: Mapping[str, str]) -> TextTable:
    """Return the cells of a delimited text file, compressed or not."""
    text, encoding = _decoded(_bytes_of(path), path, settings.get("encoding"))
    declared = _DECLARED.match(text)
    text = text[declared.end() :] if declared else text
    separator = settings.get("separator") or (declared[1] if declared else _separator(text))
    written, lines = _header(text, separator, path)
    header = tuple(name.strip() for name in written)
    _refuse_repeated(header, path)
    quoted = text.startswith('"')
    columns, blank = _without_blank_end(_cells(text, separator, lines, len(header), quoted=quoted, path=path))
    # A registry's columns have few different cells: what is looked for in them is looked for once.
    encoded = tuple(column.dictionary_encode().combine_chunks() for column in columns)
    return TextTable(header, encoded, quoted, separator, tuple(_notes(encoding, separator, written, blank)))


def _bytes_of(path: Path) -> bytes:
    content = path.read_bytes()
    unpack = UNPACKERS.get(path.suffix.lower())
    if unpack is None:
        return content
    try:
        return unpack(content)
    except (OSError, EOFError, ValueError, lzma.LZMAError) as error:
        raise DataError(f"{path}: is not a whole {path.suffix} file ({error}); compress it again") from error


def _decoded(content: bytes, path: Path, declared: str | None) -> tuple[str, str]:
    """Return the text and its encoding."""
    encoding = declared or _encoding(content)
    try:
        text = content.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise DataError(
            f"{path}: is no text in the encoding '{encoding}'; save it as UTF-8, or write "
            'file.encoding = "…" in the spec'
        ) from error
    if "\0" in text:
        raise DataError(f"{path}: holds NUL characters, so it is no text file; save it as CSV in UTF-8")
    # Lines of old Macs end in a carriage return alone.
    text = text if "\n" in text else text.replace("\r", "\n")
    return text.removeprefix("\ufeff"), encoding


def _encoding(content: bytes) -> str:
    for mark, name in _MARKS:
        if content.startswith(mark):
            return name
    head = content[:_SAMPLE]
    if b"\0" in head:
        # Half of the bytes of Western text in UTF-16 are NUL; which half tells the order of the bytes.
        return "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return _one_byte_or_japanese(content)
    return "utf-8"


def _one_byte_or_japanese(content: bytes) -> str:
    """Tell Shift-JIS from the Western code pages, whose letters seldom make two Japanese signs in a row."""
    try:
        if _JAPANESE.search(content.decode("cp932")):
            return "cp932"
    except UnicodeDecodeError:
        pass
    return "cp1252" if re.search(rb"[\x80-\x9f]", content) else "latin-1"


def _separator(text: str) -> str:
    """Return the separator that splits the most of the first records into the same number of cells."""

    def agreement(separator: str) -> tuple[float, int]:
        rows = csv.reader(io.StringIO(text[:_SAMPLE]), delimiter=separator)
        counts = [len(row) for row in islice(rows, _RECORDS) if row]
        # The sample may end within a record.
        often = Counter(counts[:-1] or counts).most_common(1)
        cells, records = often[0] if often else (1, 0)
        return (records / max(len(counts) - 1, 1), cells) if cells > 1 else (0.0, 1)

    return max(SEPARATORS, key=agreement)


def _header(text: str, separator: str, path: Path) -> tuple[list[str], int]:
    """Return the names in the first record, and the lines that it takes up."""
    reader = csv.reader(_lines(text), delimiter=separator)
    try:
        names = next((row for row in reader if any(cell.strip() for cell in row)), None)
    except csv.Error as error:
        raise DataError(f"{path}: the header cannot be read ({error}); write the file again") from error
    if names is None:
        raise DataError(f"{path}: has no rows; give a file with one row per patient")
    return [
        name if name.strip() else f"column {place}" for place, name in enumerate(names, 1)
    ], reader.line_num


def _lines(text: str) -> Iterator[str]:
    """Yield line by line; a text that is read like a file is copied, at four bytes a letter."""
    begin = 0
    while begin < len(text):
        end = text.find("\n", begin) + 1 or len(text)
        yield text[begin:end]
        begin = end


def _refuse_repeated(header: tuple[str, ...], path: Path) -> None:
    repeated = next((name for place, name in enumerate(header) if name in header[:place]), None)
    if repeated is not None:
        raise DataError(f"{path}: column '{repeated}' stands twice in the header; rename or remove one")


def _cells(
    text: str, separator: str, lines: int, width: int, *, quoted: bool, path: Path
) -> tuple[pa.ChunkedArray, ...]:
    wrong: list[Any] = []

    def note(row: Any) -> str:
        wrong.append(row)
        return "skip"

    names = [str(place) for place in range(width)]
    try:
        table = pa_csv.read_csv(
            io.BytesIO(text.encode()),
            # Threads do not count rows, which the message about a wrong one needs.
            read_options=pa_csv.ReadOptions(column_names=names, skip_rows=lines, use_threads=False),
            parse_options=pa_csv.ParseOptions(
                delimiter=separator, newlines_in_values=True, invalid_row_handler=note
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=["", "NA"] if quoted else [""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=not quoted,
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            raise DataError(f"{path}: has no rows; give a file with one row per patient") from error
        raise DataError(
            f"{path}: not a valid table ({str(error).splitlines()[0]}); write it again"
        ) from error
    if wrong:
        raise DataError(_ragged(wrong[0], lines, path))
    last = table.column(width - 1)[-1].as_py() if len(table) else None
    if "\n" in (last or "") and not text.rstrip().endswith('"'):
        raise DataError(f"{path}: a quote that opens in row {len(table)} is never closed; close or remove it")
    return tuple(table.columns)


def _without_blank_end(columns: tuple[pa.ChunkedArray, ...]) -> tuple[tuple[pa.ChunkedArray, ...], int]:
    """Leave out the rows of empty cells that spreadsheets write below a table."""
    rows = len(columns[0])
    last = 0
    for column in columns:
        filled = np.flatnonzero(column.slice(last).is_valid().to_numpy())
        last += int(filled[-1]) + 1 if filled.size else 0
    return tuple(column.slice(0, last) for column in columns), rows - last


def _ragged(row: Any, lines: int, path: Path) -> str:
    where = f"row {row.number - lines}" if row.number is not None else "a row"
    remedy = (
        "give the column of row names a header"
        if row.actual_columns == row.expected_columns + 1
        else "correct it, or put cells that hold the separator in quotes"
    )
    return f"{path}: {where} has {row.actual_columns} cells, the header {row.expected_columns}; {remedy}"


def _notes(encoding: str, separator: str, written: list[str], blank: int) -> list[str]:
    names = {"\t": "tab", ";": "semicolon", "|": "bar"}
    notes = []
    if encoding not in ("utf-8", "utf-8-sig"):
        notes.append(f"The file was read in the encoding {encoding}.")
    if separator in names:
        notes.append(f"The file's cells are separated by the {names[separator]}.")
    padded = [repr(name) for name in written if name != name.strip()]
    notes += [f"Blanks around the names of columns were left out: {', '.join(padded)}."] if padded else []
    notes += [f"{blank} rows of empty cells at the end were left out."] if blank else []
    return notes
