"""One registry from one scenario and one seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.cohort.adjuncts import draw_adjuncts, draw_units, renal_support_days, support_days
from simsepsis.cohort.course import Exits, Fate, draw_fate, run_course
from simsepsis.cohort.later_scores import later_scores
from simsepsis.cohort.observation import observe
from simsepsis.cohort.patients import Patients, draw_patients
from simsepsis.cohort.starts import exposure, start_times
from simsepsis.cohort.treatment import start_log_hazard
from simsepsis.cohort.world import World, build_world
from simsepsis.errors import UsageError
from simsepsis.scenario import Scenario
from simsepsis.streams import stream


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Oracle:
    """What only the simulator knows; never given to a method that does not ask for it by name.

    Attributes
    ----------
    propensity
        (n,) probability of IVIgG within seven days given everything that precedes it, path included.
    ivigg_day
        (n,) days from ICU admission to the first dose, inf if never.
    path
        (n, days) latent severity.
    """

    propensity: FloatArray
    ivigg_day: FloatArray
    path: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cohort:
    """A simulated registry, and beside it what its patients do not show.

    Attributes
    ----------
    registry
        One row per patient, columns of the data dictionary.
    oracle
        What only the simulator knows.
    scenario_hash, seed, replicate
        Where it came from.
    """

    registry: pd.DataFrame
    oracle: Oracle
    scenario_hash: str
    seed: int
    replicate: int


def _treat(
    world: World, patients: Patients, fate: Fate, care: FloatArray, threshold: FloatArray
) -> tuple[FloatArray, Exits, FloatArray]:
    """Return days to IVIgG, the exits under it, and the probability of it.

    What happens before the start is the untreated course, so the start is found there; only then is
    the course run again with the effect, if there is one.
    """
    scenario = world.scenario
    untreated = run_course(scenario.course, fate)
    treatment = scenario.treatment
    exposed = exposure(fate.path, untreated.icu_time, severity=treatment.severity, decay=treatment.decay)
    log_hazard = start_log_hazard(world, patients, care)
    start = start_times(exposed, untreated.icu_time, log_hazard, threshold)
    propensity = -np.expm1(-np.exp(log_hazard) * exposed[:, -1])
    effect = scenario.effect.log_hazard_ratio
    if effect == 0.0:
        return start, untreated, propensity
    exits = run_course(scenario.course, fate, start=start, log_hazard_ratio=np.full(start.size, effect))
    return start, exits, propensity


def oracle_frame(cohort: Cohort) -> pd.DataFrame:
    """Return the oracle as a table with one row per patient, keyed by ``patient_id``.

    Columns: propensity, ivigg_hour (hours from ICU admission, NaN if never), severity_day1 …
    """
    oracle = cohort.oracle
    hour = np.where(np.isfinite(oracle.ivigg_day), oracle.ivigg_day * 24.0, np.nan)
    path = {f"severity_day{day}": value for day, value in enumerate(oracle.path.T, start=1)}
    first = {"patient_id": cohort.registry["patient_id"], "propensity": oracle.propensity}
    return pd.DataFrame({**first, "ivigg_hour": hour, **path})


def _stay(exits: Exits) -> dict[str, FloatArray | IntArray]:
    died = exits.hospital_death
    return {
        "icu_days": np.ceil(exits.icu_time),
        "hospital_days": np.ceil(exits.hospital_time),
        "icu_death": exits.icu_death.astype(np.int64),
        "hospital_death": died.astype(np.int64),
        "death_28d": (died & (exits.hospital_time <= 28.0)).astype(np.int64),
    }


def _care_columns(
    world: World,
    patients: Patients,
    fate: Fate,
    exits: Exits,
    starts: dict[str, FloatArray],
    care: FloatArray,
    rng: np.random.Generator,
) -> dict[str, FloatArray | IntArray]:
    """Return transfusions and days of organ support."""
    scenario, roster = world.scenario, world.scenario.icus.roster
    columns: dict[str, FloatArray | IntArray] = {}
    for name, transfusion in scenario.transfusions.items():
        noise = rng.standard_normal((2, care.size))
        columns[f"{name}_units"] = draw_units(transfusion, patients, roster, care, noise)
    trend = fate.path[:, 6] - fate.path[:, 0]
    for name in ("ventilator", "vasopressor"):
        noise = rng.standard_normal((2, care.size))
        support = scenario.supports[name]
        columns[f"{name}_days"] = support_days(support, patients, roster, care, trend, exits, noise)
    renal_start = np.minimum(starts["rrt"], starts["rrt_nonrenal"])
    noise = rng.standard_normal((2, care.size))
    columns["rrt_days"] = renal_support_days(
        scenario.supports["rrt"], patients, roster, care, renal_start, exits, noise
    )
    return columns


def generate_cohort(scenario: Scenario, *, seed: int, n: int | None = None, replicate: int = 0) -> Cohort:
    """Return one simulated registry and what only the simulator knows of it.

    Parameters
    ----------
    scenario
        The world.
    seed
        The user's seed, ≥ 0.
    n
        Number of patients registered; the scenario's if None.
    replicate
        Number of the replicate, from 0.

    Raises
    ------
    UsageError
        If `n` is not positive or `seed` is negative.

    Notes
    -----
    Every mechanism has its own stream of random numbers, so two scenarios that differ in one
    mechanism share the random numbers of all others.
    """
    size = scenario.n if n is None else n
    if size < 1:
        raise UsageError(f"n = {size}: a registry needs at least one patient; give a positive number")
    world = build_world(scenario)
    rng = {
        name: stream(seed, name, replicate=replicate)
        for name in ("patients", "treatment", "course", "adjuncts", "scores", "observation")
    }
    patients = draw_patients(world, size, rng["patients"])
    care = rng["treatment"].standard_normal(size)
    threshold = rng["treatment"].standard_exponential(size)
    fate = draw_fate(scenario.course, scenario.icus.roster, patients, care, rng["course"])
    ivigg_day, exits, propensity = _treat(world, patients, fate, care, threshold)
    starts = draw_adjuncts(scenario, patients, fate.path, exits, care, rng["adjuncts"])
    columns = dict(patients.columns)
    columns |= _stay(exits)
    columns |= later_scores(world, patients, fate.path, exits, starts, rng["scores"])
    columns |= _care_columns(world, patients, fate, exits, starts, care, rng["adjuncts"])
    columns |= {name: np.isfinite(start).astype(np.int64) for name, start in starts.items()}
    columns["ivigg"] = np.isfinite(ivigg_day).astype(np.int64)
    registry = observe(scenario, patients, columns, rng["observation"])
    return Cohort(
        registry=registry,
        oracle=Oracle(propensity=propensity, ivigg_day=ivigg_day, path=fate.path),
        scenario_hash=scenario.hash,
        seed=seed,
        replicate=replicate,
    )
