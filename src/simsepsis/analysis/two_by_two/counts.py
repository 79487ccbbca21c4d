"""Counting and reading two-by-two tables."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from simsepsis.analysis.inputs import binary_vector
from simsepsis.analysis.numeric import WHOLE, number_array, place_of
from simsepsis.arrays import FloatArray
from simsepsis.errors import DataError


def two_by_two_table(treated: ArrayLike, event: ArrayLike) -> FloatArray:
    """Count a table, rows treated and control, columns event and no event.

    Parameters
    ----------
    treated, event
        Boolean or 0/1 vectors of one length.

    Returns
    -------
    FloatArray
        ``[[a, b], [c, d]]``, shape (2, 2).

    Raises
    ------
    DataError
        If a value is missing or not 0 or 1, or the lengths differ.
    """
    arm = binary_vector(treated, "treated")
    case = binary_vector(event, "event", arm.size)
    a, treated_n, events, n = arm @ case, arm.sum(), case.sum(), arm.size
    return np.array([[a, treated_n - a], [events - a, n - treated_n - events + a]])


def pair_table(treated_event: ArrayLike, control_event: ArrayLike) -> FloatArray:
    """Count matched pairs, rows the treated member's event and none, columns the control's.

    Parameters
    ----------
    treated_event, control_event
        Outcomes of the two members of each pair, shape (m,).

    Returns
    -------
    FloatArray
        ``[[both, treated only], [control only, neither]]``.
    """
    return two_by_two_table(treated_event, control_event)


def counts_of(table: ArrayLike, *, whole: bool = False) -> FloatArray:
    """Return a table of finite counts ≥ 0."""
    counts = number_array(table, "table", "give counts")
    if counts.ndim != 2:
        raise DataError(f"table has shape {counts.shape}; give rows and columns of counts")
    return _checked(counts, "table", whole)


def cells(table: ArrayLike, *, whole: bool = False) -> tuple[float, float, float, float]:
    """Return the four counts a, b, c, d of a 2 × 2 table."""
    counts = counts_of(table, whole=whole)
    if counts.shape != (2, 2):
        raise DataError(
            f"table has shape {counts.shape}; give rows treated, control and columns event, no event"
        )
    (a, b), (c, d) = counts.tolist()
    return a, b, c, d


def strata_cells(
    tables: ArrayLike, *, whole: bool = False
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return the four counts of each table with at least one patient, shape (K,) each."""
    counts = number_array(tables, "tables", "give counts")
    if counts.ndim != 3 or counts.shape[1:] != (2, 2):
        raise DataError(f"tables have shape {counts.shape}; give (strata, 2, 2)")
    counts = _checked(counts, "tables", whole)
    counts = counts[counts.sum(axis=(1, 2)) > 0]
    return counts[:, 0, 0], counts[:, 0, 1], counts[:, 1, 0], counts[:, 1, 1]


def _checked(counts: FloatArray, name: str, whole: bool) -> FloatArray:
    """Return counts, none of them negative, missing, or beyond any number of patients."""
    for wrong, words in (
        (~(counts >= 0), "a negative or missing count; give numbers of 0 or more"),
        ((counts > WHOLE) | ((counts < 1 / WHOLE) & (counts > 0)), "no number of patients; give counts"),
        (whole & (counts != np.round(counts)), "no whole number; this test is one of counts, not of weights"),
    ):
        if wrong.any():
            place = tuple(int(index) for index in np.argwhere(wrong)[0])
            raise DataError(f"{name}: {place_of(place)} is {counts[place]:g}, {words}")
    return counts
