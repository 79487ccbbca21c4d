"""How numbers are put into sentences."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from simsepsis.reproduction.evidence import Position
from simsepsis.words.numbers import of_statistic


def percent(fraction: float) -> str:
    """Return a share of replicates as a whole percentage; the extremes are not rounded away."""
    if np.isnan(fraction):
        return "an unknown share"
    if 0 < fraction < 0.01:
        return "under 1%"
    if 0.99 < fraction < 1:
        return "over 99%"
    return f"{100 * fraction:.0f}%"


def interval(position: Position, statistic: str) -> str:
    """Return mean and interval: ``1.05 (0.90 to 1.22)``."""
    mean, low, high = (
        of_statistic(value, statistic, full=True) for value in (position.mean, position.low, position.high)
    )
    return f"{mean} ({low} to {high})"


def sentence(*parts: str) -> str:
    """Return the parts as one sentence."""
    return " ".join(part for part in parts if part).strip() + "."


def table_name(table: str) -> str:
    """Return a table's key in words."""
    return table.replace("table", "Table ").replace("text", "the text")


def share_of(inside: Iterable[bool]) -> str:
    """Return ``k of n (p%)``."""
    found = list(inside)
    return f"{sum(found)} of {len(found)} ({100 * sum(found) / len(found):.1f}%)" if found else "0 of 0"
