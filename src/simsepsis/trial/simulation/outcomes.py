"""Endpoints as ordered categories, so that counts say all that a test needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.studies.jseptic_ivigg.world.course import Exits
from simsepsis.studies.jseptic_ivigg.world.supports import days_until_exit
from simsepsis.trial.protocol import Endpoint

DAYS = 28
NEVER = 10_000
"""Day of death of who leaves hospital alive: later than any horizon."""

Categories = NDArray[np.int16]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Course:
    """What becomes of patients under one treatment, counted from randomization.

    Attributes
    ----------
    eligible
        (n,) whether they are still in the ICU when they are randomized.
    icu_death, hospital_death
        (n,) whether they die in the ICU, in hospital.
    death_day
        (n,) day of death, 1 being the first 24 hours; `NEVER` if they leave alive.
    free_days
        (n,) days without ventilator to day 28, 0 if they die by then.
    """

    eligible: BoolArray
    icu_death: BoolArray
    hospital_death: BoolArray
    death_day: Categories
    free_days: Categories

    def subset(self, rows: IntArray) -> Course:
        """Return the course of some patients."""
        return Course(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def course_of(exits: Exits, ventilator: FloatArray, delay: float) -> Course:
    """Return a course as a trial sees it.

    Parameters
    ----------
    exits
        How patients leave.
    ventilator
        (n,) days on a ventilator if nothing else ends them.
    delay
        Days from ICU admission to randomization.
    """
    day = np.where(exits.hospital_death, np.ceil(exits.hospital_time - delay), NEVER)
    ventilated = days_until_exit(ventilator, exits)
    return Course(
        eligible=exits.icu_time > delay,
        icu_death=exits.icu_death,
        hospital_death=exits.hospital_death,
        death_day=day.astype(np.int16),
        free_days=np.where(day <= DAYS, 0, DAYS - ventilated).astype(np.int16),
    )


def _days_alive(course: Course, horizon: int) -> Categories:
    return np.minimum(course.death_day - 1, horizon).astype(np.int16)


def _win(course: Course, _: int) -> Categories:
    alive = course.death_day > DAYS
    return np.where(alive, DAYS + course.free_days, course.death_day - 1).astype(np.int16)


CODES: dict[str, Callable[[Course, int], Categories]] = {
    "death_28d": lambda course, _: (course.death_day <= DAYS).astype(np.int16),
    "icu_death": lambda course, _: course.icu_death.astype(np.int16),
    "hospital_death": lambda course, _: course.hospital_death.astype(np.int16),
    "time_to_death": _days_alive,
    "ventilator_free_days": lambda course, _: course.free_days,
    "win_ratio": _win,
}
"""Endpoint → category of each patient: 1 for a death; day alive before the day of death, the horizon for who
lives; ventilator-free days; deaths by day, then survivors by ventilator-free days."""


def categories(endpoint: Endpoint) -> int:
    """Return the number of categories of an endpoint.

    Parameters
    ----------
    endpoint
        What is compared.
    """
    sizes = {"ventilator_free_days": DAYS + 1, "win_ratio": 2 * DAYS + 1}
    return (endpoint.horizon or 0) + 1 if endpoint.horizon else sizes.get(endpoint.name, 2)


def coded(course: Course, endpoint: Endpoint) -> Categories:
    """Return the category of each patient, shape (n,).

    Parameters
    ----------
    course
        What becomes of them.
    endpoint
        What is compared.
    """
    return CODES[endpoint.name](course, endpoint.horizon or 0)


def died(course: Course, endpoint: Endpoint) -> BoolArray:
    """Return whether the patient dies the death that an effect on a scale of risks is about.

    Parameters
    ----------
    course
        What becomes of them.
    endpoint
        What is compared.
    """
    if endpoint.name in ("icu_death", "hospital_death"):
        return np.asarray(getattr(course, endpoint.name))
    return np.asarray(course.death_day <= endpoint.days)
