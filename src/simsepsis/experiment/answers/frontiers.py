"""Frontiers and contours: the settings at which a measure reaches a level."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.arrays import FloatArray
from simsepsis.experiment.answers.ranges import fewest_text, measure_words, text_of
from simsepsis.experiment.requests import AnswerChoice
from simsepsis.experiment.results import Run
from simsepsis.experiment.selection import (
    numeric,
    other_keys,
    restriction,
    select,
    short,
    value_text,
    words_of,
)
from simsepsis.performance import MEASURES
from simsepsis.performance.text import plain_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Where a line first crosses a level.

    Attributes
    ----------
    x
        The place; NaN if it never does.
    low, high
        95% Monte Carlo interval of the place; infinite where it goes on beyond the cells.
    starts_above
        Whether the line lies at the level or above at its first point.
    crossings
        How often the line crosses.
    """

    x: float
    low: float
    high: float
    starts_above: bool
    crossings: int


def find_crossing(
    x: FloatArray, value: FloatArray, low: FloatArray, high: FloatArray, level: float
) -> Crossing:
    """Return where the line through values at ascending places first crosses a level.

    Notes
    -----
    Straight lines between neighbours. The interval is from where the first of the two lines through the
    limits crosses to where the last does: the places that pointwise limits do not exclude. It is open where a
    line of limits begins beyond the level, or never reaches it.
    """
    above = value >= level
    changes = np.flatnonzero(above[1:] != above[:-1])
    near, far = (low, high) if above[0] else (high, low)
    return Crossing(
        x=first_crossing(x, value, level) if changes.size else np.nan,
        low=_end(x, near, level, starts_above=bool(above[0])),
        high=_end(x, far, level, starts_above=bool(above[0])),
        starts_above=bool(above[0]),
        crossings=int(changes.size),
    )


def first_crossing(x: FloatArray, value: FloatArray, level: float) -> float:
    """Return where a line first changes its side of a level; NaN where it does not."""
    above = value >= level
    changes = np.flatnonzero(above[1:] != above[:-1])
    if not changes.size:
        return float("nan")
    at = changes[0]
    share = (level - value[at]) / (value[at + 1] - value[at])
    return float(x[at] + share * (x[at + 1] - x[at]))


def _end(x: FloatArray, limits: FloatArray, level: float, *, starts_above: bool) -> float:
    """Return one end of the interval of the place."""
    if bool(limits[0] >= level) != starts_above:
        return -np.inf
    found = first_crossing(x, limits, level)
    return np.inf if np.isnan(found) else found


def frontier_sentences(choice: AnswerChoice, run: Run) -> Iterator[str]:
    """Yield where along a setting a measure crosses a level, for each method and other setting."""
    rows, x = select(choice, run), str(choice.x)
    level, what = level_of(choice), measure_words(choice, run)
    sought = f"{_level_text(rows, level)}{restriction(choice, run)}"
    yield f"Where along {short(x)} the {what} crosses {sought}:"
    for method, where, line in _lines(rows, x, other_keys(run, rows, (x,))):
        yield f"{method}{f', {where}' if where else ''}: {_crossed(line, x, level)}{_few(line)}."


def contour_sentences(choice: AnswerChoice, run: Run) -> Iterator[str]:
    """Yield where over two settings a measure equals a value, for each method and other setting."""
    rows, x, y = select(choice, run), str(choice.x), str(choice.y)
    level, what = level_of(choice), measure_words(choice, run)
    sought = f"log({choice.ratio:g})" if choice.ratio is not None else _level_text(rows, level)
    yield f"Where over {short(x)} and {short(y)} the {what} is {sought}{restriction(choice, run)}:"
    for method, where, part in _groups(rows, other_keys(run, rows, (x, y))):
        found = [
            f"at {short(y)} = {value_text(value)} {_reached(_line(line, x), x, level)}"
            for value, line in part.groupby(y, sort=False)
        ]
        yield f"{method}{f', {where}' if where else ''}: {'; '.join(found)}{_few(part)}."


