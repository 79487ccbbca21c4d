"""Monotone partial likelihood: a combination of covariates that orders the events exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simsepsis.analysis.survival.partial_likelihood import PartialLikelihood, leading_rows
from simsepsis.arrays import FloatArray, IntArray

_ZERO = 1e-7
_SAME = 1e-9
_MAX_ROUNDS = 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Monotone:
    """A direction d along which the likelihood rises for ever (p,), and the rank of each row's x'd (n,)."""

    direction: FloatArray
    levels: IntArray


def monotone_levels(likelihood: PartialLikelihood) -> Monotone | None:
    """Find a direction in which, at every event, the one who has it leads all those at risk.

    Returns
    -------
    Monotone or None
        The direction d and the levels of x'd: at every event the highest level of all at risk, and not all at
        risk level. None when there is no such direction, so that the likelihood has a maximum.

    Notes
    -----
    Single columns are tried first. Then the total lead is maximized over the box |d| ≤ 1 by linear
    programming, adding for each event that is led by another the constraint that it must not be.

    References
    ----------
    Bryson MC, Johnson ME. Technometrics 1981;23:381. Heinze G, Schemper M. Biometrics 2001;57:114.
    """
    scale = np.ptp(likelihood.X, axis=0)
    scaled = likelihood.X / scale
    direction = _by_single_columns(likelihood, scaled)
    if direction is None:
        direction = _by_linear_programmes(likelihood, scaled)
    if direction is None:
        return None
    return Monotone(direction=direction / scale, levels=_levels(scaled @ direction))


def _by_single_columns(likelihood: PartialLikelihood, scaled: FloatArray) -> FloatArray | None:
    """Find the columns that order the events on their own, such as a rare treatment without any event."""
    direction = np.zeros(scaled.shape[1])
    for j, column in enumerate(scaled.T):
        for sign in (1.0, -1.0):
            if _leads(likelihood, _levels(sign * column)):
                direction[j] = sign
    return direction if direction.any() else None


def _leads(likelihood: PartialLikelihood, levels: IntArray) -> bool:
    """Whether every event has the highest level at risk, and not all at risk are level every time."""
    sets = likelihood.sets
    highest = levels[_leaders(likelihood, levels)]
    if not (levels[sets.deaths] == highest[sets.group]).all():
        return False
    return bool((levels[_leaders(likelihood, -levels)] < highest).any())


def _by_linear_programmes(likelihood: PartialLikelihood, scaled: FloatArray) -> FloatArray | None:
    """Maximize the total lead of the events, adding constraints until no event is led by another."""
    from scipy.optimize import linprog  # rarely needed, and slow to open

    sets = likelihood.sets
    sums = likelihood.over_risk_sets(np.column_stack((np.ones(len(scaled)), scaled)))[sets.group]
    lead = scaled[sets.deaths] * sums[:, :1] - sums[:, 1:]
    target = lead.sum(axis=0) / max(float(np.abs(lead).sum()), _ZERO)
    constraints = np.zeros((1, scaled.shape[1]))
    for _ in range(_MAX_ROUNDS):
        answer = linprog(
            -target, A_ub=-constraints, b_ub=np.zeros(len(constraints)), bounds=(-1, 1), method="highs"
        )
        if answer.x is None or float(target @ answer.x) <= _ZERO:
            return None
        direction = np.where(np.abs(answer.x) > _ZERO, answer.x, 0.0)
        projected = scaled @ direction
        levels = _levels(projected)
        leaders = _leaders(likelihood, levels)[sets.group]
        led = levels[sets.deaths] < levels[leaders]
        if not led.any():
            return direction if _leads(likelihood, levels) else None
        added = scaled[sets.deaths[led]] - scaled[leaders[led]]
        if (added @ direction).min() > -_ZERO:
            return None
        constraints = np.unique(np.concatenate((constraints, added)), axis=0)
    return None


def _levels(values: FloatArray) -> IntArray:
    """Rank values from 0, those equal but for rounding alike."""
    order = np.argsort(values)
    gaps = np.diff(values[order]) > _SAME
    ranks = np.empty(values.size, np.int64)
    ranks[order] = np.concatenate(([0], np.cumsum(gaps)))
    return ranks


def _leaders(likelihood: PartialLikelihood, levels: IntArray) -> IntArray:
    """A row of the highest level in the risk set of each group of deaths, shape (g,)."""
    sets = likelihood.sets
    if sets.entered is None:
        # row and level in one number; a later stratum is lifted above all before it, so the maximum restarts
        lifted = likelihood.stratum * (int(np.ptp(levels)) + 1) + levels - levels.min()
        running = np.maximum.accumulate(lifted * levels.size + np.arange(levels.size))
        return np.asarray(running[sets.stop_to - 1] % levels.size)
    return np.asarray(leading_rows(levels, sets.terms_from, sets.terms_to, sets.first.size))
