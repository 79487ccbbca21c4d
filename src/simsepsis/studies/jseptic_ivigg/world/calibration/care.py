"""Adjuncts, transfusions and organ support from Tables 2 and 3, one at a time given the course."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import least_squares

from simsepsis.arrays import FloatArray
from simsepsis.studies.jseptic_ivigg.world.adjuncts import EXCLUSIVE, adjunct_log_hazard, draw_units
from simsepsis.studies.jseptic_ivigg.world.calibration.population import Population, Treated, fit_parameters
from simsepsis.studies.jseptic_ivigg.world.calibration.residuals import (
    arm_weights,
    percent_residuals,
    quartile_residuals,
)
from simsepsis.studies.jseptic_ivigg.world.care import Adjunct, Support, Transfusion
from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario
from simsepsis.studies.jseptic_ivigg.world.starts import exposure, start_times
from simsepsis.studies.jseptic_ivigg.world.supports import renal_support_days, support_days

LIMIT = 3.0
"""Largest absolute loading of an adjunct on the intensity of care."""


def _exposed(population: Population, treated: Treated, adjunct: Adjunct) -> FloatArray:
    return exposure(
        population.fate.path,
        treated.exits.icu_time,
        severity=adjunct.severity,
        decay=adjunct.decay,
    )


def _probability(population: Population, adjunct: Adjunct, exposed: FloatArray) -> FloatArray:
    """Return the probability that an adjunct ever starts, shape (n,)."""
    log_hazard = adjunct_log_hazard(adjunct, population.patients)
    return np.asarray(-np.expm1(-np.exp(np.minimum(log_hazard, 20.0)) * exposed[:, -1]))


def fit_adjunct(
    population: Population,
    treated: Treated,
    name: str,
    assumed: dict[str, Any],
    never: FloatArray,
) -> Adjunct:
    """Return an adjunct whose share in both arms is that of Table 2: two equations, two unknowns."""
    weights = arm_weights(treated.probability)

    def adjunct(values: FloatArray) -> Adjunct:
        return Adjunct(intercept=float(values[0]), care=float(values[1]), **assumed)

    exposed = _exposed(population, treated, adjunct(np.zeros(2)))

    def gaps(values: FloatArray) -> FloatArray:
        share = _probability(population, adjunct(values), exposed) * (1.0 - never)
        return percent_residuals(population.targets, name, share, weights)

    pooled = population.targets.pooled(name)
    start = np.array([np.log(-np.log1p(-pooled)) - 1.0, 0.3])
    found = least_squares(gaps, start, bounds=([-20.0, -LIMIT], [10.0, LIMIT]))
    return adjunct(np.round(found.x, 4))


def fit_adjuncts(population: Population, treated: Treated, assumed: dict[str, Any]) -> dict[str, Adjunct]:
    """Return every adjunct, fitted; non-renal replacement among those without renal replacement."""
    renal, other = EXCLUSIVE
    fitted: dict[str, Adjunct] = {}
    for name, effects in assumed.items():
        never = np.zeros(population.patients.icu.size)
        if name == other:
            exposed = _exposed(population, treated, fitted[renal])
            never = _probability(population, fitted[renal], exposed)
        fitted[name] = fit_adjunct(population, treated, name, effects, never)
    return fitted


TRANSFUSION_START = {
    "rbc": (-0.1, 0.2, 1.0, 0.1),
    "ffp": (-0.7, 0.3, 1.4, 0.1),
    "platelet": (-0.9, 0.4, 0.6, 0.1),
}
"""Judged intercept and care of "any", then of the log number of packs."""


def _with_intercepts(assumed: dict[str, Any], part: str, values: FloatArray) -> dict[str, float]:
    return {"intercept": float(values[0]), "care": float(values[1]), **assumed[part]}


def fit_transfusion(
    population: Population, treated: Treated, name: str, assumed: dict[str, Any], row: int
) -> Transfusion:
    """Return a transfusion whose quartiles in both arms are those of Table 2."""
    weights = arm_weights(treated.probability)

    def transfusion(v: FloatArray) -> Transfusion:
        v = np.round(v, 4)
        ever, units = _with_intercepts(assumed, "ever", v[:2]), _with_intercepts(assumed, "units", v[2:])
        return Transfusion(ever=ever, units=units, log_sd=assumed["log_sd"], pack=assumed["pack"])

    def gaps(v: FloatArray) -> FloatArray:
        given = draw_units(transfusion(v), population.patients, population.noise[row])
        return quartile_residuals(population.targets, f"{name}_units", given, weights)

    spread = np.array([0.4, 0.3, 0.4, 0.2])
    return transfusion(fit_parameters(gaps, np.array(TRANSFUSION_START[name]), spread))


SUPPORT_START = {
    "ventilator": (0.5, 0.2, 1.7, 0.1),
    "vasopressor": (1.0, 0.2, 1.2, 0.1),
    "rrt": (-2.0, 0.0, 1.2, 0.1),
}
"""Judged intercept and care of "ever", then of the log of days."""


def _support(assumed: dict[str, Any], v: FloatArray) -> Support:
    v = np.round(v, 4)
    ever, days = _with_intercepts(assumed, "ever", v[:2]), _with_intercepts(assumed, "days", v[2:4])
    return Support(ever=ever, days=days, log_sd=float(np.clip(assumed["log_sd"] * np.exp(v[4]), 0.2, 3.0)))


def _renal_start(population: Population, scenario: Scenario, treated: Treated) -> FloatArray:
    starts = []
    for name, threshold in zip(EXCLUSIVE, population.thresholds, strict=True):
        adjunct = scenario.adjuncts[name]
        exposed = _exposed(population, treated, adjunct)
        needed = threshold * np.exp(-adjunct_log_hazard(adjunct, population.patients))
        starts.append(start_times(exposed, treated.exits.icu_time, needed))
    return np.asarray(np.where(np.isfinite(starts[0]), starts[0], starts[1]))


def fit_support(
    population: Population, scenario: Scenario, treated: Treated, name: str, assumed: dict[str, Any], row: int
) -> Support:
    """Return an organ support whose days have the quartiles of Table 3 in both arms."""
    weights, patients = arm_weights(treated.probability), population.patients
    trend = population.fate.path[:, 6] - population.fate.path[:, 0]
    noise, exits = population.noise[row], treated.exits
    start = _renal_start(population, scenario, treated) if name == "rrt" else None

    def gaps(v: FloatArray) -> FloatArray:
        support = _support(assumed, v)
        if start is None:
            days = support_days(support, patients, trend, exits, noise)
        else:
            days = renal_support_days(support, patients, trend, start, exits, noise)
        return quartile_residuals(population.targets, f"{name}_days", days, weights)

    judged = np.array([*SUPPORT_START[name], 0.0])
    spread = np.array([0.4, 0.3, 0.4, 0.2, 0.3])
    return _support(assumed, fit_parameters(gaps, judged, spread))
