"""Simulated numbers for print, each with its Monte Carlo standard error in brackets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame

Number = tuple[float, float]
"""Value and Monte Carlo standard error."""

Numbers = Mapping[str, Number]

_NOTHING = 1e-9


def numbers_of(frame: DataFrame, key: str) -> dict[str, Number]:
    """Return key → value and Monte Carlo standard error.

    Parameters
    ----------
    frame
        Columns `key`, ``value, mcse``.
    key
        Name of the column that holds the keys.
    """
    values = zip(frame["value"].astype(float), frame["mcse"].astype(float), strict=True)
    return dict(zip(frame[key], values, strict=True))


def with_error(value: float, error: float, decimals: int, *, signed: bool = False) -> str:
    """Return ``−6.90 (0.06)``, with the word exact where the error is none, a dash where there is no value.

    Parameters
    ----------
    value, error
        The number and its Monte Carlo standard error.
    decimals
        Of the value; the error has as many.
    signed
        Whether positive values get a plus sign.
    """
    if math.isnan(value):
        return "–"
    exact, least = error < _NOTHING, 10.0**-decimals
    rounded = round(value, decimals) + 0.0
    sign = "+" if signed and rounded > 0 else ""
    text = f"{rounded:.0f}" if exact and rounded == round(rounded) else f"{rounded:.{decimals}f}"
    shown = "exact" if exact else f"{error:.{decimals}f}" if error >= least / 2 else f"<{least:g}"
    return f"{sign}{text} ({shown})".replace("-", "−")


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
