"""Cohorts that several test folders share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from simsepsis.arrays import FloatArray
from simsepsis.thesis.dictionary import COLUMNS, Column, names_of

N_PATIENTS = 1_200
N_ICUS = 20
ICU_TRAITS = names_of("icu")
RARE = {"plasma_exchange": -4.0, "va_ecmo": -4.2, "vv_ecmo": -4.0, "iabp": -6.2}
NUMBERS = {  # mean, SD, of a normal distribution on the scale named
    "age": (70.0, 13.0, "plain"),
    "weight_kg": (56.0, 12.0, "plain"),
    "apache2": (22.0, 8.0, "whole"),
    "wbc": (2.3, 0.7, "log"),
    "hemoglobin": (10.7, 2.3, "plain"),
    "platelets": (4.8, 0.7, "log"),
    "pt_inr": (0.3, 0.2, "log"),
    "fibrinogen": (5.9, 0.5, "log"),
    "fdp": (3.0, 0.9, "log"),
    "d_dimer": (2.2, 1.0, "log"),
    "antithrombin": (60.0, 18.0, "plain"),
    "lactate": (1.0, 0.7, "log"),
}


def _number(column: Column, severity: FloatArray, rng: np.random.Generator) -> FloatArray:
    mean, spread, scale = NUMBERS[column.name]
    sign = -1.0 if column.name in {"hemoglobin", "platelets", "antithrombin"} else 1.0
    drawn = mean + spread * (0.4 * sign * severity + 0.9 * rng.normal(size=severity.size))
    values = np.exp(drawn) if scale == "log" else drawn
    values = np.rint(values) if scale == "whole" else np.round(values, 1)
    low = column.low if column.low is not None else -np.inf
    return np.clip(values, low, column.high if column.high is not None else np.inf)


def _level(column: Column, size: int, rng: np.random.Generator) -> np.ndarray:
    weights = 1.0 / np.arange(1.5, len(column.levels) + 1.5)
    return rng.choice(np.array(column.level_names, dtype=object), size=size, p=weights / weights.sum())


def _coin(logit: FloatArray, rng: np.random.Generator) -> np.ndarray:
    return (rng.random(logit.size) < 1.0 / (1.0 + np.exp(-logit))).astype(np.int64)


def make_registry(seed: int = 1, n: int = N_PATIENTS) -> pd.DataFrame:
    """Return a plausible registry with every column of the dictionary, drawn column by column."""
    rng = np.random.default_rng(seed)
    severity = rng.normal(size=n)
    icu = rng.choice(N_ICUS, size=n, p=rng.dirichlet(np.full(N_ICUS, 3.0)))
    data: dict[str, np.ndarray] = {"patient_id": np.arange(1, n + 1), "icu_id": icu + 1}
    for name in ICU_TRAITS:
        column = COLUMNS[name]
        traits = _level(column, N_ICUS, rng) if column.kind == "category" else rng.integers(6, 24, N_ICUS)
        data[name] = traits[icu]
    for column in COLUMNS.values():
        if column.name in data or column.group in {"treatment", "adjunct", "transfusion", "duration", "outcome"}:
            continue
        if column.kind == "category":
            data[column.name] = _level(column, n, rng)
        elif column.kind == "ordinal":
            drawn = np.rint(1.6 + 0.8 * severity + 1.1 * rng.normal(size=n))
            data[column.name] = np.clip(drawn, 0, 4)
        elif column.kind == "binary":
            data[column.name] = _coin(np.full(n, 0.4 if column.name == "male" else -2.6), rng)
        else:
            data[column.name] = _number(column, severity, rng)
    active = (data["dic_policy"] == "active").astype(float)
    style = rng.normal(scale=0.4, size=N_ICUS)[icu]
    data["ivigg"] = _coin(-1.2 + 0.5 * severity + 0.5 * active + style, rng)
    for name in names_of("adjunct"):
        data[name] = _coin(RARE.get(name, -1.5) + 0.5 * severity + 0.5 * data["ivigg"], rng)
    for name in names_of("transfusion"):
        data[name] = (rng.poisson(np.exp(0.8 + 0.4 * severity)) * (rng.random(n) < 0.5)).astype(float)
    data["icu_death"] = _coin(-1.7 + 0.8 * severity + style, rng)
    data["hospital_death"] = np.maximum(data["icu_death"], _coin(-2.2 + 0.6 * severity, rng))
    data["icu_days"] = np.ceil(rng.gamma(1.2, 8.0, size=n))
    data["hospital_days"] = data["icu_days"] + np.where(data["icu_death"] == 1, 0.0, np.ceil(rng.gamma(1.3, 17.0, n)))
    for name in ("ventilator_days", "vasopressor_days", "rrt_days"):
        data[name] = np.minimum(np.rint(data["icu_days"] * rng.random(n)), 28.0)
    data["death_28d"] = ((data["hospital_death"] == 1) & (data["hospital_days"] <= 28)).astype(np.int64)
    for day in (3, 7):
        gone = (data["icu_days"] < day) & (data["icu_death"] == 1)
        for name in (*names_of(f"sofa_day{day}"), f"sirs_day{day}"):
            data[name] = np.where(gone, np.nan, data[name])
    frame = pd.DataFrame({name: data[name] for name in COLUMNS})
    for name, share in {"wbc": 0.01, "weight_kg": 0.01, "lactate": 0.15, "antithrombin": 0.3}.items():
        frame.loc[rng.random(n) < share, name] = np.nan
    return frame


@pytest.fixture(scope="session")
def registry() -> pd.DataFrame:
    """Return one registry of 1,200 patients in 20 ICUs; tests must not change it."""
    return make_registry()
