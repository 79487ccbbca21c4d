"""The likelihood of one observed vector in many simulated worlds, and how far it can be believed.

Shapes: worlds k, replicates n (may differ between worlds), results d, bootstrap samples b.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.special

from simsepsis.arrays import FloatArray
from simsepsis.errors import ExperimentError

SHRINKAGES = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
"""Weights of the pooled covariance that are tried."""

FOLDS = 5
LEVELS = (0.5, 0.8, 0.95)
"""Contents of the ellipsoids that held-out replicates are counted in."""

_LOG_2PI = float(np.log(2.0 * np.pi))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Likelihood:
    """Log likelihoods of the observed vector.

    Attributes
    ----------
    value
        (k,): in each world.
    distance
        (k,): squared Mahalanobis distance of the observed vector from the world's mean.
    share_farther
        (k,): share of the world's own replicates that are farther from its mean than the observed vector is,
        each judged by moments of the others (`FOLDS` folds).
    bootstrap
        (b, k): log likelihoods with the replicates of each world resampled.
    shrinkage
        Weight of the pooled covariance.
    used
        (k,): replicates with a complete vector.
    """

    value: FloatArray
    distance: FloatArray
    share_farther: FloatArray
    bootstrap: FloatArray
    shrinkage: float
    used: FloatArray

    @property
    def mcse(self) -> FloatArray:
        """Return the Monte Carlo standard error of each log likelihood, (k,)."""
        error: FloatArray = self.bootstrap.std(axis=0, ddof=1)
        return error


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Adequacy:
    """How normal the vectors are: held-out replicates inside the ellipsoids of the others.

    Attributes
    ----------
    levels
        Nominal contents.
    coverage, mcse
        Share inside over all worlds, and its Monte Carlo standard error from the worlds.
    """

    levels: tuple[float, ...]
    coverage: FloatArray
    mcse: FloatArray


def synthetic_likelihood(
    draws: Sequence[FloatArray],
    observed: FloatArray,
    *,
    rng: np.random.Generator,
    samples: int = 200,
    shrinkage: float | None = None,
) -> Likelihood:
    """Return the normal log likelihood of an observed vector in each world, moments by simulation.

    Notes
    -----
    log N(y; m, (1 − λ)S + λS̄) with m and S the world's mean and covariance and S̄ the mean covariance of all
    worlds. The Monte Carlo error is that of resampling replicates inside every world.

    References
    ----------
    Wood SN. Nature 2010;466:1102. Price LF et al. J Comput Graph Stat 2018;27:1.
    """
    whole = [complete(one) for one in draws]
    _check(whole, observed)
    weight = choose_shrinkage(whole) if shrinkage is None else shrinkage
    means, covariances = moments(whole)
    value, distance = log_density(observed, means, shrunk(covariances, weight))
    farther = [np.mean(held > own) for held, own in zip(held_out(whole, weight), distance, strict=True)]
    return Likelihood(
        value=value,
        distance=distance,
        share_farther=np.array(farther),
        bootstrap=_bootstrap(whole, observed, weight, samples, rng),
        shrinkage=weight,
        used=np.array([float(len(one)) for one in whole]),
    )


def complete(draws: FloatArray) -> FloatArray:
    """Return the replicates with a complete vector."""
    return draws[np.isfinite(draws).all(axis=1)]


def _check(whole: Sequence[FloatArray], observed: FloatArray) -> None:
    least = observed.size + FOLDS
    for number, one in enumerate(whole):
        if len(one) < least:
            raise ExperimentError(
                f"world {number} has {len(one)} replicates with all {observed.size} results, fewer than "
                f"{least}; run more replicates"
            )


def moments(whole: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Return means (k, d) and covariances (k, d, d) of each world's vectors."""
    means = np.stack([one.mean(axis=0) for one in whole])
    return means, np.stack([np.atleast_2d(np.cov(one, rowvar=False)) for one in whole])


def shrunk(covariances: FloatArray, weight: float) -> FloatArray:
    """Return covariances (k, …, d, d) drawn towards their mean over worlds."""
    return np.asarray((1.0 - weight) * covariances + weight * covariances.mean(axis=0, keepdims=True))


