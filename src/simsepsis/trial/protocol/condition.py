"""Who is meant: conditions on day-1 columns, such as ``apache2 >= 29 or endogenous_igg < 6.5``."""

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
from simsepsis.study.published import open_study

EVERYBODY = "all"
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
SHAPE = re.compile(r"(\w+)\s*(<=|>=|==|!=|<|>)\s*([\w.+-]+)")

IGG = "endogenous_igg"
"""Endogenous IgG in g/L: a trial can measure it before it randomizes, the registry does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One column against one value; a category against one of its levels."""

    column: str
    sign: str
    value: float | str

    def holds(self, columns: Mapping[str, NDArray[Any]]) -> BoolArray:
        """Return in whom it is so; where the value is missing it is not."""
        values, value = columns[self.column], self.value
        if isinstance(value, str):
            value = open_study().variables[self.column].level_names.index(value)
        known = ~np.isnan(np.asarray(values, dtype=np.float64))
        return np.asarray(COMPARISONS[self.sign](values, value) & known)


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


def parse_condition(text: str) -> Condition:
    """Return a condition, read from words.

    Parameters
    ----------
    text
        ``all``, or comparisons joined by ``and`` and ``or``; ``and`` binds more closely.

    Raises
    ------
    UsageError
        When a part is no comparison, or its column or level is unknown.
    """
    if text.strip() == EVERYBODY:
        return Condition(text=EVERYBODY, groups=())
    groups = tuple(
        tuple(_comparison(part.strip()) for part in re.split(r"\band\b", group))
        for group in re.split(r"\bor\b", text)
    )
    return Condition(text=text.strip(), groups=groups)


def _comparison(text: str) -> Comparison:
    found = SHAPE.fullmatch(text)
    if found is None:
        raise UsageError(
            f"'{text}' is no condition; write a column, one of {' '.join(COMPARISONS)} and a value, such as "
            "'apache2 >= 29', or 'all'"
        )
    column, sign, value = found.groups()
    check_column(column)
    return Comparison(column=column, sign=sign, value=_value(column, sign, value))


def _value(column: str, sign: str, value: str) -> float | str:
    variables = open_study().variables
    levels = variables[column].level_names if column in variables else ()
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
    return value


def baseline_columns() -> list[str]:
    """Return the columns that are known before randomization."""
    return [*open_study().variables.of("covariate"), IGG]


def check_column(column: str) -> None:
    """Raise `UsageError` unless a column is known before randomization."""
    known = baseline_columns()
    if column not in known:
        near = did_you_mean(column, known) or f"; use a column of day 1 or {IGG}"
        raise UsageError(f"'{column}' is not known before randomization{near}")
