"""Columns that say who a patient is and where he was: identifiers and clusters, as they are written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simsepsis.analysis.inputs import label_codes
from simsepsis.analysis.values import Place, Values, distinct
from simsepsis.arrays import IntArray


def cluster_codes(column: Values, place: Place) -> IntArray:
    """Return the number of each patient's cluster from 0, in ascending order of the labels."""
    codes = _numbered(column, place)
    if (codes < 0).any():
        raise place.error(
            f"is empty in row {place.record[int(np.argmax(codes < 0))] + 1}; every patient needs a cluster"
        )
    if codes.max() == 0:
        value = column.iloc[0] if isinstance(column, pd.Series) else column[0]
        raise place.error(
            f"is {value} for all patients; give two clusters or more, or a spec without 'cluster'"
        )
    return codes


def _numbered(column: Values, place: Place) -> IntArray:
    """Number the distinct values in ascending order; −1 for a missing one."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "iu":
        return label_codes(column, place.column, column.size)
    found = distinct(column, place)
    numeric = [isinstance(value, (int, float, np.number)) for value in found.values]
    # Mixed types have no order, their names have.
    order = np.argsort(
        found.values if all(numeric) else [str(value) for value in found.values], kind="stable"
    )
    number = np.empty(order.size + 1, np.int64)
    number[order], number[-1] = np.arange(order.size), -1
    return number[found.codes]


def identifiers(column: Values, place: Place) -> NDArray[Any]:
    """Return the patients' identifiers."""
    names: NDArray[Any] = column if isinstance(column, np.ndarray) else pd.Series(column).to_numpy()
    if _ascending(names):
        return names
    found = distinct(column, place)
    if (found.codes < 0).any():
        row = place.record[int(np.argmax(found.codes < 0))] + 1
        raise place.error(
            f"is empty in row {row}; every patient needs an identifier, or give a spec without 'patient'"
        )
    if len(found.values) < found.codes.size:
        again = np.ones(found.codes.size, dtype=bool)
        again[np.unique(found.codes, return_index=True)[1]] = False
        row = int(np.argmax(again))
        raise place.error(
            f"has the value {found.values[found.codes[row]]} again in row {place.record[row] + 1}; "
            "give one row per patient"
        )
    return names


def _ascending(values: NDArray[Any]) -> bool:
    """Whether each number is above the one before, which is the quickest proof that none stands twice."""
    return values.dtype.kind in "iuf" and bool((values[1:] > values[:-1]).all())
