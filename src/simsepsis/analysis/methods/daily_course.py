"""Each patient's course by days, and regressions of what leads from one day to the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.special

from simsepsis.analysis.logistic import fit_logistic, predicted
from simsepsis.analysis.longitudinal.choices import fit_line, sums_by_person
from simsepsis.analysis.methods.method import Task
from simsepsis.analysis.methods.patient_days import daily_records
from simsepsis.analysis.methods.shared import known
from simsepsis.analysis.methods.start_times import course_of, days_of_stay
from simsepsis.analysis.time_to_death import DAY_28
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import ConvergenceError, NotEstimableError

IN_UNIT = ("death in the unit", "leaving the unit")
START = "the start of treatment"
ON_WARD = ("death on the ward", "discharge")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Courses:
    """What the registry records of n patients' days, numbered from 1.

    Attributes
    ----------
    X
        (n, p): intercept and first covariates.
    daily
        (n, days, q): what is recorded of each day; the first day is complete.
    start, stay, end
        (n,): day on which treatment starts, inf for none; last day in the unit; day of death or discharge.
    dies
        (n,): whether the end is death.
    competes
        Whether who ends alive has left, instead of being followed no longer.
    """

    X: FloatArray
    daily: FloatArray
    start: FloatArray
    stay: IntArray
    end: IntArray
    dies: BoolArray
    competes: bool


def courses_of(task: Task) -> Courses:
    """Return the courses of those patients whose first day is recorded."""
    cohort, course = known(task.shared.cohort), course_of(task)
    last, censoring = task.spec.rmst_horizon, task.spec.censoring
    end = {"day28_alive": DAY_28}.get(censoring, last) if isinstance(censoring, str) else censoring
    if end < last:
        raise NotEstimableError(
            f"follow-up ends at {end:g}, before rmst_horizon = {last:g}; set it to {end:g} or less"
        )
    stay, daily = days_of_stay(task, cohort), daily_records(task, cohort)
    if stay is None:
        raise NotEstimableError("needs the days in the unit, which this registry does not record")
    kept = np.isfinite(daily[:, 0]).all(axis=1)
    if not kept.any():
        raise NotEstimableError("nobody has records of the first day")
    until = np.maximum(np.ceil(course.duration[kept]), 1.0)
    return Courses(
        X=known(task.shared.design)[kept],
        daily=daily[kept],
        start=np.maximum(np.ceil(course.start[kept]), 1.0),
        stay=np.clip(np.ceil(stay[kept]), 1.0, until).astype(np.int64),
        end=until.astype(np.int64),
        dies=course.event[kept],
        competes=censoring not in ("administrative", "day28_alive"),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """A regression of what happens on a day.

    Attributes
    ----------
    first, changing
        Coefficients of X, and of what changes from day to day.
    sd
        Of normal residuals; 0 for what happens or not.
    influence
        (n, k): how far each patient moves the coefficients, and last the SD of normal residuals.
    """

    first: FloatArray
    changing: FloatArray
    sd: float
    influence: FloatArray


Models = dict[str, Model]


def changing(
    day: IntArray, treated: BoolArray, now: FloatArray, recorded: IntArray, *more: FloatArray | BoolArray
) -> FloatArray:
    """Return what changes from day to day, (m, 6 + 2q + …): treatment, the day, and the latest records.

    `recorded` is the day that they are of: what they tell fades.
    """
    log_day, age = np.log(day), np.log1p(day - recorded)
    return np.column_stack(
        [treated, day == 1, day == 2, log_day, log_day**2, age, now, now * age[:, None], *more]
    )


def fitted(courses: Courses, horizon: int) -> Models:
    """Return the models of deaths, leaving, start and records, from the days up to the horizon."""
    return dict((*_in_unit(courses, horizon), *_on_ward(courses, horizon), *_records(courses)))


def _days(first: IntArray, last: IntArray) -> tuple[IntArray, IntArray]:
    """Return patient and day of all days from the first to the last of each patient."""
    size = np.maximum(last - first + 1, 0)
    patient = np.repeat(np.arange(size.size), size)
    return patient, first[patient] + np.arange(patient.size) - np.repeat(np.cumsum(size) - size, size)


def _in_unit(courses: Courses, horizon: int) -> Iterator[tuple[str, Model]]:
    patient, day = _days(np.ones_like(courses.stay), np.minimum(courses.stay, horizon))
    last = courses.daily.shape[1]
    now = courses.daily[patient, np.minimum(day, last) - 1]
    complete = np.isfinite(now).all(axis=1)
    patient, day, now = patient[complete], day[complete], now[complete]
    started = courses.start[patient]
    leaves = day == courses.stay[patient]
    dies = leaves & courses.dies[patient] & (day == courses.end[patient])
    Z = changing(day, started < day, now, np.minimum(day, last))
    yield _happens(courses, IN_UNIT[0], patient, Z, dies)
    alive = np.flatnonzero(~dies)
    yield _happens(courses, IN_UNIT[1], patient[alive], Z[alive], leaves[alive])
    free = np.flatnonzero(~dies & (day <= last) & (started >= day))
    if not (started[free] == day[free]).any():
        raise ConvergenceError("nobody starts treatment on a day that is recorded")
    chosen = np.column_stack([Z[free, 1:], leaves[free]])
    yield _happens(courses, START, patient[free], chosen, started[free] == day[free])


def _on_ward(courses: Courses, horizon: int) -> Iterator[tuple[str, Model]]:
    in_unit = courses.dies & (courses.end == courses.stay)
    patient, day = _days(courses.stay, np.minimum(np.where(in_unit, 0, courses.end), horizon))
    now = courses.daily[patient, np.minimum(courses.stay[patient], courses.daily.shape[1]) - 1]
    complete = np.isfinite(now).all(axis=1)
    patient, day, now = patient[complete], day[complete], now[complete]
    arrives, ends = day == courses.stay[patient], day == courses.end[patient]
    dies = ends & courses.dies[patient]
    # A longer stay gave more time for a start, and is one of the sicker.
    recorded = np.minimum(courses.stay[patient], courses.daily.shape[1])
    Z = changing(day, courses.start[patient] < day, now, recorded, np.log(courses.stay[patient]))
    later, alive = np.flatnonzero(~arrives), np.flatnonzero(~dies)
    yield _happens(courses, ON_WARD[0], patient[later], Z[later], dies[later])
    yield _happens(
        courses,
        ON_WARD[1],
        patient[alive],
        np.column_stack([Z, arrives])[alive],
        ends[alive] & courses.competes,
    )


def _records(courses: Courses) -> Iterator[tuple[str, Model]]:
    """Model each day's records by those of the day before, and those named earlier by then."""
    patient, day = _days(np.full_like(courses.stay, 2), np.minimum(courses.stay, courses.daily.shape[1]))
    before, now = courses.daily[patient, day - 2], courses.daily[patient, day - 1]
    complete = np.isfinite(before).all(axis=1) & np.isfinite(now).all(axis=1)
    patient, day, before, now = patient[complete], day[complete], before[complete], now[complete]
    for j in range(now.shape[1]):
        Z = changing(day, courses.start[patient] < day, before, day, now[:, :j])
        yield record_name(j), _normal(courses, patient, Z, now[:, j])


