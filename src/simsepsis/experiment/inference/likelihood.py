"""From an emulator and what was printed to probabilities: likelihood, discrepancy, weighted draws.

Shapes: draws m, settings p, axes k, results d, blocks b, standard deviations of discrepancies j.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from scipy.special import gammaln, logsumexp

from simsepsis.arrays import FloatArray
from simsepsis.experiment.inference.emulator import Emulator
from simsepsis.experiment.inference.sobol import sobol_normals

DRAWS = 2**13
ROUNDS = 6
"""Rounds of draws, each from where the last one found weight."""
ENOUGH = 1_000.0
"""Effective draws at which no further round is needed."""
WIDER = 1.3
"""Factor on the standard deviations of the draws that the last round found."""
SCALES = 128
"""Vectors of discrepancies that are averaged over."""

LogLikelihood = Callable[[FloatArray], FloatArray]
"""From points on the working scale, (m, p), to log likelihoods, (m,)."""
Working = Callable[[FloatArray], FloatArray]
"""From standard normal deviates of the priors to the working scale."""


def log_student(distance: FloatArray, log_root: FloatArray | float, d: int, freedom: float) -> FloatArray:
    r"""Return the log density of d results at a squared distance, their covariance being estimated.

    Notes
    -----
    With a covariance from :math:`\nu` degrees of freedom the normal becomes a multivariate
    :math:`t_\nu`: heavier tails, so that a misfit of many standard deviations counts for less.

    References
    ----------
    Sellentin E, Heavens AF. MNRAS 2016;456:L132.
    """
    constant = gammaln((freedom + d) / 2.0) - gammaln(freedom / 2.0) - 0.5 * d * np.log(freedom * np.pi)
    return np.asarray(constant - log_root - 0.5 * (freedom + d) * np.log1p(distance / freedom))


def plain_likelihood(emulator: Emulator, observed: FloatArray) -> LogLikelihood:
    """Return the synthetic log likelihood of what was printed, worlds being right in every block.

    Notes
    -----
    On the axes print is normal around the surface with variance 1 + the emulator's error; across them it is
    where it is in every world.

    References
    ----------
    Wood SN. Nature 2010;466:1102.
    """
    deviates = emulator.standard(observed)
    place = deviates @ emulator.axes
    across = float(deviates @ deviates - place @ place)
    root = float(np.log(np.diagonal(emulator.factor)).sum())

    def log_likelihood(points: FloatArray) -> FloatArray:
        mean, error = emulator.predict(points)
        distance = across + ((place - mean) ** 2 / (1.0 + error)).sum(axis=1)
        log_root = root + 0.5 * np.log1p(error).sum(axis=1)
        return log_student(distance, log_root, deviates.size, emulator.freedom)

    return log_likelihood


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Discrepant:
    """The likelihood where each block of results may be off by a standard deviation of its own.

    Attributes
    ----------
    emulator, observed, blocks
        What worlds print, what was printed, and the block of each result used.
    error
        (k,): variance of the emulator's error, as it is where the posterior is.
    """

    emulator: Emulator
    observed: FloatArray
    blocks: Sequence[str]
    error: FloatArray

    @property
    def names(self) -> tuple[str, ...]:
        """Return the blocks."""
        return tuple(dict.fromkeys(self.blocks))

    def scales(self) -> FloatArray:
        """Return standard deviations, (j, b), of half-normal shape with scale 1."""
        return np.abs(sobol_normals(len(self.names), SCALES, np.random.default_rng(0), edge=1e-6))

    def by_scale(self, points: FloatArray) -> FloatArray:
        r"""Return log likelihoods (j, m), one row for each vector of `scales`.

        Notes
        -----
        A block's discrepancies are independent, normal, with a standard deviation of
        :math:`\sigma_b` times that of the result within a world; :math:`\sigma_b` is half-normal.

        References
        ----------
        Kennedy MC, O'Hagan A. J R Stat Soc B 2001;63:425.
        """
        emulator, mean = self.emulator, self.emulator.surface.at(points)
        deviates, axes = emulator.standard(self.observed), emulator.axes
        belongs = np.array([[block == name for block in self.blocks] for name in self.names], np.float64)
        root = scipy.linalg.solve_triangular(emulator.factor, np.diag(emulator.scale), lower=True)
        fixed = np.eye(deviates.size) + (axes * self.error) @ axes.T
        shift, d = float(np.log(np.diagonal(emulator.factor)).sum()), deviates.size
        found = []
        for scales in self.scales():
            covariance = fixed + (root * (scales**2 @ belongs)) @ root.T
            factor = np.linalg.cholesky(covariance)
            both = scipy.linalg.solve_triangular(factor, np.column_stack([deviates, axes]), lower=True)
            print_, columns = both[:, 0], both[:, 1:]
            moments = columns.T @ columns
            distance = print_ @ print_ - 2.0 * mean @ (columns.T @ print_) + ((mean @ moments) * mean).sum(1)
            log_root = shift + float(np.log(np.diagonal(factor)).sum())
            found.append(log_student(np.maximum(distance, 0.0), log_root, d, emulator.freedom))
        return np.stack(found)

    def __call__(self, points: FloatArray) -> FloatArray:
        """Return log likelihoods, averaged over the discrepancies."""
        return np.asarray(logsumexp(self.by_scale(points), axis=0) - np.log(SCALES))

    def sizes(self, points: FloatArray, weights: FloatArray) -> dict[str, float]:
        """Return by how many standard deviations each block is off, in the mean over the posterior."""
        few = np.argsort(-weights, kind="stable")[:256]
        rows = logsumexp(self.by_scale(points[few]) + np.log(weights[few] + 1e-300), axis=1)
        share = np.exp(rows - logsumexp(rows))
        return dict(zip(self.names, (share @ self.scales()).tolist(), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weighted:
    """Draws with weights that make them a sample of a distribution.

    Attributes
    ----------
    deviates
        (m, p): standard normal deviates of the priors.
    points
        (m, p): on the working scale.
    weights
        (m,): sum to 1.
    log_evidence
        Logarithm of the mean likelihood over the prior.
    """

    deviates: FloatArray
    points: FloatArray
    weights: FloatArray
    log_evidence: float = 0.0

    @property
    def effective(self) -> float:
        """Return the effective number of draws (Kish)."""
        return float(1.0 / (self.weights**2).sum())

    def mean(self, values: FloatArray) -> FloatArray:
        """Return the mean of values (m, …)."""
        return np.asarray(np.tensordot(self.weights, values, axes=1))

    def sd(self, values: FloatArray) -> FloatArray:
        """Return the standard deviation of values (m, …)."""
        return np.sqrt(np.maximum(self.mean((values - self.mean(values)) ** 2), 0.0))

    def quantiles(self, values: FloatArray, levels: Sequence[float]) -> FloatArray:
        """Return quantiles of values (m,)."""
        order = np.argsort(values, kind="stable")
        below = np.cumsum(self.weights[order]) - 0.5 * self.weights[order]
        return np.asarray(np.interp(levels, below, values[order]))


def prior_draws(p: int, working: Working, *, seed: int = 0) -> Weighted:
    """Return draws of the prior."""
    deviates = _normal(p, seed)
    return Weighted(deviates=deviates, points=working(deviates), weights=np.full(DRAWS, 1.0 / DRAWS))


def _normal(p: int, seed: int) -> FloatArray:
    return sobol_normals(p, DRAWS, np.random.default_rng(seed))


def posterior(log_likelihood: LogLikelihood, p: int, working: Working, *, seed: int = 0) -> Weighted:
    """Return weighted draws of the posterior by adaptive importance sampling.

    Notes
    -----
    The first round draws from the prior, which is standard normal in the deviates; each further one from a
    normal with mean and covariance of the last, standard deviations widened by `WIDER`, one draw in ten from
    the prior still, until `ENOUGH` draws are effective.

    References
    ----------
    Cappé O et al. J Comput Graph Stat 2004;13:907. Hesterberg T. Technometrics 1995;37:185.
    """
    center, covariance = np.zeros(p), np.eye(p)
    best: Weighted | None = None
    for number in range(ROUNDS):
        drawn = _normal(p, seed + number)
        root = np.linalg.cholesky(covariance)
        if number:
            prior = np.arange(DRAWS) % 10 == 0
            drawn = np.where(prior[:, None], drawn, center + drawn @ root.T)
        points = working(drawn)
        inside = -0.5 * (drawn**2).sum(axis=1)
        standard = np.linalg.solve(root, (drawn - center).T)
        from_last = -0.5 * (standard**2).sum(axis=0) - float(np.log(np.diagonal(root)).sum())
        proposal = np.logaddexp(np.log(0.1) + inside, np.log(0.9) + from_last) if number else inside
        logs = log_likelihood(points) + inside - proposal
        total = float(logsumexp(logs))
        found = Weighted(
            deviates=drawn,
            points=points,
            weights=np.exp(logs - total),
            log_evidence=total - float(np.log(DRAWS)),
        )
        if best is None or found.effective > best.effective:
            best = found
        if best.effective >= ENOUGH:
            break
        center, covariance = _moments(found, p)
    assert best is not None
    return best


def _moments(found: Weighted, p: int) -> tuple[FloatArray, FloatArray]:
    """Return mean and widened covariance; where few draws carry the weight, drawn towards a ball."""
    center = found.mean(found.deviates)
    gaps = found.deviates - center
    covariance = (gaps * found.weights[:, None]).T @ gaps
    few = min(1.0, found.effective / (10.0 * p))
    ball = np.eye(p) * max(float(np.trace(covariance)) / p, 0.05)
    return center, WIDER**2 * (few * covariance + (1.0 - few) * ball) + 1e-9 * np.eye(p)
