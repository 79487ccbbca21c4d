"""A scenario made ready to sample from: every table that does not change between replicates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.special import ndtr

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import ScenarioError
from simsepsis.streams import Streams, stream
from simsepsis.studies.jseptic_ivigg.columns import COLUMNS
from simsepsis.studies.jseptic_ivigg.world.icus import draw_icus
from simsepsis.studies.jseptic_ivigg.world.infection import joint_infection_table
from simsepsis.studies.jseptic_ivigg.world.margins import Z_GRID, cut_points, pooled_quantiles
from simsepsis.studies.jseptic_ivigg.world.people import Patients, Roster
from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario
from simsepsis.studies.jseptic_ivigg.world.tables import FACTORS

SMOOTHING = 0.2
"""Width, in latent SDs, of the smoothed steps at the treated quartiles."""

CASE_MIX = ("severity", "age", "infection", "route")
"""Latent variables whose mean differs between ICUs."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Latents:
    """The copula: ``z = loadings @ factors + mean[icu] + unique * noise``, each with variance one.

    Attributes
    ----------
    names
        The d latent variables.
    loadings
        (k, d) loadings on `FACTORS`.
    unique
        (d,) standard deviation of what no factor explains.
    factor_mean
        (ICUs,) mean severity of an ICU's patients; the other factors have mean zero.
    factor_sd
        Standard deviation of severity within an ICU.
    mean
        (ICUs, d) case-mix means beyond the factors.
    """

    names: tuple[str, ...]
    loadings: FloatArray
    unique: FloatArray
    factor_mean: FloatArray
    factor_sd: float
    mean: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """Tables of one scenario, computed once.

    Attributes
    ----------
    scenario
        The scenario they belong to.
    roster
        The ICUs.
    latents
        The copula.
    values
        Number → (m,) its value on `Z_GRID`.
    cuts
        Graded or binary variable → scores that cut its latent variable.
    infection
        (sites x cultures x organisms x source control,) decoding of the joint infection level.
    bases
        Number → (m, 4) functions of its latent score on `Z_GRID` that the treatment hazard is made of.
    hazards
        Number → (m,) its contribution to the log hazard of treatment on `Z_GRID`.
    """

    scenario: Scenario
    roster: Roster
    latents: Latents
    values: dict[str, FloatArray]
    cuts: dict[str, FloatArray]
    infection: dict[str, IntArray]
    bases: dict[str, FloatArray]
    hazards: dict[str, FloatArray]


def _number_basis(quartiles: tuple[float, float, float], values: FloatArray) -> FloatArray:
    """Return the latent score and a smoothed step at each treated quartile, on the grid.

    Enough to move all three quartiles of the treated to where they were printed, while a linear term
    alone misses them by up to three sampling standard errors.
    """
    knots = np.interp(quartiles, values, Z_GRID)
    steps = ndtr((knots[None, :] - Z_GRID[:, None]) / SMOOTHING)
    return np.column_stack([Z_GRID, steps])


def _standardized(effects: list[float], weights: FloatArray) -> FloatArray:
    """Return the effects with weighted mean zero, so that they move no overall margin."""
    values = np.asarray(effects)
    return np.asarray(values - np.average(values, weights=weights))


def _check_room(names: tuple[str, ...], taken: FloatArray) -> None:
    """Raise if differences between ICUs and the factors leave no variance to the patients of one ICU."""
    most = int(np.argmax(np.nan_to_num(taken, nan=np.inf)))
    if not taken[most] < 1.0:
        raise ScenarioError(
            f"icus: differences between ICUs take more than all of the variance of '{names[most]}'; "
            "give a smaller icus.spread"
        )


