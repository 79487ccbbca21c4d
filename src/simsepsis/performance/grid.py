"""Replicates side by side: matrices of series by replicate, filled at once or part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import DataError
from simsepsis.performance.estimate_rows import KEYS, VALUES, Rows, Settings, available, named, read_rows
from simsepsis.performance.mcse import undefined_as_nan

LARGEST_BLOCK = 200_000
"""Values of one array of a block; some arrays of this size fit into a processor's cache together."""

FAMILY = ("cell", "scenario", "estimand")
"""What the series share that are compared with each other."""

Pair = tuple[str, str]
"""A method and an estimand."""

Truth: TypeAlias = pd.DataFrame | Mapping[str, float | tuple[float, float]]
"""A frame with `estimand`, `value`, perhaps `mcse` and other keys; or a dict, with (value, MCSE) or value."""

TrueValues = Callable[[pd.DataFrame], tuple[FloatArray, FloatArray]]
"""From the keys of series to their truths and the truths' MCSEs."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """Some series; column j is the same replicate for the methods of one estimand in one cell.

    Attributes
    ----------
    keys
        `KEYS` and `n_sim` of each series.
    estimate, std_error, low, high, rejected
        Shape (s, r), NaN where a replicate has no value; `rejected` is 1 or 0.
    reference
        Estimates of the reference method in the same replicates, shape (s, r).
    attempted
        Whether there is a row, shape (s, r).
    truth, truth_mcse
        Shape (s,).
    robust, null
        As of `Settings`.
    """

    keys: pd.DataFrame
    estimate: FloatArray
    std_error: FloatArray
    low: FloatArray
    high: FloatArray
    rejected: FloatArray
    reference: FloatArray
    attempted: BoolArray
    truth: FloatArray
    truth_mcse: FloatArray
    robust: bool
    null: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """Series by replicate.

    Attributes
    ----------
    series
        `KEYS` of each series, sorted by cell, scenario, estimand and method; the index says where each
        stands among those of all grids.
    values
        `VALUES` by name, shape (s, r); NaN where a replicate has no value.
    attempted
        Whether there is a row, shape (s, r).
    """

    series: pd.DataFrame
    values: dict[str, FloatArray]
    attempted: BoolArray

    def place(self, rows: pd.DataFrame) -> BoolArray:
        """Put rows of the cell at their places, and return which of them were not there before.

        Rows of methods that lack what they need are told, but take no place; those of other series, and of
        replicates beyond the last one, are passed over.
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
        self._fill(found.values, new & available(rows), series, replicate)
        return np.asarray(new)

    def _fill(
        self, values: Mapping[str, FloatArray], kept: BoolArray, series: IntArray, replicate: IntArray
    ) -> None:
        where = series[kept], replicate[kept]
        self.attempted[where] = True
        for name, column in values.items():
            self.values[name][where] = column[kept]

    def judged(self, truth: Truth | None, settings: Settings | None = None) -> Judged:
        """Return the cell to be judged at the usual level, at which its rows were read."""
        return Judged(grids=(self,), truth=true_values(truth), settings=settings or Settings())

    def first(self, replicates: int) -> Grid:
        """Return the first replicates, without a copy."""
        return Grid(
            series=self.series,
            values={name: column[:, :replicates] for name, column in self.values.items()},
            attempted=self.attempted[:, :replicates],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """Series with the truths and the settings that they are judged by."""

    grids: tuple[Grid, ...]
    truth: TrueValues
    settings: Settings

    def collect(self, measure: Callable[[Block], FloatArray]) -> tuple[pd.DataFrame, FloatArray]:
        """Return the keys and `n_sim` of every series, and k numbers of each, (g, k)."""
        quiet = undefined_as_nan(measure)
        found = [(block.keys, quiet(block).T) for grid in self.grids for block in self._pieces(grid)]
        keys = pd.concat([keys for keys, _ in found])
        order = np.argsort(keys.index)
        return keys.iloc[order].reset_index(drop=True), np.concatenate([own for _, own in found])[order]

    def failed(self) -> Iterator[Block]:
        """Yield all methods of one estimand in one cell, wherever one of them failed."""
        for grid in self.grids:
            failed = grid.attempted & np.isnan(grid.values["estimate"])
            for series, kept in _families(grid):
                if failed[series].any():
                    yield self._block(grid, series, kept)

    def _pieces(self, grid: Grid) -> Iterator[Block]:
        """Yield series with the same replicates, up to about `LARGEST_BLOCK` values together."""
        first, last, kept = 0, 0, np.zeros(0, dtype=np.bool_)
        for series, own in [*_families(grid), (slice(0, 0), kept)]:
            if series.start == last and last > first and np.array_equal(own, kept):
                last = series.stop
                continue
            size = max(1, LARGEST_BLOCK // max(1, int(np.count_nonzero(kept))))
            for at in range(first, last, size):
                yield self._block(grid, slice(at, min(at + size, last)), kept)
            first, last, kept = series.start, series.stop, own

    def _block(self, grid: Grid, series: slice, kept: BoolArray) -> Block:
        there = grid.attempted[series].any(axis=1)
        rows: slice | IntArray = series if there.all() else np.arange(series.start, series.stop)[there]
        columns = slice(None) if kept.all() else kept
        keys = grid.series.iloc[rows]
        attempted = grid.attempted[rows][:, columns]
        truth, mcse = self.truth(keys)
        return Block(
            keys=keys.assign(n_sim=np.count_nonzero(attempted, axis=1)),
            **{name: column[rows][:, columns] for name, column in grid.values.items()},
            reference=self._reference(grid, keys)[:, columns],
            attempted=attempted,
            truth=truth,
            truth_mcse=mcse,
            robust=self.settings.robust,
            null=self.settings.null,
        )

    def _reference(self, grid: Grid, keys: pd.DataFrame) -> FloatArray:
        """Return the reference method's estimates beside those of each series, NaN where it has none."""
        own = np.flatnonzero(grid.series["method"] == self.settings.reference)
        place = dict(zip(_tuples(grid.series.iloc[own], FAMILY), own, strict=True))
        found = np.array([place.get(family, -1) for family in _tuples(keys, FAMILY)], dtype=np.int64)
        paired = np.full((len(keys), grid.attempted.shape[1]), np.nan)
        paired[found >= 0] = grid.values["estimate"][found[found >= 0]]
        return paired


def _families(grid: Grid) -> Iterator[tuple[slice, BoolArray]]:
    """Yield the series of each estimand in each cell that has rows, and the replicates that these have."""
    codes = np.stack([pd.factorize(grid.series[name])[0] for name in FAMILY])
    ends = np.flatnonzero(np.diff(codes, axis=1).any(axis=0)) + 1
    for start, stop in zip([0, *ends.tolist()], [*ends.tolist(), len(grid.series)], strict=True):
        kept = np.asarray(grid.attempted[start:stop].any(axis=0))
        if kept.any():
            yield slice(start, stop), kept


def empty_grid(cell: object, scenario: object, pairs: Iterable[Pair], replicates: int) -> Grid:
    """Return a grid of one cell without rows.

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
    return _empty(pd.DataFrame(keys, columns=list(KEYS)), replicates)


def _empty(series: pd.DataFrame, replicates: int) -> Grid:
    shape = (len(series), replicates)
    values = {name: np.full(shape, np.nan) for name in VALUES}
    return Grid(series=series, values=values, attempted=np.zeros(shape, dtype=np.bool_))


def lay_out(estimates: pd.DataFrame, truth: Truth | None, settings: Settings) -> Judged:
    """Lay estimate rows out: cells with the same number of replicates in one grid."""
    attempted = available(estimates)
    if not attempted.any() and len(estimates):
        raise DataError(
            "estimates: every method lacks what it needs "
            f"({estimates['failure'].iloc[0]}); run one that can be had here"
        )
    estimates = estimates if attempted.all() else estimates[attempted]
    rows = read_rows(estimates, settings)
    cell = _ranks(rows.codes["cell"], rows.codes["scenario"])
    replicate, width = _columns(cell, rows.replicate)
    series = _ranks(cell, rows.codes["estimand"], rows.codes["method"])
    if len(np.unique(_ranks(series, replicate))) < series.size:
        raise DataError(_twice(estimates, rows))
    grids = tuple(_grid_of(rows, width[cell] == own, series, replicate) for own in np.unique(width))
    return Judged(grids=grids, truth=true_values(truth), settings=settings)


def _ranks(*codes: IntArray) -> IntArray:
    """Return the rank of each row's combination of codes."""
    found = codes[0]
    for code in codes[1:]:
        found = pd.factorize(found * (int(code.max()) + 1) + code, sort=True)[0].astype(np.int64)
    return found


def _columns(cell: IntArray, replicate: IntArray) -> tuple[IntArray, IntArray]:
    """Return the rank of each row's replicate within its cell, and each cell's number of replicates."""
    span = int(replicate.max()) + 1
    order, pairs = pd.factorize(cell * span + replicate, sort=True)
    width = np.bincount(pairs // span).astype(np.int64)
    return order - (np.cumsum(width) - width)[cell], width


def _grid_of(rows: Rows, own: BoolArray, series: IntArray, replicate: IntArray) -> Grid:
    """Return the grid of some cells' rows; series are numbered by their place among all."""
    place, ranks = pd.factorize(series[own], sort=True)
    _, first = np.unique(series[own], return_index=True)
    codes = {name: rows.codes[name][own][first] for name in KEYS}
    keys = {name: [rows.labels[name][code] for code in codes[name]] for name in KEYS}
    grid = _empty(pd.DataFrame(keys, index=ranks), int(replicate[own].max()) + 1)
    values = {name: column[own] for name, column in rows.values.items()}
    grid._fill(values, np.ones(place.size, dtype=np.bool_), place, replicate[own])
    return grid


def _twice(estimates: pd.DataFrame, rows: Rows) -> str:
    again = pd.DataFrame({**rows.codes, "replicate": rows.replicate}).duplicated().to_numpy(np.bool_)
    row = int(np.flatnonzero(again)[0])
    names = [name for name in (*KEYS, "replicate") if name in estimates.columns]
    values = tuple(estimates[name].iloc[[row]].tolist()[0] for name in names)
    return f"estimates: {named(names, values)} stands twice, again in row {row}; keep one row per replicate"


def true_values(truth: Truth | None) -> TrueValues:
    """Return what gives each series its truth and the truth's MCSE; NaN without truths."""
    if truth is None:
        return lambda series: (np.full(len(series), np.nan), np.full(len(series), np.nan))
    table = truth if isinstance(truth, pd.DataFrame) else _frame(truth)
    keys = [name for name in KEYS if name in table.columns]
    for name in ("estimand", "value"):
        if name not in table.columns:
            raise DataError(f"truth: column '{name}' is missing; add it")
    value = table["value"].to_numpy(np.float64)
    mcse = table["mcse"].to_numpy(np.float64) if "mcse" in table.columns else np.zeros(len(table))
    if (mcse < 0).any():
        raise DataError(f"truth: mcse is {mcse[mcse < 0][0]:g}; a standard error is 0 or more")
    place = _places(table, keys)

    def of(series: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
        rows = [_row_of(place, keys, wanted) for wanted in _tuples(series, keys)]
        return value[rows], mcse[rows]

    return of


def _frame(truth: Mapping[str, float | tuple[float, float]]) -> pd.DataFrame:
    pairs = [value if isinstance(value, tuple) else (value, 0.0) for value in truth.values()]
    table = pd.DataFrame(pairs, columns=["value", "mcse"], dtype=np.float64)
    return table.assign(estimand=list(truth))


def _tuples(frame: pd.DataFrame, keys: Sequence[str]) -> list[tuple[object, ...]]:
    return list(zip(*(frame[name].tolist() for name in keys), strict=True))


def _places(table: pd.DataFrame, keys: list[str]) -> dict[tuple[object, ...], int]:
    place: dict[tuple[object, ...], int] = {}
    for row, key in enumerate(_tuples(table, keys)):
        if key in place:
            raise DataError(f"truth: {named(keys, key)} stands twice; keep one row")
        place[key] = row
    return place


def _row_of(place: dict[tuple[object, ...], int], keys: list[str], wanted: tuple[object, ...]) -> int:
    if wanted not in place:
        raise DataError(
            f"truth: there is no row for {named(keys, wanted)}; add it, with value NaN where it is not known"
        )
    return place[wanted]
