"""Blocks of a study's held-out numbers, none of which follows from another: what a fit is judged by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from simsepsis.arrays import FloatArray
from simsepsis.study.layout import Block, Choice, Key

if TYPE_CHECKING:
    from simsepsis.study.printed import Printed
    from simsepsis.study.published import Study

SCALES: dict[str, str] = {
    "percent": "share",
    "median": "number",
    "q1": "number",
    "q3": "number",
    "odds_ratio": "log",
    "hazard_ratio": "log",
    "risk_ratio": "log",
    "ci_low": "width",
    "p_value": "probit",
    "count": "log",
}
"""Statistic → the scale on which its sampling distribution is about normal."""


def _log(values: FloatArray) -> FloatArray:
    return np.log(np.where(values > 0.0, values, np.nan))


def _width(low: FloatArray, high: FloatArray) -> FloatArray:
    return _log(_log(high) - _log(low))


def _probit(values: FloatArray) -> FloatArray:
    return np.asarray(-ndtri(np.where((values > 0.0) & (values < 1.0), values, np.nan)))


TRANSFORMS: dict[str, Callable[..., FloatArray]] = {
    "share": lambda values: np.arcsin(np.sqrt(values / 100.0)),
    "number": lambda values: values,
    "log": _log,
    "rate": lambda count, size: _log(count) - _log(size),
    "width": _width,
    "probit": _probit,
}
"""Scale → its values from those of the printed numbers that an item is made of."""

BACK: dict[str, Callable[[FloatArray], FloatArray]] = {
    "share": lambda values: 100.0 * np.sin(np.clip(values, 0.0, np.pi / 2.0)) ** 2,
    "number": lambda values: values,
    "log": np.exp,
}
"""Scale → the printed number from a value, where the item is one number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One coordinate of the vector that print and replicates are compared by.

    Attributes
    ----------
    block
        Name of its block.
    scale
        One of `TRANSFORMS`.
    keys
        The printed numbers that it is made of.
    step
        Unit in which values are recorded, 0 where they are not in steps: a printed quartile can have come
        from anything within half a step.
    """

    block: str
    scale: str
    keys: tuple[Key, ...]
    step: float = 0.0

    def values(self, draws: FloatArray, places: Mapping[Key, int]) -> FloatArray:
        """Return its value in each row of numbers, whose columns lie at `places`."""
        parts = [draws[..., places[key]] for key in self.keys]
        with np.errstate(invalid="ignore", divide="ignore"):
            return TRANSFORMS[self.scale](*parts)


def blocks_of(study: Study) -> tuple[Block, ...]:
    """Return a study's blocks: those of its layout, or one for each table with numbers after matching."""
    if study.layout.blocks:
        return study.layout.blocks
    tables = dict.fromkeys(key.table for key in study.numbers if key.phase == "after")
    statistics = tuple(name for name in SCALES if name not in ("count", "p_value", "ci_low"))
    return tuple(
        Block(name=table, numbers=(Choice(tables=(table,), statistics=statistics),)) for table in tables
    )


def items_of(study: Study) -> tuple[Item, ...]:
    """Return the items of all blocks: repetitions and the first level of each category are left out."""
    own = [key for key, first in study.numbers.originals().items() if key == first and key.phase == "after"]
    taken: set[tuple[Key, ...]] = set()
    items = []
    for block in blocks_of(study):
        for item in _of_block(study, block, own):
            if item.keys not in taken:
                taken.add(item.keys)
                items.append(item)
    return tuple(items)


def before_items(study: Study) -> tuple[Item, ...]:
    """Return the percentages and quartiles from before matching, none of which follows from another."""
    items = []
    for key in study.numbers:
        scale = SCALES.get(key.statistic)
        described = key.phase == "before" and scale in ("share", "number") and key.variable != "n"
        if described and study.numbers.originals()[key] == key and not _follows(study, key):
            items.append(Item(block="before", scale=str(scale), keys=(key,)))
    return tuple(items)


def _of_block(study: Study, block: Block, own: list[Key]) -> Iterator[Item]:
    for choice in block.numbers:
        for key in own:
            if _chosen(choice, key) and not _follows(study, key):
                yield _item(study.numbers, block.name, choice, key)


def _chosen(choice: Choice, key: Key) -> bool:
    wanted = (
        (choice.tables, key.table),
        (choice.variables, key.variable),
        (choice.levels, key.level),
        (choice.statistics, key.statistic),
    )
    return all(not allowed or name in allowed for allowed, name in wanted)


def _follows(study: Study, key: Key) -> bool:
    """Tell whether a number is the percentage of the level that the others of its category leave over."""
    variable = study.variables.get(key.variable)
    levels = variable.level_names if variable is not None else ()
    return bool(levels) and key.level == levels[0]


def _item(printed: Printed, block: str, choice: Choice, key: Key) -> Item:
    scale, keys = SCALES[key.statistic], tuple([key])
    if choice.per:
        scale, keys = "rate", (key, key._replace(variable=choice.per))
    elif scale == "width":
        keys = (key, key._replace(statistic="ci_high"))
    step = recording_step(printed, key) if scale == "number" else 0.0
    return Item(block=block, scale=scale, keys=keys, step=step)


def recording_step(printed: Printed, key: Key) -> float:
    """Return the unit in which a variable is recorded: the layout's, 1 for scores, or the last decimal."""
    stated = printed.layout.recorded_in.get(key.variable)
    if stated is not None:
        return stated
    variable = printed.variables.get(key.variable)
    if variable is not None and variable.kind == "ordinal":
        return 1.0
    alike = [cell.decimals for one, cell in printed.items() if one[1:3] == key[1:3] and one[3] == key[3]]
    return float(10.0 ** -max(alike))
