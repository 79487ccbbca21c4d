"""The binomial log likelihood and the matrices of its derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from simsepsis.arrays import FloatArray


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


def point_at(eta: FloatArray, y: FloatArray, weights: FloatArray | None) -> BinomialPoint:
    """Evaluate the log likelihood Σ w[yη − log(1 + exp η)] and what its derivatives are made of.

    Parameters
    ----------
    eta, y
        Log odds and outcome of each row, shape (n,).
    weights
        Case weights, shape (n,); None for 1.
    """
    small = np.exp(-np.abs(eta))
    large = 1 / (1 + small)
    residual = y - np.where(eta < 0, small * large, large)
    variance = small * large * large
    terms = y * eta - np.maximum(eta, 0.0) - np.log1p(small)
    if weights is None:
        return BinomialPoint(eta, float(terms.sum()), residual, variance)
    return BinomialPoint(eta, float(terms @ weights), residual * weights, variance * weights)


def information(X: NDArray[np.floating[Any]], variance: FloatArray) -> FloatArray:
    """Return X' diag(variance) X as a symmetric product.

    Parameters
    ----------
    X
        Shape (n, p); its precision is that of the product.
    variance
        Non-negative, shape (n,).
    """
    spread: NDArray[np.floating[Any]] = np.sqrt(variance).astype(X.dtype, copy=False)
    root = X * spread[:, None]
    return np.asarray(root.T @ root, dtype=np.float64)


def symmetric_inverse(factor: FloatArray) -> FloatArray:
    """Return the inverse of a matrix from its lower Cholesky factor.

    Parameters
    ----------
    factor
        Lower triangle L of A = LL', zero above it, shape (p, p).
    """
    lower = scipy.linalg.lapack.dpotri(factor, lower=1)[0]
    whole_matrix = np.asarray(lower + lower.T)
    np.fill_diagonal(whole_matrix, np.diag(lower))
    return whole_matrix
