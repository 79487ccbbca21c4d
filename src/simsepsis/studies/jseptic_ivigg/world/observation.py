"""What the registry records of its patients, and what it misses."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.records import Column, Records
from simsepsis.studies.jseptic_ivigg.columns import COLUMNS, SOFA_DAY1
from simsepsis.studies.jseptic_ivigg.world.patients import Patients
from simsepsis.studies.jseptic_ivigg.world.predictor import ROSTER_TRAITS
from simsepsis.studies.jseptic_ivigg.world.scenario import Observation, Scenario

Columns = dict[str, FloatArray | IntArray]

DAY1_ITEMS = ("apache2", "weight_kg", "wbc", "hemoglobin", "platelets", "sirs_day1", *SOFA_DAY1)
"""Items of which an incomplete patient lacks one. Judgement: what is measured can be missing."""

BLEEDING = (-1.35, 0.2, -0.25)
"""Probit of a bleeding complication: intercept, per SD of severity, per SD of platelets. Judgement."""

HOURS = 24.0
BESIDE = ("daily_", "control_")
"""How the names begin of what is recorded of each day, and of negative-control outcomes."""

CONTROL_RISKS = (0.1, 0.4)
"""Least and greatest risk of a negative-control outcome. Judgement."""
CONTROL_SEVERITY = 0.5
"""Change of its log odds per SD of severity. Judgement."""

CATEGORIES = {
    name: pd.CategoricalDtype(column.level_names)
    for name, column in COLUMNS.items()
    if column.kind == "category"
}
"""Column → its type; made once, since making it costs more than filling a column."""


def _missing_probability(observation: Observation, share: float, severity: FloatArray) -> FloatArray | float:
    """Return the probability of a missing value; it may rise or fall with severity."""
    if observation.by_severity == 0.0 or share in (0.0, 1.0):
        return share
    return np.asarray(expit(logit(share) + observation.by_severity * severity))


def _with_missing(
    scenario: Scenario, patients: Patients, columns: Columns, rng: np.random.Generator
) -> Columns:
    labs, observation = scenario.patients.labs, scenario.observation
    n = patients.icu.size
    lost = rng.random((len(labs) + 1, n))
    item = rng.integers(len(DAY1_ITEMS), size=n)
    recorded = dict(columns)
    for k, (name, lab) in enumerate(labs.items()):
        share = _missing_probability(observation, lab.missing, patients.severity)
        recorded[name] = np.where(lost[k] < share, np.nan, columns[name])
    incomplete = lost[-1] < _missing_probability(observation, observation.incomplete_day1, patients.severity)
    for k, name in enumerate(DAY1_ITEMS):
        recorded[name] = np.where(incomplete & (item == k), np.nan, columns[name])
    return recorded


def _icu_columns(patients: Patients) -> Columns:
    columns: Columns = {"icu_id": patients.icu + 1}
    for name, trait in ROSTER_TRAITS.items():
        values = getattr(patients.roster, trait)
        levels = COLUMNS[name].level_names
        codes = [levels.index(value) for value in values] if levels else values
        columns[name] = np.asarray(codes, dtype=np.int64)[patients.icu]
    return columns


def observe(
    scenario: Scenario,
    patients: Patients,
    columns: Columns,
    starts: dict[str, FloatArray],
    rng: np.random.Generator,
) -> Columns:
    """Return the columns as recorded: some values missing, ICU traits and bleeding added."""
    recorded = _with_missing(scenario, patients, columns, rng) | _icu_columns(patients)
    intercept, severity, platelets = BLEEDING
    probit = intercept + severity * patients.severity + platelets * patients.latent["platelets"]
    recorded["bleeding"] = (rng.standard_normal(patients.icu.size) < probit).astype(np.int64)
    if scenario.observation.timing:
        recorded |= {
            f"{name}_hour": np.where(np.isfinite(start), start * HOURS, np.nan)
            for name, start in starts.items()
        }
    for name in scenario.observation.omit:
        del recorded[name]
    return recorded


def negative_controls(scenario: Scenario, patients: Patients, rng: np.random.Generator) -> Columns:
    """Return outcomes that treatment cannot change, and that the unmeasured confounder does in part."""
    u, number = scenario.unmeasured, scenario.observation.controls
    hidden = np.zeros(patients.icu.size)
    if u.kind != "none":
        centre = u.prevalence if u.kind == "binary" else 0.0
        hidden = scenario.observation.controls_share * np.log(u.hr_death) * (patients.unmeasured - centre)
    own = CONTROL_SEVERITY * patients.severity + hidden
    uniform = rng.random((number, patients.icu.size))
    return {
        f"control_{k + 1}": (uniform[k] < expit(logit(risk) + own)).astype(np.int64)
        for k, risk in enumerate(np.linspace(*CONTROL_RISKS, number))
    }


def records_of(columns: Columns) -> Records:
    """Return the registry: one value per patient, columns of the data dictionary in its order, then hours
    and what is recorded of each day.
    """
    n = columns["icu_id"].size
    table: dict[str, Column] = {"patient_id": np.arange(1, n + 1)}
    for name in COLUMNS:
        if name not in columns:
            continue
        if name in CATEGORIES:
            codes = columns[name].astype(np.int8)
            table[name] = pd.Categorical.from_codes(codes, dtype=CATEGORIES[name], validate=False)
        else:
            table[name] = columns[name]
    beside = {
        name: value for name, value in columns.items() if name.endswith("_hour") or name.startswith(BESIDE)
    }
    return Records(columns=table | beside)
