"""Finding bounds: each is the root of one crossing probability, given the bounds before it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from simsepsis.arrays import FloatArray
from simsepsis.errors import UsageError
from simsepsis.trial.sequential.recursion import (
    Paths,
    above,
    advance,
    begin,
    below,
    exits,
    next_after,
    within,
)

_EXACT = 1e-14
_LOWEST_SCALE = 0.01
_UNSOLVED = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EfficacyTest:
    """The test that efficacy bounds belong to."""

    times: FloatArray
    lower: FloatArray
    error: float
    two_sided: bool
    fineness: float

    def lower_for(self, upper: FloatArray) -> FloatArray:
        """Return the lower bounds that go with upper ones: their mirror image in a two-sided test."""
        return -upper if self.two_sided else self.lower

    def spent(self, upper: FloatArray) -> FloatArray:
        """Return the probability under the null hypothesis of crossing each upper bound."""
        return exits(self.times, self.lower_for(upper), upper, 0.0, fineness=self.fineness).upper

    def advance(
        self,
        paths: Paths,
        look: int,
        bounds: tuple[float, float],
        drift: float = 0.0,
        hole: tuple[float, float] = (0.0, 0.0),
    ) -> Paths:
        """Return the trials that go on after a look."""
        time, ahead = float(self.times[look]), next_after(self.times, look)
        return advance(paths, time, bounds, drift, next_time=ahead, fineness=self.fineness, hole=hole)


def root_of(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the root of a monotone function between two limits."""
    return float(brentq(function, low, high, xtol=1e-12, rtol=1e-14))


def upper_bound(paths: Paths, time: float, error: float) -> float:
    """Return u with P₀(go on until `time`, then Z ≥ u) = error; inf where nothing is spent, −inf where less
    is left.
    """
    if error <= 0:
        return math.inf
    high = float(-ndtri(error))  # P(Z ≥ u) alone is at least the joint probability.
    if above(paths, time, high, 0.0) >= error * (1.0 - _EXACT):
        return high
    if float(paths.mass.sum()) <= error:
        return -math.inf
    low = high - 1.0
    while above(paths, time, low, 0.0) < error:
        low -= 2.0 * (high - low)
    return root_of(lambda bound: above(paths, time, bound, 0.0) / error - 1.0, low, high)


def lower_bound(paths: Paths, time: float, error: float, drift: float, cap: float) -> float:
    """Return l ≤ cap with P(go on until `time`, then Z ≤ l) = error; −inf where nothing is spent."""
    if error <= 0:
        return -math.inf
    low = float(ndtri(error)) + drift * math.sqrt(time)
    if low >= cap or below(paths, time, cap, drift) <= error:
        return cap
    if below(paths, time, low, drift) >= error * (1.0 - _EXACT):
        return low
    top = cap if math.isfinite(cap) else low + 40.0
    return root_of(lambda bound: below(paths, time, bound, drift) / error - 1.0, low, top)


def spending_bounds(test: EfficacyTest, errors: FloatArray) -> FloatArray:
    """Return the upper bounds that spend given errors, look by look."""
    upper = np.full(test.times.size, np.inf)
    paths = begin()
    for look, time in enumerate(test.times):
        upper[look] = upper_bound(paths, float(time), float(errors[look]))
        if upper[look] == -math.inf:
            raise _unspendable(look, float(errors[look]))
        paths = test.advance(paths, look, (float(test.lower_for(upper)[look]), float(upper[look])))
    return upper


def _unspendable(look: int, error: float) -> UsageError:
    return UsageError(
        f"binding futility leaves less than {error:.3g} of the trials under the null hypothesis at look "
        f"{look + 1}, so alpha cannot be spent; lower the futility bounds, or use binding=False"
    )


def shaped_bounds(test: EfficacyTest, delta: float) -> FloatArray:
    """Return the Wang–Tsiatis bounds c·t^(δ−½) that spend the error exactly."""
    shape = test.times ** (delta - 0.5)

    def excess(scale: float) -> float:
        return float(test.spent(scale * shape).sum()) - test.error

    high = float(-ndtri(test.error)) + 1.0
    while excess(high) > 0:
        high += 1.0
    return root_of(excess, _LOWEST_SCALE, high) * shape


