"""Linear regression of independent or clustered patients, by least squares or estimating equations."""

from __future__ import annotations

import math

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike

from simsepsis.analysis.fit import Fit, failed_fit, spread
from simsepsis.analysis.inputs import case_weights, design_matrix, finite_vector, label_codes
from simsepsis.analysis.rank import independent_columns
from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import UsageError

_MAX_ITERATIONS = 100
_TOLERANCE = 1e-13
"""Change of the working correlation at which it is known."""


def fit_linear(
    X: ArrayLike,
    y: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    correlation: str = "independence",
    moment: str = "statsmodels",
) -> Fit:
    """Estimate differences of means by linear regression with a sandwich covariance.

    Returns
    -------
    Fit
        `correlation` holds α. Columns that repeat earlier ones are `dropped`. A single cluster, or an
        impossible α, gives NaN with the reason.

    Notes
    -----
    Estimating equations with identity link: Σ X_i'V_i⁻¹(y_i − X_i β) = 0, covariance B⁻¹ (Σ U_i U_i') B⁻¹
    without small-sample factor; V_i⁻¹ is proportional to I − α/(1 + (m_i − 1)α) J. With independence it is
    least squares. R: ``geepack::geeglm(y ~ X - 1, id = cluster, corstr = "exchangeable")``, and with
    independence ``sandwich::vcovCL(lm(y ~ X - 1), cluster, type = "HC0", cadjust = FALSE)``.

    References
    ----------
    Liang KY, Zeger SL. Biometrika 1986;73:13.
    """
    exchangeable = correlation == "exchangeable" and cluster is not None
    if exchangeable and weights is not None:
        raise UsageError("weights go with correlation 'independence' only; choose it")
    design = design_matrix(X)
    rows, width = design.shape
    outcome = finite_vector(y, "outcome", rows)
    weight = np.ones(rows) if weights is None else case_weights(weights, rows)
    codes = np.arange(rows) if cluster is None else label_codes(cluster, "cluster", rows)
    if rows == 0 or codes.min() == codes.max():
        return failed_fit(width, "there is a single cluster, and a sandwich needs several")
    kept = independent_columns(design * np.sqrt(weight)[:, None])
    sums = _Sums(design[:, kept], outcome, weight, codes)
    lost = kept.size if moment == "statsmodels" else 0
    alpha, iterations, failure = sums.correlation(lost) if exchangeable else (0.0, 1, None)
    dropped = tuple(np.setdiff1d(np.arange(width), kept).tolist())
    if failure is not None:
        return failed_fit(width, failure, iterations=iterations, dropped=dropped)
    params, covariance = sums.solved(alpha)
    full = spread(kept, width, params, covariance)
    return Fit(
        params=full[0],
        std_errors=full[1],
        covariance=full[2],
        converged=True,
        iterations=iterations,
        correlation=alpha,
        dropped=dropped,
    )


class _Sums:
    """Cross-products over patients and sums over clusters: all that the estimating equations need."""

    def __init__(self, X: FloatArray, y: FloatArray, weight: FloatArray, codes: IntArray) -> None:
        self.X, self.y, self.codes = X, y, codes
        self.scaled = X * weight[:, None]
        self.size = np.bincount(codes).astype(np.float64)
        self.gram, self.cross = self.scaled.T @ X, self.scaled.T @ y
        self.sum_x = self._over_clusters(self.scaled)
        self.sum_y = np.bincount(codes, weights=y * weight)

    def _over_clusters(self, columns: FloatArray) -> FloatArray:
        return np.column_stack([np.bincount(self.codes, weights=column) for column in columns.T])

    def _factor(self, alpha: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return what each cluster's sum weighs, the bread and the coefficients."""
        share = alpha / (1 + (self.size - 1) * alpha)
        bread = self.gram - self.sum_x.T @ (share[:, None] * self.sum_x)
        params: FloatArray = scipy.linalg.solve(
            bread, self.cross - self.sum_x.T @ (share * self.sum_y), assume_a="pos"
        )
        return share, bread, params

    def correlation(self, lost: int) -> tuple[float, int, str | None]:
        """Return the exchangeable correlation, the steps taken, and why there is none."""
        n, pairs = self.y.size, float((self.size * (self.size - 1)).sum() / 2)
        alpha, step = 0.0, 0
        if pairs <= lost or n <= lost:
            return math.nan, 0, f"only {pairs:.0f} pairs of rows share a cluster, too few; use independence"
        for step in range(1, _MAX_ITERATIONS + 1):
            residual = self.y - self.X @ self._factor(alpha)[2]
            square = float(residual @ residual)
            if square == 0:
                return 0.0, step, None
            total = np.bincount(self.codes, weights=residual)
            products = float(total @ total - square) / 2
            before, alpha = alpha, products / (pairs - lost) / (square / (n - lost))
            if not (self.size.max() - 1) * alpha > -1 or not alpha < 1:
                return math.nan, step, f"working correlation {alpha:.3g} is impossible; use independence"
            if abs(alpha - before) < _TOLERANCE:
                return float(alpha), step, None
        return math.nan, step, f"no convergence in {_MAX_ITERATIONS} steps"

    def solved(self, alpha: float) -> tuple[FloatArray, FloatArray]:
        """Return coefficients and sandwich."""
        share, bread, params = self._factor(alpha)
        residual = self.y - self.X @ params
        scores = self._over_clusters(self.scaled * residual[:, None])
        total = self.sum_y - self.sum_x @ params
        scores -= self.sum_x * (share * total)[:, None]
        half = scipy.linalg.solve(bread, scores.T, assume_a="pos")
        return params, half @ half.T
