"""A large population with its random numbers held fixed, on which parameters are tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import least_squares

from simsepsis.arrays import FloatArray
from simsepsis.streams import streams
from simsepsis.studies.jseptic_ivigg.world.calibration.targets import Targets
from simsepsis.studies.jseptic_ivigg.world.calibration.tilt import Tilt, TiltStart, build_tilt, solve_tilt
from simsepsis.studies.jseptic_ivigg.world.course import Exits, Fate, draw_fate, fixed_log_hazards, run_course
from simsepsis.studies.jseptic_ivigg.world.icus import assign_icus
from simsepsis.studies.jseptic_ivigg.world.patients import Patients, draw_patients
from simsepsis.studies.jseptic_ivigg.world.prepared import World, build_world
from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario
from simsepsis.studies.jseptic_ivigg.world.starts import exposure

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
    targets, world, patients, fate
        The printed cells; the scenario's tables; and what was drawn.
    tilt
        The moment problem of Table 1's treated column.
    noise
        (variables, 2, n) standard normals of transfusions and supports.
    thresholds
        (2, n) unit exponentials of renal replacement.
    """

    targets: Targets
    world: World
    patients: Patients
    fate: Fate
    tilt: Tilt
    noise: FloatArray
    thresholds: FloatArray

    @property
    def scenario(self) -> Scenario:
        """Return the scenario that the population was drawn from."""
        return self.world.scenario


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Treated:
    """What a course makes of the population, nobody being helped or harmed by treatment.

    Attributes
    ----------
    exits
        How patients leave.
    exposed
        (n, 7) exposure to the start of IVIgG by day.
    log_hazard
        (n,) log hazard of IVIgG per unit of exposure.
    probability
        (n,) probability of IVIgG.
    """

    exits: Exits
    exposed: FloatArray
    log_hazard: FloatArray
    probability: FloatArray


def draw_population(scenario: Scenario, targets: Targets, seed: int) -> Population:
    """Return a population of `REGISTRIES` registries drawn from the scenario's patients."""
    world, draw = build_world(scenario), streams(seed)
    icu = assign_icus(world.roster, REGISTRIES * scenario.n)
    patients = draw_patients(world, icu, draw)
    return Population(
        targets=targets,
        world=world,
        patients=patients,
        fate=draw_fate(scenario, patients, draw("course")),
        tilt=build_tilt(world, patients, targets),
        noise=draw("supports").standard_normal((6, 2, icu.size)),
        thresholds=draw("adjuncts").standard_exponential((2, icu.size)),
    )


def untreated_course(population: Population, scenario: Scenario) -> tuple[Fate, Exits]:
    """Return the fates under the scenario's hazards, and how patients leave whom nobody treats."""
    fate = replace(population.fate, offsets=fixed_log_hazards(scenario, population.patients))
    return fate, run_course(scenario.course, fate)


def treated_population(population: Population, scenario: Scenario, exits: Exits, start: TiltStart) -> Treated:
    """Return who is treated where patients leave like this: the tilt of Table 1, solved anew."""
    patients, treatment = population.patients, scenario.treatment
    exposed = exposure(
        population.fate.path, exits.icu_time, severity=treatment.severity, decay=treatment.decay
    )
    hidden = np.log(scenario.unmeasured.or_treatment) if scenario.unmeasured.kind == "normal" else 0.0
    outside = np.asarray(patients.roster.ivigg)[patients.icu] + treatment.care * patients.care
    outside += hidden * patients.unmeasured
    beta, probability = solve_tilt(population.tilt, np.log(exposed[:, -1]) + outside, start.beta)
    start.beta = beta
    return Treated(
        exits=exits,
        exposed=exposed,
        log_hazard=population.tilt.X @ beta + outside,
        probability=probability,
    )


def fit_parameters(
    loss: Callable[[FloatArray], FloatArray],
    start: FloatArray,
    spread: FloatArray,
    *,
    width: float = 4.0,
) -> FloatArray:
    """Return parameters that minimize squared gaps plus a mild pull towards where they started."""

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
