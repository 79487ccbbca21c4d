"""Each patient's days in the unit before treatment: who could have begun it, who did, and what was known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.special

from simsepsis.analysis.daily_records import columns_by_day
from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.logistic import fit_logistic, linear_predictor
from simsepsis.analysis.methods.method import Task
from simsepsis.analysis.methods.shared import known
from simsepsis.analysis.methods.start_times import course_of, days_of_stay
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import ConvergenceError, NotEstimableError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PatientDays:
    """Days in the unit until treatment starts, m of them, by patient and day; days of death are left out.

    Attributes
    ----------
    patient, day
        (m,): place in the cohort, and the day, from 1.
    starts
        (m,): whether treatment starts that day.
    stays
        (m,): whether the patient is still in the unit, and followed, at the end of the day.
    daily
        (m, q): what is recorded of the day.
    duration, event
        (n,): days followed and whether that ended in death, of every patient.
    hazard, steady
        (m,): chance of a start given first covariates, the day and what is recorded of it; and without that.
    """

    patient: IntArray
    day: IntArray
    starts: BoolArray
    stays: BoolArray
    daily: FloatArray
    duration: FloatArray
    event: BoolArray
    hazard: FloatArray
    steady: FloatArray

    def happened(self, chance: FloatArray) -> FloatArray:
        """Return the chance of what happened, given that of a start."""
        return np.where(self.starts, chance, 1 - chance)

    def weight(self, chance: FloatArray) -> FloatArray:
        """Return the chance of what happened over that given the covariates, which must leave it open."""
        own, other = self.happened(self.hazard), self.happened(chance)
        if (np.minimum(own, other) <= 0.0).any():
            raise NotEstimableError(
                "on some day the covariates decide who starts, so that weights are infinite or none"
            )
        return other / own


def patient_days(task: Task, recorded: FloatArray | None = None) -> PatientDays:
    """Return the days on which treatment may start."""
    cohort, design = known(task.shared.cohort), known(task.shared.design)
    course = course_of(task)
    stay = days_of_stay(task, cohort)
    stay = course.duration if stay is None else np.minimum(stay, course.duration)
    values = daily_records(task, cohort) if recorded is None else recorded
    start = np.maximum(np.ceil(course.start), 1.0)
    patient, column = np.nonzero(
        np.arange(1, values.shape[1] + 1) <= np.minimum(np.ceil(stay), start)[:, None]
    )
    day = column + 1
    dies = course.event[patient] & (course.duration[patient] <= day)
    complete = np.isfinite(values[patient, column]).all(axis=1)
    patient, column, day = (part[~dies & complete] for part in (patient, column, day))
    starts = start[patient] == day
    leaves = stay[patient] <= day
    if not starts.any():
        raise ConvergenceError("nobody starts treatment on a day that is recorded")
    days = (day[:, None] == np.unique(day)[1:]).astype(np.float64)
    first, now = design[patient], values[patient, column]
    return PatientDays(
        patient=patient,
        day=day,
        starts=starts,
        stays=~leaves,
        daily=now,
        duration=course.duration,
        event=course.event,
        hazard=_hazard(np.column_stack([first, now, days, leaves]), starts),
        steady=_hazard(np.column_stack([first, days]), starts),
    )


def _hazard(X: FloatArray, starts: BoolArray) -> FloatArray:
    fit = fit_logistic(X, starts, errors=False)
    predictor = linear_predictor(X, fit)
    if np.isnan(predictor).any():
        raise ConvergenceError(f"the start of treatment could not be modelled: {fit.failure}")
    return np.asarray(scipy.special.expit(predictor))


def daily_records(task: Task, cohort: CohortArrays) -> FloatArray:
    """Return what is recorded of each day, (n, days, q)."""
    found = columns_by_day(task.shared.frame, task.spec)
    last = min((len(days) for days in found.values()), default=0)
    if last == 0 or any(not set(range(1, last + 1)) <= set(days) for days in found.values()):
        raise NotEstimableError(
            "needs what is recorded of each day, in columns daily_NAME_1, daily_NAME_2, …"
        )
    wide = [[days[day] for day in range(1, last + 1)] for days in found.values()]
    numbers = [task.shared.frame[names].apply(pd.to_numeric, errors="coerce") for names in wide]
    return np.stack([frame.to_numpy(np.float64)[cohort.record] for frame in numbers], axis=2)


def until_each_day(ratio: FloatArray, patient: IntArray) -> FloatArray:
    """Return the products of each patient's ratios up to each day, (m,)."""
    total = np.cumsum(np.log(ratio))
    first = np.searchsorted(patient, patient)
    product: FloatArray = np.exp(total - (total - np.log(ratio))[first])
    return product