def haybittle_peto_bounds(test: EfficacyTest, early: float) -> FloatArray:
    """Return one bound for all looks before the last, and the last one that spends what is left."""
    upper = np.full(test.times.size, early)
    spent = test.spent(upper)
    left = test.error - float(spent[:-1].sum())
    if left <= 0:
        raise UsageError(
            f"parameter={early:g} of haybittle_peto spends {spent[:-1].sum():.3g} before the last look, all "
            f"of the {test.error:g} there is; raise the early bound"
        )
    last = spending_bounds(test, np.append(spent[:-1], left))[-1]
    return np.append(upper[:-1], last)


def beta_spending_bounds(
    test: EfficacyTest,
    alpha_errors: FloatArray,
    beta_errors: FloatArray,
    *,
    binding: bool,
    start: float,
    held: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return the efficacy and the futility bounds with which both errors are spent exactly."""

    def excess(drift: float) -> float:
        return _both_bounds(test, alpha_errors, beta_errors, drift, binding=binding, held=held)[1]

    low, high = 0.98 * start, 1.2 * start
    while excess(high) > 0:
        low, high = high, 1.3 * high
    while excess(low) < 0:
        low *= 0.9
    drift = root_of(excess, low, high)
    bounds, left = _both_bounds(test, alpha_errors, beta_errors, drift, binding=binding, held=held)
    if abs(left) > _UNSOLVED:
        raise UsageError(
            f"no bounds spend both alpha={alpha_errors.sum():g} and beta={beta_errors.sum():g} at these "
            "looks; spend less beta early, or use binding=False"
        )
    return bounds


def wedge_bounds(
    test: EfficacyTest, upper: FloatArray, beta_errors: FloatArray, *, start: float, held: FloatArray
) -> FloatArray:
    """Return the bounds of |Z| that spend β between two-sided efficacy bounds."""

    def tried(drift: float) -> tuple[FloatArray, float]:
        inner, paths, owed = np.zeros(upper.size), begin(), 0.0
        for look, time in enumerate(map(float, test.times[:-1])):
            error, top = float(beta_errors[look]) + owed, float(upper[look])
            inner[look] = (
                float(held[look]) if look < held.size else _inner_bound(paths, time, error, drift, top)
            )
            width = max(float(inner[look]), 0.0)
            owed = error - within(paths, time, (-width, width), drift) if look < held.size else 0.0
            paths = test.advance(paths, look, (-top, top), drift, (-width, width))
        inner[-1] = last = float(upper[-1])
        return inner, within(paths, 1.0, (-last, last), drift) - float(beta_errors[-1]) - owed

    high = 1.2 * start
    while tried(high)[1] > 0:
        high *= 1.3
    low = 0.98 * start
    while tried(low)[1] < 0:
        low *= 0.9
    return tried(root_of(lambda one: tried(one)[1], low, high))[0]


def _inner_bound(paths: Paths, time: float, error: float, drift: float, cap: float) -> float:
    """Return the bound with P(go on until `time`, then |Z| ≤ it) = error, at most `cap`; 0 for none."""
    if error <= 0.0:
        return 0.0
    top = min(cap, abs(drift) * math.sqrt(time) + 40.0)
    if within(paths, time, (-top, top), drift) <= error:
        return top
    return root_of(lambda bound: within(paths, time, (-bound, bound), drift) / error - 1.0, 0.0, top)


def _both_bounds(
    test: EfficacyTest,
    alpha_errors: FloatArray,
    beta_errors: FloatArray,
    drift: float,
    *,
    binding: bool,
    held: FloatArray,
) -> tuple[tuple[FloatArray, FloatArray], float]:
    """Return the bounds at a drift, and how much of β is overspent at the last look."""
    upper, lower = np.full(test.times.size, np.inf), np.full(test.times.size, -np.inf)
    null, other = begin(), begin()
    last, owed = test.times.size - 1, 0.0
    for look, time in enumerate(map(float, test.times)):
        upper[look] = upper_bound(null, time, float(alpha_errors[look]))
        if look == last:
            break
        error = float(beta_errors[look]) + owed
        if look < held.size:
            lower[look] = min(float(held[look]), float(upper[look]))
            owed = error - below(other, time, float(lower[look]), drift)
        else:
            lower[look], owed = lower_bound(other, time, error, drift, float(upper[look])), 0.0
        bounds = float(lower[look]), float(upper[look])
        null = test.advance(null, look, (bounds[0] if binding else -math.inf, bounds[1]))
        other = test.advance(other, look, bounds, drift)
    lower[last] = upper[last]
    overspent = below(other, 1.0, float(upper[last]), drift) - float(beta_errors[last]) - owed
    return (upper, lower), overspent
