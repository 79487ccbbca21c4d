"""The binomial log likelihood and the matrices of its derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from numba import njit
from numpy.typing import NDArray

from simsepsis.arrays import FloatArray

_UNWEIGHTED: FloatArray = np.empty(0)
_ROWS_IN_A_PRODUCT = 512
_FEW_COLUMNS = 24
"""Up to here a general product is quicker than the symmetric one that NumPy makes of a matrix and its own."""

PIECE = 32_768
"""Rows of a matrix that are multiplied at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class BinomialPoint:
    """The binomial log likelihood at a linear predictor.

    Attributes
    ----------
    eta
        Log odds of each row, shape (n,).
    value
        Log likelihood.
    residual, variance
        w(y − μ) and wμ(1 − μ) of each row, shape (n,).
    """

    eta: FloatArray
    value: float
    residual: FloatArray
    variance: FloatArray

    @property
    def farthest(self) -> float:
        """Return the largest log odds in size."""
        return float(np.abs(self.eta).max(initial=0.0))


def point_at(eta: FloatArray, y: FloatArray, weights: FloatArray | None) -> BinomialPoint:
    """Evaluate the log likelihood Σ w[yη − log(1 + exp η)] and what its derivatives are made of."""
    # exponentials are taken several at a time here, one by one in the loop
    small = np.exp(-np.abs(eta))
    value, residual, variance = _evaluate(eta, small, y, _UNWEIGHTED if weights is None else weights)
    return BinomialPoint(eta, value, residual, variance)


@njit(cache=True)
def _evaluate(
    eta: FloatArray, small: FloatArray, y: FloatArray, weights: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Return log likelihood, residuals and variances from η and exp(−|η|); no weights stand for 1.

    With e = η for an event and −η for none, a row's log likelihood is min(e, 0) − log(1 + exp(−|e|)), and its
    residual ±1/(1 + exp e) is free of cancellation. Logarithms are dear: without weights one is taken of the
    product of many rows, each between 1 and 2.
    """
    value, product = 0.0, 1.0
    residual, variance = np.empty(eta.size), np.empty(eta.size)
    for i in range(eta.size):
        sign = 2.0 * y[i] - 1.0
        large = 1.0 / (1.0 + small[i])
        wrong = sign * eta[i] < 0.0
        residual[i] = sign * (large if wrong else small[i] * large)
        variance[i] = small[i] * large * large
        loss = abs(eta[i]) if wrong else 0.0
        if weights.size > 0:
            residual[i] *= weights[i]
            variance[i] *= weights[i]
            loss = weights[i] * (loss + np.log1p(small[i]))
        else:
            product *= 1.0 + small[i]
        if i % _ROWS_IN_A_PRODUCT == 0:
            value -= np.log(product)
            product = 1.0
        value -= loss
    return value - np.log(product), residual, variance


def information(
    X: NDArray[np.floating[Any]], variance: FloatArray, precision: type[np.floating[Any]] | None = None
) -> FloatArray:
    """Return X' diag(variance) X."""
    total = np.zeros((X.shape[1], X.shape[1]))
    # Pieces of a tall matrix stay near the processor, and need no second matrix of its size.
    for begin in range(0, len(X), PIECE):
        piece = X[begin : begin + PIECE].astype(precision or X.dtype, order="K", copy=False)
        total += _information(piece, variance[begin : begin + PIECE])
    return total


def _information(X: NDArray[np.floating[Any]], variance: FloatArray) -> FloatArray:
    if X.shape[1] <= _FEW_COLUMNS:
        return np.asarray((X * variance[:, None]).T @ X, dtype=np.float64)
    spread: NDArray[np.floating[Any]] = np.sqrt(variance).astype(X.dtype, copy=False)
    root = X * spread[:, None]
    return np.asarray(root.T @ root, dtype=np.float64)


def symmetric_inverse(factor: FloatArray) -> FloatArray:
    """Return the inverse of a matrix from its lower Cholesky factor."""
    lower = scipy.linalg.lapack.dpotri(factor, lower=1)[0]
    whole_matrix = np.asarray(lower + lower.T)
    np.fill_diagonal(whole_matrix, np.diag(lower))
    return whole_matrix