def log_density(
    observed: FloatArray, means: FloatArray, covariances: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the normal log density of a vector and its squared distance, both (…)."""
    factor = np.linalg.cholesky(covariances)
    standard = np.linalg.solve(factor, (observed - means)[..., None])[..., 0]
    distance = (standard**2).sum(axis=-1)
    log_root = np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)
    return -0.5 * (distance + means.shape[-1] * _LOG_2PI) - log_root, distance


def choose_shrinkage(whole: Sequence[FloatArray]) -> float:
    """Return the weight of the pooled covariance under which held-out replicates are likeliest."""
    scores = [_held_out_score(whole, weight) for weight in SHRINKAGES]
    return SHRINKAGES[int(np.argmax(scores))]


def _held_out_score(whole: Sequence[FloatArray], weight: float) -> float:
    total = 0.0
    for fold in range(FOLDS):
        means, covariances, held = _fold(whole, fold, weight)
        for mean, covariance, vectors in zip(means, covariances, held, strict=True):
            try:
                total += float(log_density(vectors, mean, covariance)[0].sum())
            except np.linalg.LinAlgError:
                return -np.inf
    return total


def held_out(whole: Sequence[FloatArray], weight: float) -> list[FloatArray]:
    """Return the squared distances of each world's replicates, each judged by moments of the other folds."""
    found: list[list[FloatArray]] = [[] for _ in whole]
    for fold in range(FOLDS):
        means, covariances, held = _fold(whole, fold, weight)
        for own, mean, covariance, vectors in zip(found, means, covariances, held, strict=True):
            own.append(log_density(vectors, mean, covariance)[1])
    return [np.concatenate(parts) for parts in found]


def _fold(
    whole: Sequence[FloatArray], fold: int, weight: float
) -> tuple[FloatArray, FloatArray, list[FloatArray]]:
    out = [np.arange(len(one)) % FOLDS == fold for one in whole]
    means, covariances = moments([one[~aside] for one, aside in zip(whole, out, strict=True)])
    held = [one[aside] for one, aside in zip(whole, out, strict=True)]
    return means, shrunk(covariances, weight), held


def adequacy(draws: Sequence[FloatArray], shrinkage: float) -> Adequacy:
    """Count held-out replicates inside the ellipsoids that a normal distribution would have.

    Notes
    -----
    Under normality d² of a new vector, moments from m others, is Hotelling's T²:
    d²·m(m − d)/((m² − 1)d) is F with d and m − d degrees of freedom. The m of a shrunken covariance is at
    least that of the world itself; with λ = 1 it is that of all worlds.
    """
    whole = [complete(one) for one in draws]
    d = whole[0].shape[1]
    inside = []
    for one, squared in zip(whole, held_out(whole, shrinkage), strict=True):
        m = len(one) * (FOLDS - 1) / FOLDS
        behind = m + shrinkage * m * (len(whole) - 1)
        scale = (1.0 + 1.0 / m) * (behind - 1.0) * d / (behind - d)
        inside.append(
            [float((squared <= scale * _f_quantile(level, d, behind - d)).mean()) for level in LEVELS]
        )
    shares = np.array(inside)
    error = shares.std(axis=0, ddof=1) / np.sqrt(len(shares)) if len(shares) > 1 else np.full(3, np.nan)
    return Adequacy(levels=LEVELS, coverage=shares.mean(axis=0), mcse=error)


def _f_quantile(level: float, d: int, rest: float) -> float:
    return float(scipy.special.fdtri(d, rest, level))


def _bootstrap(
    whole: Sequence[FloatArray],
    observed: FloatArray,
    weight: float,
    samples: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Return log likelihoods (b, k) with the replicates inside every world resampled."""
    means, covariances = [], []
    for one in whole:
        n = len(one)
        counts = rng.multinomial(n, np.full(n, 1.0 / n), size=samples).astype(np.float64)
        mean = counts @ one / n
        square = np.einsum("bn,nd,ne->bde", counts, one, one, optimize=True) / n
        means.append(mean)
        covariances.append((square - mean[:, :, None] * mean[:, None, :]) * n / (n - 1))
    drawn = shrunk(np.stack(covariances), weight)
    return log_density(observed, np.stack(means), drawn)[0].T