def record_name(j: int) -> str:
    """Return what the model of a record is called."""
    return f"record {j + 1}"


def _happens(
    courses: Courses, what: str, patient: IntArray, Z: FloatArray, y: BoolArray
) -> tuple[str, Model]:
    """Fit a logistic regression with a log-F(1, 1) prior on each slope, per standard deviation of its column.

    A rare level that nobody of whom dies then has a finite slope: half a death and half a survivor are added
    for each column (Greenland S, Mansournia MA. Stat Med 2015;34:3133).
    """
    n, width = courses.X.shape
    if not y.any():
        never = np.append(-np.inf, np.zeros(width - 1))
        return what, Model(
            first=never, changing=np.zeros(Z.shape[1]), sd=0.0, influence=np.zeros((n, width + Z.shape[1]))
        )
    design = np.hstack([courses.X[patient], Z])
    prior = np.diag(np.append(0.0, design[:, 1:].std(axis=0)))[1:]
    added = np.repeat([0.0, 1.0], len(prior))
    fit = fit_logistic(
        np.vstack([design, prior, prior]),
        np.concatenate([y, added]),
        weights=np.concatenate([np.ones(y.size), np.full(added.size, 0.5)]),
    )
    if fit.failure is not None:
        raise ConvergenceError(f"{what} could not be modelled: {fit.failure}")
    residual = y - scipy.special.expit(predicted(design, fit))
    influence = sums_by_person(design * residual[:, None], patient, n) @ np.nan_to_num(fit.covariance)
    params = np.nan_to_num(fit.params)
    return what, Model(first=params[:width], changing=params[width:], sd=0.0, influence=influence)


def _normal(courses: Courses, patient: IntArray, Z: FloatArray, y: FloatArray) -> Model:
    n, width = courses.X.shape
    params, sd, influence = fit_line(np.hstack([courses.X[patient], Z]), y, patient, n)
    return Model(first=params[:width], changing=params[width:], sd=sd, influence=influence)
