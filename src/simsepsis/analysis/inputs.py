"""Checks of what the kernels are given; every message names the row and the remedy."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import DataError

_FEW = 4
"""Labels that are whole numbers up to this many times the rows are counted, not sorted."""


def design_matrix(X: ArrayLike, rows: int | None = None) -> FloatArray:
    """Return the covariates as a finite (n, p) float matrix.

    Parameters
    ----------
    X
        Anything array-like; one dimension is read as a single column.
    rows
        Number of rows there must be.

    Raises
    ------
    DataError
        If the shape is wrong or a value is missing or infinite.
    """
    matrix = np.asarray(X, dtype=np.float64)
    matrix = matrix[:, None] if matrix.ndim == 1 else matrix
    if matrix.ndim != 2 or (rows is not None and matrix.shape[0] != rows):
        expected = "a matrix" if rows is None else f"one row for each of the {rows} outcomes"
        raise DataError(f"covariates have shape {np.shape(X)}; give {expected}")
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise DataError(
            f"covariates: row {row}, column {column} is {matrix[row, column]}; "
            "leave out or impute incomplete rows first"
        )
    return matrix


def finite_vector(values: ArrayLike, name: str, rows: int | None = None) -> FloatArray:
    """Return values as a finite vector of floats.

    Parameters
    ----------
    values
        Anything array-like of one dimension.
    name
        What the values are, for the message.
    rows
        Number of values there must be.

    Raises
    ------
    DataError
        If the shape is wrong or a value is missing or infinite.
    """
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1 or (rows is not None and vector.size != rows):
        expected = "a vector" if rows is None else f"{rows} values"
        raise DataError(f"{name} has shape {vector.shape}; give {expected}")
    if not np.isfinite(vector).all():
        row = int(np.flatnonzero(~np.isfinite(vector))[0])
        raise DataError(f"{name}: row {row} is {vector[row]}; leave out incomplete rows first")
    return vector


def binary_vector(values: ArrayLike, name: str, rows: int | None = None) -> FloatArray:
    """Return a vector of zeros and ones as floats.

    Parameters
    ----------
    values
        Booleans or numbers 0 and 1.
    name
        What the values are, for the message.
    rows
        Number of values there must be.

    Raises
    ------
    DataError
        If a value is anything else.
    """
    vector = np.asarray(values, dtype=np.float64)
    shaped = vector.ndim == 1 and (rows is None or vector.size == rows)
    if shaped and ((vector == 0) | (vector == 1)).all():
        return vector
    vector = finite_vector(values, name, rows)
    row = int(np.flatnonzero((vector != 0) & (vector != 1))[0])
    raise DataError(f"{name}: row {row} is {vector[row]:g}; give 0 or 1")


def case_weights(weights: ArrayLike, rows: int) -> FloatArray:
    """Return case weights, finite and none of them negative.

    Parameters
    ----------
    weights
        One weight for each row.
    rows
        Number of rows.

    Raises
    ------
    DataError
        If a weight is missing, infinite or negative.
    """
    vector = finite_vector(weights, "weights", rows)
    negative = np.flatnonzero(vector < 0)
    if negative.size:
        raise DataError(f"weights: row {negative[0]} is {vector[negative[0]]:g}; give weights of 0 or more")
    return vector


def label_codes(labels: ArrayLike, name: str, rows: int) -> IntArray:
    """Return the labels of clusters or strata as integers from 0, in sorted order of the labels.

    Parameters
    ----------
    labels
        One label for each row, of any type that sorts.
    name
        What the labels are, for the message.
    rows
        Number of rows.

    Raises
    ------
    DataError
        If there is not one label for each row, or one is missing.
    """
    values = np.asarray(labels)
    if values.shape != (rows,):
        raise DataError(f"{name} has shape {values.shape}; give one label for each of the {rows} rows")
    if values.dtype.kind in "iu" and rows and values.min() >= 0 and values.max() < _FEW * rows:
        present = np.bincount(values) > 0
        return np.asarray((np.cumsum(present) - 1)[values])
    missing = np.flatnonzero(pd.isna(values))
    if missing.size:
        raise DataError(f"{name}: row {missing[0]} has no label; leave out incomplete rows first")
    return np.unique(values, return_inverse=True)[1].astype(np.int64, copy=False)
