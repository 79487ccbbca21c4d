"""Outcomes as ordered categories, so that counts say all that a test needs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from simsepsis.arrays import BoolArray
from simsepsis.errors import UsageError
from simsepsis.trial.protocol.offer import Outcome
from simsepsis.world.candidates import Course

Categories = NDArray[np.int16]


def died(course: Course, outcome: Outcome) -> BoolArray:
    """Return whether the patient dies the death that an effect on a scale of risks is about."""
    if outcome.name in course.event:
        return course.event[outcome.name]
    if outcome.day is None:
        raise UsageError(
            f"the world has no outcome '{outcome.name}'; choose one of {', '.join(course.event)}"
        )
    return np.asarray(course.death_day <= outcome.day)


def _event(course: Course, outcome: Outcome) -> Categories:
    return died(course, outcome).astype(np.int16)


def _days_alive(course: Course, outcome: Outcome) -> Categories:
    return np.minimum(course.death_day - 1, _day(outcome)).astype(np.int16)


def _free_days(course: Course, outcome: Outcome) -> Categories:
    return course.free_days


def _deaths_then_days(course: Course, outcome: Outcome) -> Categories:
    alive = course.death_day > _day(outcome)
    return np.where(alive, _day(outcome) + course.free_days, course.death_day - 1).astype(np.int16)


def _day(outcome: Outcome) -> int:
    return outcome.day or 0


CODES: dict[str, tuple[Callable[[Course, Outcome], Categories], Callable[[int], int]]] = {
    "event": (_event, lambda day: 2),
    "time": (_days_alive, lambda day: day + 1),
    "free_days": (_free_days, lambda day: day + 1),
    "win_ratio": (_deaths_then_days, lambda day: 2 * day + 1),
}
"""Kind of outcome → category of each patient, and number of categories by its day: 1 for an event; day alive
before the day of death, the horizon for who lives; days without support; deaths by day, then these days."""


def categories(outcome: Outcome) -> int:
    """Return the number of categories of an outcome."""
    return CODES[outcome.kind][1](_day(outcome))


def coded(course: Course, outcome: Outcome) -> Categories:
    """Return the category of each patient, shape (n,)."""
    return CODES[outcome.kind][0](course, outcome)
