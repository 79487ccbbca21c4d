"""Endpoints as ordered categories, so that counts say all that a test needs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from simsepsis.arrays import BoolArray
from simsepsis.trial.protocol import Endpoint
from simsepsis.world.candidates import Course

DAYS = 28

Categories = NDArray[np.int16]


def _days_alive(course: Course, horizon: int) -> Categories:
    return np.minimum(course.death_day - 1, horizon).astype(np.int16)


def _win(course: Course, _: int) -> Categories:
    alive = course.death_day > DAYS
    return np.where(alive, DAYS + course.free_days, course.death_day - 1).astype(np.int16)


CODES: dict[str, Callable[[Course, int], Categories]] = {
    "death_28d": lambda course, _: (course.death_day <= DAYS).astype(np.int16),
    "icu_death": lambda course, _: course.event["icu_death"].astype(np.int16),
    "hospital_death": lambda course, _: course.event["hospital_death"].astype(np.int16),
    "time_to_death": _days_alive,
    "ventilator_free_days": lambda course, _: course.free_days,
    "win_ratio": _win,
}
"""Endpoint → category of each patient: 1 for a death; day alive before the day of death, the horizon for who
lives; ventilator-free days; deaths by day, then survivors by ventilator-free days."""


def categories(endpoint: Endpoint) -> int:
    """Return the number of categories of an endpoint."""
    sizes = {"ventilator_free_days": DAYS + 1, "win_ratio": 2 * DAYS + 1}
    return (endpoint.horizon or 0) + 1 if endpoint.horizon else sizes.get(endpoint.name, 2)


def coded(course: Course, endpoint: Endpoint) -> Categories:
    """Return the category of each patient, shape (n,)."""
    return CODES[endpoint.name](course, endpoint.horizon or 0)


def died(course: Course, endpoint: Endpoint) -> BoolArray:
    """Return whether the patient dies the death that an effect on a scale of risks is about."""
    if endpoint.name in course.event:
        return course.event[endpoint.name]
    return np.asarray(course.death_day <= endpoint.days)
