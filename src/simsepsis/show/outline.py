"""Rows of a table or figure under their headings, in the thesis's layout."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from simsepsis.show.study_words import THESIS_WORDING
from simsepsis.words.labels import Wording


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the layout.

    Attributes
    ----------
    label
        Words of the line.
    depth
        Indentation, 0 at the margin.
    key
        Variable and level, or None for a heading.
    """

    label: str
    depth: int
    key: tuple[str, str] | None = None


def outline(keys: Iterable[tuple[str, str]], words: Wording = THESIS_WORDING) -> tuple[Line, ...]:
    """Return the rows with group and variable headings between them, in the order given."""
    lines: list[Line] = []
    group = variable_above = ""
    for variable, level in dict.fromkeys(keys):
        heading = words.heading(variable)
        if heading and heading != group:
            lines.append(Line(label=heading, depth=0))
        depth = 1 if heading else 0
        if level and variable != variable_above:
            lines.append(Line(label=words.variable(variable), depth=depth))
        label = words.level(variable, level) if level else words.variable(variable)
        lines.append(Line(label=label, depth=depth + bool(level), key=(variable, level)))
        group, variable_above = heading, variable
    return tuple(lines)
