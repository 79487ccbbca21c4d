"""A table whose every number is a fact: for the page, for Markdown and for ``plan.json``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pandas import DataFrame

from simsepsis.show.page import PlainTable
from simsepsis.show.pages.trial.fact import Fact, words


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTable:
    """A table of facts.

    Attributes
    ----------
    name
        Key in ``plan.json``.
    title
        Caption.
    heads
        Headings of the columns.
    rows
        Cells; the first of each row is its heading.
    """

    name: str
    title: str
    heads: tuple[Fact, ...]
    rows: tuple[tuple[Fact, ...], ...]

    @property
    def plain(self) -> PlainTable:
        """Return the table for the page."""
        return PlainTable(
            title=self.title,
            heads=tuple(head.text for head in self.heads),
            rows=tuple(tuple(cell.text for cell in row) for row in self.rows),
        )

    @property
    def markdown(self) -> str:
        """Return the table in Markdown."""
        lines = [[head.text for head in self.heads], ["---"] * len(self.heads)]
        lines += [[cell.text for cell in row] for row in self.rows]
        body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"**{self.title}**\n\n{body}\n"

    @property
    def record(self) -> dict[str, Any]:
        """Return what ``plan.json`` holds."""
        return {
            "title": self.title,
            "heads": [head.record for head in self.heads],
            "rows": [[cell.record for cell in row] for row in self.rows],
        }


Column = tuple[str, Callable[[Any], Fact]]
"""Heading, and the function from a row to the cell."""


def tabulated(name: str, title: str, columns: tuple[Column, ...], frame: DataFrame) -> TextTable:
    """Return a table with a row for each of a frame.

    Parameters
    ----------
    name, title
        As in `TextTable`.
    columns
        Headings and what makes their cells.
    frame
        The rows.
    """
    return TextTable(
        name=name,
        title=title,
        heads=tuple(words(head) for head, _ in columns),
        rows=tuple(tuple(make(row) for _, make in columns) for row in frame.itertuples(index=False)),
    )
