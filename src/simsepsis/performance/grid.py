"""Estimates of one cell as matrices of series by replicate, filled part by part: each row goes to its place.

Laying out all rows at once sorts them, which takes several times their memory. Where methods, estimands and
number of replicates are known beforehand, as in a run, memory is that of the matrices.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.performance.rows import KEYS, VALUES, Settings, available, read_rows
from simsepsis.performance.study import Study, arrange_series, judged_study
from simsepsis.performance.truth import Truth

Pair = tuple[str, str]
"""A method and an estimand."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """Series of one cell by replicate.

    Attributes
    ----------
    series
        `KEYS` of each series, sorted by estimand and method.
    values
        `VALUES` by name, shape (s, r); NaN where a replicate has no value.
    attempted
        Whether there is a row, shape (s, r).
    """

    series: pd.DataFrame
    values: dict[str, FloatArray]
    attempted: BoolArray

    def place(self, rows: pd.DataFrame) -> BoolArray:
        """Put rows at their places, and return which of them were not there before.

        Rows of methods that lack what they need are told, but take no place.

        Parameters
        ----------
        rows
            Estimate rows of the cell, as for `simsepsis.performance.summarize`; those of other series, and
            of replicates beyond the last one, are passed over.

        Raises
        ------
        DataError
            If a number is impossible.
        """
        found = read_rows(rows, Settings())
        pairs = zip(self.series["method"], self.series["estimand"], strict=True)
        place: dict[tuple[object, object], int] = {pair: row for row, pair in enumerate(pairs)}
        of_codes = np.array(
            [
                [place.get((method, estimand), -1) for estimand in found.labels["estimand"]]
                for method in found.labels["method"]
            ]
        )
        series = of_codes[found.codes["method"], found.codes["estimand"]]
        replicate = rows["replicate"].to_numpy(np.int64)
        new = (series >= 0) & (replicate < self.attempted.shape[1])
        new[new] = ~self.attempted[series[new], replicate[new]]
        kept = new & available(rows)
        where = series[kept], replicate[kept]
        self.attempted[where] = True
        for name, column in found.values.items():
            self.values[name][where] = column[kept]
        return np.asarray(new)

    def first(self, replicates: int) -> Grid:
        """Return the first replicates, without a copy.

        Parameters
        ----------
        replicates
            How many.
        """
        return Grid(
            series=self.series,
            values={name: column[:, :replicates] for name, column in self.values.items()},
            attempted=self.attempted[:, :replicates],
        )

    def study(self, truth: Truth | None, settings: Settings | None = None) -> Study:
        """Return the same study as `simsepsis.performance.study.lay_out` of the rows.

        Parameters
        ----------
        truth, settings
            As of `lay_out`; the level must be the usual one, at which the rows were read.
        """
        there = self.attempted.any(axis=1)
        keys = self.series[there].reset_index(drop=True)
        family, _ = pd.factorize(keys["estimand"])
        rows = np.flatnonzero(there)
        columns = [self.attempted[rows[family == code]].any(axis=0) for code in range(family.max() + 1)]
        width = np.array([np.count_nonzero(own) for own in columns])
        layout = arrange_series(family, width)
        order = layout.rank
        kept = [(rows[series], columns[family[series]]) for series in order]
        return judged_study(
            layout,
            keys.iloc[order].reset_index(drop=True),
            {name: _stored(column, kept) for name, column in self.values.items()},
            _stored(self.attempted, kept),
            truth,
            settings or Settings(),
        )


def empty_grid(cell: object, scenario: str, pairs: Iterable[Pair], replicates: int) -> Grid:
    """Return a grid without rows.

    Parameters
    ----------
    cell, scenario
        Keys that all its rows have.
    pairs
        Methods and estimands that it has a series for.
    replicates
        Replicates from 0 that it has a place for.
    """
    ordered = sorted(pairs, key=lambda pair: pair[::-1])
    keys = [(cell, scenario, method, estimand) for method, estimand in ordered]
    shape = (len(ordered), replicates)
    return Grid(
        series=pd.DataFrame(keys, columns=list(KEYS)),
        values={name: np.full(shape, np.nan) for name in VALUES},
        attempted=np.zeros(shape, dtype=np.bool_),
    )


def _stored(matrix: np.ndarray, kept: list[tuple[int, BoolArray]]) -> np.ndarray:
    """Return series one after another, without the replicates that their family does not have.

    A matrix of which all is kept in its order is not copied.
    """
    if [row for row, _ in kept] == list(range(len(matrix))) and all(own.all() for _, own in kept):
        return matrix.reshape(-1)
    return np.concatenate([matrix[row, own] for row, own in kept])
