"""Generalized estimating equations for a clustered binary outcome, with exchangeable or no correlation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.special
from numpy.typing import ArrayLike

from simsepsis.analysis.fit import Fit, failed_fit
from simsepsis.analysis.gee_covariance import COVARIANCES, corrected_scores
from simsepsis.analysis.inputs import binary_vector, design_matrix, finite_vector, label_codes
from simsepsis.analysis.logistic import solve_logistic, symmetric_inverse
from simsepsis.analysis.rank import independent_columns
from simsepsis.analysis.separation import Reduction, reduced_fit, whole
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import UsageError

CORRELATIONS = ("exchangeable", "independence")
MOMENTS = ("statsmodels", "geepack")
_MAX_ITERATIONS = 60
_TOLERANCE = 1e-18
_LONGEST_STRIDE = 5.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Clusters:
    """Rows in cluster order: first row and size of each cluster, shape (K,)."""

    begin: IntArray
    size: FloatArray

    def total(self, values: FloatArray) -> FloatArray:
        """Sum the rows of each cluster."""
        return np.asarray(np.add.reduceat(values, self.begin, axis=0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Problem:
    """The data of the equations in cluster order, on the columns and rows that have a finite solution.

    `rows` is None when no row is decided by separation. `lost` is what the moment estimator of α takes off
    the numbers of rows and pairs.
    """

    X: FloatArray
    y: FloatArray
    clusters: _Clusters
    rows: BoolArray | None
    exchangeable: bool
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _State:
    """The estimating equations at one set of coefficients.

    With R⁻¹ = (I − c 11')/(1 − α) and c = α/(1 + (n − 1)α) in each cluster, only sums over clusters are
    needed: `scaled` rows √v x (n, p) and Pearson residuals (n,), their cluster sums (K, p) and (K,), and
    c (K,).
    """

    scaled: FloatArray
    pearson: FloatArray
    scaled_sums: FloatArray
    pearson_sums: FloatArray
    shared: FloatArray
    alpha: float

    def score(self) -> FloatArray:
        """Σ D'V⁻¹(y − μ), shape (p,)."""
        plain = self.pearson @ self.scaled - (self.shared * self.pearson_sums) @ self.scaled_sums
        return np.asarray(plain / (1 - self.alpha))

    def bread(self) -> FloatArray:
        """Σ D'V⁻¹D, shape (p, p)."""
        plain = self.scaled.T @ self.scaled - self.scaled_sums.T @ (self.scaled_sums * self.shared[:, None])
        return np.asarray(plain / (1 - self.alpha))


def fit_gee(
    X: ArrayLike,
    y: ArrayLike,
    cluster: ArrayLike,
    *,
    correlation: str = "exchangeable",
    covariance: str = "robust",
    moment: str = "statsmodels",
    start: ArrayLike | None = None,
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
        `correlation` holds α. Columns that repeat earlier ones are `dropped`. Rows that separation decides (a
        rare treatment without any death) are held at their limit: residual and variance 0, still counted in
        the size of their cluster. Then `converged` is False, `failure` names the columns, their coefficients
        are ±inf, and the others solve the equations in that limit and may be used. No convergence, an
        impossible α or a single cluster gives NaN with the reason.

    Raises
    ------
    DataError
        If a value is missing or the outcome is not 0 or 1.
    UsageError
        If an option is unknown.

    Notes
    -----
    U = Σ D_i'V_i⁻¹(y_i − μ_i), covariance B⁻¹ (Σ U_i U_i') B⁻¹. α = Σ_pairs r r' / ((n_pairs − p) φ) with
    φ = Σ r²/(n − p) and r the Pearson residuals; "geepack" takes no p off. R:
    ``geepack::geeglm(y ~ X - 1, id = cluster, family = binomial, corstr = "exchangeable")``. With no more
    clusters than columns the sandwich is singular, and its standard errors mean little.

    References
    ----------
    Liang KY, Zeger SL. Biometrika 1986;73:13. Mancl LA, DeRouen TA. Biometrics 2001;57:126.
    Kauermann G, Carroll RJ. JASA 2001;96:1387. Fay MP, Graubard BI. Biometrics 2001;57:1198.
    """
    _check_options(correlation, covariance, moment)
    outcome = binary_vector(y, "outcome")
    design = design_matrix(X, outcome.size)
    width = design.shape[1]
    if design.size == 0:
        return failed_fit(width, "nothing to fit: there are no rows or no columns")
    codes = label_codes(cluster, "cluster", outcome.size)
    order = np.argsort(codes, kind="stable")
    design, outcome = design[order], outcome[order]
    size = np.bincount(codes)
    clusters = _Clusters(begin=np.cumsum(size) - size, size=size.astype(np.float64))
    reduction, params = _starting_point(design, outcome, start)
    if reduction.columns.size == 0:
        return reduced_fit(design, reduction, params, np.empty((0, 0)), iterations=0)
    problem = _Problem(
        X=design if reduction.columns.size == width else design[:, reduction.columns],
        y=outcome,
        clusters=clusters,
        rows=None if reduction.rows.all() else reduction.rows,
        exchangeable=correlation == "exchangeable",
        lost=reduction.columns.size if moment == "statsmodels" else 0,
    )
    return _solve(problem, params, covariance, design, reduction)


def _check_options(correlation: str, covariance: str, moment: str) -> None:
    """Refuse options that do not exist."""
    for value, known, name in (
        (correlation, CORRELATIONS, "correlation"),
        (covariance, COVARIANCES, "covariance"),
        (moment, MOMENTS, "moment"),
    ):
        if value not in known:
            raise UsageError(f"{name} '{value}' is unknown; choose one of {', '.join(known)}")


def _starting_point(X: FloatArray, y: FloatArray, start: ArrayLike | None) -> tuple[Reduction, FloatArray]:
    """Return what has a finite solution and where to start from: logistic regression, or as told."""
    if start is None:
        reduction, solution = solve_logistic(X, y)
        return reduction, solution.params
    given = finite_vector(start, "start", X.shape[1])
    reduction = whole(X, independent_columns(X))
    return reduction, given[reduction.columns]


def _at(problem: _Problem, params: FloatArray) -> _State:
    """Evaluate the equations, with α estimated at the coefficients."""
    fitted = scipy.special.expit(problem.X @ params)
    spread = np.sqrt(fitted * (1 - fitted))
    if problem.rows is not None:
        spread = np.where(problem.rows, spread, 0.0)
    pearson = np.divide(problem.y - fitted, spread, out=np.zeros_like(spread), where=spread > 0)
    scaled = problem.X * spread[:, None]
    pearson_sums = problem.clusters.total(pearson)
    alpha = _alpha(problem, pearson, pearson_sums) if problem.exchangeable else 0.0
    inflation = 1 + (problem.clusters.size - 1) * alpha
    return _State(
        scaled=scaled,
        pearson=pearson,
        scaled_sums=problem.clusters.total(scaled),
        pearson_sums=pearson_sums,
        shared=np.divide(alpha, inflation, out=np.zeros_like(inflation), where=inflation > 0),
        alpha=alpha,
    )


def _alpha(problem: _Problem, pearson: FloatArray, pearson_sums: FloatArray) -> float:
    """Moment estimate of the exchangeable correlation."""
    squares = float(pearson @ pearson)
    products = (float(pearson_sums @ pearson_sums) - squares) / 2
    pairs = _pairs(problem.clusters) - problem.lost
    return products / (pairs * squares / (pearson.size - problem.lost)) if squares > 0 and pairs > 0 else 0.0


def _pairs(clusters: _Clusters) -> float:
    """Number of pairs of rows that share a cluster."""
    return float((clusters.size * (clusters.size - 1)).sum() / 2)


def _obstacle(problem: _Problem, state: _State) -> str | None:
    """Say why the equations cannot be solved here; None when they can."""
    largest = float(problem.clusters.size.max())
    if not (largest - 1) * state.alpha > -1 or not state.alpha < 1:
        return (
            f"working correlation {state.alpha:.3g} is impossible in a cluster of {largest:.0f} rows; "
            "use independence"
        )
    return None


def _hopeless(problem: _Problem) -> str | None:
    """Say why the data cannot give an answer at all; None when they may."""
    if problem.clusters.size.size < 2:
        return "there is a single cluster, and a sandwich needs several"
    pairs = _pairs(problem.clusters)
    if problem.exchangeable and 0 < pairs <= problem.lost:
        return (
            f"only {pairs:.0f} pairs of rows share a cluster, too few for the correlation; use independence"
        )
    if problem.y.size <= problem.lost:
        return f"{problem.y.size} rows are too few for {problem.lost} columns"
    return None


def _solve(
    problem: _Problem, params: FloatArray, covariance: str, X: FloatArray, reduction: Reduction
) -> Fit:
    """Alternate scoring steps and estimates of α until neither moves."""
    failure = _hopeless(problem)
    iteration = 0
    arrived = False
    while failure is None and not arrived:
        iteration += 1
        state = _at(problem, params)
        failure = _obstacle(problem, state)
        if failure is not None:
            break
        bread = state.bread()
        factor, info = scipy.linalg.lapack.dpotrf(bread, lower=1, clean=1)
        if info != 0:
            failure = "the estimating equations became singular"
            break
        step = _stride(scipy.linalg.lapack.dpotrs(factor, state.score(), lower=1)[0], problem.X)
        params = params + step
        arrived = bool(step @ bread @ step < _TOLERANCE)
        if not arrived and iteration == _MAX_ITERATIONS:
            failure = f"no convergence in {iteration} scoring steps"
    if failure is None:
        matrix, failure = _sandwich(problem, state, factor, covariance)
    if failure is None:
        return reduced_fit(X, reduction, params, matrix, iterations=iteration, correlation=state.alpha)
    nothing = np.full((params.size, params.size), np.nan)
    return reduced_fit(X, reduction, nothing[0], nothing, iterations=iteration, failure=failure)


def _stride(step: FloatArray, X: FloatArray) -> FloatArray:
    """Shorten a step that moves some log odds by more than a plausible amount."""
    longest = float(np.abs(X @ step).max())
    return step if longest <= _LONGEST_STRIDE else step * (_LONGEST_STRIDE / longest)


def _sandwich(
    problem: _Problem, state: _State, factor: FloatArray, covariance: str
) -> tuple[FloatArray, str | None]:
    """Return B⁻¹ (Σ C_i U_i U_i' C_i') B⁻¹ with the correction C_i asked for, and why there is none."""
    outer = problem.clusters.total(state.scaled * state.pearson[:, None])
    scores = outer - state.scaled_sums * (state.shared * state.pearson_sums)[:, None]
    scores /= 1 - state.alpha
    inverse = symmetric_inverse(factor)
    failure = None
    if covariance != "robust":
        breads = _cluster_breads(problem, state)
        scores, failure = corrected_scores(covariance, scores, breads, factor, inverse)
    half = scores @ inverse
    return np.asarray(half.T @ half), failure


def _cluster_breads(problem: _Problem, state: _State) -> FloatArray:
    """D'V⁻¹D of each cluster, shape (K, p, p)."""
    ends = np.append(problem.clusters.begin[1:], len(state.scaled))
    breads = np.empty((ends.size, state.scaled.shape[1], state.scaled.shape[1]))
    for k, (begin, end) in enumerate(zip(problem.clusters.begin, ends, strict=True)):
        rows = state.scaled[begin:end]
        breads[k] = rows.T @ rows - state.shared[k] * np.outer(state.scaled_sums[k], state.scaled_sums[k])
    return breads / (1 - state.alpha)
