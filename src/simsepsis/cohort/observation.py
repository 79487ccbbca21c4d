"""What the registry records of its patients, and what it misses."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.cohort.patients import Patients
from simsepsis.cohort.predictor import ROSTER_TRAITS
from simsepsis.scenario import Scenario
from simsepsis.thesis.dictionary import COLUMNS, SOFA_DAY1

DAY1_ITEMS = ("apache2", "weight_kg", "wbc", "hemoglobin", "platelets", "sirs_day1", *SOFA_DAY1)
"""Items of which an incomplete patient lacks one. Judgement: what is measured can be missing."""

BLEEDING = (-1.35, 0.2, -0.25)
"""Probit of a bleeding complication: intercept, per SD of severity, per SD of platelets. Judgement."""


def _blank(columns: dict[str, FloatArray | IntArray], name: str, missing: BoolArray) -> FloatArray:
    return np.where(missing, np.nan, columns[name])


def _with_missing(
    scenario: Scenario, columns: dict[str, FloatArray | IntArray], rng: np.random.Generator
) -> dict[str, FloatArray | IntArray]:
    n = len(columns["age"])
    labs = scenario.patients.labs
    lost = rng.random((len(labs), n))
    incomplete = rng.random(n) < scenario.observation.incomplete_day1
    item = rng.integers(len(DAY1_ITEMS), size=n)
    recorded = dict(columns)
    for k, (name, lab) in enumerate(labs.items()):
        recorded[name] = _blank(columns, name, lost[k] < lab.missing)
    for k, name in enumerate(DAY1_ITEMS):
        recorded[name] = _blank(columns, name, incomplete & (item == k))
    return recorded


def _icu_columns(scenario: Scenario, patients: Patients) -> dict[str, pd.Categorical | IntArray]:
    roster = scenario.icus.roster
    columns: dict[str, pd.Categorical | IntArray] = {"icu_id": patients.icu + 1}
    for name, trait in ROSTER_TRAITS.items():
        values = getattr(roster, trait)
        if COLUMNS[name].kind == "category":
            codes = np.array([COLUMNS[name].level_names.index(value) for value in values])
            columns[name] = _category(name, codes[patients.icu])
        else:
            columns[name] = np.asarray(values, dtype=np.int64)[patients.icu]
    return columns


def _category(name: str, codes: FloatArray | IntArray) -> pd.Categorical:
    return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(COLUMNS[name].level_names))


def observe(
    scenario: Scenario,
    patients: Patients,
    columns: dict[str, FloatArray | IntArray],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return the registry as recorded: one row per patient, columns of the data dictionary in its order.

    Parameters
    ----------
    scenario, patients
        The world and its patients.
    columns
        Column → (n,) true value, or level index for a category.
    rng
        Random numbers of the mechanism "observation".
    """
    recorded = _with_missing(scenario, columns, rng)
    intercept, severity, platelets = BLEEDING
    probit = intercept + severity * patients.severity + platelets * patients.latent["platelets"]
    recorded["bleeding"] = (rng.standard_normal(patients.icu.size) < probit).astype(np.int64)
    recorded["patient_id"] = np.arange(1, patients.icu.size + 1)
    table: dict[str, object] = dict(_icu_columns(scenario, patients))
    for name, value in recorded.items():
        table[name] = _category(name, value) if COLUMNS[name].kind == "category" else value
    return pd.DataFrame({name: table[name] for name in COLUMNS}, copy=False)
