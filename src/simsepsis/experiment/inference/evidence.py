"""What worlds print beside what was printed, in one reading of the methods; what that leaves plausible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.experiment.inference.emulator import Emulator, Surface, fit_emulator, fit_surface, usable
from simsepsis.experiment.inference.likelihood import (
    Discrepant,
    LogLikelihood,
    Weighted,
    Working,
    plain_likelihood,
    posterior,
    prior_draws,
)

RARELY = 0.01
"""Least probability that a world can be made: the surface of what can is a rough one."""
IMPLAUSIBLE = 3.0
"""Standard deviations, emulator error included, beyond which a world is ruled out."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """Simulated worlds beside print, in one reading.

    Attributes
    ----------
    working
        From standard normal deviates of the priors to the working scale.
    deviates
        (w, p): the worlds, as standard normal deviates.
    draws
        (w, n, d): results of their replicates.
    observed, rounding
        (d,): what was printed, and the variance of what rounding hides.
    blocks
        (d,): the block of each result.
    truths
        (w, t): what is reported besides the settings.
    from_prior
        (w,): which worlds are a sample of the prior.
    lost
        (f, p): worlds that cannot be made, as standard normal deviates.
    """

    working: Working
    deviates: FloatArray
    draws: FloatArray
    observed: FloatArray
    rounding: FloatArray
    blocks: Sequence[str]
    truths: FloatArray
    from_prior: BoolArray
    lost: FloatArray | None = None

    @property
    def settings(self) -> int:
        """Return the number of settings."""
        return int(self.deviates.shape[1])

    def of(self, worlds: BoolArray) -> Evidence:
        """Return the evidence from some worlds alone."""
        return replace(
            self,
            deviates=self.deviates[worlds],
            draws=self.draws[worlds],
            truths=self.truths[worlds],
            from_prior=self.from_prior[worlds],
        )

    def without(self, block: str) -> Evidence:
        """Return the evidence without a block."""
        kept = np.array([name != block for name in self.blocks])
        return replace(
            self,
            draws=self.draws[:, :, kept],
            observed=self.observed[kept],
            rounding=self.rounding[kept],
            blocks=[name for name in self.blocks if name != block],
        )

    def used(self) -> BoolArray:
        """Return which results can be used, (d,)."""
        return usable(self.draws, self.observed)

    def emulator(self, used: BoolArray | None = None) -> Emulator:
        """Return the emulator of the results."""
        chosen = self.used() if used is None else used
        return fit_emulator(self.working(self.deviates), self.draws, self.rounding, chosen)

    @cached_property
    def truth_surface(self) -> Surface:
        """Return the surface of the truths."""
        return fit_surface(self.working(self.deviates), self.truths)

    def truths_at(self, points: FloatArray) -> FloatArray:
        """Return truths (m, t) at some points, with the scatter of true ones around the surface."""
        if not self.truths.shape[1]:
            return np.empty((len(points), 0))
        surface = self.truth_surface
        variance = surface.residual * (1.0 + surface.leverage(points)[:, None])
        scatter = np.random.default_rng(len(points)).standard_normal((len(points), self.truths.shape[1]))
        return np.asarray(surface.at(points) + np.sqrt(variance) * scatter)

    @cached_property
    def _made(self) -> Surface | None:
        """Return how probable it is that a world can be made; None where all could."""
        if self.lost is None or not len(self.lost):
            return None
        points = self.working(np.concatenate([self.deviates[self.from_prior], self.lost]))
        made = np.arange(len(points)) < int(self.from_prior.sum())
        return fit_surface(points, made[:, None].astype(np.float64))

    def among_made(self, log_likelihood: LogLikelihood) -> LogLikelihood:
        """Return a log likelihood with that of a world to be one that can be made."""
        surface = self._made
        if surface is None:
            return log_likelihood
        return lambda points: log_likelihood(points) + np.log(np.clip(surface.at(points)[:, 0], RARELY, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Concluded:
    """What follows from the evidence.

    Attributes
    ----------
    emulator
        Of the results.
    plain, loose
        Draws of the posterior where worlds are right in every block, and where each block may be off.
    off
        Block → by how many standard deviations of a replicate it is off, in the mean over the posterior.
    """

    emulator: Emulator
    plain: Weighted
    loose: Weighted
    off: dict[str, float]


def conclude(evidence: Evidence, used: BoolArray | None = None) -> Concluded:
    """Return the posterior with and without a discrepancy of each block."""
    emulator = evidence.emulator(used)
    right = evidence.among_made(plain_likelihood(emulator, evidence.observed))
    plain = posterior(right, evidence.settings, evidence.working)
    _, errors = emulator.predict(plain.points)
    allowed = Discrepant(
        emulator=emulator,
        observed=evidence.observed,
        blocks=[name for name, keep in zip(evidence.blocks, emulator.used, strict=True) if keep],
        error=plain.mean(errors),
    )
    loose = posterior(evidence.among_made(allowed), evidence.settings, evidence.working)
    return Concluded(
        emulator=emulator, plain=plain, loose=loose, off=allowed.sizes(loose.points, loose.weights)
    )


def implausibility(evidence: Evidence, deviates: FloatArray) -> FloatArray:
    r"""Return how far print lies from what some worlds (m, p) would print, in standard deviations, (m,).

    Notes
    -----
    The largest :math:`|y_k - f_k| / \sqrt{1 + v_k}` over the axes, with the variance :math:`v_k` of the
    emulator's error; a block's own discrepancy is not allowed for.

    References
    ----------
    Craig PS et al. J Am Stat Assoc 2001;96:717.
    """
    emulator = evidence.emulator()
    mean, error = emulator.predict(evidence.working(deviates))
    place = emulator.standard(evidence.observed) @ emulator.axes
    return np.asarray((np.abs(place - mean) / np.sqrt(1.0 + error)).max(axis=1))


def prior_of(evidence: Evidence) -> Weighted:
    """Return draws of the prior."""
    return prior_draws(evidence.settings, evidence.working)
