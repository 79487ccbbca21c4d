"""From ICU admission to hospital discharge: the severity path and the competing daily hazards."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.studies.jseptic_ivigg.world.outcome import Course, Hazard
from simsepsis.studies.jseptic_ivigg.world.patients import Patients
from simsepsis.studies.jseptic_ivigg.world.predictor import linear_predictor
from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario
from simsepsis.threads import side_by_side

PATH_DAYS = 14
"""Days for which severity changes; it stays where it is after that."""

EDGES: FloatArray = np.array(
    [*range(29), 35, 42, 49, 56, 70, 84, 100, 120, 150, 180, 240, 300, 365], dtype=np.float64
)
"""Days from ICU admission between which hazards are constant. Whoever is left at the end is discharged."""

MANY = 40_000
"""Patients at a time, where there are so many that one core after the other would take long."""

CAUSES = ("icu_death", "icu_discharge", "ward_death", "hospital_discharge")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exits:
    """How each patient left the ICU and the hospital.

    Attributes
    ----------
    icu_time, hospital_time
        (n,) days from ICU admission, not rounded.
    icu_death, hospital_death
        (n,) whether the patient had died by then; a death in the ICU is a death in hospital.
    """

    icu_time: FloatArray
    icu_death: BoolArray
    hospital_time: FloatArray
    hospital_death: BoolArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fate:
    """What is settled before any treatment: the path and the thresholds that hazards must cross.

    Attributes
    ----------
    path
        (n, PATH_DAYS) latent severity by day.
    offsets
        (n, 4) log hazard of each of `CAUSES` apart from day and severity.
    thresholds
        (n, 4) unit exponential cumulative hazards at which the events happen. The same patient keeps
        them whatever the treatment, so potential outcomes differ through the treatment alone.
    """

    path: FloatArray
    offsets: FloatArray
    thresholds: FloatArray

    def subset(self, rows: IntArray) -> Fate:
        """Return the fates of some patients."""
        return Fate(path=self.path[rows], offsets=self.offsets[rows], thresholds=self.thresholds[rows])


@numba.njit(cache=True, nogil=True)
def _add_noise(path: FloatArray, shocks: FloatArray, kept: float, fresh: float) -> None:
    """Add first-order autoregressive noise to each row of a path, none on its first day."""
    for i in range(len(path)):
        noise = 0.0
        for day in range(1, path.shape[1]):
            noise = kept * noise + fresh * shocks[i, day]
            path[i, day] += noise


def severity_path(severity: FloatArray, course: Course, rng: np.random.Generator) -> FloatArray:
    r"""Return latent severity on days 1 to `PATH_DAYS`, shape (n, PATH_DAYS).

    .. math:: L_t = \rho^{t-1} L_1 + \sigma_D D \min(t-1, 6)/6 + W_t

    with a patient's own trend :math:`D \sim N(0,1)`, unknown on day 1, and first-order autoregressive
    noise :math:`W_t`, which starts at zero.
    """
    days = np.arange(PATH_DAYS)
    drift = rng.standard_normal(severity.size)
    shocks = rng.standard_normal((severity.size, PATH_DAYS))
    path = severity[:, None] * course.persistence**days
    path += drift[:, None] * (course.drift_sd * np.minimum(days, 6) / 6.0)
    kept = course.noise_correlation
    fresh = course.noise_sd * np.sqrt(1.0 - kept**2)
    _add_noise(path, shocks, kept, fresh)
    return path


def fixed_log_hazards(scenario: Scenario, patients: Patients) -> FloatArray:
    """Return (n, 4) log hazards of `CAUSES` apart from day and severity.

    The unmeasured confounder acts on both hazards of death. It is centred, so that it spreads
    mortality and hardly moves its mean.
    """
    course, u = scenario.course, scenario.unmeasured
    risk = linear_predictor(course.risk, patients)
    icu = np.asarray(patients.roster.death)[patients.icu]
    centre = u.prevalence if u.kind == "binary" else 0.0
    hidden = np.log(u.hr_death) * (patients.unmeasured - centre) if u.kind != "none" else 0.0
    return np.column_stack(
        [
            h.risk * risk + h.icu * icu + h.care * patients.care + (hidden if "death" in cause else 0.0)
            for cause, h in zip(CAUSES, _hazards(course), strict=True)
        ]
    )


def draw_fate(scenario: Scenario, patients: Patients, rng: np.random.Generator) -> Fate:
    """Return everything about the course that no treatment changes."""
    thresholds = rng.standard_exponential((patients.icu.size, len(CAUSES)))
    path = severity_path(patients.severity, scenario.course, rng)
    return Fate(path=path, offsets=fixed_log_hazards(scenario, patients), thresholds=thresholds)


def _hazards(course: Course) -> list[Hazard]:
    return [getattr(course, cause) for cause in CAUSES]


def _day_terms(course: Course) -> FloatArray:
    """Return (4, intervals) log hazards at severity zero, at the middle of each interval."""
    day = 0.5 * (EDGES[1:] + EDGES[:-1]) + 0.5
    return np.array(
        [h.intercept + h.early * np.exp(1.0 - day) + h.log_day * np.log(day) for h in _hazards(course)]
    )


@numba.njit(cache=True, nogil=True)
def _first_crossing(
    low: float, high: float, hazard: float, start: float, factor: float, left: float
) -> tuple[float, float]:
    """Return when a hazard, multiplied by `factor` after `start`, uses up `left` (or inf), and the rest."""
    # Without an effect nothing changes at the start, not even by rounding.
    change = high if factor == 1.0 else min(max(start, low), high)
    before = hazard * (change - low)
    if before >= left:
        return low + left / hazard, 0.0
    left -= before
    after = hazard * factor * (high - change)
    if after >= left and after > 0.0:
        return change + left / (hazard * factor), 0.0
    return np.inf, left - after


@numba.njit(cache=True, nogil=True)
def _stay(
    entry: float,
    path: FloatArray,
    death: FloatArray,
    leave: FloatArray,
    offsets: tuple[float, float],
    slopes: tuple[float, float],
    left: tuple[float, float],
    start: float,
    factor: float,
    leaving: float,
    edges: FloatArray,
) -> tuple[float, bool]:
    """Return when and how one patient's stay ends: two competing piecewise-constant hazards.

    `death` and `leave` are hazards by interval. What the patient adds changes with severity only, so its
    exponential is taken anew only while the path moves: on the first days of the stay.
    """
    left_death, left_leave = left
    own_death, own_leave, fresh = 0.0, 0.0, True
    for k in range(len(edges) - 1):
        if edges[k + 1] <= entry:
            continue
        low, high = max(edges[k], entry), edges[k + 1]
        if fresh or k < len(path):
            severity = path[min(k, len(path) - 1)]
            own_death = np.exp(offsets[0] + slopes[0] * severity)
            own_leave = np.exp(offsets[1] + slopes[1] * severity)
            fresh = False
        at_death, left_death = _first_crossing(low, high, death[k] * own_death, start, factor, left_death)
        at_leave, left_leave = _first_crossing(low, high, leave[k] * own_leave, start, leaving, left_leave)
        if at_death <= at_leave and at_death < np.inf:
            return at_death, True
        if at_leave < np.inf:
            return at_leave, False
    return edges[-1], False


@numba.njit(cache=True, nogil=True)
def _run(
    path: FloatArray,
    offsets: FloatArray,
    thresholds: FloatArray,
    terms: FloatArray,
    slopes: FloatArray,
    start: FloatArray,
    factor: FloatArray,
    leaving: float,
    edges: FloatArray,
) -> tuple[FloatArray, BoolArray, FloatArray, BoolArray]:
    n = len(path)
    icu_time, hospital_time = np.empty(n), np.empty(n)
    icu_death, hospital_death = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    for i in range(n):
        icu_time[i], icu_death[i] = _stay(
            0.0,
            path[i],
            terms[0],
            terms[1],
            (offsets[i, 0], offsets[i, 1]),
            (slopes[0], slopes[1]),
            (thresholds[i, 0], thresholds[i, 1]),
            start[i],
            factor[i],
            leaving,
            edges,
        )
        if icu_death[i]:
            hospital_time[i], hospital_death[i] = icu_time[i], True
            continue
        hospital_time[i], hospital_death[i] = _stay(
            icu_time[i],
            path[i],
            terms[2],
            terms[3],
            (offsets[i, 2], offsets[i, 3]),
            (slopes[2], slopes[3]),
            (thresholds[i, 2], thresholds[i, 3]),
            start[i],
            factor[i],
            leaving,
            edges,
        )
    return icu_time, icu_death, hospital_time, hospital_death


def run_course(
    course: Course,
    fate: Fate,
    *,
    start: FloatArray | None = None,
    log_hazard_ratio: FloatArray | None = None,
    leaving: float = 1.0,
) -> Exits:
    """Return how patients leave, given when treatment starts and what it does to death and to leaving alive.

    Notes
    -----
    An event happens when its cumulative hazard crosses the patient's threshold, which makes the times
    exact within the day, and makes the course without effect the same for every start.
    """
    n = len(fate.path)
    begin = np.full(n, np.inf) if start is None else start
    factor = np.ones(n) if log_hazard_ratio is None else np.exp(log_hazard_ratio)
    terms, slopes = np.exp(_day_terms(course)), np.array([h.severity for h in _hazards(course)])

    def leaving_of(first: int) -> tuple[FloatArray | BoolArray, ...]:
        rows = slice(first, first + MANY)
        own = fate.path[rows], fate.offsets[rows], fate.thresholds[rows]
        return tuple(_run(*own, terms, slopes, begin[rows], factor[rows], leaving, EDGES))

    parts = side_by_side(leaving_of, range(0, max(n, 1), MANY))
    names = ("icu_time", "icu_death", "hospital_time", "hospital_death")
    columns = map(np.concatenate, zip(*parts, strict=True))
    return Exits(**dict(zip(names, columns, strict=True)))
