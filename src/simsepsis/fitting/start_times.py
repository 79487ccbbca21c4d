"""When treatment starts: a hazard in those who are still there and untreated."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simsepsis.analysis.spec_types import DAYS_IN
from simsepsis.arrays import FloatArray
from simsepsis.fitting.follow_up import ends_of_pieces, fit_hazards, survival_of
from simsepsis.fitting.learning import Learning, columns_of, hazard_score, known_rows
from simsepsis.fitting.margins import decimals_of
from simsepsis.fitting.regression import Fit
from simsepsis.world.fitted.profile import Start, Survival

AT_ONCE = -0.5
"""Stands for the middle of the piece from −1 to 0, in which those start who start at once."""


def fit_starts(
    state: Learning, earlier: Mapping[str, float], begins: FloatArray, recorded: tuple[str, float]
) -> tuple[Fit, Start]:
    """Fit the hazard of starting, and what of the covariates makes it higher."""
    spec, cohort = state.spec, state.cohort
    names = [name for name in (spec.survival_time, spec.survival_event) if name]
    rows, survival, stay = known_rows(state, *names), None, np.full(cohort.n, np.inf)
    if len(names) == 2:
        survival, shown = survival_of(cohort.column(names[0])[rows], cohort.column(names[1])[rows] == 1, spec)
        stay[rows] = shown
    starts = shown_starts(begins, survival)
    treated = cohort.treated & rows
    last = float(starts[treated].max())
    last = max(np.ceil(last) if rounding_of(begins, survival) != "none" else last, 1e-6)
    inner = starts[treated & (starts > 0.0)]
    cuts = ends_of_pieces(inner, np.sort(starts[treated]), last)
    if (starts[treated] < 0.0).any():
        cuts = np.concatenate([[-1.0], cuts])
    after, fits = columns_of(state, earlier), list[Fit]()

    def score_given(offset: FloatArray) -> FloatArray:
        fit, score = hazard_score(state, "treatment", treated, rows, after, offset, treated=False)
        fits.extend([] if fit is None else [fit])
        return score

    time = np.where(treated, starts, np.minimum(stay, last))
    hazards, _ = fit_hazards(time[rows], treated[rows], cuts, score_given)
    rounding = rounding_of(begins, survival)
    start = Start(
        column=recorded[0],
        scale=recorded[1],
        cuts=tuple(map(float, cuts)),
        hazards=tuple(map(float, hazards)),
        rounding=rounding,  # type: ignore[arg-type]
        decimals=decimals_of(begins[cohort.treated] * recorded[1]) if rounding == "none" else None,
        early=2.0 / DAYS_IN[spec.time_unit],
    )
    return fits[-1], start


def rounding_of(begins: FloatArray, survival: Survival | None) -> str:
    """Return how starts are recorded: like the follow-up where they are whole numbers."""
    if decimals_of(begins[np.isfinite(begins)]) != 0:
        return "none"
    return "down" if survival is not None and survival.rounding == "down" else "up"


def shown_starts(begins: FloatArray, survival: Survival | None) -> FloatArray:
    """Return starts as they are fitted: whole numbers in the middle of what they stand for."""
    rounding = rounding_of(begins, survival)
    if rounding == "down":
        return begins + 0.5
    return np.where(begins > 0.0, begins - 0.5 * (rounding == "up"), AT_ONCE)
