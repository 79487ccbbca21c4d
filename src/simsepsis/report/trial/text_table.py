"""A table whose every number is a fact: for the page, for Markdown and for ``plan.json``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simsepsis.report.page import PlainTable
from simsepsis.report.trial.fact import Fact


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
