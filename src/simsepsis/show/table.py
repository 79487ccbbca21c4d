"""A table for people: on a page, in Markdown and, where its numbers are facts, as a record."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pandas import DataFrame

ABOVE, BELOW, INSIDE, NOT_COMPARED = "above", "below", "inside", ""


class Label(NamedTuple):
    """The heading of a row, set in."""

    text: str
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One number with the text that it has in print.

    Attributes
    ----------
    value
        The number itself, or the words.
    text
        As printed.
    mcse
        Monte Carlo standard error, None where the number is not simulated.
    """

    value: float | int | str | None
    text: str
    mcse: float | None = None

    @property
    def record(self) -> dict[str, Any]:
        """Return value, text and error for a file; a number that is none has no value."""
        missing = isinstance(self.value, float) and not math.isfinite(self.value)
        known = {"value": None if missing else self.value, "text": self.text}
        return known if self.mcse is None else known | {"mcse": self.mcse}


class Part(NamedTuple):
    """A printed number and where it stands in its interval, or the sign between two of them."""

    text: str
    mark: str = NOT_COMPARED


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A cell with printed numbers, simulated means and their 95% intervals.

    Attributes
    ----------
    printed
        Numbers and signs in reading order, each number with where it stands (above | below | inside).
    simulated
        The same composition of simulated means.
    interval
        The intervals, in pieces that a line break must not divide.
    corrected
        Correct values of the misprints in the cell, by which these are judged.
    """

    printed: tuple[Part, ...] = ()
    simulated: str = ""
    interval: tuple[str, ...] = ()
    corrected: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Return what is printed."""
        return "".join(part.text for part in self.printed)

    @property
    def outside(self) -> bool:
        """Return whether any printed number stands outside its interval."""
        return any(part.mark in (ABOVE, BELOW) for part in self.printed)


Cell = str | Label | Fact | Compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table.

    Attributes
    ----------
    title
        Caption.
    heads
        Headings of the columns.
    rows
        Cells; the first of each row is its heading. A row of one cell is a heading over those below.
    groups
        Heading over several columns and how many it spans, from the second column on; none by default.
    name, note, style
        Key; what stands behind the caption; looks.
    """

    title: str
    heads: tuple[str | Fact, ...]
    rows: tuple[tuple[Cell, ...], ...] = ()
    groups: tuple[tuple[str, int], ...] = ()
    name: str = ""
    note: str = ""
    style: str = "plain"
    kind = "table"

    @property
    def texts(self) -> tuple[tuple[str, ...], ...]:
        """Return the rows as texts."""
        return tuple(tuple(text_of(cell) for cell in row) for row in self.rows)

    @property
    def markdown(self) -> str:
        """Return the table in Markdown."""
        lines = [tuple(map(text_of, self.heads)), ("---",) * len(self.heads), *self.texts]
        body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"**{self.title}**\n\n{body}\n"

    @property
    def record(self) -> dict[str, Any]:
        """Return title, heads and rows for a file."""
        rows = [[_record(cell) for cell in row] for row in self.rows]
        return {"title": self.title, "heads": [_record(head) for head in self.heads], "rows": rows}


def text_of(cell: Cell) -> str:
    """Return a cell as text."""
    return cell if isinstance(cell, str) else cell.text


def _record(cell: Cell) -> dict[str, Any]:
    return cell.record if isinstance(cell, Fact) else Fact(value=text_of(cell), text=text_of(cell)).record


Column = tuple[str, Callable[[Any], Cell]]
"""Heading, and the function from a row to the cell."""


def tabulated(name: str, title: str, columns: Sequence[Column], frame: DataFrame) -> Table:
    """Return a table with a row for each of a frame."""
    rows = (tuple(make(row) for _, make in columns) for row in frame.itertuples(index=False))
    return Table(name=name, title=title, heads=tuple(head for head, _ in columns), rows=tuple(rows))
