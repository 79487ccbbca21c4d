"""Hazards of death and discharge from Table 3, with the tilt of Table 1 solved at every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simsepsis.arrays import FloatArray
from simsepsis.studies.jseptic_ivigg.world.calibration.population import (
    Population,
    Treated,
    fit_parameters,
    treated_population,
    untreated_course,
)
from simsepsis.studies.jseptic_ivigg.world.calibration.residuals import (
    arm_weights,
    percent_residuals,
    quartile_residuals,
)
from simsepsis.studies.jseptic_ivigg.world.calibration.tilt import TiltStart
from simsepsis.studies.jseptic_ivigg.world.outcome import Course, Hazard
from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario

Moved = tuple[str, str, float, float]
PARAMETERS: tuple[Moved, ...] = (
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

DEATHS_COUNT = 2.0
"""Weight of the four mortalities against the quartiles of stays: every analysis rests on them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supposed:
    """What the course is fitted under.

    Attributes
    ----------
    deaths_by_day_7
        Share dead by day 7, and how well that is known.
    care_deaths
        Whether the hidden intensity of care may act on death after the ICU; if not it acts on no death.
    """

    deaths_by_day_7: tuple[float, float]
    care_deaths: bool

    @property
    def parameters(self) -> tuple[Moved, ...]:
        """Return those of `PARAMETERS` that are fitted."""
        return tuple(p for p in PARAMETERS if self.care_deaths or p[:2] != ("ward_death", "care"))


def hazards(values: FloatArray, parameters: tuple[Moved, ...] = PARAMETERS) -> dict[str, Hazard]:
    """Return the four hazards from a vector of parameters."""
    table: dict[str, dict[str, float]] = {name: dict(fixed) for name, fixed in FIXED.items()}
    for (hazard, parameter, _, _), value in zip(parameters, values, strict=True):
        table[hazard][parameter] = round(float(value), 4)
    return {name: Hazard.model_validate(parameters) for name, parameters in table.items()}


def judged(parameters: tuple[Moved, ...] = PARAMETERS) -> tuple[FloatArray, FloatArray]:
    """Return the judged values and their spreads."""
    return np.array([p[2] for p in parameters]), np.array([p[3] for p in parameters])


def with_course(scenario: Scenario, course: dict[str, Any]) -> Scenario:
    """Return the scenario with some fields of its course replaced."""
    changed: Course = scenario.course.model_copy(update=course)
    return scenario.model_copy(update={"course": changed})


def _gaps(population: Population, treated: Treated, early_deaths: tuple[float, float]) -> FloatArray:
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
            [(early - early_deaths[0]) / early_deaths[1]],
        ]
    )


def fit_course(population: Population, supposed: Supposed) -> tuple[Scenario, Treated, FloatArray]:
    """Return the scenario with fitted hazards, the population's treatment under it, and the tilt."""
    found = TiltStart()

    def trial(values: FloatArray) -> tuple[Scenario, Treated]:
        scenario = with_course(population.scenario, dict(hazards(values, supposed.parameters)))
        _, exits = untreated_course(population, scenario)
        return scenario, treated_population(population, scenario, exits, found)

    start, spread = judged(supposed.parameters)
    early = supposed.deaths_by_day_7
    values = fit_parameters(lambda v: _gaps(population, trial(v)[1], early), start, spread)
    return *trial(values), found.required()
