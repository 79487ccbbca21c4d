"""The truth that belongs to each series of replicates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import pandas as pd

from simsepsis.arrays import FloatArray
from simsepsis.errors import DataError
from simsepsis.performance.rows import KEYS, named

Truth: TypeAlias = pd.DataFrame | Mapping[str, float | tuple[float, float]]
"""A frame with `estimand`, `value`, perhaps `mcse` and other keys; or a dict, with (value, MCSE) or value."""


def true_values(truth: Truth, series: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    """Return the truth of each series and its Monte Carlo standard error.

    Parameters
    ----------
    truth
        One row per value of the keys it has among cell, scenario, method and estimand. A dict holds for all
        cells. Without `mcse`, the truth is taken as known.
    series
        The keys of each series.

    Raises
    ------
    DataError
        If a column or a value is missing, or a key stands twice. A NaN value is allowed; the measures that
        need the truth are then NaN.
    """
    table = truth if isinstance(truth, pd.DataFrame) else _frame(truth)
    keys = [name for name in KEYS if name in table.columns]
    for name in ("estimand", "value"):
        if name not in table.columns:
            raise DataError(f"truth: column '{name}' is missing; add it")
    value = table["value"].to_numpy(np.float64)
    mcse = table["mcse"].to_numpy(np.float64) if "mcse" in table.columns else np.zeros(len(table))
    if (mcse < 0).any():
        raise DataError(f"truth: mcse is {mcse[mcse < 0][0]:g}; a standard error is 0 or more")
    place = _places(table, keys)
    rows = [_row_of(place, keys, wanted) for wanted in _tuples(series, keys)]
    return value[rows], mcse[rows]


def _frame(truth: Mapping[str, float | tuple[float, float]]) -> pd.DataFrame:
    pairs = [value if isinstance(value, tuple) else (value, 0.0) for value in truth.values()]
    table = pd.DataFrame(pairs, columns=["value", "mcse"], dtype=np.float64)
    return table.assign(estimand=list(truth))


def _tuples(frame: pd.DataFrame, keys: list[str]) -> list[tuple[object, ...]]:
    return list(zip(*(frame[name].tolist() for name in keys), strict=True))


def _places(table: pd.DataFrame, keys: list[str]) -> dict[tuple[object, ...], int]:
    place: dict[tuple[object, ...], int] = {}
    for row, key in enumerate(_tuples(table, keys)):
        if key in place:
            raise DataError(f"truth: {named(keys, key)} stands twice; keep one row")
        place[key] = row
    return place


def _row_of(place: dict[tuple[object, ...], int], keys: list[str], wanted: tuple[object, ...]) -> int:
    if wanted not in place:
        raise DataError(
            f"truth: there is no row for {named(keys, wanted)}; add it, with value NaN where it is not known"
        )
    return place[wanted]
