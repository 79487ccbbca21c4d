"""Generalized estimating equations for a clustered binary outcome, with exchangeable or no correlation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike

from simsepsis.analysis.binomial import symmetric_inverse
from simsepsis.analysis.fit import Fit, failed_fit, in_units
from simsepsis.analysis.gee_covariance import COVARIANCES, corrected_scores
from simsepsis.analysis.gee_equations import Clusters, Equations, State, clusters_of, weighted_gram
from simsepsis.analysis.gee_search import LONGEST_STRIDE, TOLERANCE, search
from simsepsis.analysis.inputs import (
    binary_vector,
    coefficients,
    column_units,
    design_matrix,
    label_codes,
)
from simsepsis.analysis.logistic_newton import solve_logistic
from simsepsis.analysis.rank import independent_columns
from simsepsis.analysis.separation import Reduction, reduce_separated, reduced_fit, whole
from simsepsis.arrays import FloatArray, IntArray, stable_order
from simsepsis.errors import UsageError
from simsepsis.threads import one_thread

CORRELATIONS = ("exchangeable", "independence")
MOMENTS = ("statsmodels", "geepack")
_MAX_ITERATIONS = 60
_RUNAWAY = 1e6
"""Growth of a step's squared length over the shortest before; searches that came back had grown by 40."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClusteredDesign:
    """Covariates in cluster order, checked once for all the outcomes that are fitted on them.

    Attributes
    ----------
    X
        Design matrix, (n, p).
    clusters
        Where each cluster lies.
    order
        Row of the data at each place, (n,); None where the data are in cluster order.
    gram, total
        X'X, (p, p), and X'1, (p,).
    units
        By which the columns were divided, (p,); None for 1.
    """

    X: FloatArray
    gram: FloatArray
    total: FloatArray
    clusters: Clusters
    order: IntArray | None
    units: FloatArray | None


