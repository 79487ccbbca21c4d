"""Checks of what the kernels are given; every message names the row, the value and the remedy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from simsepsis.analysis.numeric import is_number, number_array, shown
from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import DataError

_FEW = 4
"""Labels that are whole numbers up to this many times the rows are counted, not sorted."""
_EXTREME = 2.0**100
"""Columns of this size, or of less than its inverse, are fitted in a unit of their own."""
_WEIGHTS = 1e100
"""Greatest weight, and the inverse of the least one above 0."""


def design_matrix(X: ArrayLike, rows: int | None = None) -> FloatArray:
    """Return the covariates as a finite (n, p) float matrix."""
    matrix = number_array(X, "covariates")
    matrix = matrix[:, None] if matrix.ndim == 1 else matrix
    if matrix.ndim != 2 or (rows is not None and matrix.shape[0] != rows):
        expected = "a matrix" if rows is None else f"one row for each of the {rows} outcomes"
        raise DataError(f"covariates have shape {matrix.shape}; give {expected}")
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise DataError(
            f"covariates: row {row}, column {column} is {matrix[row, column]}; "
            "leave out or impute incomplete rows first"
        )
    return matrix


def column_units(X: FloatArray) -> FloatArray | None:
    """Return the unit in which each column is of a size that its squares can be summed.

    Returns
    -------
    FloatArray or None
        Powers of two, shape (p,), by which columns divide without rounding: 1 for a column of a usual size.
        None where all are.
    """
    size = np.maximum(X.max(axis=0, initial=0.0), -X.min(axis=0, initial=0.0))
    extreme = (size > _EXTREME) | ((size < 1 / _EXTREME) & (size > 0))
    if not extreme.any():
        return None
    for j in np.flatnonzero(extreme):
        column = np.abs(X[:, j])
        least = np.where(column > 0, column, np.inf).argmin()
        if column[least] < size[j] / _WEIGHTS:
            most = int(column.argmax())
            raise DataError(
                f"covariates: column {j} is {X[most, j]:g} in row {most} and {X[least, j]:g} in row {least}, "
                "which no calculation can take together; correct it"
            )
    return np.where(extreme, np.exp2(np.frexp(size)[1] - 1.0), 1.0)


def finite_vector(values: ArrayLike, name: str, rows: int | None = None) -> FloatArray:
    """Return values as a finite vector of floats."""
    vector = _vector(number_array(values, name), name, rows)
    if not np.isfinite(vector).all():
        row = int(np.flatnonzero(~np.isfinite(vector))[0])
        raise DataError(f"{name}: row {row} is {vector[row]}; leave out incomplete rows first")
    return vector


def _vector(vector: FloatArray, name: str, rows: int | None) -> FloatArray:
    if vector.ndim != 1 or (rows is not None and vector.size != rows):
        expected = "a vector" if rows is None else f"{rows} values"
        raise DataError(f"{name} has shape {vector.shape}; give {expected}")
    return vector


def binary_vector(values: ArrayLike, name: str, rows: int | None = None) -> FloatArray:
    """Return a vector of zeros and ones as floats."""
    vector = _vector(number_array(values, name, "give 0 or 1"), name, rows)
    if ((vector == 0) | (vector == 1)).all():
        return vector
    vector = finite_vector(vector, name, rows)
    row = int(np.flatnonzero((vector != 0) & (vector != 1))[0])
    raise DataError(f"{name}: row {row} is {vector[row]:g}; give 0 or 1")


def coefficients(values: ArrayLike, name: str, units: FloatArray | None, width: int) -> FloatArray:
    """Return coefficients to begin with, for columns divided by their units."""
    vector = finite_vector(values, name, width)
    with np.errstate(over="ignore"):
        scaled = vector if units is None else vector * units
    far = np.flatnonzero(np.abs(scaled) > _WEIGHTS)
    if far.size:
        raise DataError(f"{name}: row {far[0]} is {vector[far[0]]:g}; give coefficients of an earlier fit")
    return scaled


def case_weights(weights: ArrayLike, rows: int) -> FloatArray:
    """Return case weights, finite and none of them negative."""
    vector = finite_vector(weights, "weights", rows)
    negative = np.flatnonzero(vector < 0)
    if negative.size:
        raise DataError(f"weights: row {negative[0]} is {vector[negative[0]]:g}; give weights of 0 or more")
    beyond = np.flatnonzero((vector > _WEIGHTS) | ((vector < 1 / _WEIGHTS) & (vector > 0)))
    if beyond.size:
        raise DataError(
            f"weights: row {beyond[0]} is {vector[beyond[0]]:g}; give 0 or weights from {1 / _WEIGHTS:g} "
            f"to {_WEIGHTS:g}"
        )
    return vector


def label_codes(labels: ArrayLike, name: str, rows: int) -> IntArray:
    """Return the labels of groups, clusters or strata as integers from 0, in sorted order of the labels."""
    values = _label_array(labels, name)
    if values.shape != (rows,):
        raise DataError(f"{name} has shape {values.shape}; give one label for each of the {rows} rows")
    if values.dtype.kind == "b":
        values = values.view(np.int8)
    if values.dtype.kind in "iu" and rows and values.min() >= 0 and values.max() < _FEW * rows:
        present = np.bincount(values) > 0
        return np.asarray((np.cumsum(present) - 1)[values])
    missing = np.flatnonzero(pd.isna(values))
    if missing.size:
        raise DataError(f"{name}: row {missing[0]} has no label; leave out incomplete rows first")
    if values.dtype.kind == "O":
        _check_one_kind(values, name)
    try:
        return np.unique(values, return_inverse=True)[1].astype(np.int64, copy=False)
    except TypeError as error:
        raise DataError(
            f"{name}: row 0 has the label {shown(values[0])}, of a type that does not sort; "
            "give numbers or text"
        ) from error


def _label_array(labels: ArrayLike, name: str) -> NDArray[Any]:
    """Return labels as they are: no list is turned into text or rounded, no mask forgotten."""
    if np.ma.isMA(labels):
        unmasked = np.array(labels, dtype=object)
        unmasked[np.ma.getmaskarray(labels)] = None
        return unmasked
    try:
        values = np.asarray(labels)
        given = isinstance(labels, np.ndarray | pd.Series | pd.Index) or values.dtype.kind in "biu"
        return values if given else np.asarray(labels, dtype=object)
    except (ValueError, TypeError) as error:
        raise DataError(f"{name} is a list of lists; give one label for each row") from error


def _check_one_kind(values: NDArray[Any], name: str) -> None:
    """Refuse labels of which some are numbers and some text, for what equals what is then a guess."""
    kinds = [_kind(value) for value in values]
    other = next((row for row, kind in enumerate(kinds) if kind is not kinds[0]), None)
    if other is not None:
        raise DataError(
            f"{name}: row {other} has the label {shown(values[other])} and row 0 {shown(values[0])}; "
            "give labels of one kind, all numbers or all text"
        )


def _kind(value: object) -> type:
    return float if is_number(value) else str if isinstance(value, str) else type(value)
