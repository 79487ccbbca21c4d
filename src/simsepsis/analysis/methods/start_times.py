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


def hour_column(spec: AnalysisSpec) -> str:
    """Return the name that the file has for the hours from admission to the start of treatment."""
    name = f"{spec.treatment}_hour"
    return spec.columns.get(name, name)


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
    start = _start_days(task.shared.frame, cohort, task.spec)
    late = np.flatnonzero(np.isfinite(start) & (start > recorded_times(cohort, task.spec)[0]))
    if late.size:
        raise DataError(
            f"{cohort.source}: '{hour_column(task.spec)}' is after the end of follow-up in row "
            f"{int(cohort.record[late[0]]) + 1}; correct it"
        )
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


def _start_days(registry: pd.DataFrame, cohort: CohortArrays, spec: AnalysisSpec) -> FloatArray:
    """Return days from admission to the start of treatment, inf for the untreated."""
    name = hour_column(spec)
    if name not in registry.columns:
        raise NotEstimableError(
            f"needs the column '{name}', hours from admission to the start of treatment; "
            "this registry does not record it"
        )
    hours = pd.to_numeric(registry[name], errors="coerce").to_numpy(np.float64)[cohort.record]
    wrong = np.where(cohort.treated, ~((hours >= 0) & np.isfinite(hours)), ~np.isnan(hours))
    if wrong.any():
        place = int(np.argmax(wrong))
        kind = "treated" if cohort.treated[place] else "untreated"
        raise DataError(
            f"{cohort.source}: '{name}' is {hours[place]:g} in row {int(cohort.record[place]) + 1}, where "
            f"the patient was {kind}; give hours of 0 or more to the treated and leave the others empty"
        )
    return np.where(cohort.treated, hours / HOURS, NEVER)
