"""Who is given IVIgG: confounding by indication as a tilt that reproduces the printed margins."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from simsepsis.arrays import FloatArray
from simsepsis.cohort.margins import Z_GRID
from simsepsis.cohort.patients import Patients
from simsepsis.cohort.predictor import evaluate
from simsepsis.cohort.world import World
from simsepsis.scenario import Scenario
from simsepsis.thesis.dictionary import COLUMNS

SMOOTHING = 0.2
"""Width, in latent SDs, of the smoothed steps at the treated quartiles."""

BED_STEPS = (9.5, 12.5, 18.5)
"""Bed numbers at which the hazard may step: the quartiles of Table 1."""


def number_basis(world: World, name: str) -> FloatArray:
    """Return (m, 4) functions of a continuous covariate's latent score on the grid.

    The score itself and a smoothed step at each treated quartile: enough to move all three quartiles of
    the treated to where they were printed, while a linear term alone misses them by up to three
    sampling standard errors.
    """
    quartiles = world.scenario.patients.continuous[name].ivigg
    knots = np.interp(quartiles, world.values[name], Z_GRID)
    steps = ndtr((knots[None, :] - Z_GRID[:, None]) / SMOOTHING)
    return np.column_stack([Z_GRID, steps])


def beds_basis(beds: FloatArray) -> FloatArray:
    """Return (n, 3) indicators of fewer beds than each of `BED_STEPS`."""
    return np.column_stack([beds < step for step in BED_STEPS]).astype(np.float64)


def start_log_hazard(world: World, patients: Patients, care: FloatArray) -> FloatArray:
    """Return the log hazard of starting IVIgG per unit of exposure, shape (n,).

    Parameters
    ----------
    world, patients
        The scenario's tables and the patients.
    care
        (n,) latent intensity of care, shared with the adjuncts.
    """
    scenario = world.scenario
    total = scenario.treatment.care * care + scenario.treatment.intercept
    total += np.asarray(scenario.icus.roster.ivigg)[patients.icu]
    for name, coefficients in scenario.treatment.numbers.items():
        total += _number_effect(world, patients, name, np.asarray(coefficients))
    for column, effects in scenario.treatment.levels.items():
        total += _level_effect(scenario, patients, column, effects)
    return total


def _number_effect(world: World, patients: Patients, name: str, coefficients: FloatArray) -> FloatArray:
    if name == "icu_beds":
        beds = np.asarray(world.scenario.icus.roster.beds, dtype=np.float64)
        return (beds_basis(beds) @ coefficients)[patients.icu]
    if name in world.scenario.patients.continuous:
        table = number_basis(world, name) @ coefficients
        return np.asarray(np.interp(patients.latent[name], Z_GRID, table))
    return coefficients[0] * np.asarray(patients.columns[name], dtype=np.float64)


def _level_effect(
    scenario: Scenario, patients: Patients, column: str, effects: dict[str, float]
) -> FloatArray:
    if column in patients.columns:
        table = np.array([effects.get(level, 0.0) for level in COLUMNS[column].level_names])
        return table[np.asarray(patients.columns[column], dtype=np.int64)]
    roster = scenario.icus.roster
    terms = [effect * evaluate(f"{column}={level}", patients, roster) for level, effect in effects.items()]
    return np.sum(terms, axis=0)
