"""Clone, censor and weight: a trial that gives treatment a grace period."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.special

from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.estimates import Estimate
from simsepsis.analysis.logistic import fit_logistic, linear_predictor
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.analysis.methods.rows import coefficient_row
from simsepsis.analysis.methods.shared import known
from simsepsis.analysis.methods.start_times import course_of, days_of_stay
from simsepsis.analysis.methods.timing import LOG_HR
from simsepsis.analysis.survival import fit_cox
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import ConvergenceError

GRACE = 3
"""Days within which treatment has to start."""

LAST_DAY = 28
"""A start after this day counts as never."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Days:
    """The course of each patient in whole days, (n,) each.

    Attributes
    ----------
    last, event
        Day of death or censoring, at least 1, and whether it was death.
    start
        Day of the start of treatment; beyond `LAST_DAY` if never.
    chance
        Last day on which treatment could start.
    """

    last: IntArray
    event: BoolArray
    start: IntArray
    chance: IntArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clones:
    """Weighted rows of one strategy, (m,) each: patient, at risk in (entry, exit], dead or not, weight."""

    patient: IntArray
    entry: IntArray
    exit: IntArray
    event: BoolArray
    weight: FloatArray


def clone_censor_rows(task: Task) -> Iterator[Estimate]:
    r"""Yield the marginal log hazard ratio of two strategies: treatment within three days, or never.

    Everybody is cloned to both strategies and censored when they depart from theirs: from "never" when
    treatment starts, from "within three days" at the end of day 3 if it has not started though the patient
    is still in the ICU. Those who stay stand for those who are censored, by weights from a daily logistic
    model of the start of treatment given the score's covariates and the day.

    Notes
    -----
    Weights: at risk on day k of "never", :math:`1/\prod_{j<k}(1-h_j)`; after day 3 of "within three days",
    :math:`1/\{1-\prod_{j \le 3}(1-h_j)\}` for those in the ICU on day 3, 1 for everybody else. A clone is
    censored at the end of a day, so that no part of a day is immortal. Sandwich over patients; the weights
    are taken as known, which as a rule makes the standard error too large.

    References
    ----------
    Hernán MA. BMJ 2018;360:k182. Maringe C et al. Int J Epidemiol 2020;49:1719.
    """
    cohort = known(task.shared.cohort)
    days = _days(task, cohort)
    hazard = start_hazard(days, known(task.shared.design))
    never, early = never_treated(days, hazard), treated_in_grace(days, hazard)
    fit = fit_cox(
        np.repeat([0.0, 1.0], [never.patient.size, early.patient.size]),
        np.concatenate([never.exit, early.exit]),
        np.concatenate([never.event, early.event]),
        entry=np.concatenate([never.entry, early.entry]),
        weights=np.concatenate([never.weight, early.weight]),
        cluster=np.concatenate([never.patient, early.patient]),
    )
    yield coefficient_row(task.method, f"log_hr_{task.spec.survival_event}_twin", fit, 0, cohort.n)


def _days(task: Task, cohort: CohortArrays) -> Days:
    course = course_of(task)
    last = _whole_days(course.duration)
    start = _whole_days(np.minimum(course.start, LAST_DAY + 1))
    chance = last
    # Without the days during which alone treatment starts: until death or discharge.
    days = days_of_stay(task, cohort)
    if days is not None:
        chance = np.minimum(last, _whole_days(days))
    chance = np.maximum(chance, np.where(start <= LAST_DAY, start, 1))
    return Days(last=last, event=course.event, start=start, chance=chance)


def _whole_days(days: FloatArray) -> IntArray:
    """Number the day on which something happens, from 1; without end for what never does."""
    return np.maximum(np.ceil(np.minimum(days, 1e9)), 1).astype(np.int64)


def start_hazard(days: Days, design: FloatArray) -> FloatArray:
    """Estimate each patient's chance of starting on each day, if still untreated, (n, days)."""
    started = days.start[days.start <= LAST_DAY]
    if started.size == 0:
        raise ConvergenceError("nobody starts treatment while followed")
    day = np.arange(1, int(started.max()) + 1)
    patient, which = np.nonzero(day <= days.chance[:, None])
    X = np.hstack([design[patient], which[:, None] == np.arange(1, day.size)])
    still = day[which] <= days.start[patient]
    fit = fit_logistic(X[still], (day[which] == days.start[patient])[still])
    predictor = linear_predictor(X, fit)
    if np.isnan(predictor).any():
        raise ConvergenceError(f"the start of treatment could not be modelled: {fit.failure}")
    hazard = np.zeros((design.shape[0], day.size))
    hazard[patient, which] = scipy.special.expit(predictor)
    return hazard


def never_treated(days: Days, hazard: FloatArray) -> Clones:
    """Follow everybody until the end of the day on which treatment starts."""
    width = hazard.shape[1]
    stayed = np.cumprod(1 - hazard, axis=1)
    weight = np.ones((days.last.size, width + 1))
    np.divide(1.0, stayed, out=weight[:, 1:], where=stayed > 0)
    until = np.minimum(days.last, days.start)
    patient, day = np.nonzero(np.arange(width) < until[:, None])
    later = np.flatnonzero((days.last > width) & (days.start > width))
    patient, day = np.concatenate([patient, later]), np.concatenate([day, np.full(later.size, width)])
    end = np.where(day < width, day + 1, days.last[patient])
    return Clones(
        patient=patient,
        entry=day,
        exit=end,
        event=days.event[patient] & (days.last[patient] == end),
        weight=weight[patient, day],
    )


def treated_in_grace(days: Days, hazard: FloatArray) -> Clones:
    """Follow everybody through the grace period, and beyond it those who started or had left the ICU."""
    begun = 1 - np.prod(1 - hazard[:, :GRACE], axis=1)
    in_time, present = days.start <= GRACE, days.chance >= GRACE
    later = np.flatnonzero((days.last > GRACE) & (in_time | ~present))
    weight = np.where(present & in_time, 1 / np.where(begun > 0, begun, 1.0), 1.0)
    everybody = np.arange(days.last.size)
    return Clones(
        patient=np.concatenate([everybody, later]),
        entry=np.concatenate([np.zeros(everybody.size, np.int64), np.full(later.size, GRACE)]),
        exit=np.concatenate([np.minimum(days.last, GRACE), days.last[later]]),
        event=np.concatenate([days.event & (days.last <= GRACE), days.event[later]]),
        weight=np.concatenate([np.ones(everybody.size), weight[later]]),
    )


CLONE_CENSOR_WEIGHT = Method(
    name="clone_censor_weight",
    label="Clone, censor, weight: treatment within 3 days against never",
    group="time",
    estimands=LOG_HR,
    std_error="sandwich over patients, weights taken as known",
    reference="Hernán MA. BMJ 2018;360:k182. Maringe C et al. Int J Epidemiol 2020;49:1719.",
    function=clone_censor_rows,
    uses=("cohort", "design"),
    needs=("survival", "start_times"),
)
"""Target trial with a grace period."""
