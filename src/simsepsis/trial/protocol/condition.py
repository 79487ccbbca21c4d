"""Who is meant: conditions on columns that are known before randomization, such as ``age >= 65``."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsepsis.arrays import BoolArray
from simsepsis.errors import UsageError, did_you_mean
from simsepsis.study.published import DEFAULT
from simsepsis.trial.protocol.offer import offer_of

EVERYBODY = "all"
SITE = "icu"
"""Factor that is the site itself."""
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
SHAPE = re.compile(r"(\w+)\s*(<=|>=|==|!=|<|>)\s*([\w.+-]+)")

Known = Mapping[str, tuple[str, ...]]
"""Column that is known before randomization → its levels, none for a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One column against one value; of a category, the code of one of its levels."""

    column: str
    sign: str
    value: float

    def holds(self, columns: Mapping[str, NDArray[Any]]) -> BoolArray:
        """Return in whom it is so; where the value is missing it is not."""
        if self.column not in columns:
            raise UsageError(f"the world's patients have no '{self.column}'; use one of {', '.join(columns)}")
        values = columns[self.column]
        known = ~np.isnan(np.asarray(values, dtype=np.float64))
        return np.asarray(COMPARISONS[self.sign](values, self.value) & known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Comparisons, in groups: all of one group hold, of any group."""

    text: str
    groups: tuple[tuple[Comparison, ...], ...]

    def holds(self, columns: Mapping[str, NDArray[Any]]) -> BoolArray:
        """Return in whom the condition holds, shape (n,)."""
        size = next(iter(columns.values())).shape[0]
        if not self.groups:
            return np.ones(size, dtype=np.bool_)
        groups = [np.logical_and.reduce([part.holds(columns) for part in group]) for group in self.groups]
        return np.asarray(np.logical_or.reduce(groups))


def parse_condition(text: str, known: Known | None = None) -> Condition:
    """Return a condition, read from words."""
    known = offer_of(DEFAULT).known if known is None else known
    if text.strip() == EVERYBODY:
        return Condition(text=EVERYBODY, groups=())
    groups = tuple(
        tuple(_comparison(part.strip(), known) for part in re.split(r"\band\b", group))
        for group in re.split(r"\bor\b", text)
    )
    return Condition(text=text.strip(), groups=groups)


def _comparison(text: str, known: Known) -> Comparison:
    found = SHAPE.fullmatch(text)
    if found is None:
        raise UsageError(
            f"'{text}' is no condition; write a column, one of {' '.join(COMPARISONS)} and a value, such as "
            "'age >= 65', or 'all'"
        )
    column, sign, value = found.groups()
    check_column(column, known)
    return Comparison(column=column, sign=sign, value=_value(column, sign, value, known[column]))


def _value(column: str, sign: str, value: str, levels: tuple[str, ...]) -> float:
    if not levels:
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not math.isfinite(number):
            raise UsageError(f"'{column} {sign} {value}': '{value}' is no number; give one")
        return number
    if value not in levels or sign not in ("==", "!="):
        raise UsageError(
            f"'{column} {sign} {value}': {column} is one of {', '.join(levels)}; compare by == or !="
        )
    return float(levels.index(value))


def check_column(column: str, known: Known) -> None:
    """Raise `UsageError` unless a column is known before randomization."""
    if column not in known:
        near = did_you_mean(column, known) or "; use a covariate of the study"
        raise UsageError(f"'{column}' is not known before randomization{near}")
