"""Monotone partial likelihood: a combination of covariates that orders the events exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simsepsis.analysis.survival.partial_likelihood import PartialLikelihood
from simsepsis.arrays import FloatArray, IntArray

_MINOR = 1e-3
_SAME = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Monotone:
    """A direction d along which the likelihood rises for ever (p,), and the rank of each row's x'd (n,)."""

    direction: FloatArray
    levels: IntArray


def monotone_levels(likelihood: PartialLikelihood, step: FloatArray) -> Monotone | None:
    """Say whether the likelihood rises for ever along a step of Newton's method.

    Parameters
    ----------
    likelihood
        The partial likelihood.
    step
        A late Newton step, shape (p,). Along an endless direction steps keep a constant length while all
        others vanish, so the step shows the direction.

    Returns
    -------
    Monotone or None
        The direction d and the levels of x'd, if at every event the one who has it has the highest level
        of all at risk, and not all are level; None otherwise.

    References
    ----------
    Bryson MC, Johnson ME. Technometrics 1981;23:381. Heinze G, Schemper M. Biometrics 2001;57:114.
    """
    size = np.abs(step) * np.ptp(likelihood.X, axis=0)
    if not np.isfinite(size).all() or size.max(initial=0.0) == 0:
        return None
    direction = np.where(size > _MINOR * size.max(), step, 0.0)
    levels = _levels(likelihood.X @ direction)
    highest, lowest = _extremes_at_risk(levels, likelihood)
    leads = bool((levels[likelihood.sets.deaths] == highest[likelihood.sets.group]).all())
    return Monotone(direction=direction, levels=levels) if leads and (lowest < highest).any() else None


def _levels(values: FloatArray) -> IntArray:
    """Rank values, those equal but for rounding alike."""
    order = np.argsort(values)
    gaps = np.diff(values[order]) > _SAME * np.ptp(values)
    ranks = np.empty(values.size, np.int64)
    ranks[order] = np.concatenate(([0], np.cumsum(gaps)))
    return ranks


def _extremes_at_risk(levels: IntArray, likelihood: PartialLikelihood) -> tuple[IntArray, IntArray]:
    """Highest and lowest level in the risk set of each group of deaths, shape (g,) each."""
    sets = likelihood.sets
    if sets.entered is None:
        highest = _running_highest(levels, likelihood)
        return highest, -_running_highest(-levels, likelihood)
    highest = np.empty(sets.first.size, np.int64)
    lowest = np.empty_like(highest)
    for group in range(sets.first.size):
        at_risk = np.zeros(levels.size, np.bool_)
        at_risk[sets.stop_from[group] : sets.stop_to[group]] = True
        assert sets.late_to is not None
        at_risk[sets.entered[sets.stop_from[group] : sets.late_to[group]]] = False
        highest[group], lowest[group] = levels[at_risk].max(), levels[at_risk].min()
    return highest, lowest


def _running_highest(levels: IntArray, likelihood: PartialLikelihood) -> IntArray:
    """Highest level from the beginning of the stratum to the end of each risk set, shape (g,)."""
    # a later stratum is lifted above all before it, which restarts the running maximum
    lift = likelihood.stratum * (int(np.ptp(levels)) + 1)
    running = np.maximum.accumulate(levels + lift)
    last = likelihood.sets.stop_to - 1
    return np.asarray(running[last] - lift[last])
