"""The parametric g-formula in a registry that records each day: courses drawn again under a policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import scipy.special

from simsepsis.analysis.estimates import Estimate, normal_estimate
from simsepsis.analysis.methods.daily_course import (
    IN_UNIT,
    ON_WARD,
    START,
    Courses,
    Models,
    changing,
    courses_of,
    fitted,
    record_name,
)
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.estimand import POLICIES

PATHS = 5_000
"""Courses drawn under each policy, at least; every patient begins the same number of them."""

EARLY_DAYS = 2
"""Days within which `start_within_48h` has treatment begin."""

NATURAL = "natural_course"
EARLY, NEVER = POLICIES


@dataclass(slots=True, kw_only=True, eq=False)
class Paths:
    """Courses under one policy, with what is needed to know how models move their mean.

    Attributes
    ----------
    patient
        (m,): whose course begins each path.
    death
        (m,): day of death, inf for none by the horizon.
    scores
        Model → (paths, what changes, score of the draw, score of the SD) of each day on which it was drawn.
    """

    patient: IntArray
    death: FloatArray
    scores: dict[str, list[tuple[IntArray, FloatArray, FloatArray, FloatArray]]] = field(default_factory=dict)

    def influence(self, value: FloatArray, courses: Courses, models: Models) -> FloatArray:
        """Return how far each patient moves the mean of a value of each path, (n,)."""
        n, away = courses.X.shape[0], value - value.mean()
        moved = np.bincount(self.patient, away, minlength=n) / value.size
        for name, draws in self.scores.items():
            model, total = models[name], np.zeros(value.size)
            later, spread = np.zeros(model.changing.size), 0.0
            for rows, Z, score, of_sd in draws:
                weighed = score * away[rows]
                total[rows] += weighed
                later += Z.T @ weighed
                spread += float(of_sd @ away[rows])
            first = courses.X.T @ np.bincount(self.patient, total, minlength=n)
            gradient = np.concatenate([first, later, [spread] if model.sd else []])
            moved += model.influence @ (gradient / value.size)
        return moved


@dataclass(slots=True, kw_only=True, eq=False)
class Simulation:
    """Paths on their way through the days.

    Attributes
    ----------
    courses, models, seed
        What they are drawn from.
    paths
        Where deaths and scores are kept.
    linear
        Model → (n,) what first covariates add.
    now, treated, left
        Of each path: (m, q) latest records; whether treatment has begun; day of leaving the unit.
    day
        Which it is.
    """

    courses: Courses
    models: Models
    paths: Paths
    seed: int
    linear: dict[str, FloatArray]
    now: FloatArray
    treated: BoolArray
    left: FloatArray
    day: int = 1

    def known(self, rows: IntArray, *more: FloatArray | BoolArray) -> FloatArray:
        """Return what changes from day to day, of some paths."""
        last = np.minimum(self.left[rows], self.courses.daily.shape[1])
        day = np.full(rows.size, self.day)
        return changing(day, self.treated[rows], self.now[rows], np.minimum(day, last), *more)

    def happens(self, name: str, rows: IntArray, *more: FloatArray) -> BoolArray:
        """Draw whether something happens to some paths."""
        return np.asarray(self.draw(name, rows, self.known(rows, *more)) == 1.0)

    def draw(self, name: str, rows: IntArray, Z: FloatArray) -> FloatArray:
        """Draw what a model says of some paths; the same random numbers stand for a path under any policy."""
        model, size = self.models[name], self.paths.patient.size
        rng = np.random.default_rng((self.seed, self.day, list(self.models).index(name)))
        mean = self.linear[name][self.paths.patient[rows]] + Z @ model.changing
        if model.sd:
            noise = rng.standard_normal(size)[rows]
            score = noise / model.sd
            self._note(name, rows, Z, score, (noise**2 - 1) / model.sd)
            return np.asarray(mean + model.sd * noise)
        chance = scipy.special.expit(mean)
        happens = (rng.random(size)[rows] < chance).astype(np.float64)
        self._note(name, rows, Z, happens - chance, np.zeros(rows.size))
        return np.asarray(happens)

    def _note(self, name: str, rows: IntArray, Z: FloatArray, score: FloatArray, of_sd: FloatArray) -> None:
        self.paths.scores.setdefault(name, []).append((rows, Z, score, of_sd))


def simulated(policy: str, courses: Courses, models: Models, seed: int, horizon: int) -> Paths:
    """Draw courses under a policy: ``natural_course``, ``start_within_48h`` or ``never``."""
    n, days = courses.X.shape[0], courses.daily.shape[1]
    patient = np.tile(np.arange(n), -(-PATHS // n))
    work = Simulation(
        courses=courses,
        models=models,
        paths=Paths(patient=patient, death=np.full(patient.size, np.inf)),
        seed=seed,
        linear={name: courses.X @ model.first for name, model in models.items()},
        now=courses.daily[patient, 0],
        treated=np.zeros(patient.size, np.bool_),
        left=np.full(patient.size, horizon + 1.0),
    )
    unit, ward = np.arange(patient.size), np.empty(0, np.int64)
    for day in range(1, horizon + 1):
        work.day = day
        if 1 < day <= days:
            _record(work, unit)
        unit = unit[~_dies(work, IN_UNIT[0], unit)]
        leaves = work.happens(IN_UNIT[1], unit)
        ward = ward[~_dies(work, ON_WARD[0], ward, np.log(work.left[ward]))]
        work.left[unit[leaves]] = day
        ward = np.concatenate([_not_home(work, ward, 0.0), _not_home(work, unit[leaves], 1.0)])
        if day <= days:
            _start(work, policy, unit, leaves)
        unit = unit[~leaves]
    return work.paths


def _record(work: Simulation, rows: IntArray) -> None:
    """Draw what is recorded of a day, one record after another."""
    before, found = work.known(rows), np.empty((rows.size, 0))
    for j in range(work.now.shape[1]):
        drawn = work.draw(record_name(j), rows, np.column_stack([before, found]))
        found = np.column_stack([found, drawn])
    work.now[rows] = found


def _dies(work: Simulation, name: str, rows: IntArray, *more: FloatArray) -> BoolArray:
    dies = work.happens(name, rows, *more)
    work.paths.death[rows[dies]] = work.day
    return dies


def _not_home(work: Simulation, rows: IntArray, arrives: float) -> IntArray:
    """Return who is still in hospital at the end of the day, of those on the ward or come to it."""
    goes = work.happens(ON_WARD[1], rows, np.log(work.left[rows]), np.full(rows.size, arrives))
    return rows[~goes]


def _start(work: Simulation, policy: str, rows: IntArray, leaves: BoolArray) -> None:
    """Start treatment in the untreated in the unit: by the model, or on the second day in all who stay."""
    if policy == NEVER or (policy == EARLY and work.day > EARLY_DAYS):
        return
    free = ~work.treated[rows]
    rows, leaves = rows[free], leaves[free]
    starts = work.draw(START, rows, work.known(rows, leaves)[:, 1:]) == 1.0
    if policy == EARLY and work.day == EARLY_DAYS:
        starts |= ~leaves
    work.treated[rows[starts]] = True


def g_formula_rows(task: Task) -> Iterator[Estimate]:
    r"""Yield the risk of death by the horizon, and days alive, of two policies, each beside another.

    ``start_within_48h`` against ``never``, and ``never`` against treatment as it was given.

    Notes
    -----
    Logistic regressions of dying in the unit, leaving it, starting treatment, dying on the ward and going
    home, and linear ones of each record of a day, on first covariates, treatment, the day and the records;
    courses are drawn from them, treatment counting from the end of its first day. The sandwich over patients
    moves all models; how they move the mean is the mean of its value times the score of what was drawn. Where
    a model is forced (``start_within_48h`` on day two) its draw decides nothing, and its score has mean 0.
    """
    courses, horizon = courses_of(task), int(np.ceil(task.spec.rmst_horizon))
    models, seed = fitted(courses, horizon), int(task.shared.draw("courses").integers(2**63))
    values, moved = {}, {}
    for policy in (NATURAL, EARLY, NEVER):
        paths = simulated(policy, courses, models, seed, horizon)
        dead = np.isfinite(paths.death).astype(np.float64)
        days = np.minimum(paths.death - 0.5, task.spec.rmst_horizon)
        values[policy] = np.array([dead.mean(), days.mean()])
        moved[policy] = np.column_stack([paths.influence(value, courses, models) for value in (dead, days)])
    event, day = task.spec.survival_event, f"{task.spec.rmst_horizon:g}"
    for policy, other in ((EARLY, NEVER), (NEVER, NATURAL)):
        value, influence = values[policy] - values[other], moved[policy] - moved[other]
        errors = np.sqrt(np.einsum("ij,ij->j", influence, influence))
        for name, k in ((f"cid_{event}_{day}_{policy}", 0), (f"rmst{day}_difference_{policy}", 1)):
            yield normal_estimate(task.method, name, float(value[k]), float(errors[k]), n_used=len(courses.X))


METHOD = Method(
    name="g_formula",
    label="Parametric g-formula by day, policies compared",
    group="time",
    estimands=tuple(
        f"{scale}_{policy}"
        for policy in (EARLY, NEVER)
        for scale in ("cid_{event}_{horizon}", "rmst{horizon}_difference")
    ),
    std_error="sandwich over patients of all models",
    reference="Robins J. Math Modelling 1986;7:1393. McGrath S et al. Patterns 2020;1:100008.",
    function=g_formula_rows,
    uses=("cohort", "design"),
    needs=("survival", "start_times", "daily"),
)
