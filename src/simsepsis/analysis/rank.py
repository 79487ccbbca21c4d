"""Linear dependence among the columns of a design matrix, judged as R does."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from simsepsis.analysis.inputs import column_units
from simsepsis.arrays import FloatArray, IntArray

RANK_TOLERANCE = 1e-11
"""A column repeats the columns before it when less than this share of its length is new, as in R's `glm`."""

SURELY_INDEPENDENT = 1e-5
"""A share of new length, times the least of those before, that rounding in double precision cannot feign."""

_PROJECTIONS = 4


def independent_columns(X: FloatArray, gram: FloatArray | None = None) -> IntArray:
    """Find the columns that R would keep: each that is not a combination of kept columns before it.

    Returns
    -------
    IntArray
        Indices of the kept columns, ascending. A column is dropped when the part of it that the kept
        columns before it do not explain is shorter than `RANK_TOLERANCE` of its length.

    Notes
    -----
    Cholesky factors of the cross-product clear every column that is surely new or surely not; only a
    doubtful one pays for Householder QR, restarted after each dropped column, which is LINPACK's `dqrdc2`
    as R uses it.
    """
    units = column_units(X) if gram is None else None
    X = X if units is None else X / units
    gram = X.T @ X if gram is None else gram
    kept: IntArray | None = np.flatnonzero(np.diag(gram) > 0)
    while kept is not None and kept.size:
        inner = gram[np.ix_(kept, kept)]
        factor, info = scipy.linalg.lapack.dpotrf(inner, lower=1)
        clear = _clear_columns(inner, factor, info)
        if clear == kept.size:
            return kept
        repeated = clear > 0 and _repeats(X, kept[:clear], factor[:clear, :clear], kept[clear])
        kept = np.delete(kept, clear) if repeated else None
    return _independent_by_qr(X)


def _clear_columns(gram: FloatArray, factor: FloatArray, info: int) -> int:
    """Count the leading columns that are clearly new, given LAPACK's factor of their cross-product."""
    done = info - 1 if info > 0 else len(gram)
    clear = _clearness(gram[:done, :done], factor[:done, :done]) > SURELY_INDEPENDENT
    return done if clear.all() else int(np.argmin(clear))


def _clearness(gram: FloatArray, factor: FloatArray) -> FloatArray:
    """Return the share of each column's length that is new, times the least such share before it.

    Rounding in a share grows with the inverse of those before.
    """
    share = np.diag(factor) / np.sqrt(np.diag(gram))
    return share * np.minimum.accumulate(np.concatenate([[1.0], share[:-1]]))


def _repeats(X: FloatArray, kept: IntArray, factor: FloatArray, column: int) -> bool:
    """Say whether columns that are clearly new explain another one to `RANK_TOLERANCE`."""
    _, rest = _projected(X[:, kept], factor, X[:, column])
    return bool(np.linalg.norm(rest) < RANK_TOLERANCE * np.linalg.norm(X[:, column]))


def combination_of(X: FloatArray, targets: FloatArray) -> FloatArray:
    """Return the weights with which independent columns come nearest to others (least squares)."""
    gram = X.T @ X
    factor, info = scipy.linalg.lapack.dpotrf(gram, lower=1)
    if info == 0 and well_conditioned(gram, factor):
        return _projected(X, factor, targets)[0]
    # independent columns need orthogonal factors, not singular values, which are several times dearer
    return np.asarray(scipy.linalg.lstsq(X, targets, lapack_driver="gelsy", check_finite=False)[0])


def _projected(X: FloatArray, factor: FloatArray, targets: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the weights of columns that are clearly new in targets, and what these leave of them.

    A projection by normal equations leaves up to 1e-6 of what it should take away; done again and again, it
    leaves rounding.
    """
    weights, rest = np.zeros((X.shape[1], *targets.shape[1:])), targets
    for _ in range(_PROJECTIONS):
        part = scipy.linalg.lapack.dpotrs(factor, X.T @ rest, lower=1)[0]
        weights, rest = weights + part, rest - X @ part
    return weights, rest


def well_conditioned(gram: FloatArray, factor: FloatArray, least: float = SURELY_INDEPENDENT) -> bool:
    """Say whether every column of a cross-product is clearly new after those before it."""
    return bool((_clearness(gram, factor) > least).all())


def _independent_by_qr(X: FloatArray) -> IntArray:
    """Drop the first column that adds nothing, again and again, until every column adds something."""
    length = np.linalg.norm(X, axis=0)
    kept = np.flatnonzero(length > 0)
    scaled = X[:, kept] / length[kept]
    while kept.size:
        new = np.zeros(kept.size)
        triangle = scipy.linalg.qr(scaled, mode="r", check_finite=False)[0]
        new[: min(triangle.shape)] = np.abs(np.diag(triangle))
        repeats = np.flatnonzero(new < RANK_TOLERANCE)
        if repeats.size == 0:
            break
        kept, scaled = np.delete(kept, repeats[0]), np.delete(scaled, repeats[0], axis=1)
    return kept
