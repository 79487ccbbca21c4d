"""What a world predicts of some numbers once others are known: regression over its replicates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simsepsis.arrays import FloatArray
from simsepsis.performance.goodness_of_fit import FEWEST, Vectors

PENALTIES: FloatArray = np.logspace(-2.0, 3.0, 21)
"""Ridge penalties that are tried, in units of the mean variance of the components."""
PER_COLUMN = 8
"""Replicates for each column of a plain regression, at least."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prediction:
    """Of each coordinate, given what is known.

    Attributes
    ----------
    mean, sd
        (d,): mean and standard deviation of the prediction, what rounding hides included.
    narrower
        (d,): the standard deviation as a share of that without the knowledge, rounding left out.
    """

    mean: FloatArray
    sd: FloatArray
    narrower: FloatArray


@dataclass(slots=True, kw_only=True, eq=False)
class _Best:
    """Of each coordinate, the guess of the regression that predicted left-out replicates best so far."""

    error: FloatArray
    guess: FloatArray

    def take(self, columns: Sequence[int] | slice, left: FloatArray, guess: FloatArray) -> None:
        """Take the guesses of those coordinates whose squared error is less."""
        error = np.mean(left**2, axis=0)
        better = error < self.error[columns]
        self.error[columns] = np.where(better, error, self.error[columns])
        self.guess[columns] = np.where(better, guess, self.guess[columns])


def predict(known: Vectors, wanted: Vectors, related: Sequence[Sequence[int]] = ()) -> Prediction:
    """Return the prediction of the wanted vector from the observed value of the known one.

    Notes
    -----
    Two regressions over the replicates are tried for each coordinate, a plain one on what is akin and a ridge
    regression on all that is known, standardized; the one (and the penalty) is taken that has the least
    error where each replicate is predicted by the others. The prediction's standard deviation is the root
    mean square of these errors, so that no more is claimed than was reached.

    References
    ----------
    Golub GH, Heath M, Wahba G. Technometrics 1979;21:215.
    """
    d, n = wanted.observed.size, len(wanted.draws)
    if n < FEWEST or not d or not known.observed.size:
        nothing = np.full(d, np.nan)
        return Prediction(mean=nothing, sd=nothing, narrower=nothing)
    features, here = _standardized(known)
    mean = np.nanmean(wanted.draws, axis=0)
    response = np.nan_to_num(wanted.draws - mean)
    alone = np.nanvar(wanted.draws, axis=0, ddof=1) * (1.0 + 1.0 / n)
    best = _Best(error=alone.copy(), guess=np.zeros(d))
    _ridge(features, here, response, best)
    for place, columns in enumerate(related):
        chosen = [column for column in columns if features[:, column].any()]
        if chosen and n >= PER_COLUMN * (len(chosen) + 1):
            _plain(features[:, chosen], here[chosen], response[:, [place]], best, place)
    with np.errstate(invalid="ignore", divide="ignore"):
        narrower = np.sqrt(best.error / alone)
    return Prediction(mean=mean + best.guess, sd=np.sqrt(best.error + wanted.rounding), narrower=narrower)


def _standardized(known: Vectors) -> tuple[FloatArray, FloatArray]:
    """Return the known coordinates of replicates and observation, centred and scaled; constant ones as 0."""
    features, here = np.zeros_like(known.draws), np.zeros_like(known.observed)
    usable = known.of(known.varies)
    mean, sd = np.nanmean(usable.draws, axis=0), np.nanstd(usable.draws, axis=0)
    features[:, known.varies] = np.nan_to_num((usable.draws - mean) / sd)
    here[known.varies] = np.nan_to_num((usable.observed - mean) / sd)
    return features, here


def _ridge(features: FloatArray, here: FloatArray, response: FloatArray, best: _Best) -> None:
    """Try ridge regressions of all coordinates on all features."""
    values, axes = np.linalg.eigh(features @ features.T)
    values = np.clip(values, 0.0, None)
    turned, at = axes.T @ response, axes.T @ (features @ here)
    for penalty in PENALTIES * max(float(values.mean()), 1e-12):
        kept = values / (values + penalty)
        leverage = 1.0 / len(features) + (axes**2) @ kept
        left = (response - axes @ (kept[:, None] * turned)) / np.maximum(1.0 - leverage, 1e-6)[:, None]
        best.take(slice(None), left, (at / (values + penalty)) @ turned)


def _plain(features: FloatArray, here: FloatArray, response: FloatArray, best: _Best, place: int) -> None:
    """Try the least squares regression of one coordinate on a few features."""
    design = np.column_stack([np.ones(len(features)), features])
    coefficients, _, rank, _ = np.linalg.lstsq(design, response, rcond=None)
    if rank < design.shape[1]:
        return
    leverage = (np.linalg.qr(design)[0] ** 2).sum(axis=1)
    left = (response - design @ coefficients) / (1.0 - leverage)[:, None]
    best.take([place], left, np.append(1.0, here) @ coefficients)
