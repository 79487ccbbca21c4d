"""What the sentences of the summary are computed from: printed numbers, their replicates, failures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.reproduction.comparison import spread_of
from simsepsis.study.layout import Key
from simsepsis.study.printed import KEY
from simsepsis.study.published import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a number lies among the replicates.

    Attributes
    ----------
    number
        The number itself.
    mean, low, high
        Of the replicates.
    below
        Share of replicates below it, ties counted half.
    """

    number: float
    mean: float
    low: float
    high: float
    below: float

    @property
    def side(self) -> str:
        """Return ``below``, ``inside`` or ``above`` the interval."""
        return "below" if self.number < self.low else "above" if self.number > self.high else "inside"

    @property
    def known(self) -> bool:
        """Tell whether any replicate has a value."""
        return bool(np.isfinite(self.mean))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """A comparison with the draws behind it.

    Attributes
    ----------
    study
        What was printed.
    comparison
        As returned by `simsepsis.reproduction.comparison.compare`.
    draws
        (replicates, numbers), in the order of the comparison.
    failures
        As returned by `simsepsis.reproduction.comparison.failures_of`.
    null
        Whether the treatment has no effect in the simulated world.
    places
        Key → row of the comparison.
    """

    study: Study
    comparison: pd.DataFrame
    draws: FloatArray
    failures: pd.DataFrame
    null: bool
    places: Mapping[Key, int]

    @property
    def n_replicates(self) -> int:
        """Return the number of replicates."""
        return int(self.draws.shape[0])

    def compared(self, *, fitted: bool) -> pd.DataFrame:
        """Return the fitted or the held-out numbers that have a simulated value and repeat no other."""
        frame = self.comparison
        return frame[(frame["fitted"] == fitted) & (frame["repeats"] == "") & frame["inside"].notna()]

    def printed(self, key: Key) -> float:
        """Return the printed number, corrected where it is a misprint."""
        row = self.comparison.iloc[self.places[key]]
        return float(row["printed"] if pd.isna(row["corrected"]) else row["corrected"])

    def values(self, key: Key) -> FloatArray:
        """Return the number in each replicate, (replicates,)."""
        values: FloatArray = self.draws[:, self.places[key]]
        return values

    def position(self, key: Key) -> Position:
        """Return where the printed number lies among the replicates."""
        ratio = key.statistic in ("odds_ratio", "hazard_ratio")
        return position(self.printed(key), self.values(key), ratio=ratio)


def gather(
    study: Study, comparison: pd.DataFrame, draws: FloatArray, failures: pd.DataFrame, *, null: bool
) -> Evidence:
    """Return the evidence of a comparison, its numbers addressable by key."""
    keys = comparison[list(KEY)].itertuples(index=False, name=None)
    places = {Key(*key): place for place, key in enumerate(keys)}
    return Evidence(
        study=study, comparison=comparison, draws=draws, failures=failures, null=null, places=places
    )


def position(number: float, values: FloatArray, *, ratio: bool = False) -> Position:
    """Return where a number lies among values; `ratio` averages on the log scale."""
    spread = spread_of(values[:, None], np.array([ratio]))
    usable = values[np.isfinite(values)]
    below = np.mean(usable < number) + np.mean(usable == number) / 2 if usable.size else np.nan
    return Position(
        number=number,
        mean=float(spread.mean[0]),
        low=float(spread.low[0]),
        high=float(spread.high[0]),
        below=float(below),
    )


def share(happens: BoolArray, *needed: FloatArray) -> float:
    """Return the share of replicates in which something happens, among those with all that it needs."""
    known = np.isfinite(np.stack(needed)).all(axis=0)
    return float(np.mean(happens[known])) if np.any(known) else np.nan
