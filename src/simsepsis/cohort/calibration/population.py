"""A large population with its random numbers held fixed, on which parameters are tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import least_squares

from simsepsis.arrays import FloatArray
from simsepsis.cohort.calibration.targets import Targets
from simsepsis.cohort.calibration.tilt import Tilt, build_tilt
from simsepsis.cohort.course import Exits, Fate, draw_fate
from simsepsis.cohort.patients import Patients, draw_patients
from simsepsis.cohort.world import World, build_world
from simsepsis.scenario import Scenario
from simsepsis.streams import stream

REGISTRIES = 12
"""Registries in the population: Monte Carlo error a quarter of the thesis's sampling error."""

DIFFERENCE = 0.05
"""Step of a numerical derivative in spreads: wide, because counts of patients move in steps."""

ORIGIN = 10.0
"""Added to the scaled parameters, so that the solver's relative step is nearly the same everywhere."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Population:
    """Patients, fates and noise drawn once: common random numbers for every trial of the parameters.

    Attributes
    ----------
    targets, world, patients, care, fate
        The printed cells; the scenario's tables; and what was drawn.
    tilt
        The moment problem of Table 1's treated column.
    noise
        (variables, 2, n) standard normals of supports and transfusions.
    """

    targets: Targets
    world: World
    patients: Patients
    care: FloatArray
    fate: Fate
    tilt: Tilt
    noise: FloatArray

    @property
    def scenario(self) -> Scenario:
        """Return the scenario that the population was drawn from."""
        return self.world.scenario


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Treated:
    """What the course makes of the population: exits and each patient's probability of IVIgG."""

    exits: Exits
    probability: FloatArray


def draw_population(scenario: Scenario, targets: Targets, seed: int) -> Population:
    """Return a population of `REGISTRIES` registries drawn from the scenario's patients."""
    world = build_world(scenario)
    n = REGISTRIES * scenario.n
    patients = draw_patients(world, n, stream(seed, "population"))
    care = stream(seed, "treatment").standard_normal(n)
    fate = draw_fate(scenario.course, scenario.icus.roster, patients, care, stream(seed, "course"))
    return Population(
        targets=targets,
        world=world,
        patients=patients,
        care=care,
        fate=fate,
        tilt=build_tilt(world, patients, targets),
        noise=stream(seed, "adjuncts").standard_normal((6, 2, n)),
    )


def with_offsets(population: Population, scenario: Scenario) -> Fate:
    """Return the population's fate under a scenario whose hazards differ, random numbers kept."""
    course, roster = scenario.course, scenario.icus.roster
    fresh = draw_fate(course, roster, population.patients, population.care, stream(0, "course"))
    return replace(population.fate, offsets=fresh.offsets)


def fit_parameters(
    loss: Callable[[FloatArray], FloatArray],
    start: FloatArray,
    spread: FloatArray,
    *,
    width: float = 4.0,
) -> FloatArray:
    """Return parameters that minimize squared gaps plus a mild pull towards where they started.

    Parameters
    ----------
    loss
        Parameters → gaps in standard errors.
    start, spread
        Judged value of each parameter and how far it may reasonably be from it: the pull is one
        squared standard error at a distance of 2 `spread`, and `width` spreads are the limit.
    """

    def pulled(shifted: FloatArray) -> FloatArray:
        scaled = shifted - ORIGIN
        return np.concatenate([loss(start + scaled * spread), 0.5 * scaled])

    found = least_squares(
        pulled,
        np.full(start.size, ORIGIN),
        bounds=(ORIGIN - width, ORIGIN + width),
        diff_step=DIFFERENCE / ORIGIN,
        method="trf",
        max_nfev=25,
        ftol=1e-4,
        xtol=1e-4,
    )
    return np.asarray(start + (found.x - ORIGIN) * spread)
