"""The distribution of a trial that is looked at several times, look by look.

All is written for B = Z√t, t the information fraction: a Brownian motion with drift η = θ√I_max. Its
increments are independent, so that the trials still running after one look tell all about the next.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from simsepsis.arrays import FloatArray

# Beyond this many SDs a path is as good as impossible (tail 1e-23).
_REACH = 10.0
_PANEL_NODES, _PANEL_WEIGHTS = np.polynomial.legendre.leggauss(16)
# Panel width in SDs of the steepest neighbouring step; 16 nodes then leave errors near 1e-13.
_PANEL_WIDTH = 3.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Paths:
    """Trials that go on after a look: where B stands, and with what probability."""

    time: float
    position: FloatArray
    mass: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exits:
    """Probability of leaving at each look through the upper and the lower bound and a hole, arrays (K,)."""

    upper: FloatArray
    lower: FloatArray
    inside: FloatArray


Holes = tuple[FloatArray, FloatArray] | None
"""Lower and upper ends (K,) of what is cut out of the bounds of going on: none where they do not rise."""


def begin() -> Paths:
    """Return the only path before the first look: B = 0 at time 0."""
    return Paths(time=0.0, position=np.zeros(1), mass=np.ones(1))


def above(paths: Paths, time: float, bound: float, drift: float) -> float:
    """Return the probability of going on until `time` and having Z ≥ bound there."""
    return _beyond(paths, time, bound, drift, 1.0)


def below(paths: Paths, time: float, bound: float, drift: float) -> float:
    """Return the probability of going on until `time` and having Z ≤ bound there."""
    return _beyond(paths, time, bound, drift, -1.0)


def within(paths: Paths, time: float, hole: tuple[float, float], drift: float) -> float:
    """Return the probability of going on until `time` and having Z between two values there."""
    return above(paths, time, hole[0], drift) - above(paths, time, hole[1], drift)


def _beyond(paths: Paths, time: float, bound: float, drift: float, side: float) -> float:
    step = time - paths.time
    distance = paths.position + drift * step - bound * math.sqrt(time)
    return float(paths.mass @ ndtr(side * distance / math.sqrt(step)))


def advance(
    paths: Paths,
    time: float,
    bounds: tuple[float, float],
    drift: float,
    *,
    next_time: float,
    fineness: float = 1.0,
    spare: float = 0.0,
    hole: tuple[float, float] = (0.0, 0.0),
) -> Paths:
    """Return the trials that go on after a look, far enough for drifts that differ by `spare`."""
    if hole[0] < hole[1]:
        parts = [
            advance(paths, time, side, drift, next_time=next_time, fineness=fineness, spare=spare)
            for side in ((bounds[0], hole[0]), (hole[1], bounds[1]))
        ]
        position, mass = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("position", "mass")
        )
        return Paths(time=time, position=position, mass=mass)
    step = time - paths.time
    root = math.sqrt(time)
    low = max(bounds[0] * root, (drift - spare) * time - _REACH * root)
    high = min(bounds[1] * root, (drift + spare) * time + _REACH * root)
    if not low < high:
        return Paths(time=time, position=np.zeros(0), mass=np.zeros(0))
    width = _PANEL_WIDTH * math.sqrt(min(step, next_time - time)) / fineness
    position, weights = _panels(low, high, math.ceil((high - low) / width))
    gap = (position[:, None] - (paths.position + drift * step)) / math.sqrt(step)
    density = np.exp(-0.5 * gap * gap) @ paths.mass / math.sqrt(2.0 * math.pi * step)
    return Paths(time=time, position=position, mass=weights * density)


def _panels(low: float, high: float, count: int) -> tuple[FloatArray, FloatArray]:
    """Return Gauss–Legendre nodes and weights on equal panels."""
    half = 0.5 * (high - low) / count
    centres = low + half * (2.0 * np.arange(count) + 1.0)
    nodes = (centres[:, None] + half * _PANEL_NODES).ravel()
    return nodes, np.tile(half * _PANEL_WEIGHTS, count)


def next_after(times: FloatArray, look: int) -> float:
    """Return the information fraction of the look after `look`; after the last one, as far again."""
    if look + 1 < times.size:
        return float(times[look + 1])
    return 2.0 * float(times[look])


TILTABLE = 20.0
"""Largest drift, either way, that paths without drift are made to serve."""


def reaching(
    times: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    drift: float,
    *,
    holes: Holes = None,
    fineness: float = 1.0,
    spare: float = 0.0,
) -> Iterator[Paths]:
    """Yield, look by look, the trials that reach it, far enough for drifts that differ by `spare`."""
    paths = begin()
    for look, time in enumerate(map(float, times)):
        yield paths
        bounds = (float(lower[look]), float(upper[look]))
        hole = (0.0, 0.0) if holes is None else (float(holes[0][look]), float(holes[1][look]))
        ahead = next_after(times, look)
        paths = advance(
            paths, time, bounds, drift, next_time=ahead, fineness=fineness, spare=spare, hole=hole
        )


def tilted(paths: Paths, drift: float) -> Paths:
    """Return paths with a drift from those without: each is as much likelier as exp(ηB − η²t/2)."""
    factor = np.exp(drift * paths.position - 0.5 * drift * drift * paths.time)
    return Paths(time=paths.time, position=paths.position, mass=paths.mass * factor)


def exits(
    times: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    drift: float,
    *,
    holes: Holes = None,
    fineness: float = 1.0,
) -> Exits:
    """Return the probabilities of leaving through each bound at each look."""
    # Armitage P, McPherson CK, Rowe BC. J R Stat Soc A 1969;132:235. Jennison C, Turnbull BW. Group
    # Sequential Methods. Chapman & Hall 2000, chapter 19.
    reached = reaching(times, lower, upper, drift, holes=holes, fineness=fineness)
    return exits_of(reached, times, lower, upper, drift, holes)


def exits_of(
    reached: Iterable[Paths],
    times: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    drift: float,
    holes: Holes = None,
) -> Exits:
    """Return the probabilities of leaving from the trials that reach each look."""
    up, down, inside = np.zeros(times.size), np.zeros(times.size), np.zeros(times.size)
    for look, paths in enumerate(reached):
        time = float(times[look])
        up[look] = above(paths, time, float(upper[look]), drift)
        down[look] = below(paths, time, float(lower[look]), drift)
        if holes is not None and holes[0][look] < holes[1][look]:
            inside[look] = within(paths, time, (float(holes[0][look]), float(holes[1][look])), drift)
    return Exits(upper=up, lower=down, inside=inside)
