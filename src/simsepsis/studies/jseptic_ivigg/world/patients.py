"""Who is admitted: patients drawn from the copula and decoded into the registry's columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.streams import Streams
from simsepsis.studies.jseptic_ivigg.world.effect import Unmeasured
from simsepsis.studies.jseptic_ivigg.world.margins import graded, tabulated
from simsepsis.studies.jseptic_ivigg.world.people import Roster
from simsepsis.studies.jseptic_ivigg.world.prepared import World
from simsepsis.studies.jseptic_ivigg.world.tables import FACTORS

COAGULATION_CUTS = (150.0, 100.0, 50.0, 20.0)
"""Platelets (10⁹/L) below which the SOFA coagulation score gains a point."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patients:
    """Patients on day 1.

    Attributes
    ----------
    roster
        The ICUs.
    icu
        (n,) row of each patient's ICU in the roster.
    severity
        (n,) latent severity on day 1, variance one.
    care
        (n,) latent intensity of care, standard normal: what makes IVIgG and adjuncts go together.
    unmeasured
        (n,) the confounder u that the registry does not record; zeros without one.
    latent
        Variable → (n,) latent score, variance one.
    columns
        Registry column → (n,) value, or level index for a category.
    """

    roster: Roster
    icu: IntArray
    severity: FloatArray
    care: FloatArray
    unmeasured: FloatArray
    latent: dict[str, FloatArray]
    columns: dict[str, FloatArray | IntArray]


def _draw(world: World, icu: IntArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Return (k, n) factors and (d, n) latent scores."""
    latents = world.latents
    factors = rng.standard_normal((len(FACTORS), icu.size))
    factors[0] *= latents.factor_sd
    factors[0] += latents.factor_mean[icu]
    scores = rng.standard_normal((len(latents.names), icu.size))
    scores *= latents.unique[:, None]
    scores += latents.loadings.T @ factors
    for row in np.flatnonzero(latents.mean.any(axis=0)):
        scores[row] += latents.mean[icu, row]
    return factors, scores


def _numbers(world: World, latent: dict[str, FloatArray]) -> dict[str, FloatArray | IntArray]:
    patients = world.scenario.patients
    decimals = {name: margin.decimals for name, margin in patients.continuous.items()}
    decimals |= {name: lab.decimals for name, lab in patients.labs.items()}
    return {
        name: np.round(tabulated(latent[name], values), decimals[name])
        for name, values in world.values.items()
    }


def _graded(world: World, latent: dict[str, FloatArray]) -> dict[str, FloatArray | IntArray]:
    patients = world.scenario.patients
    return {name: graded(latent[name], world.cuts[name]) for name in (*patients.ordinal, *patients.binary)}


def sofa_coagulation(platelets: FloatArray) -> IntArray:
    """Return the SOFA coagulation score of a platelet count (10⁹/L)."""
    below = np.array(COAGULATION_CUTS[::-1])
    return len(below) - np.asarray(graded(platelets, below))


def _unmeasured(u: Unmeasured, n: int, rng: np.random.Generator) -> FloatArray:
    if u.kind == "binary":
        return (rng.random(n) < u.prevalence).astype(np.float64)
    return rng.standard_normal(n) if u.kind == "normal" else np.zeros(n)


def draw_patients(world: World, icu: IntArray, streams: Streams) -> Patients:
    """Return patients on day 1."""
    factors, scores = _draw(world, icu, streams("patients"))
    latent = dict(zip(world.latents.names, scores, strict=True))
    columns = _numbers(world, latent) | _graded(world, latent)
    columns["sofa_coag_day1"] = sofa_coagulation(np.asarray(columns["platelets"], dtype=np.float64))
    columns["admission_route"] = np.searchsorted(world.cuts["admission_route"], latent["route"])
    combination = np.searchsorted(world.cuts["infection"], latent["infection"])
    columns |= {name: decode[combination] for name, decode in world.infection.items()}
    columns["cirrhosis"] = columns["cirrhosis"] * columns["liver_disease"]
    return Patients(
        roster=world.roster,
        icu=icu,
        severity=factors[0],
        care=streams("care").standard_normal(icu.size),
        unmeasured=_unmeasured(world.scenario.unmeasured, icu.size, streams("unmeasured")),
        latent=latent,
        columns=columns,
    )
