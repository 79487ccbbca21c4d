"""Who takes part: rules that exclude patients before anything else is read, with their reasons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.errors import DataError, UsageError

if TYPE_CHECKING:
    import pandas as pd

Cell = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is asked of one column; a patient meets it who meets every condition that it names.

    Attributes
    ----------
    column
        A column of the file, or one that the spec makes.
    reason
        Why, as the flow says it; empty for the rule itself.
    below, above, at_least, at_most
        Limits of a number. A missing one meets none.
    equals
        A value, or several of which it is one.
    missing
        True: the column is empty; false: it is not.
    """

    column: str
    reason: str = ""
    below: float | None = None
    above: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    equals: Cell | tuple[Cell, ...] | None = None
    missing: bool | None = None

    def __post_init__(self) -> None:
        """Refuse a rule without a condition."""
        if not self.conditions:
            raise UsageError(
                f"the rule on '{self.column}' has no condition; write below = 18, at_least = 18, "
                'equals = "yes" or missing = true'
            )

    @property
    def conditions(self) -> dict[str, Any]:
        """Return the conditions that are named, by name."""
        names = [item.name for item in fields(self) if item.name not in ("column", "reason")]
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    @property
    def words(self) -> str:
        """Return the rule in words, such as ``age below 18``."""
        parts = [_WORDS[name](value) for name, value in self.conditions.items()]
        return f"{self.column} {' and '.join(parts)}"


_WORDS: dict[str, Callable[[Any], str]] = {
    "below": "below {:g}".format,
    "above": "above {:g}".format,
    "at_least": "at least {:g}".format,
    "at_most": "at most {:g}".format,
    "equals": lambda value: " or ".join(str(one) for one in _several(value)),
    "missing": lambda value: "missing" if value else "known",
}
"""Condition → its words."""
_LIMITS: dict[str, Callable[[FloatArray, float], BoolArray]] = {
    "below": np.less,
    "above": np.greater,
    "at_least": np.greater_equal,
    "at_most": np.less_equal,
}
"""Condition of a number → its test."""


def eligible(
    exclude: Sequence[Rule],
    include: Sequence[Rule],
    cells: Callable[[str], Any],
    *,
    patients: int,
    source: str,
) -> tuple[BoolArray, tuple[tuple[str, int], ...]]:
    """Return who stays, and how many left for which reason.

    Returns
    -------
    tuple
        (patients,): who stays. Reason → patients, in the order of the rules, those of `exclude` first; who
        leaves for several counts for the first of them.
    """
    stay = np.ones(patients, np.bool_)
    left: list[tuple[str, int]] = []
    for rule, leaving in (*((rule, True) for rule in exclude), *((rule, False) for rule in include)):
        out = stay & (_meets(rule, cells(rule.column), source) == leaving)
        left.append((rule.reason or (rule.words if leaving else f"not {rule.words}"), int(out.sum())))
        stay &= ~out
        if not stay.any():
            raise DataError(f"{source}: nobody is left after the rule '{rule.words}'; correct it in the spec")
    return stay, tuple(left)


def _meets(rule: Rule, cells: Any, source: str) -> BoolArray:
    """Return the patients that meet every condition of a rule, (patients,)."""
    import pandas as pd

    series = pd.Series(cells).reset_index(drop=True)
    empty = series.isna().to_numpy()
    found = np.ones(empty.size, np.bool_)
    for name, wanted in rule.conditions.items():
        if name == "missing":
            found &= empty == wanted
        elif name == "equals":
            found &= _equal(series, _several(wanted)) & ~empty
        else:
            found &= _LIMITS[name](_numbers(series, empty, rule, source), float(wanted))
    return found


def _several(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _numbers(series: pd.Series, empty: BoolArray, rule: Rule, source: str) -> FloatArray:
    import pandas as pd

    numbers: FloatArray = pd.to_numeric(series, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    text = np.isnan(numbers) & ~empty
    if text.any():
        row = int(np.argmax(text))
        raise DataError(
            f"{source}: column '{rule.column}' has '{series.iloc[row]}' in row {row + 1}, and the rule "
            f"'{rule.words}' is about numbers; correct it or write equals in the spec"
        )
    return numbers


def _equal(series: pd.Series, wanted: Sequence[Any]) -> BoolArray:
    """Compare as numbers where both are, else as words: 3, 3.0 and "3" are one value."""
    names = {_name(value) for value in wanted}
    found: BoolArray = series.map(lambda value: _name(value) in names).to_numpy(np.bool_)
    return found


def _name(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return str(int(value))
    try:
        return f"{float(value):.17g}"
    except (TypeError, ValueError):
        return str(value).strip()
