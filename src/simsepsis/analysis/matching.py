"""Matching treated patients to controls on a scalar score, with and without a caliper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simsepsis.analysis.inputs import binary_vector, finite_vector, label_codes
from simsepsis.analysis.matching_kernels import (
    match_closest,
    match_in_order,
    match_random,
    match_with_replacement,
)
from simsepsis.analysis.numeric import finite_number, shown, whole_number
from simsepsis.arrays import BoolArray, FloatArray, IntArray, stable_order
from simsepsis.errors import DataError, UsageError

CALIPER_SDS = ("overall", "pooled", "raw")
ORDERS = ("random", "largest", "smallest", "data", "closest")
SELECTIONS = ("nearest", "random_in_caliper")

_FARTHEST = 1e150
"""Largest score whose square, and whose distance to another, has a number."""

_Number = TypeVar("_Number", np.float64, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matches:
    """Pairs of one treated and one control row, ordered by treated row and then by round.

    Attributes
    ----------
    treated, control
        Row indices, one entry for each pair, shape (m,).
    distance
        Absolute difference of the two scores, shape (m,).
    caliper
        Greatest distance allowed, in units of the score; inf without a caliper.
    unmatched_treated
        Rows of treated patients without any control, ascending.
    """

    treated: IntArray
    control: IntArray
    distance: FloatArray
    caliper: float
    unmatched_treated: IntArray

    @property
    def n_pairs(self) -> int:
        """Number of pairs."""
        return int(self.treated.size)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sample:
    """Units in joint order: by stratum, then score, then row; controls with a sentinel at each end."""

    treated_rows: IntArray
    control_rows: IntArray
    treated_score: FloatArray
    treated_rank: IntArray
    treated_stratum: IntArray
    before: IntArray
    control_score: FloatArray
    control_rank: IntArray
    control_stratum: IntArray


def match_pairs(
    score: ArrayLike,
    treated: ArrayLike,
    *,
    caliper: float | None = 0.2,
    caliper_sd: str = "overall",
    order: ArrayLike = "random",
    select: str = "nearest",
    ratio: int = 1,
    replace: bool = False,
    exact: ArrayLike | None = None,
    rng: np.random.Generator | None = None,
) -> Matches:
    """Match each treated unit to the nearest control on a scalar score (estimand: the treated, ATT).

    Parameters
    ----------
    score
        Propensity score or its logit, shape (n,); the caliper is on this scale.
    treated
        True or 1 for treated, False or 0 for controls, shape (n,).
    caliper
        Greatest distance allowed (inclusive), in standard deviations of the score; in units of the score
        where `caliper_sd` is ``"raw"``. None or inf: no caliper.
    caliper_sd
        ``"overall"``: SD of both arms together, divisor n − 1. ``"pooled"``: √((s₁² + s₀²)/2) of Austin.
        ``"raw"``: no standard deviation. Always of the whole sample, also with `exact`.
    order
        Which treated unit chooses first: ``"random"`` (needs `rng`), ``"largest"`` or ``"smallest"`` score,
        ``"data"`` (row order), ``"closest"`` (the globally closest free pair, again and again), or an array
        with the row indices of all treated units in the order in which they choose.
    select
        ``"nearest"`` control, or ``"random_in_caliper"``: any free control inside the caliper with equal
        chance (needs `rng`).
    ratio
        Controls for each treated unit; all first matches are made before any second.
    replace
        Whether a control may serve several treated units.
    exact
        Stratum label of each unit, shape (n,); pairs never cross strata.
    rng
        Source of the random order and of the random choice.

    Returns
    -------
    Matches
        Row indices of the pairs. More treated than controls leaves treated units unmatched; the arms are
        never swapped.

    Raises
    ------
    DataError
        If a score is NaN or infinite, the treatment is not binary, or an arm is empty.
    UsageError
        If an option is unknown, the caliper is negative, or a random choice has no `rng`.

    Notes
    -----
    Ties: units are ranked by a stable sort; of two equally distant controls the one fewer rank steps away is
    taken, then the lower one. This is ``MatchIt::matchit`` 4.7 pair for pair (``method = "nearest"``, with
    ``std.caliper = TRUE`` for ``"overall"``), except for the order of random draws.

    References
    ----------
    Rosenbaum PR, Rubin DB. Am Stat 1985;39:33. Austin PC. Pharm Stat 2011;10:150; Stat Med 2014;33:1057.
    """
    scores, arm = _checked_units(score, treated)
    _check_options(caliper_sd, order, select, ratio, rng)
    width = caliper_width(scores, arm, caliper, caliper_sd)
    stratum = np.zeros(arm.size, np.int64) if exact is None else label_codes(exact, "exact", arm.size)
    sample = _joint_order(scores, arm, stratum)
    most = min(int(ratio), sample.control_rows.size)
    choice = _choose(sample, width, order, select, most, replace, rng)
    rounds, units = np.nonzero(choice.T)
    controls = choice.T[rounds, units] - 1
    by_unit = np.argsort(sample.treated_rows[units], kind="stable")
    treated_rows = sample.treated_rows[units][by_unit]
    control_rows = sample.control_rows[controls][by_unit]
    return Matches(
        treated=treated_rows,
        control=control_rows,
        distance=np.abs(scores[treated_rows] - scores[control_rows]),
        caliper=width,
        unmatched_treated=np.sort(sample.treated_rows[~choice.any(axis=1)]),
    )


def caliper_width(score: FloatArray, treated: BoolArray, caliper: float | None, caliper_sd: str) -> float:
    """Return the greatest distance allowed, in units of the score."""
    if caliper is None:
        return float("inf")
    try:
        caliper = finite_number(caliper, "caliper", least=0.0, endless=True)
    except UsageError:
        raise UsageError(
            f"caliper {shown(caliper)} is not a width; give a number of 0 or more, or None for no caliper"
        ) from None
    if caliper_sd == "raw" or caliper == np.inf:
        return caliper
    if caliper_sd == "overall":
        return caliper * float(score.std(ddof=1))
    if min(treated.sum(), (~treated).sum()) < 2:
        raise DataError("one arm has a single unit, so the pooled SD is undefined; use caliper_sd='overall'")
    return caliper * float(np.sqrt((score[treated].var(ddof=1) + score[~treated].var(ddof=1)) / 2))


def match_weights(matches: Matches, n: int) -> FloatArray:
    """Weights of the matched sample for the effect in the treated, shape (n,).

    Returns
    -------
    FloatArray
        1 for a matched treated unit; for a control, the sum over its treated units of one over the number of
        controls that unit has; 0 for the unmatched. Controls sum to the number of matched treated units.
    """
    partners = np.bincount(matches.treated, minlength=n).astype(np.float64)
    share = 1 / partners[matches.treated]
    weights: FloatArray = np.bincount(matches.control, weights=share, minlength=n).astype(np.float64)
    weights[matches.treated] = 1.0
    return weights


def _checked_units(score: ArrayLike, treated: ArrayLike) -> tuple[FloatArray, BoolArray]:
    """Return finite scores and a Boolean arm, both arms present."""
    scores = finite_vector(score, "score")
    arm = binary_vector(treated, "treated", scores.size) == 1
    far = np.flatnonzero(np.abs(scores) > _FARTHEST)
    if far.size:
        raise DataError(f"score: row {far[0]} is {scores[far[0]]:g}; divide the scores by a constant")
    if arm.all() or not arm.any():
        empty = "control" if arm.any() else "treated"
        raise DataError(f"there is no {empty} unit among {arm.size}; matching needs both arms")
    return scores, arm


def _check_options(
    caliper_sd: str, order: ArrayLike, select: str, ratio: int, rng: np.random.Generator | None
) -> None:
    """Refuse options that do not exist or do not go together."""
    for value, known, name in (
        (caliper_sd, CALIPER_SDS, "caliper_sd"),
        (order if isinstance(order, str) else "data", ORDERS, "order"),
        (select, SELECTIONS, "select"),
    ):
        if value not in known:
            raise UsageError(f"{name} '{value}' is unknown; choose one of {', '.join(known)}")
    try:
        whole_number(ratio, "ratio", least=1)
    except UsageError:
        raise UsageError(f"ratio {shown(ratio)} is not a number of controls; give 1 or more") from None
    random = select == "random_in_caliper"
    if random and isinstance(order, str) and order == "closest":
        raise UsageError(
            "order 'closest' takes the nearest pair; it cannot go with select 'random_in_caliper'"
        )
    if rng is None and (random or (isinstance(order, str) and order == "random")):
        raise UsageError(
            "a random order or choice needs a generator; pass rng=numpy.random.default_rng(seed)"
        )


def _joint_order(score: FloatArray, arm: BoolArray, stratum: IntArray) -> _Sample:
    """Rank all units together and lay the controls out in that order."""
    joint = np.lexsort((score, stratum)) if stratum.any() else stable_order(score)
    rank = np.empty(score.size, np.int64)
    rank[joint] = np.arange(score.size)
    controls = joint[~arm[joint]]
    rows = np.flatnonzero(arm)
    before = np.cumsum(~arm[joint], dtype=np.int64)[rank[rows]]
    return _Sample(
        treated_rows=rows,
        control_rows=controls,
        treated_score=score[rows],
        treated_rank=rank[rows],
        treated_stratum=stratum[rows],
        before=before,
        control_score=_between(score[controls], np.nan),
        control_rank=_between(rank[controls], -1),
        control_stratum=_between(stratum[controls], -1),
    )


def _between(values: NDArray[_Number], sentinel: float) -> NDArray[_Number]:
    """Return the values with the sentinel before the first and after the last."""
    framed = np.full(values.size + 2, sentinel, dtype=values.dtype)
    framed[1:-1] = values
    return framed


def _choose(
    sample: _Sample,
    width: float,
    order: ArrayLike,
    select: str,
    ratio: int,
    replace: bool,
    rng: np.random.Generator | None,
) -> IntArray:
    """Return the control positions (from 1; 0 for none) of each treated unit, shape (treated, ratio)."""
    units = (sample.treated_score, sample.treated_rank, sample.treated_stratum, sample.before)
    controls = (sample.control_score, sample.control_rank, sample.control_stratum)
    if isinstance(order, str) and order == "closest" and not replace:
        return np.asarray(match_closest(*units, *controls, width, ratio))
    sequence = _sequence(sample, order, rng)
    if select == "random_in_caliper":
        assert rng is not None
        draws = rng.random((ratio, sequence.size))
        return np.asarray(match_random(sequence, *units, *controls, width, ratio, replace, draws))
    kernel = match_with_replacement if replace else match_in_order
    return np.asarray(kernel(sequence, *units, *controls, width, ratio))


def _sequence(sample: _Sample, order: ArrayLike, rng: np.random.Generator | None) -> IntArray:
    """Return the positions of the treated units in the order in which they choose."""
    count = sample.treated_rows.size
    if not isinstance(order, str):
        rows = np.asarray(order)
        if rows.shape != (count,) or not np.array_equal(np.sort(rows), sample.treated_rows):
            raise UsageError(f"order must list each of the {count} treated rows once")
        return np.searchsorted(sample.treated_rows, rows).astype(np.int64)
    if order == "random":
        assert rng is not None
        return rng.permutation(count)
    if order == "largest":
        return np.argsort(-sample.treated_score, kind="stable")
    if order == "smallest":
        return np.argsort(sample.treated_score, kind="stable")
    return np.arange(count)
