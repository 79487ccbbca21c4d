"""Correlations that no table prints: none, another cohort's or random ones, and those along the treatment."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import numpy as np

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import UsageError, did_you_mean
from simsepsis.fitting.printed_margins import PrintedColumn

Correlations = Literal["independence", "borrowed", "random"]
CHOICES: tuple[Correlations, ...] = ("independence", "borrowed", "random")
LENDERS = ("intensive_care", "simulated_registry")
"""Cohorts whose learned correlations are shipped."""

FACTORS = (1, 2, 3)
USUAL_LOADING = 0.35
"""Usual loading of a normal variable on a random factor."""

COPIES = 0.5
"""Factor on correlations with the second copy of a lender that has fewer variables than are needed."""

LARGEST_LOADING = 0.9
TYPICAL = 0.15
"""Usual size of a correlation: the root mean square is 0.12 and 0.17 in the two lenders."""

MOST_FACTOR = 0.95
HALVINGS = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lender:
    """Correlations of another cohort: (normal variables,) squared, and of what kind each variable is."""

    kinds: tuple[str, ...]
    matrix: FloatArray


@cache
def lender(name: str) -> Lender:
    """Return shipped correlations.

    Raises
    ------
    UsageError
        If there are none of that name.
    """
    if name not in LENDERS:
        near = did_you_mean(name, LENDERS) or f"; there are {', '.join(LENDERS)}"
        raise UsageError(f"lender '{name}' of correlations is unknown{near}")
    text = (files("simsepsis.fitting") / "borrowed" / f"{name}.json").read_text("utf-8")
    document = json.loads(text)
    rows: list[list[float]] = document["correlation"]
    matrix = np.eye(len(rows) + 1)
    for place, row in enumerate(rows, start=1):
        matrix[place, :place] = matrix[:place, place] = row
    return Lender(kinds=tuple(document["kinds"]), matrix=matrix)


def assumed_correlations(
    columns: Sequence[PrintedColumn],
    correlations: Correlations,
    rng: np.random.Generator,
    *,
    typical: float = TYPICAL,
    chance: float = 0.0,
    lenders: Sequence[str] = LENDERS,
) -> FloatArray:
    r"""Return correlations of the normal variables behind printed columns.

    To them a factor is added that loads on each variable as far as the arms differ in it: who is sicker is
    sicker in everything for which patients are treated, so that many small differences are one. Were the
    score's p coefficients of any direction, the squared distance of the arms :math:`D^2 = d'R^{-1}d` would
    be :math:`d'd / (1 + (p-1) r^2)` on average, with d the printed differences in SD and r the usual size of
    a correlation; the factor has the weight that makes it so. What d has of chance goes in no direction, and
    its part of the distance stays what it is.

    Parameters
    ----------
    columns
        In the order of the profile.
    correlations
        ``independence``; ``borrowed``: those of one of `lenders`, its variables given to columns of the same
        kind at random; ``random``: :math:`\Lambda\Lambda^\top + D` of one to three factors.
    rng
        For what is random.
    typical
        r; 0 for no such factor.
    chance
        Variance that each difference has by chance.
    lenders
        Names of shipped correlations.

    Raises
    ------
    UsageError
        If `correlations` is none of these.
    """
    kinds = [kind for column in columns for kind in _kinds(column)]
    owner = np.repeat(np.arange(len(columns)), [column.column.latents for column in columns])
    if correlations == "independence":
        base = np.eye(len(kinds))
    elif correlations == "borrowed":
        base = _borrowed(kinds, lender(str(rng.choice(list(lenders)))), rng)
    elif correlations == "random":
        base = _random(len(kinds), rng)
    else:
        near = did_you_mean(correlations, CHOICES) or f"; choose {', '.join(CHOICES)}"
        raise UsageError(f"correlations = '{correlations}' is unknown{near}")
    lean = np.concatenate([column.lean for column in columns])
    seen = np.concatenate([column.seen for column in columns])
    by_chance = min(lean.size * chance, float(lean @ lean))
    wanted = (float(lean @ lean) - by_chance) / (1.0 + (lean.size - 1) * typical**2) + by_chance
    found = base if typical == 0.0 else _with_factor(base, lean, seen, wanted)
    return _apart(found, owner)


def _apart(matrix: FloatArray, owner: IntArray) -> FloatArray:
    """Return correlations without those between levels of one category, whose shares they would change."""
    alone = np.where((owner[:, None] == owner) & ~np.eye(owner.size, dtype=bool), 0.0, matrix)
    values, vectors = np.linalg.eigh(alone)
    root = vectors * np.sqrt(np.maximum(values, 1e-3))
    root /= np.linalg.norm(root, axis=1, keepdims=True)
    found: FloatArray = root @ root.T
    return found


def _with_factor(base: FloatArray, lean: FloatArray, seen: FloatArray, wanted: float) -> FloatArray:
    """Return correlations with as much of a factor along the differences as gives their squared distance."""
    factor = _one_factor(lean / np.maximum(seen, 0.1))

    def distance(weight: float) -> float:
        latent = (1.0 - weight) * base + weight * factor
        visible = seen[:, None] * latent * seen
        np.fill_diagonal(visible, 1.0)
        return float(lean @ np.linalg.solve(visible, lean))

    low, high = 0.0, MOST_FACTOR
    if distance(low) <= wanted:
        return base
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if distance(middle) > wanted else (low, middle)
    return (1.0 - high) * base + high * factor


def _kinds(column: PrintedColumn) -> list[str]:
    own = column.column
    return [own.kind] * own.latents


def _borrowed(kinds: Sequence[str], source: Lender, rng: np.random.Generator) -> FloatArray:
    """Return a lender's correlations, its variables given at random to those of the same kind."""
    places, copies = np.zeros(len(kinds), np.int64), np.zeros(len(kinds), np.int64)
    for kind in sorted(set(kinds)):
        own = np.flatnonzero([one == kind for one in kinds])
        alike = np.flatnonzero([one == kind for one in source.kinds])
        if alike.size == 0:
            alike = np.arange(len(source.kinds))
        places[own], copies[own] = _dealt(own.size, alike, rng)
    lent = source.matrix[np.ix_(places, places)]
    # A Kronecker product of correlations is one of correlations, and so is every part of it.
    found: FloatArray = lent * np.where(copies[:, None] == copies, 1.0, COPIES)
    return found


def _dealt(count: int, cards: IntArray, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Return which card each gets, and in which round; all are dealt before any is dealt again."""
    rounds = -(-count // cards.size)
    dealt = np.concatenate([rng.permutation(cards) for _ in range(rounds)])[:count]
    return dealt, np.repeat(np.arange(rounds), cards.size)[:count]


def _random(size: int, rng: np.random.Generator) -> FloatArray:
    loadings = rng.normal(0.0, USUAL_LOADING, (size, int(rng.choice(FACTORS))))
    length = np.linalg.norm(loadings, axis=1, keepdims=True)
    loadings *= np.minimum(1.0, LARGEST_LOADING / np.maximum(length, 1e-12))
    return _of_loadings(loadings)


def _one_factor(lean: FloatArray) -> FloatArray:
    """Return correlations by one factor whose largest loading is `LARGEST_LOADING`."""
    largest = float(np.abs(lean).max(initial=0.0))
    return _of_loadings(LARGEST_LOADING * lean[:, None] / max(largest, 1e-12))


def _of_loadings(loadings: FloatArray) -> FloatArray:
    matrix: FloatArray = loadings @ loadings.T
    np.fill_diagonal(matrix, 1.0)
    return matrix
