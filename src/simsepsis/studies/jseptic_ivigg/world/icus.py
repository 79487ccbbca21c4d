"""The ICUs of one replicate: the registry's own, or new ones from the same population."""

from __future__ import annotations

import numpy as np

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.studies.jseptic_ivigg.world.people import Icus, Roster
from simsepsis.world.sites import allocate

TRAITS = ("size", "beds", "type", "model", "policy")
EFFECTS = ("ivigg", "adjuncts", "death", "severity", "age", "infection", "route")
"""Random effects of a roster, in the order in which they are drawn."""


def effect_covariance(roster: Roster) -> FloatArray:
    """Return the (7, 7) patient-weighted covariance of `EFFECTS` between the ICUs of a roster."""
    values = np.array([getattr(roster, name) for name in EFFECTS])
    return np.asarray(np.cov(values, aweights=np.asarray(roster.size), ddof=0))


def _sample(icus: Icus, rng: np.random.Generator) -> Roster:
    """Return new ICUs: traits of ICUs drawn with replacement, effects drawn from their covariance."""
    known = icus.roster
    number = len(known.size) if icus.number is None else icus.number
    rows = rng.integers(len(known.size), size=number)
    traits = {name: [getattr(known, name)[row] for row in rows] for name in TRAITS}
    drawn = rng.multivariate_normal(np.zeros(len(EFFECTS)), effect_covariance(known), size=number)
    return Roster(**traits, **{name: drawn[:, k].tolist() for k, name in enumerate(EFFECTS)})


def draw_icus(icus: Icus, rng: np.random.Generator) -> Roster:
    """Return the ICUs of one replicate."""
    roster = icus.roster if icus.kind == "registry" else _sample(icus, rng)
    if icus.spread == 1.0:
        return roster
    scaled = {name: [icus.spread * value for value in getattr(roster, name)] for name in EFFECTS}
    return roster.model_copy(update=scaled)


def assign_icus(roster: Roster, n: int) -> IntArray:
    """Return (n,) the row of each patient's ICU in the roster."""
    return np.repeat(np.arange(len(roster.size)), allocate(np.asarray(roster.size), n))
