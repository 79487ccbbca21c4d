"""Every number printed in a plan is a `Fact`: the number with its formatted text."""

from __future__ import annotations

import math

from simsepsis.show.table import Fact
from simsepsis.words import numbers
from simsepsis.words.numbers import DASH, error_text, fixed

Facts = dict[str, Fact]
NONE = Fact(value=None, text=DASH)


def words(text: str) -> Fact:
    """Return words that a text takes as they are; parameter: the words."""
    return Fact(value=text, text=text)


def count(value: float) -> Fact:
    """Return a number of people, whole, with thousands apart."""
    return NONE if math.isnan(value) else Fact(value=round(value), text=numbers.count(value))


def percent(value: float, mcse: float | None = None, *, digits: int = 1) -> Fact:
    """Return a share in percent; with its Monte Carlo standard error in brackets where there is one."""
    return _measured(value, mcse, 100 * value, digits, factor=100.0, unit="%")


def short_percent(value: float) -> Fact:
    """Return a share in percent with no decimals that are zero, such as 5% or 2.5%."""
    return NONE if math.isnan(value) else Fact(value=value, text=f"{100 * value:.6g}%")


def points(value: float, mcse: float | None = None) -> Fact:
    """Return a difference of shares in percentage points, its size only."""
    return _measured(abs(value), mcse, 100 * abs(value), 1, factor=100.0)


def decimal(value: float, mcse: float | None = None, *, digits: int = 2) -> Fact:
    """Return a number with fixed decimals."""
    return _measured(value, mcse, value, digits)


def plain(value: float) -> Fact:
    """Return a stated number as it was stated."""
    return Fact(value=value, text=f"{value:g}".replace("-", numbers.MINUS))


def p_value(value: float) -> Fact:
    """Return a p value to the fourth decimal."""
    return NONE if math.isnan(value) else Fact(value=value, text=numbers.p_value(value, 4))


def _measured(
    value: float, mcse: float | None, shown: float, digits: int, *, factor: float = 1.0, unit: str = ""
) -> Fact:
    if math.isnan(value):
        return NONE
    error = "" if mcse is None else f" ({error_text(factor * mcse, digits, exact=False)})"
    return Fact(value=value, text=fixed(shown, digits, unit=unit) + error, mcse=mcse)
