"""Correlations between the normal variables behind columns of any kind, by one formula for all pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtri

from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.world.fitted.profile import Column

ORDER = 30
"""Hermite terms: what is left out is below 0.001 for correlations up to 0.9."""

BINS = 200
"""Intervals into which a number is cut for its correlations."""

LEAST = 30
"""Patients that a correlation rests on; fewer, and it is 0."""

LARGEST = 0.98
LEAST_EIGENVALUE = 2e-3
MOST_STEPS = 300
WITHIN = 5.0
"""Weight of the correlation, which must be 0, between two normal variables behind one column."""

LEVELS = 0.02
"""Weight of the correlation between those of two levels of a category: nobody shows both, so that 0 is only
the simplest, and others may be needed for what the levels have to do with other columns."""

USUAL = 0.2
"""Size that a correlation between covariates usually has."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """Observed scores of the normal variables behind columns.

    Attributes
    ----------
    values
        (normals, n) expected normal variable given what is seen, NaN where nothing is.
    hermite
        (normals, ORDER) coefficients of each score as a function of its normal variable, over its SD.
    variance
        (normals,) variance of each score: 1 where everything is seen.
    column
        (normals,) number of the column that it is behind.
    level
        (normals,) whether it decides on a level of a category.
    """

    values: FloatArray
    hermite: FloatArray
    variance: FloatArray
    column: IntArray
    level: BoolArray


def scores_of(columns: Mapping[str, Column], values: Mapping[str, FloatArray]) -> Scores:
    """Return the scores behind columns, in the order in which a profile has its normal variables."""
    parts = [part for name, column in columns.items() for part in _parts(column, values[name])]
    scored = [_score(codes, size) for codes, size in parts]
    return Scores(
        values=np.array([score for score, _, _ in scored]),
        hermite=np.array([hermite for _, hermite, _ in scored]),
        variance=np.array([variance for _, _, variance in scored]),
        column=np.repeat(np.arange(len(columns)), [column.latents for column in columns.values()]),
        level=np.array([flag for column in columns.values() for flag in _levels(column)]),
    )


def _levels(column: Column) -> list[bool]:
    """Return, for each normal variable of a column, whether it decides on a level."""
    sticks = len(column.values) - 1 if column.kind == "category" else 0
    return [False] * (column.latents - sticks) + [True] * sticks


def _parts(column: Column, values: FloatArray) -> list[tuple[IntArray, int]]:
    """Return, for each normal variable of a column, what is seen of it in order; −1 for nothing."""
    gone, found = np.isnan(values), []
    if column.missing > 0.0:
        found.append((np.where(gone, 0, 1), 2))
    seen = ~gone
    if column.kind == "category":
        for level in column.values[:-1]:
            here = np.where(values == level, 0, 1)
            found.append((np.where(seen, here, -1), 2))
            seen = seen & (values != level)
        return found
    if column.kind != "number":
        codes = np.searchsorted(_between(column.values), np.where(seen, values, 0.0))
        return [*found, (np.where(seen, codes, -1), len(column.values))]
    if column.atom is not None:
        at = values == column.atom
        found.append((np.where(seen, np.where(at, 0, 1), -1), 2))
        seen = seen & ~at
    codes, size = _binned(values, seen)
    return [*found, (codes, size)]


def _between(values: tuple[float, ...]) -> FloatArray:
    points = np.array(values)
    middles: FloatArray = (points[1:] + points[:-1]) / 2.0
    return middles


def _binned(values: FloatArray, seen: FloatArray) -> tuple[IntArray, int]:
    """Return in which of at most `BINS` intervals of about as many patients each value lies."""
    known = values[seen]
    different = np.unique(known)
    if different.size > BINS:
        different = np.unique(np.quantile(known, np.arange(1, BINS) / BINS))
    codes = np.searchsorted(different, np.where(seen, values, 0.0))
    return np.where(seen, codes, -1), int(different.size + 1)


def _score(codes: IntArray, size: int) -> tuple[FloatArray, FloatArray, float]:
    r"""Return scores, Hermite coefficients and variance of one normal variable seen in intervals.

    A value seen to lie in (a, b] has the score :math:`E[Z \mid a < Z \le b]`, and with probabilists' Hermite
    polynomials :math:`\int_a^b He_k \varphi = \varphi(a) He_{k-1}(a) - \varphi(b) He_{k-1}(b)`.
    """
    known = codes >= 0
    counts = np.bincount(codes[known], minlength=size).astype(float)
    total = max(counts.sum(), 1.0)
    ends = ndtri(np.clip(np.concatenate([[0.0], np.cumsum(counts) / total]), 0.0, 1.0))
    steps = _hermite_at(ends)
    inside = steps[:, :-1] - steps[:, 1:]
    shares = counts / total
    table = np.where(shares > 0.0, inside[0] / np.maximum(shares, 1e-300), 0.0)
    variance = float(shares @ table**2)
    spread = np.sqrt(max(variance, 1e-12))
    score = np.where(known, table[np.maximum(codes, 0)], np.nan)
    return score, inside @ table / spread, variance


def _hermite_at(ends: FloatArray) -> FloatArray:
    """Return φ(x) He_{k−1}(x) / √k! for k = 1 … ORDER, (ORDER, ends); 0 at infinity."""
    finite = np.isfinite(ends)
    x = np.where(finite, ends, 0.0)
    density = np.where(finite, np.exp(-(x**2) / 2.0) / np.sqrt(2.0 * np.pi), 0.0)
    # Normalized polynomials h_k = He_k / √k!, so that nothing overflows.
    before, here = np.zeros_like(x), np.ones_like(x)
    rows = []
    for k in range(1, ORDER + 1):
        rows.append(density * here / np.sqrt(k))
        before, here = here, (x * here - np.sqrt(k - 1) * before) / np.sqrt(k)
    return np.array(rows)


def correlations(scores: Scores) -> FloatArray:
    r"""Return the correlations of the normal variables.

    The correlation of two scores is :math:`\sum_k \rho^k a_k b_k`, which rises in ρ; it is solved for ρ for
    all pairs together. For two binary columns this is the tetrachoric correlation, for a binary one and a
    number the biserial one (`polycor::hetcor` of R).
    """
    observed = observed_correlations(scores.values)
    low, high = np.full_like(observed, -LARGEST), np.full_like(observed, LARGEST)
    for _ in range(40):
        middle = (low + high) / 2.0
        below = _expected(middle, scores.hermite) < observed
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    found = np.where(observed == 0.0, 0.0, (low + high) / 2.0) * reliability(scores)
    np.fill_diagonal(found, 1.0)
    return nearest(found, weights_of(scores))


def weights_of(scores: Scores) -> FloatArray:
    """Return how much the correlation of each pair matters: as far as it can be seen, and is known.

    Normal variables behind one column must not hang together, or its shares would not be the cohort's; those
    of the levels of a category may, as their limits are found then.
    """
    slopes = np.outer(scores.hermite[:, 0], scores.hermite[:, 0])
    known = (~np.isnan(scores.values)).astype(float)
    weights = slopes**2 * (known @ known.T) / scores.values.shape[1] * reliability(scores)
    own = scores.column[:, None] == scores.column
    return np.asarray(np.where(own, np.where(np.outer(scores.level, scores.level), LEVELS, WITHIN), weights))


def reliability(scores: Scores) -> FloatArray:
    r"""Return the factor by which each correlation is drawn to 0 for want of patients.

    A score correlation of n patients has a standard error of :math:`1/\sqrt n`, the correlation behind it one
    of :math:`s = 1/(\sqrt n\, a_1 b_1)`; the factor is :math:`\tau^2 / (\tau^2 + s^2)` with τ the usual size
    of a correlation.
    """
    known = (~np.isnan(scores.values)).astype(float)
    slopes = np.outer(scores.hermite[:, 0], scores.hermite[:, 0])
    error = 1.0 / np.maximum(known @ known.T * slopes**2, 1e-9)
    return np.asarray(USUAL**2 / (USUAL**2 + error))


def observed_correlations(values: FloatArray) -> FloatArray:
    """Return the correlations of scores over the patients who have both."""
    known = ~np.isnan(values)
    mask, filled = known.astype(float), np.where(known, values, 0.0)
    n = mask @ mask.T
    sums, squares = filled @ mask.T, (filled**2) @ mask.T
    size = np.maximum(n, 1.0)
    covariance = filled @ filled.T / size - sums * sums.T / size**2
    variance = squares / size - (sums / size) ** 2
    product = variance * variance.T
    enough = (n >= LEAST) & (product > 1e-16)
    return np.where(enough, np.clip(covariance / np.sqrt(np.maximum(product, 1e-16)), -1.0, 1.0), 0.0)


def _expected(correlation: FloatArray, hermite: FloatArray) -> FloatArray:
    total = np.zeros_like(correlation)
    for k in range(hermite.shape[1] - 1, -1, -1):
        total = (total + np.multiply.outer(hermite[:, k], hermite[:, k])) * correlation
    return total


def nearest(matrix: FloatArray, weights: FloatArray) -> FloatArray:
    r"""Return the possible correlations nearest to a matrix, with ones on its diagonal.

    Rows of a square L of length 1 give correlations :math:`L L^\top`; the weighted sum of squares of what
    they differ by is minimized over L, from the matrix without its negative eigenvalues (Higham NJ. IMA J
    Numer Anal 2002;22:329 has the problem; the factor keeps weights cheap).
    """
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2.0)
    if values.min() >= LEAST_EIGENVALUE:
        return matrix
    start = vectors * np.sqrt(np.maximum(values, LEAST_EIGENVALUE))
    start /= np.linalg.norm(start, axis=1, keepdims=True)
    size = len(matrix)

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        factor = flat.reshape(size, size)
        length = np.linalg.norm(factor, axis=1, keepdims=True)
        unit = factor / length
        gap = unit @ unit.T - matrix
        np.fill_diagonal(gap, 0.0)
        pull = 4.0 * (weights * gap) @ unit
        slope = (pull - unit * (pull * unit).sum(axis=1, keepdims=True)) / length
        return float((weights * gap**2).sum()), slope.ravel()

    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": MOST_STEPS})
    unit = found.x.reshape(size, size)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    return np.asarray((1.0 - LEAST_EIGENVALUE) * (unit @ unit.T) + LEAST_EIGENVALUE * np.eye(size))


def cluster_means(scores: Scores, cluster: IntArray, clusters: int, minimum: int) -> FloatArray:
    r"""Return the means of the normal variables in each cluster, (clusters, normals), drawn to 0.

    By the share of the variance that lies between clusters (one-way analysis of variance): a mean of few
    patients is drawn to 0 by :math:`n_j / (n_j + (1 - \rho) / \rho)`, and one of fewer than `minimum` is 0.
    """
    found = np.zeros((clusters, len(scores.values)))
    for place, (values, variance) in enumerate(zip(scores.values, scores.variance, strict=True)):
        known = ~np.isnan(values)
        n = np.bincount(cluster[known], minlength=clusters).astype(float)
        used = n > 0
        if used.sum() < 2 or variance < 1e-12:
            continue
        means = np.bincount(cluster[known], values[known], minlength=clusters) / np.maximum(n, 1.0)
        total, groups = n.sum(), used.sum()
        within = float(((values[known] - means[cluster[known]]) ** 2).sum() / max(total - groups, 1.0))
        between = float((n * (means - values[known].mean()) ** 2).sum() / (groups - 1))
        typical = (total - (n**2).sum() / total) / (groups - 1)
        apart = max(0.0, (between - within) / typical)
        share = apart / max(within + apart, 1e-12)
        if share <= 0.0:
            continue
        weight = n / np.maximum(n + (1.0 - share) / share, 1e-9)
        drawn = weight * (means - np.average(means, weights=n)) / variance
        found[:, place] = np.where(n >= minimum, np.clip(drawn, -3.0, 3.0), 0.0)
    return found
