"""Numbers in print: digits, signs, dashes for what is missing, p values, intervals, Monte Carlo errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

DASH, MINUS = "–", "−"
QUANTILES = ("median", "q1", "q3")
RATIOS = ("odds_ratio", "hazard_ratio", "ci_low", "ci_high")
DECIMALS = {"count": 0, "percent": 1, "smd_percent": 1}
"""Statistic of a printed number → its decimals, where they are always the same."""
_NOTHING = 1e-9
_TINY_RATIO = 0.005


def fixed(value: float, decimals: int, *, signed: bool = False, grouped: bool = True, unit: str = "") -> str:
    """Return a number with fixed decimals: a dash for none, a true minus, none at zero.

    Parameters
    ----------
    value, decimals
        The number, and its digits behind the point.
    signed
        Whether positive numbers get a plus sign.
    grouped
        Whether thousands are set apart.
    unit
        Written after the number.

    Examples
    --------
    >>> fixed(-1234.5, 1), fixed(0.04, 1, signed=True), fixed(float("nan"), 2)
    ('−1,234.5', '+0.0', '–')
    """
    if math.isnan(value):
        return DASH
    rounded = round(value, decimals) + 0.0
    form = f"{'+' if signed else ''}{',' if grouped else ''}.{decimals}f"
    return f"{rounded:{form}}{unit}".replace("-", MINUS)


def count(value: float) -> str:
    """Return a whole number with thousands apart, a dash for none."""
    return fixed(value, 0)


def percent(value: float, decimals: int = 1) -> str:
    """Return a number that is in percent already: ``36.7%``, a dash for none."""
    return fixed(value, decimals, unit="%")


def p_value(value: float, decimals: int = 3) -> str:
    """Return a p value, ``0.030`` or ``<0.001``, a dash for none."""
    least = 10.0**-decimals
    return f"<{least:.{decimals}f}" if value < least else fixed(value, decimals)


def p_phrase(value: float) -> str:
    """Return a p value for a sentence: ``p = 0.030``, ``p <0.001``."""
    text = p_value(value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def of_statistic(value: float, statistic: str, *, full: bool = False) -> str:
    """Return a number of a table: a dash for none, ``<0.001`` for a tiny p value, no digits beyond need.

    Parameters
    ----------
    value
        The number.
    statistic
        What it is, as in the key of a printed number.
    full
        Whether large numbers keep their decimals, as in sentences; a table has no room for them.

    Examples
    --------
    >>> of_statistic(7.0, "median"), of_statistic(1.23456, "odds_ratio"), of_statistic(0.0001, "p_value")
    ('7', '1.235', '<0.001')
    """
    if math.isnan(value):
        return DASH
    if full and abs(value) >= 1e6:
        return f"{value:.1e}"
    if not full and abs(value) >= 1e5:
        return ">10⁵" if value > 0 else "<−10⁵"
    if statistic == "p_value":
        return p_value(value)
    if statistic in QUANTILES:
        return f"{value:.1f}".removesuffix(".0") if full or abs(value) < 100 else f"{value:.0f}"
    if statistic in DECIMALS:
        return f"{value:.{DECIMALS[statistic]}f}"
    return f"{value:.3f}" if full or value < 10 else f"{value:.4g}"


def ratio(value: float) -> str:
    """Return a ratio with as many digits as say something: ``1.20``, ``12.3``, ``250``, ``<0.01``."""
    if 0 < value < _TINY_RATIO:
        return "<0.01"
    if value >= 100:
        return f"{value:.0f}" if value < 10_000 else ">10⁴"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def with_interval(
    numbers: Iterable[float], write: Callable[[float], str] = ratio, *, joint: str = " to "
) -> str:
    """Return an estimate with its interval, ``1.20 (0.92 to 1.58)``; a dash where there is none."""
    value, low, high = numbers
    if math.isnan(value):
        return DASH
    ends = "" if math.isnan(low) or math.isnan(high) else f" ({write(low)}{joint}{write(high)})"
    return f"{write(value)}{ends}"


def decimals_of(numbers: Iterable[float]) -> int:
    """Return how many decimals numbers of one kind need, so that the largest shows at least three digits."""
    size = max((abs(number) for number in numbers if math.isfinite(number)), default=1.0)
    return int(min(max(2 - math.floor(math.log10(size)), 0), 9)) if size > 0 else 1


def decimals_for(error: float, *, most: int = 4) -> int:
    """Return the decimals at which a Monte Carlo standard error has two digits."""
    if not error > 0.0:
        return min(most, 3)
    return max(0, min(most, 1 - math.floor(math.log10(error))))


def error_text(error: float, decimals: int, *, exact: bool = True) -> str:
    """Return a Monte Carlo standard error as it stands in brackets: ``0.06``, ``<0.01``, ``exact``."""
    least = 10.0**-decimals
    if math.isnan(error):
        return "error unknown"
    if exact and error < _NOTHING:
        return "exact"
    return f"<{least:g}" if error < least / 2 else f"{error:.{decimals}f}"


def with_error(
    value: float, error: float, decimals: int, *, signed: bool = False, unit: str = "", rows: str = ""
) -> str:
    """Return a number with its Monte Carlo standard error, ``−6.90 (0.06)``; a dash where there is no number.

    Parameters
    ----------
    value, error
        The number and its error; it has the decimals of the number.
    decimals
        Of the number; one that is exact and whole has none.
    signed, unit
        As of `fixed`.
    rows
        Written after the error, such as how few rows the number rests on.

    Examples
    --------
    >>> with_error(-6.9, 0.0612, 2), with_error(3.0, 0.0, 2, signed=True, unit="%")
    ('−6.90 (0.06)', '+3% (exact)')
    """
    if math.isnan(value):
        return DASH
    rounded = round(value, decimals) + 0.0
    whole = error < _NOTHING and rounded == round(rounded)
    text = fixed(value, 0 if whole else decimals, signed=signed and rounded > 0, grouped=False, unit=unit)
    return f"{text} ({aside(error_text(error, decimals), rows)})"


def aside(*parts: str) -> str:
    """Return what stands in one pair of brackets."""
    return "; ".join(filter(None, parts))


def listed(items: Iterable[str], most: int | None = None) -> str:
    """Return items in a row, the last after "and"; beyond `most` they are counted only.

    Examples
    --------
    >>> listed(["a", "b", "c"]), listed(["a", "b", "c"], most=1)
    ('a, b and c', 'a and 2 more')
    """
    named = list(items)
    shown = named[:most]
    if len(named) > len(shown):
        shown.append(f"{len(named) - len(shown)} more")
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1]
