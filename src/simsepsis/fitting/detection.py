"""Whether anybody could tell real from synthetic patients: by one column, by two, by all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.propensity import c_statistic
from simsepsis.arrays import BoolArray, FloatArray, IntArray

CELLS = 8
"""Intervals of each column in the classifier of a pair."""

MOST_FEATURES = 1_500
"""Terms of the classifier of all columns; products beyond are left out."""

NULLS = 5
"""Comparisons of two synthetic cohorts, which nothing tells apart."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detection:
    """Areas under the curve of classifiers between real and synthetic patients, 0.5 for none.

    Attributes
    ----------
    frame
        ``what, auc, null_mean, null_high``: the worst column, the worst pair, and all columns with their
        squares and products; beside it the same between two synthetic cohorts.
    worst
        Names of the worst column and pair.
    """

    frame: pd.DataFrame
    worst: tuple[str, str]


def detect(names: Sequence[str], real: CohortArrays, made: Sequence[CohortArrays], *, seed: int) -> Detection:
    """Return how well classifiers tell the source from a cohort of the world.

    Every classifier is fitted on one half of both and judged on the other, so that what is learned by chance
    does not count.
    """
    rng = np.random.default_rng(seed)
    own = _areas(names, real, made[0], rng)
    nulls = [
        _areas(names, made[place % len(made)], made[(place + 1) % len(made)], rng) for place in range(NULLS)
    ]
    rows = [
        {
            "what": what,
            "auc": own[what][0],
            "null_mean": float(np.mean([one[what][0] for one in nulls])),
            "null_high": float(np.max([one[what][0] for one in nulls])),
        }
        for what in own
    ]
    return Detection(frame=pd.DataFrame(rows), worst=(own["one column"][1], own["two columns"][1]))


def _areas(
    names: Sequence[str], first: CohortArrays, second: CohortArrays, rng: np.random.Generator
) -> dict[str, tuple[float, str]]:
    values = [np.concatenate([first.column(name), second.column(name)]) for name in names]
    label = np.concatenate([np.ones(first.n, dtype=np.bool_), np.zeros(second.n, dtype=np.bool_)])
    fit = rng.random(label.size) < 0.5
    codes = [_cells(column) for column in values]
    singles = [
        (_by_cells(code, CELLS + 2, label, fit), name) for code, name in zip(codes, names, strict=True)
    ]
    pairs = [
        (
            _by_cells(codes[a] * (CELLS + 2) + codes[b], (CELLS + 2) ** 2, label, fit),
            f"{names[a]} with {names[b]}",
        )
        for a in range(len(names))
        for b in range(a)
    ] or [(0.5, "")]
    return {
        "one column": max(singles),
        "two columns": max(pairs),
        "a column, on average": (float(np.mean([area for area, _ in singles])), ""),
        "a pair, on average": (float(np.mean([area for area, _ in pairs])), ""),
        "all columns, squares and products": (_by_all(values, label, fit), ""),
    }


def _cells(values: FloatArray) -> IntArray:
    """Return in which of at most `CELLS` intervals a value lies; no value has one of its own."""
    known = values[~np.isnan(values)]
    edges = np.unique(np.quantile(known, np.arange(1, CELLS) / CELLS)) if known.size else np.zeros(0)
    return np.where(np.isnan(values), CELLS + 1, np.searchsorted(edges, np.nan_to_num(values)))


def _by_cells(code: IntArray, size: int, label: BoolArray, fit: BoolArray) -> float:
    """Return the area of the classifier that knows how real the patients of a cell were in the other half."""
    real = np.bincount(code[fit], label[fit], minlength=size)
    total = np.bincount(code[fit], minlength=size)
    # Half a patient of each kind in every cell, so that an empty one says nothing.
    score = ((real + 0.5) / (total + 1.0))[code[~fit]]
    return c_statistic(score, label[~fit])


def _by_all(values: Sequence[FloatArray], label: BoolArray, fit: BoolArray) -> float:
    """Return the area of a ridge discriminant of all columns, their squares and products."""
    columns = np.array([_standard(column) for column in values])
    gaps = np.array([np.isnan(column) for column in values if np.isnan(column).any()], dtype=float)
    first, second = np.triu_indices(len(columns))
    products = columns[first[:MOST_FEATURES]] * columns[second[:MOST_FEATURES]]
    X = np.concatenate([columns, gaps.reshape(-1, label.size), products]).T
    X = np.clip((X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-9), -5.0, 5.0)
    target = np.where(label[fit], 1.0, -1.0) - (2.0 * label[fit].mean() - 1.0)
    gram = X[fit].T @ X[fit]
    weights = np.linalg.solve(gram + 0.05 * fit.sum() * np.eye(gram.shape[0]), X[fit].T @ target)
    return c_statistic(X[~fit] @ weights, label[~fit])


def _standard(column: FloatArray) -> FloatArray:
    known = ~np.isnan(column)
    mean, spread = float(column[known].mean()), float(column[known].std()) or 1.0
    return np.where(known, np.clip((column - mean) / spread, -5.0, 5.0), 0.0)
