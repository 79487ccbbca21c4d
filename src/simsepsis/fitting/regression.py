"""Regressions with a light ridge and random intercepts of clusters, shrunk by what they overfit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, expit

from simsepsis.arrays import FloatArray, IntArray

RIDGE = 1e-2
"""Penalty on the square of a coefficient per SD: enough to keep a separated term finite, and no more."""

STEPS = 60
TOLERANCE = 1e-6
ROUNDS = 6
"""Rounds in which the variance between clusters is found."""

LARGEST = 30.0
"""Largest absolute linear predictor."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """A fitted linear predictor.

    Attributes
    ----------
    intercept, coefficients
        Number; (terms,).
    clusters
        (clusters,) random intercepts, empty without clusters.
    shrinkage
        Factor by which predictions would have to be multiplied to fit new patients.
    p_value
        Of the likelihood ratio test that no term matters.
    residual
        Standard deviation left (number).
    """

    intercept: float
    coefficients: FloatArray
    clusters: FloatArray
    shrinkage: float
    p_value: float
    residual: float = 1.0


def fit_regression(
    X: FloatArray,
    y: FloatArray,
    *,
    family: str,
    cluster: IntArray | None = None,
    clusters: int = 0,
    offset: FloatArray | None = None,
) -> Fit:
    r"""Fit a generalized linear model.

    Coefficients have a ridge of `RIDGE`; random intercepts of clusters the penalty :math:`1/\sigma^2`, whose
    σ² is found in rounds from the intercepts and their variances (Laplace; `lme4::glmer` of R). The shrinkage
    factor is :math:`(G - p) / G` with G the likelihood ratio statistic of p terms (van Houwelingen JC, le
    Cessie S. Stat Med 1990;9:1303).
    """
    n, terms = X.shape
    base = np.zeros(n) if offset is None else offset
    design = np.column_stack([np.ones(n), X])
    penalty = np.concatenate([[0.0], np.full(terms, RIDGE)])
    beta = np.zeros(1 + terms)
    beta[0] = _start(y, base, family)
    random = np.zeros(clusters)
    variance = 0.25 if clusters else 0.0
    for _ in range(ROUNDS if clusters else 1):
        beta, random, spread = _newton(design, y, family, base, penalty, beta, random, cluster, variance)
        if not clusters:
            break
        found = float(np.mean(random**2 + spread))
        done = abs(found - variance) < 0.02 * variance + 1e-4
        variance = max(found, 1e-6)
        if done:
            break
    eta = base + design @ beta + (random[cluster] if cluster is not None and clusters else 0.0)
    empty = base + beta[0] + (random[cluster] if cluster is not None and clusters else 0.0)
    empty = empty + _level(y, empty, family)
    residual = float(np.std(y - eta)) if family == "number" else 1.0
    gain = 2.0 * (_likelihood(y, eta, family, residual) - _likelihood(y, empty, family, residual))
    used = int(np.count_nonzero(np.ptp(X, axis=0) > 0.0)) if terms else 0
    return Fit(
        intercept=float(beta[0]),
        coefficients=beta[1:],
        clusters=random,
        shrinkage=float(np.clip((gain - used) / gain, 0.0, 1.0)) if gain > 1e-9 else 0.0,
        p_value=float(chdtrc(used, max(gain, 0.0))) if used else 1.0,
        residual=residual,
    )


def _start(y: FloatArray, offset: FloatArray, family: str) -> float:
    mean = float(y.mean())
    if family == "logistic":
        mean = min(max(mean, 1e-4), 1.0 - 1e-4)
        return float(np.log(mean / (1.0 - mean)))
    if family == "poisson":
        return float(np.log(max(y.sum(), 0.5) / np.exp(offset).sum()))
    return mean


def _level(y: FloatArray, eta: FloatArray, family: str) -> float:
    """Return what is to be added to a predictor so that its mean is right."""
    add = 0.0
    for _ in range(50):
        mean, weight = _moments(eta + add, family)
        step = float((y - mean).sum() / max(weight.sum(), 1e-12))
        add += float(np.clip(step, -2.0, 2.0))
        if abs(step) < 1e-9:
            break
    return add


def _moments(eta: FloatArray, family: str) -> tuple[FloatArray, FloatArray]:
    eta = np.clip(eta, -LARGEST, LARGEST)
    if family == "logistic":
        mean = expit(eta)
        return mean, mean * (1.0 - mean)
    if family == "poisson":
        mean = np.exp(eta)
        return mean, mean
    return eta, np.ones_like(eta)


def _likelihood(y: FloatArray, eta: FloatArray, family: str, residual: float) -> float:
    eta = np.clip(eta, -LARGEST, LARGEST)
    if family == "logistic":
        return float((y * eta - np.logaddexp(0.0, eta)).sum())
    if family == "poisson":
        return float((y * eta - np.exp(eta)).sum())
    return float(-((y - eta) ** 2).sum() / (2.0 * max(residual, 1e-9) ** 2))


def _newton(
    design: FloatArray,
    y: FloatArray,
    family: str,
    offset: FloatArray,
    penalty: FloatArray,
    beta: FloatArray,
    random: FloatArray,
    cluster: IntArray | None,
    variance: float,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return coefficients, random intercepts and the variances of these."""
    groups = random.size
    step: FloatArray
    spread: FloatArray = np.zeros(groups)
    for _ in range(STEPS):
        eta: FloatArray = offset + design @ beta + (random[cluster] if groups else 0.0)
        mean, weight = _moments(eta, family)
        scale = 1.0 if family != "number" else 1.0 / max(float(np.var(y - eta)), 1e-9)
        gap, weight = (y - mean) * scale, weight * scale
        gradient = design.T @ gap - penalty * beta
        curve = (design * weight[:, None]).T @ design + np.diag(penalty)
        if not groups:
            step = _solved(curve, gradient)
            shift = random
        else:
            assert cluster is not None
            own = np.bincount(cluster, weight, minlength=groups) + 1.0 / variance
            pull = np.bincount(cluster, gap, minlength=groups) - random / variance
            cross = _by_cluster(design * weight[:, None], cluster, groups)
            reduced = curve - cross.T @ (cross / own[:, None])
            step = _solved(reduced, gradient - cross.T @ (pull / own))
            shift = (pull - cross @ step) / own
            spread = np.asarray(1.0 / own, dtype=np.float64)
        longest = max(np.abs(step).max(initial=0.0), np.abs(shift).max(initial=0.0))
        factor = min(1.0, 3.0 / longest) if longest > 0.0 else 1.0
        beta, random = beta + factor * step, random + factor * shift
        if longest < TOLERANCE:
            break
    return beta, random, spread


def _solved(curve: FloatArray, gradient: FloatArray) -> FloatArray:
    """Return the step; what is nearly flat is kept from the infinite."""
    return np.asarray(np.linalg.solve(curve + 1e-9 * np.eye(gradient.size), gradient), dtype=np.float64)


def _by_cluster(rows: FloatArray, cluster: IntArray | None, groups: int) -> FloatArray:
    """Return the sums of rows in each cluster."""
    assert cluster is not None
    order = np.argsort(cluster, kind="stable")
    counts = np.bincount(cluster, minlength=groups)
    begins = np.concatenate([[0], np.cumsum(counts)[:-1]])
    sums = np.zeros((groups, rows.shape[1]))
    filled = counts > 0
    sums[filled] = np.add.reduceat(rows[order], begins[filled], axis=0)
    return sums
