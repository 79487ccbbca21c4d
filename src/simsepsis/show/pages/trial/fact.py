"""A number of a plan with the text that it has in print; no text has a number that is no fact."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

MINUS = "−"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One number, or words with numbers in them.

    Attributes
    ----------
    value
        The number itself, or the words.
    text
        As printed.
    mcse
        Monte Carlo standard error, None where the number is not simulated.
    """

    value: float | int | str | None
    text: str
    mcse: float | None = None

    @property
    def record(self) -> dict[str, Any]:
        """Return what ``plan.json`` holds."""
        missing = isinstance(self.value, float) and not math.isfinite(self.value)
        known = {"value": None if missing else self.value, "text": self.text}
        return known if self.mcse is None else known | {"mcse": self.mcse}


Facts = dict[str, Fact]
NONE = Fact(value=None, text="–")


def words(text: str) -> Fact:
    """Return words that a text takes as they are; parameter: the words."""
    return Fact(value=text, text=text)


def count(value: float) -> Fact:
    """Return a number of people, whole, with thousands apart."""
    return NONE if math.isnan(value) else Fact(value=round(value), text=_signed(f"{round(value):,}"))


def percent(value: float, mcse: float | None = None, *, digits: int = 1) -> Fact:
    """Return a share in percent; with its Monte Carlo standard error in brackets where there is one."""
    return _with_error(value, mcse, f"{100 * value:.{digits}f}%", 100 * (mcse or 0.0), digits)


def short_percent(value: float) -> Fact:
    """Return a share in percent with no decimals that are zero, such as 5% or 2.5%."""
    return NONE if math.isnan(value) else Fact(value=value, text=f"{100 * value:.6g}%")


def points(value: float, mcse: float | None = None) -> Fact:
    """Return a difference of shares in percentage points, its size only."""
    return _with_error(abs(value), mcse, f"{100 * abs(value):.1f}", 100 * (mcse or 0.0), 1)


def decimal(value: float, mcse: float | None = None, *, digits: int = 2) -> Fact:
    """Return a number with fixed decimals."""
    return _with_error(value, mcse, f"{value:,.{digits}f}", mcse or 0.0, digits)


def plain(value: float) -> Fact:
    """Return a stated number as it was stated."""
    return Fact(value=value, text=_signed(f"{value:g}"))


def p_value(value: float) -> Fact:
    """Return a p value with as many decimals as it needs."""
    if math.isnan(value):
        return NONE
    return Fact(value=value, text="<0.0001" if value < 0.0001 else f"{value:.4f}")


def _with_error(value: float, mcse: float | None, text: str, error: float, digits: int) -> Fact:
    if math.isnan(value):
        return NONE
    least = 10.0**-digits
    shown = f"{error:.{digits}f}" if error >= least / 2 else f"<{least:g}"
    suffix = "" if mcse is None else f" ({shown})"
    # A negative number that rounds to zero has no sign.
    zero = text.startswith("-") and not text.strip("-0.%")
    return Fact(value=value, text=_signed(text[1:] if zero else text) + suffix, mcse=mcse)


def _signed(text: str) -> str:
    return text.replace("-", MINUS)
