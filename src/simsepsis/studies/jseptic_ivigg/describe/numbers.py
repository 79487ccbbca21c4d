"""Simulated numbers for print, each with its Monte Carlo standard error in brackets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from simsepsis.words.numbers import with_error

if TYPE_CHECKING:
    from pandas import DataFrame

Number = tuple[float, float]
"""Value and Monte Carlo standard error."""

Numbers = Mapping[str, Number]


def numbers_of(frame: DataFrame, key: str) -> dict[str, Number]:
    """Return key → value and Monte Carlo standard error."""
    values = zip(frame["value"].astype(float), frame["mcse"].astype(float), strict=True)
    return dict(zip(frame[key], values, strict=True))


def points(number: Number) -> str:
    """Return a difference of risks in percentage points."""
    return with_error(100 * number[0], 100 * number[1], 2, signed=True)


def share(number: Number) -> str:
    """Return a risk in percent."""
    return f"{100 * number[0]:.1f}% ({100 * number[1]:.1f})"


def ratio(number: Number) -> str:
    """Return a ratio from its logarithm; its error follows by the delta method."""
    value = math.exp(number[0])
    return with_error(value, value * number[1], 3)


def days(number: Number) -> str:
    """Return a difference in days."""
    return with_error(*number, 2, signed=True)