def clustered_design(X: ArrayLike, cluster: ArrayLike) -> ClusteredDesign:
    """Check covariates and clusters and put them in order."""
    design = design_matrix(X)
    units = column_units(design)
    design = design if units is None else design / units
    codes = label_codes(cluster, "cluster", design.shape[0])
    order = None
    if (codes[1:] < codes[:-1]).any():
        order = stable_order(codes)
        design, codes = design[order], codes[order]
    return ClusteredDesign(
        X=design,
        gram=design.T @ design,
        total=design.sum(axis=0),
        clusters=clusters_of(codes),
        order=order,
        units=units,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Request:
    """What is to be fitted, and how; the outcome (n,) is in cluster order."""

    design: ClusteredDesign
    y: FloatArray
    correlation: str
    covariance: str
    moment: str


@one_thread()
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
    return fit_clustered(
        clustered_design(X, cluster),
        y,
        correlation=correlation,
        covariance=covariance,
        moment=moment,
        start=start,
    )


def fit_clustered(
    design: ClusteredDesign,
    y: ArrayLike,
    *,
    correlation: str = "exchangeable",
    covariance: str = "robust",
    moment: str = "statsmodels",
    start: ArrayLike | None = None,
) -> Fit:
    """Fit one outcome on a checked design; see `fit_gee`."""
    _check_options(correlation, covariance, moment)
    rows, width = design.X.shape
    outcome = binary_vector(y, "outcome", rows)
    if design.X.size == 0:
        return failed_fit(width, "nothing to fit: there are no rows or no columns")
    request = _Request(
        design=design,
        y=outcome if design.order is None else outcome[design.order],
        correlation=correlation,
        covariance=covariance,
        moment=moment,
    )
    if start is not None:
        given = coefficients(start, "start", design.units, width)
        reduction = whole(design.X, independent_columns(design.X))
        return in_units(_solve(request, reduction, given[reduction.columns]), design.units)
    return in_units(_solve_quickly(request) or _solve_thoroughly(request), design.units)


def _solve_quickly(request: _Request) -> Fit | None:
    """Search near the logistic regression, where that surely exists; None where this does not soon arrive."""
    X, y, gram = request.design.X, request.y, request.design.gram
    reduction = whole(X, np.arange(X.shape[1]))
    cases = y @ X
    if (cases == 0).any() or (cases == request.design.total).any():
        # a rare treatment without a single death, or with nothing else, separates on its own
        independent = whole(X, independent_columns(X, gram))
        reduction = reduce_separated(X, y, independent, thorough=False) or independent
    equations = _equations(request, reduction)
    if reduction.columns.size == 0 or _hopeless(equations) is not None:
        return None
    if not reduction.rows.all():
        gram = weighted_gram(equations.columns, reduction.rows.astype(np.float64))
    elif reduction.repeated:
        gram = gram[np.ix_(reduction.columns, reduction.columns)]
    params, steps = search(
        equations.columns,
        equations.half_sign,
        equations.clusters.edges,
        gram,
        *equations.numbers,
    )
    if steps == 0:
        return None
    fit = _finished(request, reduction, equations, params, steps)
    return fit if fit.correlation is not None else None


def _solve_thoroughly(request: _Request) -> Fit:
    """Start from the logistic regression, without the rows that separation decides."""
    reduction, solution = solve_logistic(request.design.X, request.y, errors=False)
    return _solve(request, reduction, solution.params)


def _check_options(correlation: str, covariance: str, moment: str) -> None:
    """Refuse options that do not exist."""
    for value, known, name in (
        (correlation, CORRELATIONS, "correlation"),
        (covariance, COVARIANCES, "covariance"),
        (moment, MOMENTS, "moment"),
    ):
        if value not in known:
            raise UsageError(f"{name} '{value}' is unknown; choose one of {', '.join(known)}")


def _equations(request: _Request, reduction: Reduction) -> Equations:
    """Return the equations of a reduction."""
    X, columns = request.design.X, reduction.columns
    X = X if columns.size == X.shape[1] else X[:, columns]
    return Equations(
        columns=np.ascontiguousarray(X.T),
        half_sign=np.where(reduction.rows, request.y - 0.5, 0.0),
        clusters=request.design.clusters,
        exchangeable=request.correlation == "exchangeable",
        lost=columns.size if request.moment == "statsmodels" else 0,
    )


def _obstacle(equations: Equations, state: State) -> str | None:
    """Say why the equations cannot be solved here; None when they can."""
    largest = equations.clusters.largest
    if not (largest - 1) * state.alpha > -1 or not state.alpha < 1:
        return (
            f"working correlation {state.alpha:.3g} is impossible in a cluster of {largest:.0f} rows; "
            "use independence"
        )
    return None


def _hopeless(equations: Equations) -> str | None:
    """Say why the data cannot give an answer at all; None when they may."""
    if equations.clusters.size.size < 2:
        return "there is a single cluster, and a sandwich needs several"
    pairs, rows = equations.clusters.pairs, equations.half_sign.size
    if equations.exchangeable and 0 < pairs <= equations.lost:
        return (
            f"only {pairs:.0f} pairs of rows share a cluster, too few for the correlation; use independence"
        )
    if rows <= equations.lost:
        return f"{rows} rows are too few for {equations.lost} columns"
    return None


def _solve(request: _Request, reduction: Reduction, params: FloatArray) -> Fit:
    """Alternate scoring steps and estimates of α until neither moves."""
    if reduction.columns.size == 0:
        return reduced_fit(request.design.X, reduction, params, np.empty((0, 0)), iterations=0)
    equations = _equations(request, reduction)
    failure = _hopeless(equations)
    iteration, length, shortest = 0, np.inf, np.inf
    while failure is None and length >= TOLERANCE:
        iteration += 1
        state = equations.at(params)
        failure = _obstacle(equations, state)
        if failure is None:
            factor, failure = _factored(state)
        if failure is not None:
            break
        score = state.score()
        step = scipy.linalg.lapack.dpotrs(factor, score, lower=1)[0]
        length = float(step @ score)
        shortest = min(shortest, length)
        if not length <= _RUNAWAY * shortest:
            failure = f"no convergence: after {iteration} scoring steps they only grow"
        longest = float(np.abs(step @ equations.columns).max())
        params = params + min(1.0, LONGEST_STRIDE / max(longest, LONGEST_STRIDE)) * step
        if iteration == _MAX_ITERATIONS and length >= TOLERANCE:
            failure = f"no convergence in {iteration} scoring steps"
    if failure is None:
        return _finished(request, reduction, equations, params, iteration)
    return _without(request, reduction, iteration, failure)


def _finished(
    request: _Request, reduction: Reduction, equations: Equations, params: FloatArray, iteration: int
) -> Fit:
    """Report a root with its sandwich."""
    state = equations.at(params)
    matrix, failure = _sandwich(state, request.covariance)
    if failure is not None:
        return _without(request, reduction, iteration, failure)
    return reduced_fit(
        request.design.X, reduction, params, matrix, iterations=iteration, correlation=state.alpha
    )


def _without(request: _Request, reduction: Reduction, iteration: int, failure: str) -> Fit:
    """Report that there is no estimate."""
    nothing = np.full((reduction.columns.size, reduction.columns.size), np.nan)
    return reduced_fit(
        request.design.X, reduction, nothing.diagonal().copy(), nothing, iterations=iteration, failure=failure
    )


def _factored(state: State) -> tuple[FloatArray, str | None]:
    """Return the lower Cholesky factor of the bread, and why there is none."""
    factor, info = scipy.linalg.lapack.dpotrf(state.bread(), lower=1, clean=1)
    return factor, None if info == 0 else "the estimating equations became singular"


def _sandwich(state: State, covariance: str) -> tuple[FloatArray, str | None]:
    """Return B⁻¹ (Σ C_i U_i U_i' C_i') B⁻¹ with the correction C_i asked for, and why there is none."""
    factor, failure = _factored(state)
    if failure is not None:
        return factor, failure
    scores, inverse = state.scores(), symmetric_inverse(factor)
    if covariance != "robust":
        scores, failure = corrected_scores(covariance, scores, state.breads(), factor, inverse)
    with np.errstate(over="ignore", invalid="ignore"):
        half = scores @ inverse
        matrix = np.asarray(half.T @ half)
    if failure is None and not np.isfinite(matrix).all():
        failure = "the coefficients run off, so that standard errors overflow"
    return matrix, failure
