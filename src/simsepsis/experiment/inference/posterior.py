"""From likelihoods in worlds on a grid to probabilities under stated priors, and what each axis shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special

from simsepsis.analysis.estimates import Z_95
from simsepsis.arrays import FloatArray

Setting = Mapping[str, Any]
"""Dotted key of a world → value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """Belief before the results.

    Attributes
    ----------
    name, words
        Slug, and what it says.
    log_weights
        Dotted key → function from a value to its log weight; a key that is not named is flat on its values.
    """

    name: str
    words: str
    log_weights: Mapping[str, Callable[[float], float]]

    def of(self, settings: Sequence[Setting]) -> FloatArray:
        """Return the log prior of each world, (k,), up to a constant."""
        return np.array(
            [
                sum(weight(float(setting[key])) for key, weight in self.log_weights.items() if key in setting)
                for setting in settings
            ]
        )


def _normal_log(limit: float) -> Callable[[float], float]:
    """Return the log weight of a ratio whose logarithm is normal with 95% between 1/limit and limit."""
    spread = abs(math.log(limit)) / Z_95
    return lambda ratio: -0.5 * (math.log(ratio) / spread) ** 2


PRIORS: tuple[Prior, ...] = (
    Prior(name="flat", words="every world of the grid is as likely as any other", log_weights={}),
    Prior(
        name="sceptical",
        words=(
            "the risk ratio is log-normal around 1 with 95% between 0.81 and 1.23, the odds ratio of the "
            "hidden confounder around 1 with 95% between 1/3 and 3, timing flat"
        ),
        log_weights={
            "effect.value": _normal_log(0.81),
            "unmeasured.or_treatment": _normal_log(3.0),
        },
    ),
)
"""Priors that are reported side by side."""


def posterior(log_likelihood: FloatArray, log_prior: FloatArray) -> FloatArray:
    """Return the probability of each world, (…, k)."""
    return np.asarray(scipy.special.softmax(log_likelihood + log_prior, axis=-1))


def levels_of(settings: Sequence[Setting], key: str) -> tuple[tuple[Any, ...], FloatArray]:
    """Return the values of a key in their order, and which worlds have each, (values, k)."""
    values = tuple(dict.fromkeys(setting[key] for setting in settings))
    member = np.array([[setting[key] == value for setting in settings] for value in values], np.float64)
    return values, member


def profile(log_likelihood: FloatArray, member: FloatArray) -> FloatArray:
    """Return the highest log likelihood among the worlds of each value, (…, values)."""
    inside = np.where(member > 0, log_likelihood[..., None, :], -np.inf)
    return np.asarray(inside.max(axis=-1))
