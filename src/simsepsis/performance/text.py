"""Simulated numbers in print: each with its Monte Carlo standard error in brackets, in its unit."""

from __future__ import annotations

import math

import pandas as pd

from simsepsis.estimand import Estimand
from simsepsis.performance.mcse import wilson_limits
from simsepsis.performance.measures import MEASURES
from simsepsis.words.numbers import aside, decimals_for, with_error

ENOUGH = 0.95
"""Share of a series' rows from which on a number may stand without saying how many rows it is of."""


def few_rows(table: pd.DataFrame) -> pd.Series[bool]:
    """Return which numbers rest on so few of their series' rows that these are to be told."""
    few = table["n_used"] < ENOUGH * table["n_sim"]
    return few & (table["measure"] != "truth") if "measure" in table.columns else few


def rows_texts(table: pd.DataFrame) -> list[str]:
    """Return `rows_text` of each number of a table, as of `few_rows`."""
    counts = zip(few_rows(table), table["n_used"], table["n_sim"], strict=True)
    return [rows_text(n_used, n_sim) if few else "" for few, n_used, n_sim in counts]


def rows_text(n_used: float, n_sim: float) -> str:
    """Return ``24 of 100 rows`` where a number rests on few of its series' rows, otherwise nothing."""
    return f"{n_used:,.0f} of {n_sim:,.0f} rows" if n_used < ENOUGH * n_sim else ""


def factor_and_unit(measure: str, estimand: str) -> tuple[float, str]:
    """Return what a measure of an estimand is multiplied by for print, and the unit that it then has."""
    unit = MEASURES[measure].unit
    if unit in ("proportion", "fraction"):
        return 100.0, "%"
    if unit == "percent":
        return 1.0, "%"
    if unit != "estimand":
        return 1.0, ""
    scale = Estimand.parse(estimand).on
    return scale.factor, f" {scale.unit}" if scale.unit else ""


def measured_text(
    measure: str,
    estimand: str,
    value: float,
    mcse: float,
    n_used: int | None = None,
    n_sim: int | None = None,
) -> str:
    """Return a measure in its unit with its MCSE in brackets, such as ``94.8% (0.50)``."""
    factor, unit = factor_and_unit(measure, estimand)
    rows = "" if n_used is None or n_sim is None or measure == "truth" else rows_text(n_used, n_sim)
    if n_used is not None and MEASURES[measure].unit == "proportion" and value in (0.0, 1.0) and mcse == 0.0:
        low, high = wilson_limits(value, n_used)
        bound = f"at least {100 * float(low):.1f}%" if value == 1.0 else f"at most {100 * float(high):.1f}%"
        return f"{100 * value:g}% ({aside(bound, rows)})"
    error = factor * mcse
    decimals = decimals_for(error, most=2 if factor == 100.0 else 4)
    signed = MEASURES[measure].signed and (measure not in ("mean", "truth") or is_contrast(estimand))
    return with_error(factor * value, error, decimals, signed=signed, unit=unit, rows=rows)


def bare_text(measure: str, estimand: str, value: float) -> str:
    """Return a measure in its unit as `measured_text` does, without what stands in brackets."""
    return measured_text(measure, estimand, value, math.nan).partition(" (")[0]


def plain_text(measure: str, estimand: str, value: float) -> str:
    """Return a level or limit of a measure in its unit, without an error of its own."""
    factor, unit = factor_and_unit(measure, estimand)
    return f"{round(factor * value, 6):g}{unit}".replace("-", "−")


def is_contrast(estimand: str) -> bool:
    """Return whether an estimand compares arms, so that 0 is no effect; otherwise it counts or measures."""
    return Estimand.parse(estimand).is_effect


def estimand_text(estimand: str) -> str:
    """Return an estimand in words, whose truth it is left out."""
    return Estimand.parse(estimand).label()
