"""SOFA and SIRS on days 3 and 7, by the registry's scoring rules."""

from __future__ import annotations

import numpy as np

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.studies.jseptic_ivigg.columns import ORGANS
from simsepsis.studies.jseptic_ivigg.world.course import Exits
from simsepsis.studies.jseptic_ivigg.world.margins import graded, tabulated
from simsepsis.studies.jseptic_ivigg.world.patients import Patients, sofa_coagulation
from simsepsis.studies.jseptic_ivigg.world.prepared import World
from simsepsis.studies.jseptic_ivigg.world.starts import WINDOW_DAYS

LATER_DAYS = (3, 7)

NAMES = ("sirs", *ORGANS)
"""What is scored on later days."""

RULES = (("resp", ("vv_ecmo",), 4), ("cv", ("va_ecmo", "iabp"), 4), ("renal", ("rrt", "rrt_nonrenal"), 3))
"""Organ, therapies that its table does not know, and the least score the registry gives for them."""


def _followed(
    world: World, patients: Patients, change: FloatArray, rng: np.random.Generator
) -> dict[str, tuple[FloatArray, ...]]:
    """Return variable → its latent score on each later day; `change` is (n, 2) latent severity gained."""
    noise = _noise(world, change.shape[0], rng)
    return {
        name: tuple(
            _latent(world, patients, name, day, change[:, j], noise[k, j]) for j, day in enumerate(LATER_DAYS)
        )
        for k, name in enumerate(NAMES)
    }


def _noise(world: World, n: int, rng: np.random.Generator) -> FloatArray:
    """Return what each score has beside severity on the later days, (7, 2, n)."""
    noise = rng.standard_normal((len(NAMES), len(LATER_DAYS), n))
    kept = world.scenario.scores.noise_correlation
    noise[:, 1] = kept * noise[:, 0] + np.sqrt(1.0 - kept**2) * noise[:, 1]
    noise *= world.scenario.scores.noise_sd
    return noise


def _latent(
    world: World, patients: Patients, name: str, day: int, change: FloatArray, noise: FloatArray
) -> FloatArray:
    """Return the latent score of a day, given the change of latent severity since day 1."""
    scores = world.scenario.scores
    sign = -1.0 if name == "coag" else 1.0
    day1 = patients.latent["platelets" if name == "coag" else _column(name, 1)]
    return np.asarray(day1 + sign * (scores.slope * change + noise - scores.recovery_per_day * (day - 1)))


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
        scored = _with_therapies(scored, starts, day)
        columns |= {_column(name, day): np.where(gone, np.nan, value) for name, value in scored.items()}
    return columns


def _with_therapies(
    scored: dict[str, IntArray], starts: dict[str, FloatArray], day: int
) -> dict[str, IntArray]:
    """Return the scores of a day, at least as high as the registry's rules say of therapies."""
    changed = dict(scored)
    for organ, therapies, least in RULES:
        on = np.minimum.reduce([starts[name] for name in therapies]) < day
        changed[organ] = np.where(on, np.maximum(scored[organ], least), scored[organ])
    return changed


def daily_scores(
    world: World,
    patients: Patients,
    path: FloatArray,
    exits: Exits,
    starts: dict[str, FloatArray],
    rngs: tuple[np.random.Generator, np.random.Generator],
) -> dict[str, FloatArray]:
    """Return the SOFA organs of days 1 to 7, NaN after death or discharge from hospital.

    On days 1, 3 and 7 they are those recorded anyway; between them the noise of each organ leads from one to
    the other and has the same spread. `rngs` are those of the later scores, as they drew, and of what
    is drawn here.
    """
    n = path.shape[0]
    known = np.concatenate([np.zeros((len(NAMES), 1, n)), _noise(world, n, rngs[0])], axis=1)
    days, columns = np.array([1, *LATER_DAYS]), {}
    for day in range(1, WINDOW_DAYS + 1):
        after = int(np.searchsorted(days, day))
        share = 0.0 if day in days else (days[after] - day) / (days[after] - days[after - 1])
        mean = share * known[:, max(after - 1, 0)] + (1 - share) * known[:, after]
        spread = 0.0 if day in days else world.scenario.scores.noise_sd * np.sqrt(2 * share * (1 - share))
        noise = mean + spread * rngs[1].standard_normal(mean.shape)
        change = path[:, day - 1] - path[:, 0]
        scored = {
            name: _score(world, name, _latent(world, patients, name, day, change, noise[k]))
            for k, name in enumerate(NAMES)
        }
        scored = _with_therapies(scored, starts, day)
        gone = exits.hospital_time <= day - 1
        for name in ORGANS:
            value = scored[name] if day > 1 else patients.columns[_column(name, 1)]
            columns[f"daily_sofa_{name}_{day}"] = np.where(gone, np.nan, value)
    return columns
