"""How numbers are put into sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from simsepsis.reproduction.evidence import Position

DECIMALS = {"count": 0, "percent": 1, "smd_percent": 1, "p_value": 3, "median": 1, "q1": 1, "q3": 1}
RATIO_DECIMALS = 3


def number(value: float, statistic: str) -> str:
    """Return a number with the digits that its kind deserves."""
    if statistic == "p_value" and value < 0.001:
        return "<0.001"
    if abs(value) >= 1e6:
        return f"{value:.1e}"
    text = f"{value:.{DECIMALS.get(statistic, RATIO_DECIMALS)}f}"
    return text.removesuffix(".0") if statistic in ("median", "q1", "q3") else text


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
    mean, low, high = (number(value, statistic) for value in (position.mean, position.low, position.high))
    return f"{mean} ({low} to {high})"


def listed(items: Sequence[str], most: int | None = None) -> str:
    """Return items in a row, the last after "and"; beyond `most` they are counted only."""
    shown = list(items if most is None else items[:most])
    hidden = len(items) - len(shown)
    if hidden:
        shown.append(f"{hidden} more")
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1]


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
