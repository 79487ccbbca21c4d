"""Patients, treatment and course of one block: what happens, before anybody records it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.streams import Streams
from simsepsis.studies.jseptic_ivigg.world.course import Exits, Fate, draw_fate, run_course
from simsepsis.studies.jseptic_ivigg.world.dose import Dosing, draw_dosing
from simsepsis.studies.jseptic_ivigg.world.patients import Patients, draw_patients
from simsepsis.studies.jseptic_ivigg.world.prepared import World
from simsepsis.studies.jseptic_ivigg.world.starts import exposure, start_times
from simsepsis.studies.jseptic_ivigg.world.treatment import start_log_hazard


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Simulated:
    """What happened to a block of patients.

    Attributes
    ----------
    patients, dosing, fate
        Who they are, what IVIgG would be and do, and what no treatment changes.
    log_hazard
        (n,) log hazard of IVIgG per unit of exposure.
    exposed
        (n, 7) exposure by day, without treatment.
    uniform
        (n,) uniforms that decide about IVIgG: it is given where they lie below the propensity.
    untreated
        How patients leave without IVIgG.
    ivigg_day
        (n,) days to the first dose, inf if never.
    """

    patients: Patients
    dosing: Dosing
    fate: Fate
    log_hazard: FloatArray
    exposed: FloatArray
    uniform: FloatArray
    untreated: Exits
    ivigg_day: FloatArray

    @property
    def propensity(self) -> FloatArray:
        """Return each patient's probability of IVIgG given everything that precedes it, path included."""
        return np.asarray(-np.expm1(-np.exp(self.log_hazard) * self.exposed[:, -1]))


def simulate(world: World, icu: IntArray, streams: Streams) -> Simulated:
    """Return what happens to patients of the given ICUs."""
    patients = draw_patients(world, icu, streams)
    fate = draw_fate(world.scenario, patients, streams("course"))
    return treat(world, patients, fate, run_course(world.scenario.course, fate), streams)


def treat(world: World, patients: Patients, fate: Fate, untreated: Exits, streams: Streams) -> Simulated:
    """Return who is treated, and when, of patients whose untreated course is known.

    What precedes the first dose is the untreated course, so the dose is found there.
    """
    timing = world.scenario.treatment
    exposed = exposure(fate.path, untreated.icu_time, severity=timing.severity, decay=timing.decay)
    log_hazard = start_log_hazard(world, patients)
    uniform = streams("treatment").random(patients.icu.size)
    needed = -np.log1p(-uniform) * np.exp(-log_hazard)
    return Simulated(
        patients=patients,
        dosing=draw_dosing(world.scenario, patients, streams("dose")),
        fate=fate,
        log_hazard=log_hazard,
        exposed=exposed,
        uniform=uniform,
        untreated=untreated,
        ivigg_day=start_times(exposed, untreated.icu_time, needed),
    )


def day_if_treated(simulated: Simulated) -> FloatArray:
    """Return the day of the first dose of every patient, had IVIgG been given, shape (n,).

    Those who were treated keep their day. The others get one from the distribution that they would
    have had among the treated: the same uniform, squeezed below the propensity.
    """
    treated = np.isfinite(simulated.ivigg_day)
    p = simulated.propensity
    spare = np.clip((simulated.uniform - p) / np.maximum(1.0 - p, 1e-300), 0.0, 1.0 - 1e-12)
    share = np.where(treated, simulated.uniform, spare * p)
    needed = -np.log1p(-share) * np.exp(-simulated.log_hazard)
    # Rounding must not push a forced start past the last moment at which it can happen.
    needed = np.minimum(needed, simulated.exposed[:, -1] * (1.0 - 1e-9))
    return np.where(
        treated,
        simulated.ivigg_day,
        start_times(simulated.exposed, simulated.untreated.icu_time, needed),
    )


def assign_by_coin(world: World, simulated: Simulated, rng: np.random.Generator) -> Simulated:
    """Return the same patients with IVIgG assigned by coin at the registry's rate, and given to them."""
    heads = rng.random(simulated.uniform.size) < world.scenario.patients.ivigg_share
    return replace(simulated, ivigg_day=np.where(heads, day_if_treated(simulated), np.inf))


def exits_if_treated(world: World, simulated: Simulated, day: FloatArray) -> Exits:
    """Return how patients would leave with IVIgG from `day` on, all else, chance included, the same.

    Without effect it is the very same course.
    """
    effect = simulated.dosing.log_hazard_ratio
    if not np.any(effect):
        return simulated.untreated
    return run_course(world.scenario.course, simulated.fate, start=day, log_hazard_ratio=effect)


def exits_of(world: World, simulated: Simulated) -> Exits:
    """Return how patients leave, treated as they are."""
    return exits_if_treated(world, simulated, simulated.ivigg_day)
