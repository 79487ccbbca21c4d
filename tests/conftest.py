"""Cohorts and a small plan that several test folders share, and what spares time in every test.

Tests and the processes that they start use one thread each, as there is one test process per core, and keep
the byte code of what they import. Rubbish is looked for as often as in a command. Properties are tried on the
same examples each time, or on ten times as many random ones where HYPOTHESIS_PROFILE is explore.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from simsepsis.arrays import FloatArray
from simsepsis.studies.jseptic_ivigg.columns import COLUMNS, names_of
from simsepsis.study.variables import Variable

gc.set_threshold(50_000, 20, 20)

settings.register_profile("default", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

COMPILING = (
    "properties/test_kernels_contract.py",
    "properties/test_methods_contract.py",
    "unit/fitting/test_fitted_worlds.py",
    "properties/test_matching_properties.py",
    "properties/test_generator_properties.py",
)
COMPILING_NOTHING = (
    "properties/test_performance_properties.py",
    "malformed/",
    "unit/performance/",
    "unit/study/",
    "architecture/",
    "properties/test_reading_properties.py",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what compiles most kernels, and the second half, another process's, with what needs none.

    In a fresh clone, two processes would else compile the same kernels at the same time, for half a minute.
    """
    first, later = _by_folder(items, COMPILING), _by_folder(items, COMPILING_NOTHING)
    taken = {id(item) for item in (*first, *later)}
    rest = [item for item in items if id(item) not in taken]
    middle = max(0, len(items) // 2 - len(first))
    items[:] = [*first, *rest[:middle], *later, *rest[middle:]]


def _by_folder(items: list[pytest.Item], places: tuple[str, ...]) -> list[pytest.Item]:
    """Return the tests of some files and folders, in the order of these."""
    here = Path(__file__).parent
    of = [(item, item.path.relative_to(here).as_posix()) for item in items]
    return [item for place in places for item, path in of if path.startswith(place)]


N_PATIENTS = 1_200
N_ICUS = 20
RARE = {"plasma_exchange": -4.0, "va_ecmo": -4.2, "vv_ecmo": -4.0, "iabp": -4.9}
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


def _number(column: Variable, severity: FloatArray, rng: np.random.Generator) -> FloatArray:
    mean, spread, scale = NUMBERS[column.name]
    sign = -1.0 if column.name in {"hemoglobin", "platelets", "antithrombin"} else 1.0
    drawn = mean + spread * (0.4 * sign * severity + 0.9 * rng.normal(size=severity.size))
    values = np.exp(drawn) if scale == "log" else drawn
    values = np.rint(values) if scale == "whole" else np.round(values, 1)
    low = column.low if column.low is not None else -np.inf
    return np.clip(values, low, column.high if column.high is not None else np.inf)


def _level(column: Variable, size: int, rng: np.random.Generator) -> np.ndarray:
    weights = 1.0 / np.arange(1.5, len(column.levels) + 1.5)
    return rng.choice(np.array(column.level_names, dtype=object), size=size, p=weights / weights.sum())


def _coin(logit: FloatArray, rng: np.random.Generator) -> np.ndarray:
    return (rng.random(logit.size) < 1.0 / (1.0 + np.exp(-logit))).astype(np.int64)


def _traits(icu: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    traits = {}
    for name in names_of("icu"):
        column = COLUMNS[name]
        drawn = _level(column, N_ICUS, rng) if column.kind == "category" else rng.integers(6, 24, N_ICUS)
        traits[name] = drawn[icu]
    return traits


def _measured(column: Variable, severity: FloatArray, rng: np.random.Generator) -> np.ndarray:
    if column.kind == "category":
        return _level(column, severity.size, rng)
    if column.kind == "ordinal":
        return np.clip(np.rint(1.6 + 0.8 * severity + 1.1 * rng.normal(size=severity.size)), 0, 4)
    if column.kind == "binary":
        return _coin(np.full(severity.size, 0.4 if column.name == "male" else -2.6), rng)
    return _number(column, severity, rng)


def _care(severity: FloatArray, push: FloatArray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    data = {"ivigg": _coin(-1.2 + 0.5 * severity + push, rng)}
    for name in names_of("adjunct"):
        data[name] = _coin(RARE.get(name, -1.5) + 0.5 * severity + 0.5 * data["ivigg"], rng)
    for name in names_of("transfusion"):
        given = rng.random(severity.size) < 0.5
        data[name] = (rng.poisson(np.exp(0.8 + 0.4 * severity)) * given).astype(float)
    return data


def _outcomes(severity: FloatArray, style: FloatArray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    n = severity.size
    died = _coin(-1.7 + 0.8 * severity + style, rng)
    data = {"icu_death": died, "hospital_death": np.maximum(died, _coin(-2.2 + 0.6 * severity, rng))}
    data["icu_days"] = np.ceil(rng.gamma(1.2, 8.0, size=n))
    ward_days = np.ceil(rng.gamma(1.3, 17.0, size=n))
    data["hospital_days"] = data["icu_days"] + np.where(died == 1, 0.0, ward_days)
    for name in ("ventilator_days", "vasopressor_days", "rrt_days"):
        data[name] = np.minimum(np.rint(data["icu_days"] * rng.random(n)), 28.0)
    data["death_28d"] = ((data["hospital_death"] == 1) & (data["hospital_days"] <= 28)).astype(np.int64)
    return data


def _with_gaps(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Take out what a registry lacks: some laboratory values, and scores after death."""
    for name, share in {"wbc": 0.01, "weight_kg": 0.01, "lactate": 0.15, "antithrombin": 0.3}.items():
        frame.loc[rng.random(len(frame)) < share, name] = np.nan
    for day in (3, 7):
        gone = (frame["icu_days"] < day) & (frame["icu_death"] == 1)
        frame.loc[gone, [*names_of(f"sofa_day{day}"), f"sirs_day{day}"]] = np.nan
    return frame


def make_registry(seed: int = 1, n: int = N_PATIENTS) -> pd.DataFrame:
    """Return a plausible registry with every column of the dictionary, drawn column by column."""
    rng = np.random.default_rng(seed)
    severity = rng.normal(size=n)
    icu = rng.choice(N_ICUS, size=n, p=rng.dirichlet(np.full(N_ICUS, 3.0)))
    data = {"patient_id": np.arange(1, n + 1), "icu_id": icu + 1, **_traits(icu, rng)}
    later = {"treatment", "adjunct", "transfusion", "duration", "outcome"}
    for column in COLUMNS.values():
        if column.name not in data and column.group not in later:
            data[column.name] = _measured(column, severity, rng)
    style = rng.normal(scale=0.4, size=N_ICUS)[icu]
    data |= _care(severity, style + 0.5 * (data["dic_policy"] == "active"), rng)
    data |= _outcomes(severity, style, rng)
    return _with_gaps(pd.DataFrame({name: data[name] for name in COLUMNS}), rng)


@pytest.fixture(scope="session")
def registry_of() -> Callable[..., pd.DataFrame]:
    """Return the maker of registries: ``registry_of(seed, n)``."""
    return make_registry


@pytest.fixture(scope="session")
def registry() -> pd.DataFrame:
    """Return one registry of 1,200 patients in 20 ICUs; tests must not change it."""
    return make_registry()


PLAN = """
name = "small"
question = "Does a small experiment work?"

[ademp]
aims = "a"
data = "d"
estimands = "e"
methods = "m"
performance = "p"

[world]
base = "thesis-v1"
set = { n = 260 }

[vary]
"observation.by_severity" = [0.0, 1.0]

[run]
methods = ["crude", "psm"]
estimands = ["rd_hospital_death"]
replicates = 6
seed = 5

[accept]
"the crude difference is small" = "crude bias in [-0.5, 0.5]"
"""
QUICK = (
    ('["crude", "psm"]', '["oracle_ps", "icu_preference_iv"]'),
    ('"crude bias in', '"oracle_ps bias in'),
)


def change_text(text: str, *changes: tuple[str, str]) -> str:
    """Return a text after changes, each a pair of old and new that must find its place."""
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="session")
def plan_text() -> Callable[..., str]:
    """Return the maker of a small plan, 260 patients in two worlds: pairs of old and new text → text."""
    return lambda *changes: change_text(PLAN, *changes)


@pytest.fixture(scope="session")
def quick_plan_text() -> Callable[..., str]:
    """Return the maker of a small plan of methods that take a few milliseconds."""
    return lambda *changes: change_text(PLAN, *QUICK, *changes)


@pytest.fixture
def plan_file(tmp_path, plan_text) -> Callable[..., Path]:
    """Return the writer of a small plan: pairs of old and new text → path."""

    def write(*changes: tuple[str, str], name: str = "small") -> Path:
        path = tmp_path / f"{name}.toml"
        path.write_text(plan_text(*changes))
        return path

    return write


@pytest.fixture
def quick_plan(plan_file) -> Callable[..., Path]:
    """Return the writer of a small plan of quick methods."""
    return lambda *changes, name="small": plan_file(*QUICK, *changes, name=name)
