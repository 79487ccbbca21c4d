"""Patients whom a trial could randomize, before anything is done to them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import ExperimentError
from simsepsis.streams import Streams
from simsepsis.studies.jseptic_ivigg.world.course import Fate, draw_fate
from simsepsis.studies.jseptic_ivigg.world.dose import draw_dosing
from simsepsis.studies.jseptic_ivigg.world.effect import Regimen
from simsepsis.studies.jseptic_ivigg.world.generate import blocks_of
from simsepsis.studies.jseptic_ivigg.world.observation import observe
from simsepsis.studies.jseptic_ivigg.world.patients import draw_patients
from simsepsis.studies.jseptic_ivigg.world.prepared import World
from simsepsis.studies.jseptic_ivigg.world.resolve import resolve
from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario
from simsepsis.studies.jseptic_ivigg.world.supports import days_wanted
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.protocol.condition import IGG, baseline_columns
from simsepsis.world.changes import changed_scenario

PROBE = 20_000
"""Patients among whom the eligible are counted, to know how many to draw."""

SAMPLED_ICUS = 200
"""ICUs that trials with sampled sites draw from, or as many as they have if that is more."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidates:
    """Patients who meet the condition of a protocol.

    Attributes
    ----------
    scenario
        Their world.
    icu
        (n,) ICU, sorted.
    severity
        (n,) latent severity on day 1, in SDs.
    columns
        Column of day 1 → (n,) value as recorded, NaN where it is missing; codes for categories.
    log_hazard_ratio
        (treatments, n) log hazard ratio of each treatment, up to the factor that makes the planned effect.
    fate
        What no treatment changes.
    ventilator
        (n,) days on a ventilator if nothing else ends them.
    screened
        Patients drawn to find these.
    """

    scenario: Scenario
    icu: IntArray
    severity: FloatArray
    columns: dict[str, NDArray[Any]]
    log_hazard_ratio: FloatArray
    fate: Fate
    ventilator: FloatArray
    screened: int


def trial_world(protocol: TrialProtocol) -> Scenario:
    """Return the world of a trial: the protocol's effect takes the place of the scenario's.

    Parameters
    ----------
    protocol
        The trial.

    Raises
    ------
    ExperimentError
        If the sites are not those of the world.
    """
    choice, sites = protocol.world, protocol.sites
    world = changed_scenario(choice.base, choice.set, place=protocol.name, label=protocol.label)
    unit = world.effect.model_copy(update={"measure": None, "value": None, "log_hazard_ratio": 1.0})
    icus = world.icus
    if sites.sampled:
        number = max(SAMPLED_ICUS, sites.number)
        icus = icus.model_copy(update={"kind": "sampled", "number": number})
    elif sites.number != len(icus.roster.size) or icus.kind != "registry":
        raise ExperimentError(
            f"{protocol.name}: sites.number = {sites.number}, but the world has {len(icus.roster.size)} ICUs "
            f"of kind '{icus.kind}'; add sampled = true for ICUs drawn from the same population"
        )
    return resolve(world.model_copy(update={"effect": unit, "icus": icus}))


def treatments(protocol: TrialProtocol) -> tuple[Regimen, ...]:
    """Return the doses that patients of a trial may get: those of the arms, then that of open-label use.

    Parameters
    ----------
    protocol
        The trial.
    """
    doses = [(arm.grams, arm.grams_per_kg) for arm in protocol.arms]
    usual = protocol.conduct.contamination
    if usual.share > 0.0:
        doses.append((None if usual.grams_per_kg else usual.grams, usual.grams_per_kg))
    return tuple(Regimen(grams=grams, grams_per_kg=per_kg) for grams, per_kg in doses)


def draw_candidates(protocol: TrialProtocol) -> Candidates:
    """Return about as many eligible patients as the protocol's pool has, from the protocol's seed.

    Parameters
    ----------
    protocol
        The trial.

    Raises
    ------
    ExperimentError
        If hardly anybody is eligible.
    """
    scenario, seed, wanted = trial_world(protocol), protocol.run.seed, protocol.run.pool
    share = 1.0
    if protocol.population.condition.groups:
        probe = _drawn(protocol, scenario, seed, PROBE)
        share = probe.icu.size / PROBE
        if share < 0.01:
            raise ExperimentError(
                f"{protocol.name}: population.where = '{protocol.population.where}' holds for {share:.1%} of "
                "patients; a trial needs at least 1%"
            )
    return _drawn(protocol, scenario, seed, math.ceil(wanted / share))


def _drawn(protocol: TrialProtocol, scenario: Scenario, seed: int, n: int) -> Candidates:
    doses = treatments(protocol)
    worlds = [_with_dose(scenario, dose) for dose in doses]
    parts = [
        _block(protocol, world, worlds, icu, draw) for world, icu, draw in blocks_of(scenario, seed=seed, n=n)
    ]
    return replace(_joined(parts), screened=n)


def _with_dose(scenario: Scenario, dose: Regimen) -> Scenario:
    one = scenario.dose.model_copy(update={"regimens": (dose,), "reference": None})
    return scenario.model_copy(update={"dose": one})


def _block(
    protocol: TrialProtocol, world: World, worlds: Sequence[Scenario], icu: IntArray, draw: Streams
) -> Candidates:
    scenario = world.scenario
    patients = draw_patients(world, icu, draw)
    # The same stream for every dose: the same patients have the same endogenous IgG.
    dosings = [draw_dosing(dosed, patients, draw("dose")) for dosed in worlds]
    fate = draw_fate(scenario, patients, draw("course"))
    trend = fate.path[:, 6] - fate.path[:, 0]
    noise = draw("supports").standard_normal((2, icu.size))
    recorded = observe(scenario, patients, patients.columns, {}, draw("observation"))
    columns = {name: recorded[name] for name in baseline_columns() if name in recorded}
    columns[IGG] = dosings[0].igg
    block = Candidates(
        scenario=scenario,
        icu=icu,
        severity=patients.severity,
        columns=columns,
        log_hazard_ratio=np.array([dosing.log_hazard_ratio for dosing in dosings]),
        fate=fate,
        ventilator=days_wanted(scenario.supports["ventilator"], patients, trend, noise),
        screened=icu.size,
    )
    return kept(block, np.flatnonzero(protocol.population.condition.holds(columns)))


def kept(candidates: Candidates, rows: IntArray) -> Candidates:
    """Return some of the candidates.

    Parameters
    ----------
    candidates
        All of them.
    rows
        Rows that stay.
    """
    fate = candidates.fate
    return replace(
        candidates,
        icu=candidates.icu[rows],
        severity=candidates.severity[rows],
        columns={name: values[rows] for name, values in candidates.columns.items()},
        log_hazard_ratio=candidates.log_hazard_ratio[:, rows],
        fate=Fate(path=fate.path[rows], offsets=fate.offsets[rows], thresholds=fate.thresholds[rows]),
        ventilator=candidates.ventilator[rows],
    )


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
        screened=sum(part.screened for part in parts),
    )
