"""Who is treated, and when it begins: at once, or by a hazard in whoever is still there and untreated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.world.fitted.profile import Start
from simsepsis.world.fitted.simulate import People, recorded, untreated_stay

if TYPE_CHECKING:
    from simsepsis.world.fitted.scenario import FittedScenario

LARGEST = 30.0
"""Largest absolute log hazard ratio of starting."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Starts:
    """Who is treated where the indication decides, and when.

    Attributes
    ----------
    chance
        (n,) probability of treatment, given the untreated stay where starts are in time.
    treated
        (n,) whether it comes to it.
    begins
        (n,) when it begins, or would in a patient who is to be treated; a number where it is at once.
    """

    chance: FloatArray
    treated: BoolArray
    begins: float | FloatArray


def starts_of(scenario: FittedScenario, people: People) -> Starts:
    r"""Return who is treated and when.

    With starts in time, :math:`P = 1 - \exp\{-e^{\eta} H(\min(T_0, w))\}` for the cumulative hazard H, the
    untreated stay :math:`T_0` and the last start w. Whoever leaves before is never treated, which is what
    makes the time before treatment immortal. The start of a patient who is to be treated is drawn from the
    same hazard, given that it comes in time.
    """
    start = scenario.learned.start
    if start is None:
        chance = np.asarray(expit(people.log_odds))
        return Starts(chance=chance, treated=people.luck.treatment < chance, begins=0.0)
    limit = reach(start, untreated_stay(scenario, people), scenario.treatment.delay)
    rate = np.exp(np.clip(people.log_odds, -LARGEST, LARGEST))
    bears = -np.log1p(-people.luck.treatment) / rate
    # Without memory, what is left of an exponential variable beyond whole limits is one that stays below.
    within = np.fmod(bears, np.maximum(limit, 1e-300))
    begins = (
        np.maximum(np.interp(within, start.cumulative, np.array(start.cuts)), 0.0) * scenario.treatment.delay
    )
    return Starts(chance=-np.expm1(-rate * limit), treated=bears < limit, begins=begins)


def reach(start: Start, stay: FloatArray, delay: float) -> FloatArray:
    """Return the cumulative hazard of starting up to the end of each stay; `delay` stretches the time."""
    return np.asarray(np.interp(stay / delay, np.array(start.cuts), start.cumulative))


def start_column(start: Start, starts: Starts, given: FloatArray, end: FloatArray | None) -> FloatArray:
    """Return the start as it is recorded, not after the recorded end; nothing in the untreated."""
    shown = recorded(
        np.broadcast_to(starts.begins, given.shape) * start.scale, start.rounding, start.decimals
    )
    shown = shown if end is None else np.minimum(shown, end * start.scale)
    return np.asarray(np.where(given > 0.0, shown, np.nan))
