"""Generalized estimating equations for a clustered binary outcome, with exchangeable or no correlation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.special

from simsepsis.analysis.fit import (
    Fit,
    binary_vector,
    design_matrix,
    failed_fit,
    finite_vector,
    independent_columns,
)
from simsepsis.analysis.logistic import solve_logistic, symmetric_inverse
from simsepsis.analysis.separation import Reduction, reduced_fit, whole
from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import DataError, UsageError

CORRELATIONS = ("exchangeable", "independence")
COVARIANCES = ("robust", "mancl_derouen", "kauermann_carroll", "fay_graubard")
MOMENTS = ("statsmodels", "geepack")
_MAX_ITERATIONS = 60
_TOLERANCE = 1e-10
_FAY_GRAUBARD_BOUND = 0.75


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Clusters:
    """Rows in cluster order: where each cluster begins, and its size."""

    begin: IntArray
    size: FloatArray

    def total(self, values: FloatArray) -> FloatArray:
        """Sum the rows of each cluster."""
        return np.add.reduceat(values, self.begin, axis=0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _State:
    """The estimating equations at one set of coefficients, in standardized units.

    `scores` holds the cluster scores U_i (K, p) and `bread` the expected derivative B (p, p).
    """

    scaled: FloatArray
    sums: FloatArray
    scores: FloatArray
    bread: FloatArray
    shared: FloatArray
    alpha: float


def fit_gee(
    X: object,
    y: object,
    cluster: object,
    *,
    correlation: str = "exchangeable",
    covariance: str = "robust",
    moment: str = "statsmodels",
    start: object | None = None,
) -> Fit:
    """Estimate marginal log odds ratios by GEE (logit link) with a sandwich covariance over clusters.

    Parameters
    ----------
    X
        Design matrix, shape (n, p), with the intercept column where one is wanted.
    y
        Outcome 0 or 1, shape (n,).
    cluster
        Cluster label of each row, shape (n,), in any order.
    correlation
        ``"exchangeable"`` or ``"independence"``.
    covariance
        ``"robust"`` (Liang–Zeger), or one of the corrections for few clusters: ``"mancl_derouen"``,
        ``"kauermann_carroll"``, ``"fay_graubard"`` (bound 0.75). Use t with K − p degrees of freedom with
        these (`simsepsis.analysis.fit.wald_tests`).
    moment
        Whose moment estimator of α: ``"statsmodels"`` divides by the number of pairs and of rows minus p,
        ``"geepack"`` by the numbers themselves.
    start
        Coefficients to start from, shape (p,); None for the logistic regression.

    Returns
    -------
    Fit
        `correlation` holds α. Rows decided by separation are held at their limit: residual and variance
        0, still counted in their cluster's size. Then `converged` is False, `failure` names the columns, their
        coefficients are ±inf and the others solve the equations in that limit.

    Raises
    ------
    DataError
        If a value is missing or the outcome is not 0 or 1.
    UsageError
        If an option is unknown.

    Notes
    -----
    U = Σ D_i'V_i⁻¹(y_i − μ_i), covariance B⁻¹ (Σ U_i U_i') B⁻¹, with V_i⁻¹ in closed form so that only sums over
    clusters are needed. α = Σ_pairs r r' / ((n_pairs − p) φ) and φ = Σ r²/(n − p), r the Pearson residuals; for
    "geepack" without the two p. R: ``geepack::geeglm(..., corstr = "exchangeable")``.

    References
    ----------
    Liang KY, Zeger SL. Biometrika 1986;73:13. Mancl LA, DeRouen TA. Biometrics 2001;57:126.
    Kauermann G, Carroll RJ. JASA 2001;96:1387. Fay MP, Graubard BI. Biometrics 2001;57:1198.
    """
    for value, known, name in (
        (correlation, CORRELATIONS, "correlation"),
        (covariance, COVARIANCES, "covariance"),
        (moment, MOMENTS, "moment"),
    ):
        if value not in known:
            raise UsageError(f"{name} '{value}' is unknown; choose one of {', '.join(known)}")
    outcome = binary_vector(y, "outcome")
    design = design_matrix(X, outcome.size)
    if outcome.size == 0 or design.shape[1] == 0:
        return failed_fit(design.shape[1], "nothing to fit: there are no rows or no columns")
    order, clusters = _sorted_clusters(cluster, outcome.size)
    design, outcome = design[order], outcome[order]
    reduction, params = _starting_point(design, outcome, start)
    equations = _Equations(design, outcome, clusters, reduction, correlation, moment)
    return _solve(equations, params, covariance, design)


def _sorted_clusters(cluster: object, rows: int) -> tuple[IntArray, _Clusters]:
    """Return the order of rows by cluster and where each cluster begins."""
    labels = np.asarray(cluster)
    if labels.shape != (rows,):
        raise DataError(f"cluster has shape {labels.shape}; give one label for each of the {rows} rows")
    codes = np.unique(labels, return_inverse=True)[1]
    order = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes)
    begin = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    return order, _Clusters(begin=begin, size=sizes.astype(np.float64))


def _starting_point(X: FloatArray, y: FloatArray, start: object | None) -> tuple[Reduction, FloatArray]:
    """Return what has a finite solution and where to start from: logistic regression, or as told."""
    if start is None:
        reduction, solution = solve_logistic(X, y)
        return reduction, solution.params
    given = finite_vector(start, "start", X.shape[1])
    reduction = whole(X, independent_columns(X))
    return reduction, given[reduction.columns]


class _Equations:
    """The estimating equations of one data set, evaluated at any coefficients."""

    def __init__(
        self,
        X: FloatArray,
        y: FloatArray,
        clusters: _Clusters,
        reduction: Reduction,
        correlation: str,
        moment: str,
    ) -> None:
        everything = reduction.columns.size == X.shape[1]
        self.X = X if everything else X[:, reduction.columns]
        self.y = y
        self.clusters = clusters
        self.reduction = reduction
        self.exchangeable = correlation == "exchangeable"
        lost = self.X.shape[1] if moment == "statsmodels" else 0
        self.rows = float(y.size - lost)
        self.pairs = float((clusters.size * (clusters.size - 1)).sum() / 2 - lost)

    def at(self, params: FloatArray) -> _State:
        """Evaluate cluster scores, bread and α at the coefficients."""
        fitted = scipy.special.expit(self.X @ params)
        spread = np.sqrt(fitted * (1 - fitted))
        if not self.reduction.rows.all():
            spread = np.where(self.reduction.rows, spread, 0.0)
        pearson = np.divide(self.y - fitted, spread, out=np.zeros_like(spread), where=spread > 0)
        scaled = self.X * spread[:, None]
        residual_sums = self.clusters.total(pearson)
        alpha = self._alpha(pearson, residual_sums)
        shared = alpha / (1 + (self.clusters.size - 1) * alpha)
        sums = self.clusters.total(scaled)
        scores = self.clusters.total(scaled * pearson[:, None]) - sums * (shared * residual_sums)[:, None]
        bread = scaled.T @ scaled - sums.T @ (sums * shared[:, None])
        return _State(
            scaled=scaled,
            sums=sums,
            scores=scores / (1 - alpha),
            bread=bread / (1 - alpha),
            shared=shared,
            alpha=alpha,
        )

    def _alpha(self, pearson: FloatArray, residual_sums: FloatArray) -> float:
        """Moment estimate of the exchangeable correlation; 0 where no pair tells about it."""
        if not self.exchangeable or self.pairs <= 0 or self.rows <= 0:
            return 0.0
        squares = float(pearson @ pearson)
        if squares == 0:
            return 0.0
        products = (float(residual_sums @ residual_sums) - squares) / 2
        return products / (self.pairs * squares / self.rows)


def _solve(equations: _Equations, params: FloatArray, covariance: str, X: FloatArray) -> Fit:
    """Alternate scoring steps and estimates of α until neither moves."""
    failure = None
    largest = equations.clusters.size.max()
    for iteration in range(1, _MAX_ITERATIONS + 1):
        state = equations.at(params)
        if not -1 < (largest - 1) * state.alpha or not state.alpha < 1:
            failure = f"working correlation {state.alpha:.3g} is not possible in a cluster of {largest:.0f}"
            break
        factor, info = scipy.linalg.lapack.dpotrf(state.bread, lower=1, clean=1)
        if info != 0:
            failure = "the estimating equations became singular"
            break
        step = scipy.linalg.lapack.dpotrs(factor, state.scores.sum(axis=0), lower=1)[0]
        params = params + step
        if float(step @ state.bread @ step) < _TOLERANCE**2:
            break
    else:
        failure = f"no convergence in {iteration} scoring steps"
    if failure is not None:
        return failed_fit(X.shape[1], failure, iterations=iteration, dropped=equations.reduction.repeated)
    return reduced_fit(
        X,
        equations.reduction,
        params,
        _sandwich(equations, state, factor, covariance),
        iterations=iteration,
        correlation=state.alpha,
    )


def _sandwich(equations: _Equations, state: _State, factor: FloatArray, covariance: str) -> FloatArray:
    """Return B⁻¹ (Σ C_i U_i U_i' C_i') B⁻¹ with the correction C_i of the chosen estimator."""
    inverse = symmetric_inverse(factor)
    scores = state.scores
    if covariance != "robust":
        scores = _corrected(equations, state, factor, inverse, covariance)
    half = scores @ inverse
    return half.T @ half


def _corrected(
    equations: _Equations, state: _State, factor: FloatArray, inverse: FloatArray, covariance: str
) -> FloatArray:
    """Enlarge the cluster scores for the leverage of their cluster.

    D'V⁻¹ f(D B⁻¹ D'V⁻¹) = f(A B⁻¹) D'V⁻¹ with A = D'V⁻¹D, so that matrices of p columns suffice.
    """
    ends = np.append(equations.clusters.begin[1:], len(state.scaled))
    corrected = np.empty_like(state.scores)
    for k, (begin, end) in enumerate(zip(equations.clusters.begin, ends, strict=True)):
        rows = state.scaled[begin:end]
        own = rows.T @ rows - state.shared[k] * np.outer(state.sums[k], state.sums[k])
        own /= 1 - state.alpha
        corrected[k] = _CORRECTIONS[covariance](own, factor, inverse, state.scores[k])
    return corrected


def _mancl_derouen(own: FloatArray, factor: FloatArray, inverse: FloatArray, score: FloatArray) -> FloatArray:
    """(I − A B⁻¹)⁻¹ U."""
    return np.linalg.solve(np.eye(score.size) - own @ inverse, score)


def _kauermann_carroll(
    own: FloatArray, factor: FloatArray, inverse: FloatArray, score: FloatArray
) -> FloatArray:
    """(I − A B⁻¹)^(−1/2) U, by the symmetric matrix L⁻¹AL⁻ᵀ that is similar to A B⁻¹ = L (·) L⁻¹."""
    inner = scipy.linalg.solve_triangular(factor, own, lower=True)
    inner = scipy.linalg.solve_triangular(factor, inner.T, lower=True)
    leverage, axes = np.linalg.eigh((inner + inner.T) / 2)
    turned = axes.T @ scipy.linalg.solve_triangular(factor, score, lower=True)
    return factor @ (axes @ (turned / np.sqrt(1 - leverage)))


def _fay_graubard(own: FloatArray, factor: FloatArray, inverse: FloatArray, score: FloatArray) -> FloatArray:
    """diag(1 − min(b, Q_jj))^(−1/2) U with Q = A B⁻¹."""
    leverage = np.einsum("ij,ji->i", own, inverse)
    return score / np.sqrt(1 - np.minimum(_FAY_GRAUBARD_BOUND, leverage))


_CORRECTIONS = {
    "mancl_derouen": _mancl_derouen,
    "kauermann_carroll": _kauermann_carroll,
    "fay_graubard": _fay_graubard,
}
