"""Rows of a table or figure under their headings, and printed numbers by their full names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from simsepsis.study.published import Study
from simsepsis.words.labels import PHASES, STATISTICS, Wording


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


def outline(keys: Iterable[tuple[str, str]], words: Wording) -> tuple[Line, ...]:
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


def number_label(
    study: Study,
    variable: str,
    level: str,
    statistic: str,
    phase: str = "",
    arm: str = "",
    longest: int = 10_000,
) -> str:
    """Return the full name of one printed number, such as ``Age, median, treated before matching``."""
    short = study.layout.short_arms.get(arm, "")
    place = " ".join(part for part in (short, PHASES.get(phase, "")) if part)
    tail = "".join(f", {part}" for part in (STATISTICS.get(statistic, statistic), place) if part)
    label = study.wording.row(variable, level)
    room = longest - len(tail)
    return (label if len(label) <= room else f"{label[: room - 1].rstrip(' ,:')}…") + tail
