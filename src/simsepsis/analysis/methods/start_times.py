"""When treatment started and how long patients were followed, on one clock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.methods.method import Task
from simsepsis.analysis.methods.shared import known
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.analysis.time_to_death import follow_up
from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.errors import DataError, NotEstimableError
from simsepsis.study.published import open_study

HOURS = 24.0
NEVER = np.inf


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Course:
    """Follow-up and treatment of each patient.

    Attributes
    ----------
    duration, event
        (n,): days followed, and whether that ended in death.
    start
        (n,): days from admission to the start of treatment; inf if never while followed.
    since
        (n,): day from which treatment counts; inf if it never does while followed.
    """

    duration: FloatArray
    event: BoolArray
    start: FloatArray
    since: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StartTimes:
    """When treatment began.

    Attributes
    ----------
    column
        In which it is recorded.
    scale
        What is recorded there per unit of follow-up: 24 for hours beside days.
    time
        (n,) from the start of follow-up, in its unit; inf in the untreated.
    """

    column: str
    scale: float
    time: FloatArray


def start_column(spec: AnalysisSpec) -> tuple[str, float]:
    """Return the column of the start of treatment, and what is recorded in it per unit of follow-up."""
    name = spec.start or f"{spec.treatment}_hour"
    return spec.columns.get(name, name), 1.0 if spec.start else HOURS


def start_times(registry: pd.DataFrame, cohort: CohortArrays, spec: AnalysisSpec) -> StartTimes | None:
    """Return when treatment began; None where that is not recorded."""
    name, scale = start_column(spec)
    if name not in registry.columns:
        if spec.start:
            raise DataError(
                f"{cohort.source}: start = '{spec.start}' is no column; correct it or leave it out"
            )
        return None
    values = pd.to_numeric(registry[name], errors="coerce").to_numpy(np.float64)[cohort.record]
    wrong = np.where(cohort.treated, ~((values >= 0) & np.isfinite(values)), ~np.isnan(values))
    if wrong.any():
        place = int(np.argmax(wrong))
        kind = "treated" if cohort.treated[place] else "untreated"
        what = "times" if spec.start else "hours"
        raise DataError(
            f"{cohort.source}: '{name}' is {values[place]:g} in row {int(cohort.record[place]) + 1}, where "
            f"the patient was {kind}; give {what} of 0 or more to the treated and leave the others empty"
        )
    time = np.where(cohort.treated, values / scale, NEVER)
    if spec.survival_time is not None:
        late = np.flatnonzero(np.isfinite(time) & (time > cohort.column(spec.survival_time)))
        if late.size:
            raise DataError(
                f"{cohort.source}: '{name}' is after the end of follow-up in row "
                f"{int(cohort.record[late[0]]) + 1}; correct it"
            )
    return StartTimes(column=name, scale=scale, time=time)


def recorded_times(cohort: CohortArrays, spec: AnalysisSpec) -> tuple[FloatArray, FloatArray]:
    """Return the days from admission to death or discharge as recorded, and 1 for death, (n,) each."""
    if spec.survival_time is None or spec.survival_event is None:
        raise NotEstimableError("the spec names no time to death")
    return cohort.column(spec.survival_time), cohort.column(spec.survival_event)


def times_to_death(task: Task) -> tuple[FloatArray, BoolArray]:
    """Return how long patients were followed under the spec's censoring, in days, and who died, (n,) each."""
    cohort = known(task.shared.cohort)
    days, dead = recorded_times(cohort, task.spec)
    found = follow_up(days, dead, cohort.treated, task.spec.censoring)
    return found.duration, found.event


def course_of(task: Task) -> Course:
    """Return follow-up and start of treatment on one clock.

    Notes
    -----
    Where all deaths and discharges are recorded by the day, treatment counts from the end of its first day.
    Whoever died on the day on which treatment might have begun was untreated for a part of it; a start inside
    that day would make the rest of the day immortal for the treated.
    """
    cohort = known(task.shared.cohort)
    duration, event = times_to_death(task)
    start = _started(task.shared.frame, cohort, task.spec)
    by_the_day = bool((duration == np.rint(duration)).all())
    since = np.ceil(start) if by_the_day else start
    return Course(
        duration=duration,
        event=event,
        start=np.where(start <= duration, start, NEVER),
        since=np.where(since < duration, since, NEVER),
    )


def days_of_stay(task: Task, cohort: CohortArrays) -> FloatArray | None:
    """Return the days during which alone treatment starts, (n,), inf where empty; None if not recorded."""
    stay = open_study(None if task.spec.own else task.spec.study).stay
    name = task.spec.columns.get(stay, stay)
    if name not in task.shared.frame.columns:
        return None
    days = pd.to_numeric(task.shared.frame[name], errors="coerce").to_numpy(np.float64)[cohort.record]
    return np.where(np.isnan(days), np.inf, days)


def _started(registry: pd.DataFrame, cohort: CohortArrays, spec: AnalysisSpec) -> FloatArray:
    """Return the time to the start of treatment, inf for the untreated."""
    found = start_times(registry, cohort, spec)
    if found is None:
        raise NotEstimableError(
            f"needs the column '{start_column(spec)[0]}', hours from admission to the start of treatment; "
            "this registry does not record it"
        )
    return found.time
