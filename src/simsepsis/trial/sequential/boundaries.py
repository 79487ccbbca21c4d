"""Boundaries of a group-sequential trial, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.polynomial.chebyshev import chebfit, chebpts1
from scipy.special import ndtr

from simsepsis.arrays import FloatArray
from simsepsis.trial.inputs import Level
from simsepsis.trial.sequential.recursion import TILTABLE, Exits, Holes, Paths, exits_of, reaching, tilted
from simsepsis.trial.sequential.solve import root_of
from simsepsis.trial.sequential.spending import Futility

SMOOTH, DEGREE = 12.0, 160
"""Drifts, either way, over which the power is kept as a Chebyshev series, to about 1e-13, and its degree."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Boundaries:
    """When a trial stops.

    Arrays have one entry for each of the K looks. `z` are the efficacy bounds, mirrored below 0 in a two-
    sided test; inf where a look spends nothing. `futility_z` are the bounds at or below which Z, in a
    two-sided test its absolute value, stops for futility, the last one equal to the efficacy bound, or
    None. `cumulative_alpha` is the type I error spent so far, both sides together, counted without a
    futility rule that does not bind.
    """

    information: FloatArray
    spending_time: FloatArray
    alpha: float
    sides: int
    spending: str | tuple[float, ...]
    parameter: float | None
    z: FloatArray
    futility_z: FloatArray | None
    futility: Futility | None
    cumulative_alpha: FloatArray
    fineness: float

    @property
    def looks(self) -> int:
        """Number of looks, the last one included."""
        return int(self.z.size)

    @property
    def level(self) -> Level:
        """Type I error and sides."""
        return Level(alpha=self.alpha, sides=self.sides)

    @property
    def binding(self) -> bool:
        """Whether the efficacy bounds rely on the futility rule."""
        return self.futility is not None and self.futility.binding

    @property
    def nominal_p(self) -> FloatArray:
        """p-value at which each look stops for efficacy, with the sides of the test."""
        return np.asarray(self.sides * ndtr(-self.z))

    def lower(self, *, follow_futility: bool = True) -> FloatArray:
        """Return the lower bounds (K,) of going on; −inf for none."""
        if self.sides == 2:
            return -self.z
        followed = follow_futility or self.binding
        if self.futility_z is None or not followed:
            return np.append(np.full(self.looks - 1, -np.inf), self.z[-1])
        return self.futility_z

    def holes(self, *, follow_futility: bool = True) -> Holes:
        """Return the values of Z between the bounds of a two-sided test that stop for futility."""
        if self.sides == 1 or self.futility_z is None or not follow_futility:
            return None
        return -self.futility_z, self.futility_z

    def exits(self, drift: float, *, follow_futility: bool = True) -> Exits:
        """Return the probabilities of stopping at each look through each bound."""
        below, holes = (
            self.lower(follow_futility=follow_futility),
            self.holes(follow_futility=follow_futility),
        )
        reached = self.reaching(drift, below, holes)
        return exits_of(reached, self.information, below, self.z, drift, holes)

    def reaching(self, drift: float, lower: FloatArray, holes: Holes = None) -> Iterator[Paths]:
        """Yield, look by look, the trials that reach it between given lower and the upper bounds."""
        if abs(drift) > TILTABLE:
            return reaching(self.information, lower, self.z, drift, holes=holes, fineness=self.fineness)
        return (tilted(paths, drift) for paths in _undrifted(self, tuple(lower.tolist()), holes is not None))

    def power(self, drift: float, *, follow_futility: bool = True) -> float:
        """Return the probability of stopping for efficacy, in the direction of benefit."""
        if abs(drift) >= SMOOTH:
            return float(self.exits(drift, follow_futility=follow_futility).upper.sum())
        return _chebyshev(drift / SMOOTH, _powers(self, follow_futility))

    def drift(self, power: float) -> float:
        """Return the drift θ√I_max at which the trial has a given power."""
        return _drift(self, power)

    def inflation(self, power: float) -> float:
        """Return maximum information over that of the fixed design with the same errors."""
        return (self.drift(power) / (self.level.z + self.level.z_power(power))) ** 2

    def stopping_probabilities(self, drift: float, *, follow_futility: bool = True) -> pd.DataFrame:
        """Return, look by look, how the trial ends."""
        out = self.exits(drift, follow_futility=follow_futility)
        nothing = np.zeros(self.looks)
        harm, futility = (out.lower, nothing.copy()) if self.sides == 2 else (nothing, out.lower.copy())
        if self.sides == 2:
            futility += out.inside
            futility[-1] = 1.0 - float(out.upper.sum() + out.lower.sum() + out.inside[:-1].sum())
        stop = out.upper + harm + futility
        columns = {
            "look": np.arange(1, self.looks + 1),
            "information_fraction": self.information,
            "efficacy": out.upper,
            "harm": harm,
            "futility": futility,
            "stop": stop,
            "cumulative_stop": np.cumsum(stop),
        }
        return pd.DataFrame(columns)

    def expected_information(self, drift: float, *, follow_futility: bool = True) -> float:
        """Return the expected information at the end, as a fraction of the maximum."""
        stop = self.stopping_probabilities(drift, follow_futility=follow_futility)["stop"].to_numpy()
        return float(stop @ self.information)


@lru_cache(maxsize=256)
def _drift(plan: Boundaries, power: float) -> float:
    """Return the drift at which boundaries have a power, once for all effects."""
    high = 1.1 * (plan.level.z + plan.level.z_power(power)) + 0.5
    while plan.power(high) < power:
        high *= 1.2
    return root_of(lambda drift: plan.power(drift) - power, 0.0, high)


@lru_cache(maxsize=64)
def _undrifted(plan: Boundaries, lower: tuple[float, ...], holed: bool) -> tuple[Paths, ...]:
    """Return the paths without drift of boundaries, once for all drifts."""
    holes, bound = plan.holes() if holed else None, np.array(lower)
    return tuple(
        reaching(plan.information, bound, plan.z, 0.0, holes=holes, fineness=plan.fineness, spare=TILTABLE)
    )


@lru_cache(maxsize=64)
def _powers(plan: Boundaries, follow_futility: bool) -> tuple[float, ...]:
    """Return the Chebyshev series of the power over the drift, its highest term first."""
    nodes = chebpts1(DEGREE + 1)
    ends = [plan.exits(SMOOTH * float(node), follow_futility=follow_futility) for node in nodes]
    series = chebfit(nodes, np.array([end.upper.sum() for end in ends]), DEGREE)
    return tuple(series[::-1].tolist())


def _chebyshev(x: float, series: tuple[float, ...]) -> float:
    """Return a Chebyshev series at one place: ten times faster than `chebval`, to the last bit."""
    high, low = series[0], series[1]
    for term in series[2:]:
        low, high = term - high, low + high * (2.0 * x)
    return low + high * x
