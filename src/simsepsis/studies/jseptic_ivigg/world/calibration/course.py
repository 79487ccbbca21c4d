"""Hazards of death and discharge from Table 3, with the tilt of Table 1 solved at every step."""

from __future__ import annotations

from typing import Any

import numpy as np

from simsepsis.arrays import FloatArray
from simsepsis.studies.jseptic_ivigg.world.calibration.population import (
    Population,
    Treated,
    fit_parameters,
    treated_population,
)
from simsepsis.studies.jseptic_ivigg.world.calibration.residuals import (
    arm_weights,
    percent_residuals,
    quartile_residuals,
)
from simsepsis.studies.jseptic_ivigg.world.calibration.tilt import TiltStart
from simsepsis.studies.jseptic_ivigg.world.outcome import Course, Hazard
from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario

PARAMETERS = (
    ("icu_death", "intercept", -4.8, 0.7),
    ("icu_death", "early", 0.3, 0.3),
    ("icu_death", "log_day", -0.2, 0.2),
    ("icu_death", "severity", 0.9, 0.3),
    ("icu_discharge", "intercept", -1.8, 0.7),
    ("icu_discharge", "early", -2.0, 0.7),
    ("icu_discharge", "log_day", 0.0, 0.3),
    ("icu_discharge", "severity", -0.4, 0.2),
    ("icu_discharge", "care", -0.1, 0.1),
    ("ward_death", "intercept", -5.0, 0.7),
    ("ward_death", "log_day", -0.1, 0.2),
    ("ward_death", "severity", 0.8, 0.15),
    ("ward_death", "care", 0.0, 0.25),
    ("hospital_discharge", "intercept", -4.0, 0.7),
    ("hospital_discharge", "log_day", 0.2, 0.3),
    ("hospital_discharge", "severity", -0.2, 0.2),
    ("hospital_discharge", "care", 0.0, 0.1),
)
"""(hazard, parameter, judged value, how far it may be from it): what Table 3 may move."""

FIXED = {
    "icu_death": {"risk": 1.0, "icu": 1.0},
    "icu_discharge": {},
    "ward_death": {"risk": 1.0, "icu": 0.5},
    "hospital_discharge": {"risk": -0.2},
}
"""Weights of risk factors and of the ICU's effect, by judgement."""

DEATHS_BY_DAY_7 = (0.105, 0.02)
"""Share dead by day 7 and how well that is known: US and French septic shock, scaled to this mortality."""

DEATHS_COUNT = 2.0
"""Weight of the four mortalities against the quartiles of stays: every analysis rests on them."""


def hazards(values: FloatArray) -> dict[str, Hazard]:
    """Return the four hazards from a parameter vector in the order of `PARAMETERS`."""
    table: dict[str, dict[str, float]] = {name: dict(fixed) for name, fixed in FIXED.items()}
    for (hazard, parameter, _, _), value in zip(PARAMETERS, values, strict=True):
        table[hazard][parameter] = round(float(value), 4)
    return {name: Hazard.model_validate(parameters) for name, parameters in table.items()}


def judged() -> tuple[FloatArray, FloatArray]:
    """Return the judged values and their spreads."""
    return np.array([p[2] for p in PARAMETERS]), np.array([p[3] for p in PARAMETERS])


def with_course(scenario: Scenario, course: dict[str, Any]) -> Scenario:
    """Return the scenario with some fields of its course replaced."""
    changed: Course = scenario.course.model_copy(update=course)
    return scenario.model_copy(update={"course": changed})


def _gaps(population: Population, treated: Treated) -> FloatArray:
    targets, exits = population.targets, treated.exits
    weights = arm_weights(treated.probability)
    early = np.mean(exits.hospital_death & (exits.hospital_time <= 7.0))
    return np.concatenate(
        [
            *(
                DEATHS_COUNT * percent_residuals(targets, name, getattr(exits, name).astype(float), weights)
                for name in ("icu_death", "hospital_death")
            ),
            quartile_residuals(targets, "icu_days", np.ceil(exits.icu_time), weights),
            quartile_residuals(targets, "hospital_days", np.ceil(exits.hospital_time), weights),
            [(early - DEATHS_BY_DAY_7[0]) / DEATHS_BY_DAY_7[1]],
        ]
    )


def fit_course(population: Population) -> tuple[Scenario, Treated, FloatArray]:
    """Return the scenario with fitted hazards, the population's treatment under it, and the tilt."""
    found = TiltStart()

    def trial(values: FloatArray) -> tuple[Scenario, Treated]:
        scenario = with_course(population.scenario, dict(hazards(values)))
        return scenario, treated_population(population, scenario, found)

    start, spread = judged()
    values = fit_parameters(lambda v: _gaps(population, trial(v)[1]), start, spread)
    return *trial(values), found.required()
