"""Replicates laid side by side: matrices of series by replicate, paired by the replicate's number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import DataError
from simsepsis.performance.mcse import undefined_as_nan
from simsepsis.performance.rows import KEYS, Rows, Settings, available, named, read_rows
from simsepsis.performance.truth import Truth, true_values

LARGEST_BLOCK = 200_000
"""Values of one array of a block; some arrays of this size fit into a processor's cache together."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """Some series of replicates; column j of a family's rows is the same replicate.

    Attributes
    ----------
    estimate, std_error, low, high, rejected
        Shape (s, r), NaN where a replicate has no value; `rejected` is 1 or 0.
    reference
        Estimates of the reference method in the same replicates, shape (s, r).
    attempted
        Whether there is a row, shape (s, r).
    truth, truth_mcse
        Shape (s,).
    family
        Number of the cell, scenario and estimand, shape (s,); the methods of a family are compared.
    settings
        How estimates are judged.
    """

    estimate: FloatArray
    std_error: FloatArray
    low: FloatArray
    high: FloatArray
    rejected: FloatArray
    reference: FloatArray
    attempted: BoolArray
    truth: FloatArray
    truth_mcse: FloatArray
    family: IntArray
    settings: Settings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """Where series go: they are stored one after another, the shorter first, each as long as its family.

    Attributes
    ----------
    start
        Where each series begins, and the end of the last, shape (g + 1,).
    family
        Code of each series' cell, scenario and estimand, shape (g,).
    rank
        Place of each series in the order of cell, scenario, estimand and method, shape (g,).
    """

    start: IntArray
    family: IntArray
    rank: IntArray

    @property
    def width(self) -> IntArray:
        """Replicates of each series' family, shape (g,)."""
        return np.diff(self.start)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Study:
    """All series of a study in the order of storage; `series` holds their keys and `n_sim`."""

    layout: Layout
    series: pd.DataFrame
    store: dict[str, FloatArray]
    attempted: BoolArray
    truth: FloatArray
    truth_mcse: FloatArray
    reference: IntArray
    settings: Settings

    def blocks(self, *, whole: bool = True) -> Iterator[tuple[slice, Block]]:
        """Yield the series block by block; all series of a block have the same number of replicates.

        Parameters
        ----------
        whole
            Whether the series of a family stay together, as comparing them needs; it takes more memory.
        """
        for first, last in _ranges(self.layout, whole):
            part = slice(first, last)
            rows = slice(self.layout.start[first], self.layout.start[last])
            values = {name: column[rows].reshape(last - first, -1) for name, column in self.store.items()}
            yield (
                part,
                Block(
                    **values,
                    reference=self._paired(part, values["estimate"].shape),
                    attempted=self.attempted[rows].reshape(last - first, -1),
                    truth=self.truth[part],
                    truth_mcse=self.truth_mcse[part],
                    family=self.layout.family[part],
                    settings=self.settings,
                ),
            )

    def _paired(self, part: slice, shape: tuple[int, ...]) -> FloatArray:
        """Return the reference method's estimates for each series of a block, NaN where there are none."""
        paired = np.full(shape, np.nan)
        for row, series in enumerate(self.reference[part]):
            if series >= 0:
                place = slice(self.layout.start[series], self.layout.start[series + 1])
                paired[row] = self.store["estimate"][place]
        return paired

    def collect(self, measure: Callable[[Block], FloatArray]) -> FloatArray:
        """Return numbers of each series, shape (g, k), by cell, scenario, estimand and method.

        Parameters
        ----------
        measure
            Gives k numbers for each series of a block, shape (k, s).
        """
        quiet = undefined_as_nan(measure)
        stored = np.concatenate([quiet(block).T for _, block in self.blocks(whole=False)])
        ordered = np.empty_like(stored)
        ordered[self.layout.rank] = stored
        return ordered

    def ordered_series(self) -> pd.DataFrame:
        """Return the keys and `n_sim` by cell, scenario, estimand and method, as `collect` has them."""
        return self.series.iloc[np.argsort(self.layout.rank)].reset_index(drop=True)


def lay_out(estimates: pd.DataFrame, truth: Truth | None, settings: Settings) -> Study:
    """Lay estimate rows out as matrices of series by replicate.

    Parameters
    ----------
    estimates
        Rows in any order.
    truth
        As for `true_values`; None where no truth is needed.
    settings
        How estimates are judged.

    Raises
    ------
    DataError
        As `read_rows` and `true_values`, and if a series has a replicate twice.
    UsageError
        If the reference is none of the methods.
    """
    attempted_rows = available(estimates)
    if not attempted_rows.any() and len(estimates):
        raise DataError(
            "estimates: every method lacks what it needs "
            f"({estimates['failure'].iloc[0]}); run one that can be had here"
        )
    estimates = estimates if attempted_rows.all() else estimates[attempted_rows]
    rows = read_rows(estimates, settings)
    layout, position = _arrange(rows)
    size = int(layout.start[-1])
    attempted = np.zeros(size, dtype=np.bool_)
    attempted[position] = True
    if np.count_nonzero(attempted) < rows.replicate.size:
        raise DataError(_twice(estimates, position))
    store = {name: _placed(column, position, size) for name, column in rows.values.items()}
    return judged_study(layout, _keys(rows, layout, position), store, attempted, truth, settings)


