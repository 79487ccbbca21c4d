"""Words for keys: columns, levels, statistics, phases; for axes, tables and sentences alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class Column(Protocol):
    """What a data dictionary knows of a column, as far as words go."""

    @property
    def label(self) -> str:
        """Return its name for people."""

    @property
    def short(self) -> str:
        """Return its name under the heading of its block, empty where that is the same."""

    @property
    def unit(self) -> str:
        """Return the unit of its values."""

    @property
    def group(self) -> str:
        """Return its block."""

    @property
    def levels(self) -> tuple[tuple[str, str], ...]:
        """Return level and label of a category."""


PHASES = {"before": "before matching", "after": "after matching"}
STATISTICS = {
    "count": "patients",
    "percent": "%",
    "median": "median",
    "q1": "first quartile",
    "q3": "third quartile",
    "smd_percent": "standardized difference (%)",
    "p_value": "p value",
    "odds_ratio": "odds ratio",
    "hazard_ratio": "hazard ratio",
    "ci_low": "lower 95% limit",
    "ci_high": "upper 95% limit",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wording:
    """Words for the columns of one study.

    Attributes
    ----------
    columns
        The study's data dictionary: column → label, unit, levels and block.
    own
        Column → its name, where the analysis gives one; it goes before the dictionary's.
    printed
        Words for keys of printed numbers that are no columns, and for named analyses in place of levels.
    groups
        Block of columns → its heading.
    """

    columns: Mapping[str, Column] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)
    printed: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)

    def group(self, variable: str) -> str:
        """Return the dictionary's block of a column, or an empty string where it has none."""
        return self.columns[variable].group if variable in self.columns else ""

    def heading(self, variable: str) -> str:
        """Return the heading of the block of a column, or an empty string where it has none."""
        return self.groups.get(self.group(variable), "")

    def variable(self, variable: str) -> str:
        """Return a column's label under the heading of its block; unknown columns go by their name."""
        if variable in self.own:
            return self.own[variable]
        short = self.columns[variable].short if variable in self.columns else ""
        return short or self._full(variable)

    def level(self, variable: str, level: str) -> str:
        """Return the label of a category's level or of a named analysis."""
        levels = dict(self.columns[variable].levels) if variable in self.columns else {}
        return levels.get(level) or self.printed.get(level, level)

    def row(self, variable: str, level: str = "") -> str:
        """Return variable and level as one name, complete without any heading above it."""
        label = self.own.get(variable) or self._full(variable)
        return f"{label}: {self.level(variable, level)}" if level else label

    def unit(self, variable: str) -> str:
        """Return the unit of a column, empty where it has none."""
        return self.columns[variable].unit if variable in self.columns else ""

    def said(self, variable: str) -> str:
        """Return the name of a column as it stands inside a sentence; a bare name keeps its letters."""
        label = self.row(variable)
        return label if label == variable else in_a_sentence(label)

    def _full(self, variable: str) -> str:
        if variable in self.columns:
            return self.columns[variable].label
        return self.printed.get(variable, variable)


def in_a_sentence(label: str) -> str:
    """Return a label as it stands inside a sentence: in small letters unless it begins with an acronym."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


_DEATH = re.compile(
    r"(?<![a-z])(death|deaths|dead|died|mortality|deceased|tod|décès|muerte|morte|смерть)(?![a-z])|死亡|사망"
)
_NOT_DEATH_ALONE = re.compile(
    r"(?<![a-z])(no|non|not|without|free|freedom|or|and|until|alive|survived)(?![a-z])|[/+]"
)


def is_death(label: str) -> bool:
    """Return whether an outcome is death and nothing else, by its label or name."""
    words = label.casefold()
    return bool(_DEATH.search(words)) and not _NOT_DEATH_ALONE.search(words)


def axis_label(label: str, unit: str) -> str:
    """Return the name of an axis of time with its unit, once."""
    if label.casefold() == unit:
        return f"Time ({unit})"
    return label if label.endswith(f"({unit})") else f"{label} ({unit})"
