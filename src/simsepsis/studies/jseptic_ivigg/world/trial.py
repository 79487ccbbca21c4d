"""The thesis's patients as candidates of a randomized trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import ExperimentError
from simsepsis.streams import Streams
from simsepsis.studies.jseptic_ivigg.world.course import Exits, Fate, draw_fate, run_course
from simsepsis.studies.jseptic_ivigg.world.dose import draw_dosing
from simsepsis.studies.jseptic_ivigg.world.effect import Regimen
from simsepsis.studies.jseptic_ivigg.world.generate import blocks_of
from simsepsis.studies.jseptic_ivigg.world.observation import observe
from simsepsis.studies.jseptic_ivigg.world.outcome import Course as Hazards
from simsepsis.studies.jseptic_ivigg.world.patients import draw_patients
from simsepsis.studies.jseptic_ivigg.world.prepared import World
from simsepsis.studies.jseptic_ivigg.world.resolve import resolve
from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario
from simsepsis.studies.jseptic_ivigg.world.supports import LIMIT_DAYS, days_until_exit, days_wanted
from simsepsis.threads import side_by_side
from simsepsis.world import candidates
from simsepsis.world.candidates import NEVER, Course, Draws

SAMPLED_ICUS = 200
"""ICUs that trials with sampled sites draw from, or as many as they have if that is more."""

IGG = "endogenous_igg"
"""Endogenous IgG in g/L: a trial can measure it before it randomizes, the registry does not."""

MORTAL = ("icu_death", "ward_death")
"""Hazards of death."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidates(candidates.Candidates):
    """Patients with what no treatment changes.

    Attributes
    ----------
    hazards
        Hazards of their world.
    fate
        Severity path, own hazards and thresholds.
    ventilator
        (n,) days on a ventilator if nothing else ends them.
    """

    hazards: Hazards
    fate: Fate
    ventilator: FloatArray

    def course(
        self,
        treatment: int | None,
        *,
        log_hazard_ratio: float,
        delay: float,
        hazard_factor: float,
        support_ratio: float = 1.0,
        discharge_ratio: float = 1.0,
    ) -> Course:
        """Return everybody's course under a treatment, None for control."""
        hazards = _scaled(self.hazards, hazard_factor)
        ventilator = self.ventilator if treatment is None else self.ventilator / support_ratio
        if treatment is None or (log_hazard_ratio == 0.0 and discharge_ratio == 1.0):
            return _course_of(run_course(hazards, self.fate), ventilator, delay)
        effect = log_hazard_ratio * self.log_hazard_ratio[treatment]
        start = np.full(self.icu.size, delay)
        exits = run_course(hazards, self.fate, start=start, log_hazard_ratio=effect, leaving=discharge_ratio)
        return _course_of(exits, ventilator, delay)

    def subset(self, rows: IntArray) -> Self:
        """Return some of the candidates."""
        fate, ventilator = self.fate.subset(rows), self.ventilator[rows]
        return replace(super().subset(rows), fate=fate, ventilator=ventilator)


def _scaled(hazards: Hazards, factor: float) -> Hazards:
    """Return the hazards with those of death multiplied by a factor."""
    changed = {
        cause: getattr(hazards, cause).model_copy(
            update={"intercept": getattr(hazards, cause).intercept + float(np.log(factor))}
        )
        for cause in MORTAL
    }
    return hazards.model_copy(update=changed)


def _course_of(exits: Exits, ventilator: FloatArray, delay: float) -> Course:
    """Return a course as a trial sees it, `delay` days after admission to the ICU."""
    day = np.where(exits.hospital_death, np.ceil(exits.hospital_time - delay), NEVER)
    ventilated = days_until_exit(ventilator, exits)
    return Course(
        eligible=exits.icu_time > delay,
        event={"icu_death": exits.icu_death, "hospital_death": exits.hospital_death},
        death_day=day.astype(np.int16),
        free_days=np.where(day <= LIMIT_DAYS, 0, LIMIT_DAYS - ventilated).astype(np.int16),
    )


def trial_world(scenario: Scenario, *, sites: int, sampled: bool, place: str) -> Scenario:
    """Return the world of a trial, whose effect is the trial's own; parameters as of `Scenario.for_trial`."""
    unit = scenario.effect.model_copy(update={"measure": None, "value": None, "log_hazard_ratio": 1.0})
    icus = scenario.icus
    if sampled:
        icus = icus.model_copy(update={"kind": "sampled", "number": max(SAMPLED_ICUS, sites)})
    elif sites != len(icus.roster.size) or icus.kind != "registry":
        raise ExperimentError(
            f"{place}: sites.number = {sites}, but the world has {len(icus.roster.size)} ICUs "
            f"of kind '{icus.kind}'; add sampled = true for ICUs drawn from the same population"
        )
    return resolve(scenario.model_copy(update={"effect": unit, "icus": icus}))


def draw_candidates(scenario: Scenario, draws: Draws, *, seed: int, n: int) -> Candidates:
    """Return those of `n` patients whom a trial could randomize."""
    dosed = [_with_dose(scenario, Regimen(**treatment)) for treatment in draws.treatments]
    blocks = side_by_side(
        lambda block: _block(draws, dosed, *block), tuple(blocks_of(scenario, seed=seed, n=n))
    )
    return replace(_joined(blocks), screened=n)


def _with_dose(scenario: Scenario, dose: Regimen) -> Scenario:
    one = scenario.dose.model_copy(update={"regimens": (dose,), "reference": None})
    return scenario.model_copy(update={"dose": one})


def _block(draws: Draws, dosed: Sequence[Scenario], world: World, icu: IntArray, draw: Streams) -> Candidates:
    scenario = world.scenario
    patients = draw_patients(world, icu, draw)
    # The same stream for every dose: the same patients have the same endogenous IgG.
    dosings = [draw_dosing(one, patients, draw("dose")) for one in dosed]
    fate = draw_fate(scenario, patients, draw("course"))
    trend = fate.path[:, 6] - fate.path[:, 0]
    noise = draw("supports").standard_normal((2, icu.size))
    recorded = observe(scenario, patients, patients.columns, {}, draw("observation"))
    columns = {name: recorded[name] for name in draws.columns if name in recorded}
    columns[IGG] = dosings[0].igg
    block = Candidates(
        icu=icu,
        severity=patients.severity,
        columns=columns,
        log_hazard_ratio=np.array([dosing.log_hazard_ratio for dosing in dosings]),
        response=f"dose.response = '{scenario.dose.response}'",
        screened=icu.size,
        hazards=scenario.course,
        fate=fate,
        ventilator=days_wanted(scenario.supports["ventilator"], patients, trend, noise),
    )
    return block.subset(np.flatnonzero(draws.holds(columns)))


def _joined(parts: Sequence[Candidates]) -> Candidates:
    fates = [part.fate for part in parts]
    return replace(
        parts[0],
        icu=np.concatenate([part.icu for part in parts]),
        severity=np.concatenate([part.severity for part in parts]),
        columns={name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns},
        log_hazard_ratio=np.concatenate([part.log_hazard_ratio for part in parts], axis=1),
        fate=Fate(
            path=np.concatenate([fate.path for fate in fates]),
            offsets=np.concatenate([fate.offsets for fate in fates]),
            thresholds=np.concatenate([fate.thresholds for fate in fates]),
        ),
        ventilator=np.concatenate([part.ventilator for part in parts]),
    )
