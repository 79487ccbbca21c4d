"""Who is given IVIgG: confounding by indication as a tilt that reproduces the printed margins."""

from __future__ import annotations

import numpy as np

from simsepsis.arrays import FloatArray
from simsepsis.studies.jseptic_ivigg.columns import COLUMNS
from simsepsis.studies.jseptic_ivigg.world.margins import tabulated
from simsepsis.studies.jseptic_ivigg.world.patients import Patients
from simsepsis.studies.jseptic_ivigg.world.predictor import evaluate
from simsepsis.studies.jseptic_ivigg.world.prepared import World

BED_STEPS = (9.5, 12.5, 18.5)
"""Bed numbers at which the hazard may step: the quartiles of Table 1."""


def beds_basis(beds: FloatArray) -> FloatArray:
    """Return (n, 3) indicators of fewer beds than each of `BED_STEPS`."""
    return np.column_stack([(beds < step).astype(np.float64) for step in BED_STEPS])


def start_log_hazard(world: World, patients: Patients) -> FloatArray:
    """Return the log hazard of starting IVIgG per unit of exposure, shape (n,)."""
    treatment = world.scenario.treatment
    total = treatment.care * patients.care + treatment.intercept
    total += np.asarray(patients.roster.ivigg)[patients.icu]
    for name, coefficients in treatment.numbers.items():
        total += _number_effect(world, patients, name, np.asarray(coefficients))
    for column, effects in treatment.levels.items():
        total += _level_effect(patients, column, effects)
    return total


def _number_effect(world: World, patients: Patients, name: str, coefficients: FloatArray) -> FloatArray:
    if name == "icu_beds":
        beds = np.asarray(patients.roster.beds, dtype=np.float64)
        return np.asarray((beds_basis(beds) @ coefficients)[patients.icu])
    if name in world.hazards:
        return np.asarray(tabulated(patients.latent[name], world.hazards[name]))
    if name == "u":
        return np.asarray(coefficients[0] * patients.unmeasured)
    return np.asarray(coefficients[0] * patients.columns[name])


def _level_effect(patients: Patients, column: str, effects: dict[str, float]) -> FloatArray:
    if column in patients.columns:
        table = np.array([effects.get(level, 0.0) for level in COLUMNS[column].level_names])
        return table[np.asarray(patients.columns[column], dtype=np.int64)]
    terms = [effect * evaluate(f"{column}={level}", patients) for level, effect in effects.items()]
    return np.asarray(np.sum(terms, axis=0))