def judged_study(
    layout: Layout,
    keys: pd.DataFrame,
    store: dict[str, FloatArray],
    attempted: BoolArray,
    truth: Truth | None,
    settings: Settings,
) -> Study:
    """Return stored series with the truths and the reference that they are judged by.

    Parameters
    ----------
    layout
        Where the series are stored.
    keys
        Keys of each series in the order of storage.
    store, attempted
        As of `Study`, shape (Σ width,).
    truth, settings
        As of `lay_out`.

    Raises
    ------
    DataError
        As `true_values`.
    """
    unknown = np.full(len(keys), np.nan)
    value, mcse = (unknown, unknown) if truth is None else true_values(truth, keys)
    return Study(
        layout=layout,
        series=keys.assign(n_sim=np.add.reduceat(attempted, layout.start[:-1], dtype=np.int64)),
        store=store,
        attempted=attempted,
        truth=value,
        truth_mcse=mcse,
        reference=_reference(keys, layout, settings.reference),
        settings=settings,
    )


def arrange_series(family: IntArray, width: IntArray) -> Layout:
    """Return where series are stored that are sorted by family and method.

    Parameters
    ----------
    family
        Family of each series, shape (g,).
    width
        Replicates of each family, shape (f,).
    """
    rank = np.argsort(width[family], kind="stable")
    start = np.concatenate(([0], np.cumsum(width[family[rank]])))
    return Layout(start=start, family=family[rank], rank=rank)


def _compress(code: IntArray) -> tuple[IntArray, IntArray]:
    """Return ranks of the codes and the sorted codes they stand for."""
    rank, codes = pd.factorize(code, sort=True)
    return np.asarray(rank, dtype=np.int64), np.asarray(codes, dtype=np.int64)


def _arrange(rows: Rows) -> tuple[Layout, IntArray]:
    """Find the place of each row in the store; it depends on the keys only, not on the order of the rows."""
    sizes = {name: len(labels) for name, labels in rows.labels.items()}
    place = (rows.codes["cell"] * sizes["scenario"] + rows.codes["scenario"]) * sizes["estimand"]
    family, _ = _compress(place + rows.codes["estimand"])
    column, family_width = _columns(family, rows.replicate)
    series, codes = _compress(family * sizes["method"] + rows.codes["method"])
    layout = arrange_series(codes // sizes["method"], family_width)
    begin = np.empty_like(codes)
    begin[layout.rank] = layout.start[:-1]
    return layout, begin[series] + column


def _columns(family: IntArray, replicate: IntArray) -> tuple[IntArray, IntArray]:
    """Return the rank of each row's replicate within its family, and each family's number of replicates."""
    span = int(replicate.max()) + 1
    order, pairs = _compress(family * span + replicate)
    width = np.bincount(pairs // span)
    return order - (np.cumsum(width) - width)[family], width


def _placed(column: FloatArray, position: IntArray, size: int) -> FloatArray:
    stored = np.full(size, np.nan)
    stored[position] = column
    return stored


def _keys(rows: Rows, layout: Layout, position: IntArray) -> pd.DataFrame:
    """Return the keys of each series in the order of storage."""
    first = np.full(layout.start[-1], -1)
    first[position] = np.arange(position.size)
    row = np.maximum.reduceat(first, layout.start[:-1])
    return pd.DataFrame({name: [rows.labels[name][code] for code in rows.codes[name][row]] for name in KEYS})


def _reference(series: pd.DataFrame, layout: Layout, method: str | None) -> IntArray:
    """Return the reference method's series of each series' family, −1 where there is none."""
    by_family = np.full(int(layout.family.max()) + 1, -1)
    own = np.flatnonzero((series["method"] == method).to_numpy(np.bool_))
    by_family[layout.family[own]] = own
    return by_family[layout.family]


def _twice(estimates: pd.DataFrame, position: IntArray) -> str:
    names = [name for name in (*KEYS, "replicate") if name in estimates.columns]
    row = int(np.flatnonzero(pd.Series(position).duplicated().to_numpy(np.bool_))[0])
    values = tuple(estimates[name].iloc[[row]].tolist()[0] for name in names)
    return f"estimates: {named(names, values)} stands twice, again in row {row}; keep one row per replicate"


def _ranges(layout: Layout, whole: bool) -> Iterator[tuple[int, int]]:
    """Yield ranges of series of one width that make a block of up to about `LARGEST_BLOCK` values."""
    width = layout.width
    first = 0
    ends = np.flatnonzero(np.diff(layout.family)) + 1 if whole else np.arange(1, width.size)
    for series in ends:
        if width[series] != width[first] or (series - first) * width[first] >= LARGEST_BLOCK:
            yield first, int(series)
            first = int(series)
    yield first, width.size
