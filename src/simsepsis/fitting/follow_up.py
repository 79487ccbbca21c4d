"""Follow-up: hazards constant in pieces, of the event and of leaving without it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.fitting.margins import decimals_of
from simsepsis.world.fitted.profile import Survival

PIECES = 30
"""Pieces of constant hazard at the most."""

EVENTS_PER_PIECE = 20
ROUNDS = 12
AT_THE_END = 0.01
"""Share of patients who leave at the last time from which that is the end of all follow-up."""


def survival_of(time: FloatArray, event: BoolArray, spec: AnalysisSpec) -> tuple[Survival, FloatArray]:
    """Return the frame of a follow-up with hazards of 0, and the times on which they are to be fitted.

    Whole numbers of days stand for the day that ends, or begins where some are 0, so they are taken to be in
    the middle of it.
    """
    decimals = decimals_of(time)
    rounding = "none"
    shown = time
    if decimals == 0:
        rounding = "down" if time.min() < 1 else "up"
        inside = event | (time < time.max())
        shown = np.where(inside, time + (0.5 if rounding == "down" else -0.5), time)
    end = float(time.max())
    if np.mean(time == end) < AT_THE_END:
        # The longest follow-up is one patient's own: the end is a mean of several.
        end = float(np.sort(time)[-min(10, time.size) :].mean())
    cuts = ends_of_pieces(shown[event], np.sort(shown), end)
    survival = Survival(
        time=str(spec.survival_time),
        event=str(spec.survival_event),
        cuts=tuple(map(float, cuts)),
        hazards=(0.0,) * (len(cuts) - 1),
        leaving=(0.0,) * (len(cuts) - 1),
        rounding=rounding,  # type: ignore[arg-type]
        decimals=decimals if rounding == "none" else None,
        horizon=spec.rmst_horizon,
        discharge=spec.censoring in ("discharge", "day28_alive"),
    )
    return survival, np.minimum(np.maximum(shown, 0.0), end)


def ends_of_pieces(dead: FloatArray, ordered: FloatArray, end: float) -> FloatArray:
    """Return ends of pieces with about equally many events; quantiles of all times without events."""
    source = np.sort(dead) if dead.size else ordered
    pieces = int(np.clip(source.size // EVENTS_PER_PIECE, 1, PIECES))
    inner = np.unique(np.quantile(source, np.arange(1, pieces) / pieces)) if pieces > 1 else np.zeros(0)
    inner = inner[(inner > 0.0) & (inner < end * (1.0 - 1e-9))]
    return np.concatenate([[0.0], inner, [end]])


def exposure_in(time: FloatArray, cuts: FloatArray) -> FloatArray:
    """Return the time that each patient spends in each piece, (n, pieces)."""
    spent: FloatArray = np.clip(time[:, None] - cuts[:-1], 0.0, np.diff(cuts))
    return spent


def fit_hazards(
    time: FloatArray,
    ended: BoolArray,
    cuts: FloatArray,
    score_given: Callable[[FloatArray], FloatArray],
    since: FloatArray | None = None,
) -> tuple[FloatArray, float]:
    r"""Return the hazard of each piece, and the log hazard ratio from `since` on, beside the predictor.

    With hazards :math:`h_k e^{\eta_i}` the likelihood is that of Poisson counts with mean
    :math:`\Lambda_0(t_i) e^{\eta_i}`: the predictor is fitted with the log cumulative hazard as offset, then
    :math:`h_k = D_k / \sum_i e^{\eta_i} t_{ik}`, until nothing changes. Time after a start counts
    :math:`e^\beta` times, with :math:`e^\beta` the events after starts over those expected without effect.
    """
    spent = exposure_in(time, cuts)
    after = spent - exposure_in(np.minimum(time, time if since is None else since), cuts)
    piece = np.clip(np.searchsorted(cuts, time, side="left") - 1, 0, len(cuts) - 2)
    deaths = np.bincount(piece[ended], minlength=len(cuts) - 1).astype(float)
    hazards: FloatArray = deaths / np.maximum(spent.sum(axis=0), 1e-9)
    change = 0.0
    if not ended.any():
        score_given(np.zeros(time.size))
        return hazards, change
    started = 0 if since is None else int(np.count_nonzero(ended & (since < time)))
    for _ in range(ROUNDS):
        counts = spent + np.expm1(change) * after
        bearing: FloatArray = np.log(np.maximum(counts @ hazards, 1e-8))
        score = score_given(bearing)
        if started:
            change = float(np.log(started / max(float(np.exp(score) @ (after @ hazards)), 1e-9)))
            counts = spent + np.expm1(change) * after
        found: FloatArray = deaths / np.maximum(np.exp(score) @ counts, 1e-9)
        moved = np.max(np.abs(np.log(np.maximum(found, 1e-12) / np.maximum(hazards, 1e-12))))
        hazards = found
        if moved < 1e-3:
            break
    return hazards, change


def derived_day(outcome: FloatArray, time: FloatArray, event: BoolArray) -> float | None:
    """Return the last day by which the event makes an outcome, infinite for any; None if it does not."""
    known = ~(np.isnan(outcome) | np.isnan(time))
    y, t, dead = outcome[known] == 1, time[known], event[known]
    if (y == dead).all():
        return float("inf")
    if not y.any() or (y & ~dead).any():
        return None
    last = float(t[y].max())
    return last if (y == (dead & (t <= last))).all() and last > 0.0 else None
