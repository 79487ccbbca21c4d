"""How a run stands while it runs: speed, time left, failures, and the worst Monte Carlo error so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
import pandas as pd

from simsepsis.arrays import FloatArray
from simsepsis.performance import wilson_half_width

Z_95 = 1.959963984540054


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a run stands after a stored batch.

    Attributes
    ----------
    done, total
        Replicates of this call: computed, and to compute as far as is known now.
    failures
        Judged rows without an estimate among those.
    per_second
        Replicates per second of wall time.
    seconds_left
        At that speed.
    coverage_mcse
        Largest Monte Carlo standard error of coverage over the series that were judged; NaN as long as there
        is none. From Wilson's interval, so that it is not 0 where all intervals cover.
    """

    done: int
    total: int
    failures: int
    per_second: float
    seconds_left: float
    coverage_mcse: float


Progress = Callable[[Standing], None]
"""Called after each stored batch."""

Series = tuple[int, str, str]
"""Cell, method and estimand."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What is counted while a run runs.

    Attributes
    ----------
    truth
        Series → its truth, of the estimands that are judged.
    begin
        When the first batch began.
    """

    truth: Mapping[Series, float]
    begin: float = field(default_factory=perf_counter)
    done: int = 0
    failures: int = 0
    intervals: dict[Series, FloatArray] = field(default_factory=dict)

    def add(self, rows: pd.DataFrame, replicates: int) -> None:
        """Count a batch.

        Parameters
        ----------
        rows
            Its estimate rows that are judged.
        replicates
            How many replicates it has.
        """
        self.done += replicates
        self.failures += int((~rows["converged"]).sum())
        self.see(rows)

    def see(self, rows: pd.DataFrame) -> None:
        """Let rows count for the Monte Carlo error only, as those of an earlier call do.

        Parameters
        ----------
        rows
            Estimate rows.
        """
        used = rows[rows["converged"]]
        for name, own in used.groupby(["cell", "method", "estimand"], sort=False, observed=True):
            truth = self.truth.get(name)
            if truth is not None:
                covered = (own["ci_low"] <= truth) & (truth <= own["ci_high"])
                so_far = self.intervals.get(name, np.zeros(2))
                self.intervals[name] = so_far + np.array([covered.sum(), len(own)])

    def standing(self, total: int) -> Standing:
        """Return how the run stands.

        Parameters
        ----------
        total
            Replicates that this call will have computed in the end.
        """
        speed = self.done / max(perf_counter() - self.begin, 1e-9)
        return Standing(
            done=self.done,
            total=total,
            failures=self.failures,
            per_second=speed,
            seconds_left=(total - self.done) / speed,
            coverage_mcse=self._coverage_mcse(),
        )

    def _coverage_mcse(self) -> float:
        if not self.intervals:
            return float("nan")
        covered, n = np.array(list(self.intervals.values())).T
        return float(np.max(wilson_half_width(covered / n, n)) / Z_95)