def _latents(patients: Patients, roster: Roster) -> Latents:
    weights = np.asarray(roster.size, dtype=np.float64)
    names = tuple(patients.loadings)
    loadings = np.array([[patients.loadings[name].get(f, 0.0) for name in names] for f in FACTORS])
    severity = _standardized(roster.severity, weights)
    mean = np.zeros((len(weights), len(names)))
    for variable in CASE_MIX[1:]:
        mean[:, names.index(variable)] = _standardized(getattr(roster, variable), weights)
    total = mean + np.outer(severity, loadings[0])
    between = np.average(total**2, weights=weights, axis=0)
    of_severity = np.average(severity**2, weights=weights)
    _check_room(("severity",), np.array([of_severity]))
    factor_sd = float(np.sqrt(1.0 - of_severity))
    shared = (loadings[0] * factor_sd) ** 2 + (loadings[1:] ** 2).sum(axis=0)
    _check_room(names, between + shared)
    unique = np.sqrt(1.0 - between - shared)
    return Latents(
        names=names,
        loadings=loadings,
        unique=unique,
        factor_mean=severity,
        factor_sd=factor_sd,
        mean=mean,
    )


def _distributions(latents: Latents, weights: FloatArray) -> dict[str, FloatArray]:
    """Return variable → (m,) distribution function of its latent score on `Z_GRID`, over all ICUs."""
    total = latents.mean + np.outer(latents.factor_mean, latents.loadings[0])
    within = np.sqrt(1.0 - np.average(total**2, weights=weights, axis=0))
    scores = (Z_GRID[None, None, :] - total[:, :, None]) / within[None, :, None]
    return dict(zip(latents.names, np.average(ndtr(scores), weights=weights, axis=0), strict=True))


def _values(patients: Patients, cdf: dict[str, FloatArray]) -> dict[str, FloatArray]:
    values = {
        name: pooled_quantiles(margin, patients.ivigg_share, cdf[name])
        for name, margin in patients.continuous.items()
    }
    for name, lab in patients.labs.items():
        low, high = np.log(lab.low), np.log(lab.high)
        values[name] = np.exp(np.clip(np.log(lab.median) + lab.log_sd * Z_GRID, low, high))
    return values


def _cuts(
    patients: Patients, cdf: dict[str, FloatArray]
) -> tuple[dict[str, FloatArray], dict[str, IntArray]]:
    levels: dict[str, FloatArray] = {name: np.asarray(p) for name, p in patients.ordinal.items()}
    levels |= {name: np.array([1.0 - p, p]) for name, p in patients.binary.items()}
    levels["admission_route"] = np.array(
        [patients.route[level] for level in COLUMNS["admission_route"].level_names]
    )
    joint, decoding = joint_infection_table(patients)
    levels["infection"] = joint
    latent_of = {"admission_route": "route"}
    cuts = {name: cut_points(p, Z_GRID, cdf[latent_of.get(name, name)]) for name, p in levels.items()}
    return cuts, decoding


@lru_cache(maxsize=8)
def build_world(scenario: Scenario) -> World:
    """Return the tables of a scenario; built once per process and scenario."""
    patients = scenario.patients
    registry = scenario.icus.model_copy(update={"kind": "registry", "number": None})
    roster = draw_icus(registry, stream(0, "icus"))
    latents = _latents(patients, roster)
    cdf = _distributions(latents, np.asarray(roster.size, dtype=np.float64))
    cuts, decoding = _cuts(patients, cdf)
    values = _values(patients, cdf)
    bases = {name: _number_basis(margin.ivigg, values[name]) for name, margin in patients.continuous.items()}
    return World(
        scenario=scenario,
        roster=roster,
        latents=latents,
        values=values,
        cuts=cuts,
        infection=decoding,
        bases=bases,
        hazards=_hazards(scenario, bases),
    )


def _hazards(scenario: Scenario, bases: dict[str, FloatArray]) -> dict[str, FloatArray]:
    numbers = scenario.treatment.numbers
    return {name: basis @ numbers[name] for name, basis in bases.items() if name in numbers}


def with_scenario(world: World, scenario: Scenario) -> World:
    """Return the tables of a scenario that has the same patients and ICUs."""
    return replace(world, scenario=scenario, hazards=_hazards(scenario, world.bases))


def settle(scenario: Scenario, streams: Streams) -> World:
    """Return the world of one replicate: the scenario's tables, with new ICUs where it samples them.

    The tables stay those of the registry's ICUs, since they describe the population of patients.
    """
    world = build_world(scenario)
    if scenario.icus.kind == "registry":
        return world
    roster = draw_icus(scenario.icus, streams("icus"))
    return replace(world, roster=roster, latents=_latents(scenario.patients, roster))
