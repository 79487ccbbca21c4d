"""How one column is distributed: shares of values, or quantiles, none of which is a single patient's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from simsepsis.arrays import FloatArray
from simsepsis.world.fitted.profile import NODES, Column

FEW = 12
"""Different values up to which a number is described by their shares."""

ATOM = 0.05
"""Share of patients from which one value of a number counts as frequent by itself."""

MOST_DECIMALS = 6
KNOTS = (0.05, 0.35, 0.65, 0.95)
"""Quantiles at which models bend (Harrell, Regression Modeling Strategies, 2015)."""


def learn_column(
    values: FloatArray,
    *,
    kind: str,
    levels: Sequence[str] = (),
    minimum: int,
    bend: bool,
    constant: bool = False,
) -> Column:
    """Return the margin of a column."""
    known = values[~np.isnan(values)]
    if known.size < minimum:
        # So few that nothing may be told of them: the column is constant.
        known = np.full(minimum, float(np.round(np.median(known))) if known.size else 0.0)
    if kind == "category":
        column = _category(known, levels, minimum)
    elif constant or kind == "binary" or np.unique(known).size <= FEW:
        column = _steps(known, minimum)
    else:
        column = _number(known, minimum, bend=bend)
    gaps = int(np.isnan(values).sum())
    return column.model_copy(
        update={"missing": gaps / values.size if gaps >= minimum else 0.0, "fill": float(np.median(known))}
    )


def _category(known: FloatArray, levels: Sequence[str], minimum: int) -> Column:
    counts = _joined_levels(np.bincount(known.astype(np.int64), minlength=len(levels)).astype(float), minimum)
    # The most frequent first, unless `level_order` finds an order that goes better with numbers.
    order = np.argsort(-counts, kind="stable")
    return Column(
        kind="category",
        values=tuple(map(float, order)),
        shares=_sum_one(counts[order]),
        levels=tuple(levels[place] for place in order),
    )


def _steps(known: FloatArray, minimum: int) -> Column:
    found, counts = np.unique(known, return_counts=True)
    values, sizes = _joined_neighbours(found, counts.astype(float), minimum)
    points = tuple(map(float, values))
    if set(points) <= {0.0, 1.0}:
        return Column(kind="binary", values=points, shares=_sum_one(sizes))
    mean, spread = float(known.mean()), float(known.std()) or 1.0
    return Column(kind="ordinal", values=points, shares=_sum_one(sizes), center=mean, spread=spread)


def _number(known: FloatArray, minimum: int, *, bend: bool) -> Column:
    found, counts = np.unique(known, return_counts=True)
    most = int(counts.max())
    atom = float(found[counts.argmax()]) if most >= max(ATOM * known.size, minimum) else None
    rest = known if atom is None else known[known != atom]
    return Column(
        kind="number",
        values=tuple(map(float, quantile_function(rest, minimum))),
        atom=atom,
        atom_share=0.0 if atom is None else most / known.size,
        decimals=decimals_of(known),
        knots=_knots(known) if bend else (),
        center=float(known.mean()),
        spread=float(known.std()) or 1.0,
    )


def quantile_function(values: FloatArray, minimum: int) -> FloatArray:
    """Return the quantiles at the `NODES`, each the mean of the `minimum` patients around it."""
    ordered = np.sort(values)
    n, width = ordered.size, min(minimum, values.size)
    sums = np.concatenate([[0.0], np.cumsum(ordered - ordered[0])])
    first = np.clip(np.rint(ndtr(NODES) * n - width / 2.0), 0, n - width).astype(np.int64)
    lowest, highest = ordered[first], ordered[first + width - 1]
    means = np.where(lowest == highest, lowest, (sums[first + width] - sums[first]) / width + ordered[0])
    return np.asarray(np.maximum.accumulate(means))


def decimals_of(values: FloatArray) -> int | None:
    """Return the decimals that values are recorded with; None for more than `MOST_DECIMALS`."""
    for decimals in range(MOST_DECIMALS + 1):
        if np.allclose(values, np.round(values, decimals), rtol=1e-12, atol=1e-9):
            return decimals
    return None


def _knots(values: FloatArray) -> tuple[float, ...]:
    """Return where models bend; none where the values lie too close together."""
    knots = np.unique(np.quantile(values, KNOTS))
    apart = knots.size >= 3 and np.diff(knots).min() > 1e-3 * (knots[-1] - knots[0])
    return tuple(map(float, knots)) if apart else ()


def _sum_one(counts: FloatArray) -> tuple[float, ...]:
    return tuple(map(float, counts / counts.sum()))


def _joined_levels(counts: FloatArray, minimum: int) -> FloatArray:
    """Return how many have each level, rare ones counted with the most frequent."""
    rare = counts < minimum
    joined = np.where(rare, 0, counts).astype(float)
    joined[counts.argmax()] += counts[rare].sum() if not rare.all() else counts.sum()
    return joined


def _joined_neighbours(found: FloatArray, counts: FloatArray, minimum: int) -> tuple[FloatArray, FloatArray]:
    """Return values and how many have them, each rare one counted with the next more frequent neighbour."""
    values, sizes = list(found), list(map(int, counts))
    while len(values) > 1 and min(sizes) < minimum:
        at = int(np.argmin(sizes))
        beside = [place for place in (at - 1, at + 1) if 0 <= place < len(values)]
        into = max(beside, key=lambda place: sizes[place])
        sizes[into] += sizes[at]
        del values[at], sizes[at]
    return np.array(values), np.array(sizes, dtype=float)
