"""Correlations of a learned world, corrected until what it generates hangs together as its source does."""

from __future__ import annotations

import numpy as np

from simsepsis.arrays import FloatArray
from simsepsis.fitting.dependence import (
    LARGEST,
    Scores,
    nearest,
    observed_correlations,
    reliability,
    scores_of,
    weights_of,
)
from simsepsis.streams import streams
from simsepsis.world.fitted.covariates import draw_covariates
from simsepsis.world.fitted.profile import Profile
from simsepsis.world.fitted.scenario import in_memory
from simsepsis.world.fitted.simulate import place_patients, roster_of

PATIENTS = 40_000
ROUNDS = 5
SEED = 1
STEP = 0.8
"""Share of what is missing that a round corrects."""


def refined(profile: Profile, scores: Scores) -> Profile:
    r"""Return a profile whose correlations make up for what the formula of one pair at a time leaves.

    Levels of a category are seen only by patients who have none of those before, clusters take their part of
    a variance, and correlations that are not possible together had to be mended. So patients are generated,
    their correlations computed as those of the source were, and what differs is added,
    :math:`\rho \leftarrow \rho + \lambda (r - r') / (a_1 b_1)`, for a few rounds; the best of them counts.
    """
    wanted, trust = observed_correlations(scores.values), reliability(scores)
    weights = weights_of(scores)
    slope = np.maximum(np.outer(scores.hermite[:, 0], scores.hermite[:, 0]), 0.2)
    matrix, best, least = profile.matrix, profile, np.inf
    for _ in range(ROUNDS):
        candidate = _with(profile, matrix)
        gap = np.where(wanted == 0.0, 0.0, wanted - _generated(candidate)) * trust
        np.fill_diagonal(gap, 0.0)
        size = float((weights * gap**2).sum())
        if size < least:
            best, least = candidate, size
        changed = np.clip(matrix + STEP * gap / slope, -LARGEST, LARGEST)
        np.fill_diagonal(changed, 1.0)
        matrix = nearest(changed, weights)
    return best


def _with(profile: Profile, matrix: FloatArray) -> Profile:
    """Return the profile with other correlations."""
    return profile.model_copy(update={"correlation": lower_triangle(matrix)})


def lower_triangle(matrix: FloatArray) -> tuple[tuple[float, ...], ...]:
    """Return the correlations as a profile has them."""
    return tuple(
        tuple(round(float(value), 4) for value in matrix[row, :row]) for row in range(1, len(matrix))
    )


def _generated(profile: Profile) -> FloatArray:
    """Return the correlations of scores among generated patients."""
    bare = profile.model_copy(update={"models": {"treatment": profile.models["treatment"]}})
    draw = streams(SEED)
    roster = roster_of(in_memory(bare), draw("icus"))
    people = draw_covariates(
        bare, place_patients(roster, PATIENTS), roster.effects, roster.means, roster.fixed, draw("patients")
    )
    values = {
        name: np.where(people.missing[row], np.nan, people.values[row])
        for row, name in enumerate(profile.columns)
    }
    return observed_correlations(scores_of(profile.columns, values).values)
