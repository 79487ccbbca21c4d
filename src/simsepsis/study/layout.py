"""How a study lays out its printed tables: their order, the words of their keys, and what must add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from simsepsis.documents import is_file, read_toml, refuse_unknown, sentence
from simsepsis.errors import DataError

if TYPE_CHECKING:
    from pandas import DataFrame


class Key(NamedTuple):
    """The address of one printed number."""

    table: str
    variable: str
    level: str
    statistic: str
    phase: str
    arm: str


class Sum(NamedTuple):
    """A number that is the sum of others."""

    total: Key
    parts: tuple[Key, ...]


class Within(NamedTuple):
    """A number of patients who are among those of another number."""

    part: Key
    whole: Key


class Arms(NamedTuple):
    """The two arms as every frame calls them, or as the files of a study do."""

    treated: str = "treated"
    control: str = "control"

    def other(self, arm: str) -> str:
        """Return the other arm."""
        return self.control if arm == self.treated else self.treated


ARMS = Arms()
"""What arms are called everywhere but in files of a study that calls them otherwise."""
NAMING = ("arm", "quantity")
"""Columns in which arms stand, alone or at the end of a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """What the model is called that adjusts for scores after day 1 too.

    Attributes
    ----------
    name
        In names of methods and models.
    label, title
        Its scores beside other words, and in full.
    model
        Its scores and whom it is about.
    """

    name: str = "later"
    label: str = "scores"
    title: str = "later scores"
    model: str = "later scores, matched patients with all of them"


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """How survival was drawn in print.

    Attributes
    ----------
    axis
        Words of the axis of time; empty for the name of its column.
    last
        Last time that is drawn; None for all follow-up.
    """

    axis: str = ""
    last: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Numbers after matching, chosen by parts of their keys; a part that names nothing allows all.

    Attributes
    ----------
    tables, variables, levels, statistics
        Of the keys. ``ci_low`` stands for the width of the interval.
    per
        Variable whose number of the same level each is divided by; empty: none.
    """

    tables: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    statistics: tuple[str, ...] = ()
    per: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Held-out numbers that a fit is judged by together.

    Attributes
    ----------
    name, label
        Key in files, and words for people.
    numbers
        What belongs to it.
    """

    name: str
    label: str = ""
    numbers: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The layout of a study's printed tables, as in ``layout.toml``.

    Attributes
    ----------
    tables
        Names of the files, in the order of print; those that are not named follow by name.
    arms, arm_labels, short_arms
        Both arms' names in the study's files; how it prints them, and as they stand among other words.
    heads
        Both arms as they head the columns of reports.
    table_labels, titles
        Tables whose words are not those of their key; captions of tables.
    steps, follow_up
        Words for steps of the flow, and for how the follow-up of the living ends by its rule, in reports.
    later
        What the model with later scores is called.
    curve
        How survival was drawn.
    sizes
        The table whose row ``n`` counts the patients of tables that have none themselves.
    quantities
        Rows that count patients or sites and are no variable → their words.
    groups
        Group of variables → the heading of their block.
    levels
        Levels that are no level of a variable, such as a named analysis → their words.
    like_none
        Levels whose numbers repeat those that stand without a level elsewhere.
    sisters
        Tables with the same rows for different outcomes: nothing in them is a repetition.
    denominators
        Level of percentages that stand without a count → the number of patients that they are of.
    parts
        Event → a wider event, of which it cannot have more.
    sums, within
        Numbers of patients on the way from everybody to the analysed that must fit.
    blocks
        Held-out numbers, none of which follows from another, by what they tell of; none: by table.
    recorded_in
        Variable → unit in which it is recorded, where print does not show it.
    """

    tables: tuple[str, ...] = ()
    arms: Arms = field(default_factory=Arms)
    arm_labels: Mapping[str, str] = field(default_factory=dict)
    short_arms: Mapping[str, str] = field(default_factory=dict)
    heads: Mapping[str, str] = field(default_factory=dict)
    table_labels: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    steps: Mapping[str, str] = field(default_factory=dict)
    follow_up: Mapping[str, str] = field(default_factory=dict)
    later: Later = field(default_factory=Later)
    curve: Curve = field(default_factory=Curve)
    sizes: str = ""
    quantities: Mapping[str, str] = field(default_factory=lambda: {"n": "Patients"})
    groups: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[str, str] = field(default_factory=dict)
    like_none: tuple[str, ...] = ()
    sisters: tuple[str, ...] = ()
    denominators: Mapping[str, Key] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)
    sums: tuple[Sum, ...] = ()
    within: tuple[Within, ...] = ()
    blocks: tuple[Block, ...] = ()
    recorded_in: Mapping[str, float] = field(default_factory=dict)

    def written(self, frame: DataFrame) -> DataFrame:
        """Return a frame that calls the arms as the study's files do, in cells and in names of columns."""
        return _renamed(frame, ARMS, self.arms)

    def read(self, frame: DataFrame) -> DataFrame:
        """Return a frame of one of the study's files as all frames call the arms."""
        return _renamed(frame, self.arms, ARMS)

    def label(self, table: str) -> str:
        """Return a table's name, such as ``Table 1``."""
        return self.table_labels.get(table) or table.replace("table", "Table ")


def _renamed(frame: DataFrame, old: Arms, new: Arms) -> DataFrame:
    if old == new:
        return frame

    def renamed(name: str) -> str:
        for one, other in zip(old, new, strict=True):
            if name == one or name.endswith(f"_{one}"):
                return name.removesuffix(one) + other
        return name

    columns = {name: renamed(name) for name in frame.columns if "_" in name}
    cells = {name: frame[name].map(renamed) for name in NAMING if name in frame}
    return frame.assign(**cells).rename(columns=columns)


def read_layout(path: Path) -> Layout:
    """Return the layout that a TOML file describes, and the default one where there is none."""
    from pydantic import TypeAdapter, ValidationError

    if not is_file(path):
        return Layout()
    document = read_toml(path, DataError)
    refuse_unknown(document, [item.name for item in fields(Layout)], path.name, DataError)
    try:
        return TypeAdapter(Layout).validate_python(document)
    except ValidationError as error:
        raise DataError(f"{path}: {sentence(error, None)}") from error
