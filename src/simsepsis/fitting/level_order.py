"""The order in which levels of a category are drawn, so that they go with numbers as the cohort's do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.world.fitted.profile import Column

GROUPS = 8
"""Groups of about as many patients into which a number is cut."""

STRONGEST = 3
"""Numbers that differ most between levels, along each of which these may be put in order."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """Levels of a category by groups of a number.

    Attributes
    ----------
    counts
        (levels, groups) patients.
    score
        (groups,) normal score of the number.
    """

    counts: FloatArray
    score: FloatArray

    @property
    def means(self) -> FloatArray:
        """Return the mean score of each level."""
        return np.asarray(self.counts @ self.score / np.maximum(self.counts.sum(axis=1), 1.0))

    @property
    def between(self) -> float:
        """Return how much of the score's variance lies between levels."""
        return float(self.means**2 @ self.counts.sum(axis=1) / self.counts.sum())


def levels_in_order(columns: Mapping[str, Column], values: Mapping[str, FloatArray]) -> dict[str, Column]:
    r"""Return the columns, with the levels of each category in the order that suits numbers best.

    A level is taken by some of those whom no level before it took, with a chance of :math:`\Phi(a + b z)` for
    a number's normal score z. How far that is from the cohort depends on the order. Tried are that of
    frequency and, in both directions, those of the levels' means of the numbers that differ most between
    them; the smallest sum of squares over all numbers decides.
    """
    numbers = [values[name] for name, column in columns.items() if column.kind in ("number", "ordinal")]
    return {
        name: _ordered(column, values[name], numbers) if column.kind == "category" else column
        for name, column in columns.items()
    }


def _ordered(column: Column, values: FloatArray, numbers: Sequence[FloatArray]) -> Column:
    levels = np.array(column.values)[np.array(column.shares) > 0.0]
    tables = [table for number in numbers if (table := _counted(levels, values, number)) is not None]
    if levels.size < 3 or not tables:
        return column
    best = min(_candidates(levels.size, tables), key=lambda order: _misfit(tables, order))
    order = [*best, *range(levels.size, len(column.values))]
    return column.model_copy(
        update={
            field: tuple(getattr(column, field)[place] for place in order)
            for field in ("values", "shares", "levels")
        }
    )


def _counted(levels: FloatArray, values: FloatArray, number: FloatArray) -> Table | None:
    """Return the levels by groups of a number; None where it has fewer than three."""
    seen = np.isin(values, levels) & ~np.isnan(number)
    if not seen.any():
        return None
    edges = np.unique(np.quantile(number[seen], np.arange(1, GROUPS) / GROUPS))
    group = np.searchsorted(edges, number[seen])
    counts = np.array(
        [np.bincount(group[values[seen] == level], minlength=edges.size + 1) for level in levels]
    )
    counts = counts[:, counts.sum(axis=0) > 0].astype(float)
    share = counts.sum(axis=0) / counts.sum()
    return Table(counts=counts, score=ndtri(np.cumsum(share) - share / 2.0)) if share.size > 2 else None


def _candidates(levels: int, tables: Sequence[Table]) -> Iterator[IntArray]:
    """Yield orders worth a try; levels come by frequency."""
    yield np.arange(levels)
    for table in sorted(tables, key=lambda table: -table.between)[:STRONGEST]:
        rising = np.argsort(table.means, kind="stable")
        yield rising
        yield rising[::-1]


def _misfit(tables: Sequence[Table], order: IntArray) -> float:
    """Return the sum of squares by which chances of levels, each a line in normal scores, miss the counts."""
    return sum(_missed(table.counts[order], table.score) for table in tables)


def _missed(counts: FloatArray, score: FloatArray) -> float:
    """Return the chi-square of lines fitted level by level to the probits of what is taken (Berkson 1955)."""
    left = counts[::-1].cumsum(axis=0)[::-1][:-1]
    # Half a patient of each kind, so that no chance is 0 or 1.
    share = (counts[:-1] + 0.5) / (left + 1.0)
    probit = ndtri(share)
    weight = left * np.exp(-(probit**2)) / (share * (1.0 - share))
    total = np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
    away = score - (weight * score).sum(axis=1, keepdims=True) / total
    slope = (weight * away * probit).sum(axis=1, keepdims=True)
    slope /= np.maximum((weight * away**2).sum(axis=1, keepdims=True), 1e-12)
    chance = ndtr((weight * probit).sum(axis=1, keepdims=True) / total + slope * away)
    return float((left * (share - chance) ** 2 / np.maximum(chance * (1.0 - chance), 1e-3)).sum())
