"""Linear predictors written as names and coefficients, evaluated on patients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simsepsis.arrays import FloatArray
from simsepsis.errors import ScenarioError
from simsepsis.studies.jseptic_ivigg.columns import COLUMNS
from simsepsis.studies.jseptic_ivigg.world.patients import Patients
from simsepsis.world.section import Coefficients

ROSTER_TRAITS = {"icu_type": "type", "icu_model": "model", "dic_policy": "policy", "icu_beds": "beds"}
"""Registry column → list of the roster that holds it."""

OWN_TERMS: dict[str, Callable[[Patients], FloatArray]] = {
    "intercept": lambda patients: np.ones(patients.icu.size),
    "severity": lambda patients: patients.severity,
    "care": lambda patients: patients.care,
    "u": lambda patients: patients.unmeasured,
    "icu": lambda patients: np.asarray(patients.roster.adjuncts)[patients.icu],
}
"""Terms that are no column: a constant, what no column shows, and the ICU's habit of giving adjuncts."""


def _indicator(column: str, level: str, patients: Patients) -> FloatArray:
    if column in ROSTER_TRAITS:
        trait = getattr(patients.roster, ROSTER_TRAITS[column])
        return np.array([value == level for value in trait], dtype=np.float64)[patients.icu]
    index = COLUMNS[column].level_names.index(level)
    return np.asarray(patients.columns[column] == index, dtype=np.float64)


def evaluate(key: str, patients: Patients) -> FloatArray:
    """Return the (n,) values of one term."""
    if key in OWN_TERMS:
        return OWN_TERMS[key](patients)
    column, _, level = key.partition("=")
    if level and column in COLUMNS and level in COLUMNS[column].level_names:
        return _indicator(column, level, patients)
    if key in COLUMNS and COLUMNS[key].kind == "binary" and key in patients.columns:
        return np.asarray(patients.columns[key], dtype=np.float64)
    if key in patients.latent:
        return patients.latent[key]
    raise ScenarioError(
        f"predictor term '{key}' is unknown; "
        f"use {', '.join(OWN_TERMS)}, 'column=level', a 0/1 column or a latent variable"
    )


def linear_predictor(coefficients: Coefficients, patients: Patients) -> FloatArray:
    """Return ``sum(coefficient * term)`` for each patient, shape (n,)."""
    total = np.zeros(patients.icu.size)
    for key, coefficient in coefficients.items():
        total += coefficient if key == "intercept" else coefficient * evaluate(key, patients)
    return total
