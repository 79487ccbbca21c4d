"""Linear predictors written as names and coefficients, evaluated on patients."""

from __future__ import annotations

import numpy as np

from simsepsis.arrays import FloatArray
from simsepsis.cohort.patients import Patients
from simsepsis.errors import ScenarioError
from simsepsis.scenario import Coefficients, Roster
from simsepsis.thesis.dictionary import COLUMNS

ROSTER_TRAITS = {"icu_type": "type", "icu_model": "model", "dic_policy": "policy", "icu_beds": "beds"}
"""Registry column → list of the roster that holds it."""


def _icu_indicator(roster: Roster, column: str, level: str, patients: Patients) -> FloatArray:
    has = np.array([value == level for value in getattr(roster, ROSTER_TRAITS[column])], dtype=np.float64)
    return has[patients.icu]


def _indicator(roster: Roster, column: str, level: str, patients: Patients) -> FloatArray:
    if column in ROSTER_TRAITS:
        return _icu_indicator(roster, column, level, patients)
    index = COLUMNS[column].level_names.index(level)
    return np.asarray(patients.columns[column] == index, dtype=np.float64)


def evaluate(key: str, patients: Patients, roster: Roster) -> FloatArray:
    """Return the (n,) values of one term.

    Parameters
    ----------
    key
        ``"severity"`` (day-1 latent), ``"column=level"`` (an indicator), a 0/1 column, or the name of
        a latent variable (its standard normal score).
    patients, roster
        Whose values.

    Raises
    ------
    ScenarioError
        If the key names none of these.
    """
    if key == "severity":
        return patients.severity
    column, _, level = key.partition("=")
    if level and column in COLUMNS and level in COLUMNS[column].level_names:
        return _indicator(roster, column, level, patients)
    if key in COLUMNS and COLUMNS[key].kind == "binary" and key in patients.columns:
        return np.asarray(patients.columns[key], dtype=np.float64)
    if key in patients.latent:
        return patients.latent[key]
    raise ScenarioError(
        f"predictor term '{key}' is unknown; "
        "use 'severity', 'column=level', a 0/1 column or a latent variable"
    )


def linear_predictor(coefficients: Coefficients, patients: Patients, roster: Roster) -> FloatArray:
    """Return ``sum(coefficient * term)`` for each patient, shape (n,)."""
    total = np.zeros(patients.icu.size)
    for key, coefficient in coefficients.items():
        total += coefficient * evaluate(key, patients, roster)
    return total