def level_of(choice: AnswerChoice) -> float:
    """Return the level that is looked for, in the units of the performance table."""
    if choice.ratio is not None:
        return math.log(choice.ratio)
    usual = MEASURES[choice.measure or str(choice.about.measure)].level
    return float(usual or 0.0) if choice.level is None else choice.level


def _groups(rows: pd.DataFrame, others: list[str]) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield method, other settings in words and rows of each group that makes one line or surface."""
    for keys, part in rows.groupby(["method", *others], sort=False, dropna=False):
        yield str(keys[0]), words_of(others, keys[1:]), part


def _lines(rows: pd.DataFrame, x: str, others: list[str]) -> Iterator[tuple[str, str, pd.DataFrame]]:
    for method, where, part in _groups(rows, others):
        yield method, where, _line(part, x)


def _line(part: pd.DataFrame, x: str) -> pd.DataFrame:
    """Return the rows that have a value, along x."""
    known = part[part["value"].notna() & part[x].notna()]
    return known.sort_values(x, kind="stable") if numeric(known[x]) else known.iloc[:0]


def _few(rows: pd.DataFrame) -> str:
    """Return on how few rows one of the numbers behind a line or surface rests, set off."""
    few = fewest_text(rows)
    return f"; {few}" if few else ""


def _crossed(line: pd.DataFrame, x: str, level: float) -> str:
    """Return in words where a line crosses a level."""
    if len(line) < 2:
        return "too few numbers along it to tell"
    found = _found(line, x, level)
    if math.isnan(found.x):
        return _not_crossed(line, x, found)
    verb = "falls below it" if found.starts_above else "reaches it"
    return f"{verb} at {short(x)} = {_at(found)}{_again(found)}"


def _again(found: Crossing) -> str:
    return f", the first of {found.crossings} crossings" if found.crossings > 1 else ""


def _not_crossed(line: pd.DataFrame, x: str, found: Crossing) -> str:
    """Return in words on which side of a level a line stays, and whether that is beyond chance."""
    nearest = line.loc[line["value"].idxmin() if found.starts_above else line["value"].idxmax()]
    side, limit = ("not below it", "lowest") if found.starts_above else ("not as high", "highest")
    ends = f"from {value_text(line[x].iloc[0])} to {value_text(line[x].iloc[-1])}"
    doubt = "" if found.low == np.inf else ", which Monte Carlo error does not set apart from it"
    return f"{side} anywhere {ends}; {limit} {text_of(nearest)} at {value_text(nearest[x])}{doubt}"


def _reached(line: pd.DataFrame, x: str, level: float) -> str:
    """Return in words where a line equals a level."""
    if len(line) < 2:
        return "where too few cells have a value to tell"
    found = _found(line, x, level)
    if math.isnan(found.x):
        low, high = line.loc[line["value"].idxmin()], line.loc[line["value"].idxmax()]
        return f"nowhere (it goes from {text_of(low)} to {text_of(high)})"
    return f"and {short(x)} = {_at(found)}{_again(found)}"


def _found(line: pd.DataFrame, x: str, level: float) -> Crossing:
    x_at, value, low, high = (line[name].to_numpy(np.float64) for name in (x, "value", "low", "high"))
    return find_crossing(x_at, value, low, high, level)


def _at(found: Crossing) -> str:
    ends = [
        f"from {_three_digits(found.low)}" if math.isfinite(found.low) else "from below the first value",
        f"to {_three_digits(found.high)}" if math.isfinite(found.high) else "to beyond the last value",
    ]
    return f"{_three_digits(found.x)} (95% Monte Carlo interval {' '.join(ends)})".replace("-", "−")


def _level_text(rows: pd.DataFrame, level: float) -> str:
    if not len(rows):
        return f"{level:g}"
    return plain_text(rows["measure"].iloc[0], rows["estimand"].iloc[0], level)


def _three_digits(value: float) -> str:
    """Return a number with three digits that count, and never as a power of ten."""
    return f"{float(f'{value:.3g}'):,.12g}"
