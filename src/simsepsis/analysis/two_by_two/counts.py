"""Counting and reading two-by-two tables."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from simsepsis.analysis.inputs import binary_vector
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


def counts_of(table: ArrayLike) -> FloatArray:
    """Return a table of finite counts ≥ 0.

    Parameters
    ----------
    table
        Two dimensions.

    Raises
    ------
    DataError
        If it is not a table, or a count is negative or missing.
    """
    counts = np.asarray(table, dtype=np.float64)
    if counts.ndim != 2 or not np.isfinite(counts).all() or (counts < 0).any():
        raise DataError(
            f"table {np.asarray(table).tolist()} is not a table of counts; give numbers of 0 or more"
        )
    return counts


def cells(table: ArrayLike) -> tuple[float, float, float, float]:
    """Return the four counts a, b, c, d of a 2 × 2 table.

    Parameters
    ----------
    table
        Shape (2, 2).

    Raises
    ------
    DataError
        If it is not a 2 × 2 table of counts.
    """
    counts = counts_of(table)
    if counts.shape != (2, 2):
        raise DataError(
            f"table has shape {counts.shape}; give rows treated, control and columns event, no event"
        )
    (a, b), (c, d) = counts.tolist()
    return a, b, c, d


def strata_cells(tables: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return the four counts of each table with at least one patient, shape (K,) each.

    Parameters
    ----------
    tables
        Shape (K, 2, 2).

    Raises
    ------
    DataError
        If the shape is another, or a count is negative or missing.
    """
    counts = np.asarray(tables, dtype=np.float64)
    if counts.ndim != 3 or counts.shape[1:] != (2, 2):
        raise DataError(f"tables have shape {counts.shape}; give (strata, 2, 2)")
    if not np.isfinite(counts).all() or (counts < 0).any():
        raise DataError("tables hold a count that is negative or missing; give numbers of 0 or more")
    counts = counts[counts.sum(axis=(1, 2)) > 0]
    return counts[:, 0, 0], counts[:, 0, 1], counts[:, 1, 0], counts[:, 1, 1]
