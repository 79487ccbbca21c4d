"""Every method on every cohort: a number with its error, or a reason; never an exception or a warning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from tests.examples import examples, with_slow

from simsepsis.analysis.estimates import ESTIMATE_COLUMNS
from simsepsis.analysis.methods import GROUPS, METHODS, run_method, run_methods
from simsepsis.analysis.spec import THESIS_SPEC
from simsepsis.streams import streams
from simsepsis.world.cohort import generate_cohort
from simsepsis.world.files import load_scenario, scenario_names

Maker = Callable[..., pd.DataFrame]
NUMBERS = ["estimate", "std_error", "ci_low", "ci_high", "p_value"]


@dataclass(frozen=True)
class Seen:
    """An oracle of made-up numbers."""

    propensity: np.ndarray
    unmeasured: np.ndarray
    path: np.ndarray


def oracle_of(registry: pd.DataFrame) -> Seen:
    rng = np.random.default_rng(3)
    n = len(registry)
    return Seen(rng.uniform(0.05, 0.95, n), rng.normal(size=n), rng.normal(size=(n, 7)))


def with_hours(registry: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    latest = 24.0 * np.minimum(registry["hospital_days"], 7.0)
    hours = latest * rng.random(len(registry)) ** 2
    days = {f"daily_lactate_{day}": rng.normal(size=len(registry)) for day in range(1, 8)}
    controls = {f"control_{k}": rng.integers(0, 2, len(registry)) for k in range(8)}
    return registry.assign(ivigg_hour=np.where(registry["ivigg"] == 1, hours, np.nan), **days, **controls)


def all_rows(registry: pd.DataFrame) -> pd.DataFrame:
    return run_methods(tuple(METHODS), registry, draw=streams(1), oracle=oracle_of(registry), twin=registry)


def check(rows: pd.DataFrame, n: int) -> None:
    """Assert what holds for the rows of all methods on any cohort of n patients."""
    assert tuple(rows.columns) == ESTIMATE_COLUMNS
    expected = [(name, e) for name, method in METHODS.items() for e in method.estimands_of(THESIS_SPEC)]
    assert list(zip(rows["method"], rows["estimand"], strict=True)) == expected
    good, bad = rows[rows["converged"]], rows[~rows["converged"]]
    assert good["failure"].isna().all()
    assert np.isfinite(good[NUMBERS].to_numpy(np.float64)).all()
    assert (good["std_error"] > 0).all()
    assert ((good["ci_low"] < good["estimate"]) & (good["estimate"] < good["ci_high"])).all()
    assert good["p_value"].between(0, 1).all()
    assert good["n_used"].between(2, n).all()
    assert bad[NUMBERS].isna().all(axis=None)
    assert bad["failure"].str.len().gt(10).all()
    assert (rows["seconds"] >= 0).all()


def assign(**values: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda frame: frame.assign(**values)


def scattered(frame: pd.DataFrame) -> pd.DataFrame:
    holes = np.random.default_rng(5).random(frame.shape) < 0.02
    kept = frame.columns.isin(["patient_id", "icu_id", "ivigg", "ivigg_hour", "hospital_days"])
    return frame.mask(pd.DataFrame(holes & ~kept, index=frame.index, columns=frame.columns))


def alike(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(**{name: frame[name].iloc[0] for name in THESIS_SPEC.covariates})


AWFUL: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "nobody dies": assign(icu_death=0, hospital_death=0, death_28d=0),
    "everybody dies": assign(icu_death=1, hospital_death=1, death_28d=1),
    "death is treatment": lambda f: f.assign(icu_death=f["ivigg"], hospital_death=f["ivigg"]),
    "death is survival": lambda f: f.assign(icu_death=1 - f["ivigg"], hospital_death=1 - f["ivigg"]),
    "all treated": lambda f: with_hours(f.assign(ivigg=1)),
    "none treated": lambda f: with_hours(f.assign(ivigg=0)),
    "one treated": lambda f: with_hours(f.assign(ivigg=(f.index == 7).astype(int))),
    "one control": lambda f: with_hours(f.assign(ivigg=(f.index != 7).astype(int))),
    "one icu": assign(icu_id=1),
    "two icus": lambda f: f.assign(icu_id=1 + f.index % 2),
    "every patient an icu": lambda f: f.assign(icu_id=f["patient_id"]),
    "icus decide": lambda f: with_hours(f.assign(ivigg=(f["icu_id"] % 2).astype(int))),
    "separated by a number": lambda f: with_hours(f.assign(ivigg=(f["apache2"] > 22).astype(int))),
    "separated by a level": lambda f: with_hours(f.assign(ivigg=(f["icu_type"] == "er").astype(int))),
    "a constant covariate": assign(hemoglobin=10.0, liver_disease=0, icu_model="closed"),
    "a repeated covariate": lambda f: f.assign(cirrhosis=f["male"]),
    "patients alike": alike,
    "an outlier": lambda f: f.assign(wbc=f["wbc"].where(f.index != 3, 1e12)),
    "a column of nothing": assign(wbc=np.nan),
    "holes": scattered,
    "no outcome": assign(hospital_death=np.nan),
    "no column": lambda f: f.drop(columns="apache2"),
    "text": assign(apache2="severe"),
    "the same patient": assign(patient_id=1),
    "nobody": lambda f: f.iloc[:0],
    "one patient": lambda f: f.iloc[:1],
    "three patients": lambda f: f.iloc[:3],
    "thirty patients": lambda f: f.iloc[:30],
    "all leave at once": lambda f: f.assign(
        hospital_days=0, ivigg_hour=np.where(f["ivigg"] == 1, 0.0, np.nan)
    ),
    "all leave on one day": lambda f: f.assign(hospital_days=9),
    "no hour for the treated": assign(ivigg_hour=np.nan),
    "an hour for everybody": assign(ivigg_hour=1.0),
    "hours after death": lambda f: f.assign(ivigg_hour=f["ivigg_hour"] * 1e4),
    "negative hours": lambda f: f.assign(ivigg_hour=-f["ivigg_hour"]),
    "hours in words": lambda f: f.assign(ivigg_hour=f["ivigg_hour"].map(str)),
    "no adjunct": lambda f: f.assign(**dict.fromkeys(THESIS_SPEC.adjusters, 0)),
    "no records of a day": lambda f: f.assign(daily_lactate_2=np.nan),
    "controls that never happen": lambda f: f.assign(**{f"control_{k}": 0 for k in range(8)}),
    "controls that are treatment": lambda f: f.assign(**{f"control_{k}": f["ivigg"] for k in range(8)}),
    "days in words": assign(daily_lactate_3="high"),
    "no later scores": lambda f: f.assign(**dict.fromkeys(THESIS_SPEC.later_scores, np.nan)),
}


MIRRORED = {
    "everybody dies",
    "death is survival",
    "one control",
    "two icus",
    "separated by a level",
    "all leave on one day",
    "an hour for everybody",
}
"""Cohorts that are awful like another one, the other way round."""


@pytest.mark.parametrize("name", with_slow(AWFUL, MIRRORED))
def test_awful_cohorts_give_numbers_or_reasons(registry_of: Maker, name: str) -> None:
    registry = AWFUL[name](with_hours(registry_of(2, 240)))
    before = registry.copy(deep=True)
    rows = all_rows(registry)
    check(rows, len(registry))
    pd.testing.assert_frame_equal(registry, before)


CORRUPT = sorted(set(AWFUL) - {"nobody", "no column", "text", "the same patient"})


@examples(15, fast=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.integers(2, 90),
    seed=st.integers(0, 999),
    first=st.sampled_from(CORRUPT),
    then=st.sampled_from(CORRUPT),
)
def test_two_faults_at_once(registry_of: Maker, size: int, seed: int, first: str, then: str) -> None:
    # Arithmetic on the hours needs numbers, so words come last.
    first, then = sorted((first, then), key=lambda fault: fault == "hours in words")
    registry = AWFUL[then](AWFUL[first](with_hours(registry_of(seed, size))))
    check(all_rows(registry), size)


QUICK = ("thesis", "null")
"""Scenarios that need not be solved for before they can be simulated."""


@pytest.mark.parametrize(
    "scenario",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in scenario_names()],
)
def test_shipped_scenarios(scenario: str) -> None:
    world = load_scenario(scenario)
    seen = world.observation.model_copy(update={"timing": True, "daily": True, "controls": 8})
    world = world.model_copy(update={"observation": seen})
    cohort = generate_cohort(world, seed=3, n=900)
    rows = run_methods(
        tuple(METHODS), cohort.registry, draw=streams(3), oracle=cohort.oracle, twin=cohort.registry
    )
    check(rows, 900)
    # a world that does not record severity is for a spec of its own
    records_all = set(THESIS_SPEC.covariates) <= set(cohort.registry)
    assert rows["converged"].mean() > 0.8 or not records_all


def test_the_same_seed_gives_the_same_rows_whatever_else_runs(registry_of: Maker) -> None:
    registry = with_hours(registry_of(6, 300))
    together = all_rows(registry).drop(columns="seconds")
    for name in METHODS:
        alone = run_method(name, registry, seed=1, oracle=oracle_of(registry), twin=registry)
        expected = together[together["method"] == name].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone.drop(columns="seconds"), expected)


def test_only_methods_that_ask_see_the_oracle(registry_of: Maker) -> None:
    class Secret:
        @property
        def propensity(self) -> np.ndarray:
            return np.full(len(registry), 0.5)

        @property
        def unmeasured(self) -> np.ndarray:
            raise AssertionError("a method looked at the oracle")

    registry = with_hours(registry_of(6, 300))
    others = [name for name, method in METHODS.items() if "oracle" not in method.needs]
    assert set(METHODS) - set(others) == set(GROUPS["oracle"])
    run_methods(others, registry, draw=streams(1), oracle=Secret())
    with pytest.raises(AssertionError, match="looked at the oracle"):
        run_method("psm_with_u", registry, oracle=Secret())
