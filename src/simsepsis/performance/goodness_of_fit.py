"""How far an observed vector lies from those of a simulated world, each judged by the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simsepsis.arrays import BoolArray, FloatArray

FEWEST = 8
"""Replicates below which nothing can be left out and judged by the others."""
VARIES = 0.05
"""Share of replicates that must differ from the commonest value; a number that varies less tests nothing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """An observed value and those of replicates, each measured by the others.

    Attributes
    ----------
    observed
        Of the observed vector, moments from all replicates.
    replicates
        (n,): of each replicate, moments from the others.
    """

    observed: float
    replicates: FloatArray

    @property
    def p(self) -> float:
        """Return the posterior predictive p: how probable so much or more is in the world itself."""
        if not np.isfinite(self.observed):
            return float("nan")
        return float((1 + np.sum(self.replicates >= self.observed)) / (1 + self.replicates.size))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vectors:
    """An observed vector beside the vectors of replicates.

    Attributes
    ----------
    observed, draws
        (d,) and (n, d); NaN where there is no value.
    rounding
        (d,): variance of what rounding hides, a twelfth of the squared step.
    """

    observed: FloatArray
    draws: FloatArray
    rounding: FloatArray

    @property
    def varies(self) -> BoolArray:
        """Return which coordinates vary enough to be judged, (d,)."""
        known = np.isfinite(self.draws).any(axis=0) & np.isfinite(self.observed)
        values = self.draws[:, known]
        other = np.isfinite(values) & (values != np.nanmedian(values, axis=0))
        varied = known.copy()
        varied[known] = other.mean(axis=0) >= VARIES
        return varied if len(self.draws) >= FEWEST else np.zeros_like(known)

    def of(self, chosen: BoolArray) -> Vectors:
        """Return some coordinates."""
        return Vectors(
            observed=self.observed[chosen], draws=self.draws[:, chosen], rounding=self.rounding[chosen]
        )


def _moments(draws: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return count, mean and variance of each coordinate."""
    n = np.isfinite(draws).sum(axis=0).astype(np.float64)
    return n, np.nanmean(draws, axis=0), np.nanvar(draws, axis=0, ddof=1)


def squared_z(vectors: Vectors) -> tuple[FloatArray, FloatArray]:
    r"""Return squared standardized distances of the observed vector, (d,), and of each replicate, (n, d).

    .. math:: z^2 = \frac{(y - m)^2 + v}{s^2 (1 + 1/n) + v}

    with the rounding's variance v: the mean of the squared distance over all that rounds to the same, so that
    1 is expected in the right world whether values come in steps or not. A replicate is judged by mean and
    variance of the others.
    """
    n, mean, variance = _moments(vectors.draws)
    v = vectors.rounding
    observed = squared_distances(vectors.observed, vectors.draws, v)
    gap = vectors.draws - mean
    others = np.maximum((n - 1.0) * variance - n / (n - 1.0) * gap**2, 0.0) / (n - 2.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        each = ((gap * n / (n - 1.0)) ** 2 + v) / (others * n / (n - 1.0) + v)
    return observed, each


def squared_distances(rows: FloatArray, draws: FloatArray, rounding: FloatArray) -> FloatArray:
    """Return the squared standardized distances of some vectors (k, d) from draws (n, d), as `squared_z`."""
    n, mean, variance = _moments(draws)
    return np.asarray(((rows - mean) ** 2 + rounding) / (variance * (1.0 + 1.0 / n) + rounding))


def mean_square(vectors: Vectors) -> Judged:
    """Return the mean of the squared standardized distances, 1 where the world is right."""
    if not vectors.observed.size or len(vectors.draws) < FEWEST:
        return Judged(observed=float("nan"), replicates=np.full(len(vectors.draws), np.nan))
    observed, each = squared_z(vectors)
    known = each[np.isfinite(each).any(axis=1)]
    return Judged(observed=float(observed.mean()), replicates=np.nanmean(known, axis=1))


def shrinkage(standard: FloatArray) -> float:
    """Return the weight of the unit matrix in the correlation of standardized draws (n, d).

    References
    ----------
    Schäfer J, Strimmer K. Stat Appl Genet Mol Biol 2005;4:32.
    """
    n = len(standard)
    correlation = standard.T @ standard / (n - 1.0)
    spread = n / (n - 1.0) ** 3 * ((standard**2).T @ standard**2 - n * (standard.T @ standard / n) ** 2)
    aside = ~np.eye(len(correlation), dtype=np.bool_)
    total = float((correlation[aside] ** 2).sum())
    return float(np.clip(spread[aside].sum() / total, 0.0, 1.0)) if total > 0.0 else 1.0


def distance(vectors: Vectors) -> Judged:
    """Return the squared Mahalanobis distance per coordinate, the correlation shrunk towards independence.

    Notes
    -----
    A replicate's covariance is that of the others: the rank-one downdate of Sherman and Morrison, with the
    same shrinkage. A coordinate without a value in a replicate counts as its mean.
    """
    n, d = vectors.draws.shape
    if not d or n < FEWEST:
        return Judged(observed=float("nan"), replicates=np.full(n, np.nan))
    _, mean, variance = _moments(vectors.draws)
    scale = np.sqrt(variance + vectors.rounding)
    standard = np.nan_to_num((vectors.draws - mean) / scale)
    hidden = vectors.rounding / scale**2
    weight = shrinkage(standard)
    fixed = np.diag(weight + (1.0 - weight) * hidden)
    covariance = (1.0 - weight) * standard.T @ standard
    gap = (vectors.observed - mean) / scale
    whole = np.linalg.inv(covariance / (n - 1.0) + fixed)
    observed = gap @ whole @ gap / (1.0 + 1.0 / n) + (np.diag(whole) * hidden).sum()
    inverse = np.linalg.inv(covariance / (n - 2.0) + fixed)
    own = np.einsum("nd,de,ne->n", standard, inverse, standard)
    left_out = own / (1.0 - (1.0 - weight) * n / ((n - 1.0) * (n - 2.0)) * own)
    replicates = left_out * n / (n - 1.0) + (np.diag(inverse) * hidden).sum()
    return Judged(observed=float(observed / d), replicates=replicates / d)
