"""SOFA and SIRS on days 3 and 7, by the registry's scoring rules."""

from __future__ import annotations

import numpy as np

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.studies.jseptic_ivigg.columns import ORGANS
from simsepsis.studies.jseptic_ivigg.world.course import Exits
from simsepsis.studies.jseptic_ivigg.world.margins import graded, tabulated
from simsepsis.studies.jseptic_ivigg.world.patients import Patients, sofa_coagulation
from simsepsis.studies.jseptic_ivigg.world.prepared import World

LATER_DAYS = (3, 7)

RULES = (("resp", ("vv_ecmo",), 4), ("cv", ("va_ecmo", "iabp"), 4), ("renal", ("rrt", "rrt_nonrenal"), 3))
"""Organ, therapies that its table does not know, and the least score the registry gives for them."""


def _followed(
    world: World, patients: Patients, change: FloatArray, rng: np.random.Generator
) -> dict[str, tuple[FloatArray, ...]]:
    """Return variable → its latent score on each later day; `change` is (n, 2) latent severity gained."""
    scores = world.scenario.scores
    names = ("sirs", *ORGANS)
    noise = rng.standard_normal((len(names), len(LATER_DAYS), change.shape[0]))
    kept = scores.noise_correlation
    noise[:, 1] = kept * noise[:, 0] + np.sqrt(1.0 - kept**2) * noise[:, 1]
    noise *= scores.noise_sd
    followed = {}
    for k, name in enumerate(names):
        sign = -1.0 if name == "coag" else 1.0
        day1 = patients.latent["platelets" if name == "coag" else _column(name, 1)]
        followed[name] = tuple(
            day1 + sign * (scores.slope * change[:, j] + noise[k, j] - scores.recovery_per_day * (day - 1))
            for j, day in enumerate(LATER_DAYS)
        )
    return followed


def _column(name: str, day: int) -> str:
    return f"sirs_day{day}" if name == "sirs" else f"sofa_{name}_day{day}"


def _score(world: World, name: str, latent: FloatArray) -> IntArray:
    if name == "coag":
        return sofa_coagulation(tabulated(latent, world.values["platelets"]))
    return np.asarray(graded(latent, world.cuts[_column(name, 1)]))


def later_scores(
    world: World,
    patients: Patients,
    path: FloatArray,
    exits: Exits,
    starts: dict[str, FloatArray],
    rng: np.random.Generator,
) -> dict[str, FloatArray]:
    """Return the SOFA organs and SIRS of days 3 and 7, NaN after death or discharge from hospital.

    Each latent organ score keeps its day-1 value, moves with the change of latent severity, recovers
    slowly, and has a noise that persists; then the registry's rules apply.
    """
    change = path[:, [day - 1 for day in LATER_DAYS]] - path[:, :1]
    followed = _followed(world, patients, change, rng)
    columns: dict[str, FloatArray] = {}
    for j, day in enumerate(LATER_DAYS):
        gone = exits.hospital_time <= day - 1
        scored = {name: _score(world, name, latent[j]) for name, latent in followed.items()}
        for organ, therapies, least in RULES:
            on = np.minimum.reduce([starts[name] for name in therapies]) < day
            scored[organ] = np.where(on, np.maximum(scored[organ], least), scored[organ])
        columns |= {_column(name, day): np.where(gone, np.nan, value) for name, value in scored.items()}
    return columns
