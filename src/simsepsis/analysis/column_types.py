"""Columns of text as numbers where every cell is one, else as they are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.analysis.text_table import TextTable
from simsepsis.analysis.values import MISSING_WORDS

_WHOLE = r"^-?(0|[1-9][0-9]{0,17})$"
"""Whole numbers that are written in one way only, so that text and number are the same."""
_PADDED = r"^0[0-9]+$"
_GROUPED = r"^[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]+)?$"
_SEVERAL_GROUPS = r"^[+-]?[1-9][0-9]{0,2}(,[0-9]{3}){2,}|^[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+\.[0-9]+$"
_COMMA = r"^[+-]?([0-9]+|[1-9][0-9]{0,2}(\.[0-9]{3})+),[0-9]+([eE][+-]?[0-9]+)?$"
_POINT = r"^[+-]?[0-9]*\.[0-9]+$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """How numbers are written.

    Attributes
    ----------
    decimal, thousands
        What stands before the decimals; what stands between groups of three digits, empty for nothing.
    """

    decimal: str = "."
    thousands: str = ""

    @property
    def words(self) -> str:
        """Return what was found, empty where numbers are written as in English without groups."""
        names = {",": "comma", ".": "point", " ": "blank", "'": "apostrophe"}
        parts = [f"a decimal {names[self.decimal]}"] if self.decimal != "." else []
        parts += (
            [f"a {names.get(self.thousands, self.thousands)} between thousands"] if self.thousands else []
        )
        return f"Numbers of the file have {' and '.join(parts)}." if parts else ""


def typed_columns(table: TextTable, spec: AnalysisSpec | None) -> tuple[dict[str, Any], list[str]]:
    """Return the columns of a table, numbers where every cell is one, and notes of what was decided.

    A word such as NA is a missing value in a column of numbers. In a column of text it is a level, unless
    the file writes missing numbers so, or quotes its texts but not this word.
    """
    given = dict(zip(table.header, table.columns, strict=True))
    cells = {name: pc.utf8_trim_whitespace(column.dictionary) for name, column in given.items()}
    marks = _marks(cells, spec)
    kept = _as_written(spec)
    plain = {name: words if name in kept else _plain(words, marks) for name, words in cells.items()}
    numbers = {name: _numbers(words, whole=name in kept) for name, words in plain.items()}
    absent = _words_for_missing(plain, numbers)
    columns: dict[str, Any] = {}
    notes = [marks.words] if marks.words else []
    for name, words in plain.items():
        found = numbers[name]
        if found is None:
            found, lost = _without(words, absent - _meant(spec, name))
            notes += [
                f"'{word}' in column '{name}' was read as a missing value, as elsewhere." for word in lost
            ]
        columns[name] = _pandas(found, given[name].indices)
    return columns, notes


def _marks(cells: Mapping[str, pa.Array], spec: AnalysisSpec | None) -> Marks:
    """Return how numbers are written: as the spec says, else as all columns agree."""
    declared = {} if spec is None else spec.file
    if "decimal" in declared or "thousands" in declared:
        return Marks(decimal=declared.get("decimal", "."), thousands=declared.get("thousands", ""))
    commas = [column for column in cells.values() if pc.any(pc.match_substring(column, ",")).as_py()]
    if not commas:
        return Marks()

    def some(pattern: str, columns: Any) -> bool:
        return any(pc.any(pc.match_substring_regex(column, pattern)).as_py() for column in columns)

    def others(pattern: str) -> bool:
        matched = [pc.match_substring_regex(column, pattern) for column in commas]
        comma = [pc.match_substring_regex(column, _COMMA) for column in commas]
        return any(pc.any(pc.and_not(one, two)).as_py() for one, two in zip(comma, matched, strict=True))

    points = some(_POINT, cells.values())
    if some(_COMMA, commas) and others(_GROUPED):
        # Points in the file are decimals then, or marks of thousands: only cells with both marks tell.
        return Marks() if points else Marks(decimal=",", thousands=".")
    if some(_SEVERAL_GROUPS, commas) or (points and some(_GROUPED, commas)):
        return Marks(thousands=",")
    return Marks()


def _plain(column: pa.Array, marks: Marks) -> pa.Array:
    """Write the numbers among the words of a column as Python does."""
    if marks == Marks():
        return column
    group, decimal = (f"[{mark}]" if mark else "" for mark in (marks.thousands, marks.decimal))
    grouped = f"[0-9]{{1,3}}({group}[0-9]{{3}})+|" if group else ""
    number = pc.match_substring_regex(column, f"^[+-]?({grouped}[0-9]*)({decimal}[0-9]+)?([eE][+-]?[0-9]+)?$")
    bare = pc.replace_substring(column, marks.thousands, "") if marks.thousands else column
    written = pc.replace_substring(bare, marks.decimal, ".") if marks.decimal != "." else bare
    return pc.if_else(number, written, column)


def _numbers(column: pa.Array, *, whole: bool) -> pa.Array | None:
    """Return a column as numbers, None where it is to stay text; identifiers become whole numbers only."""
    bare = pc.if_else(pc.is_in(column, pa.array(MISSING_WORDS)), pa.scalar(None, pa.string()), column)
    if len(bare) and bare.null_count == len(bare):
        return None
    if pc.all(pc.match_substring_regex(bare, _WHOLE), min_count=1).as_py():
        return bare.cast(pa.int64())
    if whole or pc.any(pc.match_substring_regex(bare, _PADDED)).as_py():
        return None
    try:
        return bare.cast(pa.float64())
    except pa.ArrowInvalid:
        return None


def _words_for_missing(plain: Mapping[str, pa.Array], numbers: Mapping[str, pa.Array | None]) -> set[str]:
    """Return the words that stand in columns of numbers."""
    words: set[str] = set()
    for name, column in plain.items():
        found = numbers[name]
        if found is not None:
            words |= set(pc.filter(column, pc.is_null(found)).to_pylist())
    return words - {""}


def _without(column: pa.Array, absent: set[str]) -> tuple[pa.Array, list[str]]:
    """Return a column of text without the words for a missing value, and those of them that it had."""
    present = [word for word in sorted(absent) if pc.any(pc.equal(column, word)).as_py()]
    none = pa.scalar(None, pa.string())
    return pc.if_else(pc.is_in(column, pa.array([*present, ""])), none, column), present


def _as_written(spec: AnalysisSpec | None) -> set[str]:
    """Return the columns of the file that name patients and clusters."""
    names = () if spec is None else (spec.patient, spec.cluster)
    return {spec.columns.get(name, name) for name in names if spec is not None and name}


def _meant(spec: AnalysisSpec | None, name: str) -> set[str]:
    """Return the words that are levels of a column of which the spec says that no value is missing."""
    if spec is None or not isinstance(spec.missing_codes, Mapping):
        return set()
    empty = {spec.columns.get(key, key) for key, codes in spec.missing_codes.items() if not codes}
    return set(MISSING_WORDS) if name in empty else set()


def _pandas(values: pa.Array, cells: pa.Array) -> Any:
    """Return a column of pandas from its different values and which of them each cell has."""
    text = pa.types.is_string(values.type)
    if cells.null_count:
        values = pa.concat_arrays([values, pa.nulls(1, values.type)])
        cells = cells.fill_null(len(values) - 1)
    column = values.to_numpy(zero_copy_only=False)[cells.to_numpy()]
    return pd.Series(column, dtype=object) if text else column
