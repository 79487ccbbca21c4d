"""Matching on a score that knows the clusters: a random intercept, and the mean of the plain score."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.special

from simsepsis.analysis.estimates import Estimate
from simsepsis.analysis.methods.matcher_variants import SE, by_options, set_rows, weighted_rows, weights_of
from simsepsis.analysis.methods.method import MATCHED_SET, Method, Task
from simsepsis.analysis.methods.shared import known
from simsepsis.analysis.methods.thesis import RISKS_MATCHED
from simsepsis.analysis.rank import independent_columns
from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import ConvergenceError, NotEstimableError

STEPS = 200
FARTHEST = 5.0
"""Log odds by which one step may move a coefficient."""
SETTLED = 1e-4
"""Change of the intercepts' variance, relative to 1 more than it, at which it is found."""


def random_intercepts(X: FloatArray, y: FloatArray, cluster: IntArray) -> tuple[FloatArray, float]:
    r"""Fit a logistic regression with a normal intercept for each cluster.

    Notes
    -----
    Intercepts and coefficients maximize the likelihood times the intercepts' density; the variance is that of
    the EM algorithm with the Laplace approximation, :math:`\sigma^2 = J^{-1}\sum_j (u_j^2 + v_j)`. R:
    ``lme4::glmer(y ~ X + (1 | cluster), family = binomial)``, which maximizes the approximation itself.

    References
    ----------
    Breslow NE, Clayton DG. JASA 1993;88:9.
    """
    count, width = int(cluster.max()) + 1, X.shape[1]
    params, variance = np.zeros(width + count), 0.5
    for _ in range(STEPS):
        params, spread = _penalized(X, y, cluster, params, variance)
        new = float(np.mean(params[width:] ** 2 + spread))
        settled = abs(new - variance) < SETTLED * (1 + variance)
        variance = new
        if settled:
            return X @ params[:width] + params[width:][cluster], variance
    raise ConvergenceError("the clusters' intercepts have no variance that fits")


def _penalized(
    X: FloatArray, y: FloatArray, cluster: IntArray, params: FloatArray, variance: float
) -> tuple[FloatArray, FloatArray]:
    """Return coefficients and intercepts at a variance, and the variances of the intercepts given them."""
    width, count = X.shape[1], params.size - X.shape[1]
    for _ in range(STEPS):
        chance = scipy.special.expit(X @ params[:width] + params[width:][cluster])
        weight = chance * (1 - chance)
        inside = np.bincount(cluster, weight, count) + 1 / variance
        cross = np.column_stack([np.bincount(cluster, weight * column, count) for column in X.T])
        own = np.bincount(cluster, y - chance, count) - params[width:] / variance
        inner = (X.T * weight) @ X - cross.T @ (cross / inside[:, None])
        try:
            step = np.linalg.solve(inner, X.T @ (y - chance) - cross.T @ (own / inside))
        except np.linalg.LinAlgError as error:
            raise ConvergenceError("the score with clusters is 0 or 1 for whole groups") from error
        moved = np.concatenate([step, (own - cross @ step) / inside])
        moved /= max(1.0, float(np.abs(moved).max()) / FARTHEST)
        params = params + moved
        if np.abs(moved).max() < 1e-8:
            lever = cross / inside[:, None]
            return params, 1 / inside + ((lever @ np.linalg.pinv(inner)) * lever).sum(axis=1)
    raise ConvergenceError("the score with clusters is 0 or 1 for whole groups (separation)")


def multilevel_rows(task: Task) -> Iterator[Estimate]:
    """Yield the risks compared after matching on a score with an intercept for each cluster.

    The mean of the plain score in the cluster stands for the means of all covariates (Mundlak), of which
    there may be more than clusters.
    """
    cohort, X = known(task.shared.cohort), known(task.shared.design)
    if cohort.cluster is None:
        raise NotEstimableError("the spec names no column for the clusters")
    plain = known(task.shared.propensity).logit
    rows = np.flatnonzero(np.isfinite(plain))
    cluster = np.unique(cohort.cluster[rows], return_inverse=True)[1]
    mean = np.bincount(cluster, plain[rows]) / np.bincount(cluster)
    both = np.column_stack([X[rows, 1:], mean[cluster]])
    both = both[:, np.ptp(both, axis=0) > 0]
    columns = np.column_stack([np.ones(rows.size), (both - both.mean(axis=0)) / both.std(axis=0)])
    logit = plain.copy()
    logit[rows], _ = random_intercepts(
        columns[:, independent_columns(columns)], cohort.treated[rows].astype(np.float64), cluster
    )
    weights = weights_of(task, cohort, logit, by_options)
    yield from weighted_rows(task, cohort, weights)
    yield from set_rows(task, cohort, weights)


METHOD = Method(
    name="psm_multilevel",
    label="Score with a random intercept and the mean score of each cluster",
    group="matching",
    estimands=(*RISKS_MATCHED, *MATCHED_SET),
    std_error=SE,
    reference="Arpino B, Mealli F. Comput Stat Data Anal 2011;55:1770. Li F et al. Stat Med 2013;32:3373.",
    function=multilevel_rows,
    uses=("cohort", "design", "propensity"),
    needs=("clusters",),
)
