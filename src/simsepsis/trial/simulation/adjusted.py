"""Covariate adjustment that keeps the marginal effect: risks standardized over a logistic model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.trial.protocol.condition import Known
from simsepsis.trial.simulation.pool import Pool

if TYPE_CHECKING:
    from simsepsis.analysis.fit import Fit

Slopes = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray, FloatArray]]
"""Risks under treatment and control → effect, and its slopes on the two."""

CONTRASTS: dict[str, Slopes] = {
    "risk_difference": lambda p1, p0: (p1 - p0, np.ones_like(p1), -np.ones_like(p0)),
    "risk_ratio": lambda p1, p0: (np.log(p1 / p0), 1.0 / p1, -1.0 / p0),
    "odds_ratio": lambda p1, p0: (
        np.log(p1 / (1.0 - p1) * (1.0 - p0) / p0),
        1.0 / (p1 * (1.0 - p1)),
        -1.0 / (p0 * (1.0 - p0)),
    ),
}
"""Scale → effect (the logarithm of a ratio) and its slopes."""


def covariate_matrix(pool: Pool, names: tuple[str, ...], known: Known) -> FloatArray:
    """Return covariates of the pool, shape (n, q): numbers in SDs, an indicator of each level but the first.

    A missing number is set to the mean, which keeps the analysis of a randomized trial valid (White IR,
    Thompson SG. Stat Med 2005;24:993); an indicator beside it would separate the data where few are missing.
    """
    columns: list[FloatArray] = []
    for name in names:
        values = np.asarray(pool.columns[name], dtype=np.float64)
        if known[name]:
            columns += [(values == level).astype(np.float64) for level in range(1, len(known[name]))]
            continue
        scores = (values - np.nanmean(values)) / np.nanstd(values)
        columns.append(np.where(np.isnan(values), 0.0, scores))
    return np.column_stack(columns)


def standardized_risks(
    covariates: FloatArray, arm: IntArray, dead: IntArray, arms: int
) -> tuple[FloatArray, FloatArray]:
    """Return each arm's risk standardized over all patients, and their covariance; NaN if the fit failed."""
    # Ge M et al. Drug Inf J 2011;45:481. Ye T et al. Stat Theory Relat Fields 2023;7:159. R: ``RobinCar``.
    n = arm.size
    assigned = (arm[:, None] == np.arange(1, arms)).astype(np.float64)
    fitted = _fit(np.column_stack([np.ones(n), assigned, covariates]), dead, arms)
    if fitted is None:
        return np.full(arms, np.nan), np.full((arms, arms), np.nan)
    design, fit = fitted
    residual = dead - expit(design @ fit.params)
    scores = residual[:, None] * (design @ fit.covariance) * n
    base = design @ fit.params - assigned @ fit.params[1:arms]
    means, influence = np.empty(arms), np.empty((n, arms))
    for one in range(arms):
        risk = expit(base + (fit.params[one] if one else 0.0))
        weight = risk * (1.0 - risk)
        slope = (weight @ design) / n
        slope[1:arms] = 0.0
        if one:
            slope[one] = weight.mean()
        means[one] = risk.mean()
        influence[:, one] = risk - means[one] + scores @ slope
    return means, influence.T @ influence / n**2


def _fit(design: FloatArray, dead: IntArray, arms: int) -> tuple[FloatArray, Fit] | None:
    """Return the columns that have finite coefficients and their fit; None if an arm has none."""
    from simsepsis.analysis.logistic import fit_logistic

    while True:
        fit = fit_logistic(design, dead)
        finite = np.isfinite(fit.params)
        if fit.converged and finite.all():
            return design, fit
        if finite.all() or not finite[:arms].all():
            return None
        design = design[:, finite]


def contrast_of(
    risks: FloatArray, covariance: FloatArray, scale: str
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return z of the risk difference (positive for fewer deaths), effect and standard error of each arm."""
    p1, p0 = risks[1:], np.full(risks.size - 1, risks[0])

    def error(up: FloatArray, down: FloatArray) -> FloatArray:
        own, shared = np.diag(covariance)[1:], covariance[0, 1:]
        return np.asarray(np.sqrt(up**2 * own + down**2 * covariance[0, 0] + 2.0 * up * down * shared))

    difference, *slopes = CONTRASTS["risk_difference"](p1, p0)
    estimate, *own_slopes = CONTRASTS[scale](p1, p0)
    return -difference / error(*slopes), estimate, error(*own_slopes)
