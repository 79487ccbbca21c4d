"""Goodness of fit: every before-matching cell of Tables 1 to 3, printed against a large simulation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simsepsis.arrays import BoolArray
from simsepsis.errors import UsageError
from simsepsis.studies.jseptic_ivigg.columns import COLUMNS
from simsepsis.studies.jseptic_ivigg.world.calibration.residuals import quartile_gap
from simsepsis.studies.jseptic_ivigg.world.calibration.targets import (
    ARMS,
    QUARTILES,
    band,
    fitted_cells,
    resolution,
)
from simsepsis.studies.jseptic_ivigg.world.observation import DAY1_ITEMS
from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario, own
from simsepsis.threads import one_thread
from simsepsis.world import scenario as world
from simsepsis.world.cohort import generate_cohort

BATCH = 20
"""Registries simulated at a time."""

BARS = {"within_1": 0.80, "within_2": 0.95, "worst": 4.0}
"""What the fit must reach: shares of cells within 1 and 2 sampling SEs, and the largest gap."""

DIFFERENCE = "smd_percent"
"""Printed standardized differences of numbers: reported beside the fit, since with given quartiles they
depend on tails that the quartiles leave open."""

SmallFloats = NDArray[np.float32]
Samples = dict[str, dict[str, list[SmallFloats]]]
"""Arm → "variable" or "variable=level" → values, batch by batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Summary of a goodness-of-fit table.

    Attributes
    ----------
    cells
        Number of cells: counts and quartiles of both arms.
    within_1, within_2
        Shares of cells within 1 and 2 sampling standard errors.
    worst
        Largest gap in standard errors.
    """

    cells: int
    within_1: float
    within_2: float
    worst: float

    @property
    def passed(self) -> bool:
        """Return whether all of `BARS` are met."""
        shares = self.within_1 >= BARS["within_1"] and self.within_2 >= BARS["within_2"]
        return shares and self.worst <= BARS["worst"]


def _cells() -> pd.DataFrame:
    """Return the cells to check: counts and quartiles of both arms, and differences of numbers.

    Percents say the same as counts, and so do differences of percents.
    """
    cells = fitted_cells()
    kinds = {name: column.kind for name, column in COLUMNS.items()}
    number = cells["variable"].map(kinds).isin(["number", "ordinal"])
    wanted = cells["statistic"].isin(["count", *QUARTILES]) | (cells["statistic"].eq(DIFFERENCE) & number)
    repeated = cells["variable"].eq("n") & cells["table"].ne("table1")
    return cells[wanted & ~repeated].reset_index(drop=True)


def _values(cells: pd.DataFrame, frame: pd.DataFrame, rows: BoolArray) -> Iterator[tuple[str, SmallFloats]]:
    """Yield each variable's values, or each level's indicator, of one arm."""
    keys = cells.loc[cells["variable"].ne("n"), ["variable", "level"]].drop_duplicates()
    for variable, level in keys.itertuples(index=False):
        column = frame[variable]
        value = np.asarray(column == level if level else column, dtype=np.float32)
        yield f"{variable}={level}", value[rows]


def _simulate(scenario: Scenario, cells: pd.DataFrame, patients: int, seed: int) -> Samples:
    samples: Samples = {arm: {} for arm in ARMS}
    for batch in range(int(np.ceil(patients / (BATCH * scenario.n)))):
        frame = generate_cohort(scenario, seed=seed, n=BATCH * scenario.n, replicate=batch).registry
        frame = frame.dropna(subset=list(DAY1_ITEMS))
        treated = frame["ivigg"].to_numpy() == 1
        for arm, rows in (("ivigg", treated), ("control", ~treated)):
            for key, value in _values(cells, frame, rows):
                samples[arm].setdefault(key, []).append(value)
    return samples


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Simulated:
    """Everything simulated, by arm and key, beside the printed sizes of the arms."""

    values: dict[str, dict[str, SmallFloats]]
    size: dict[str, int]

    def count(self, key: str, arm: str, printed: float) -> tuple[float, float]:
        """Return a count, scaled to the printed arm, and its gap in SEs."""
        size = self.size[arm]
        p, simulated = printed / size, float(self.values[arm][key].mean(dtype=np.float64))
        return simulated * size, (simulated - p) / float(np.sqrt(p * (1.0 - p) / size))

    def arm_size(self, arm: str, printed: float) -> tuple[float, float]:
        """Return the size of an arm, scaled to all printed patients, and its gap in SEs."""
        n = {name: next(iter(values.values())).size for name, values in self.values.items()}
        total, p = sum(self.size.values()), printed / sum(self.size.values())
        simulated = n[arm] / sum(n.values())
        return simulated * total, (simulated - p) / float(np.sqrt(p * (1.0 - p) / total))

    def quartile(self, key: str, arm: str, printed: float, statistic: str) -> tuple[float, float]:
        """Return a quartile and its gap in SEs on the scale of probabilities."""
        value, p = self.values[arm][key], QUARTILES[statistic]
        low, high = band(printed, resolution(key.partition("=")[0], printed))
        below, upto = np.mean(value < low), np.mean(value <= high)
        gap = quartile_gap(np.array(below), np.array(upto), np.array(p), self.size[arm])
        return float(np.quantile(value, p)), float(gap)

    def difference(self, key: str, printed: float) -> tuple[float, float]:
        """Return an absolute standardized difference in percent and its gap in SEs."""
        treated, control = (self.values[arm][key].astype(np.float64) for arm in ARMS)
        spread = np.sqrt((treated.var() + control.var()) / 2.0)
        simulated = abs(float((treated.mean() - control.mean()) / spread)) * 100.0
        n1, n0 = (self.size[arm] for arm in ARMS)
        error = 100.0 * np.sqrt(1.0 / n1 + 1.0 / n0)
        return simulated, (simulated - printed) / float(error)

    def compare(self, cell: pd.Series) -> tuple[float, float]:
        """Return the simulated value of a cell and its gap."""
        key = f"{cell['variable']}={cell['level']}"
        if cell["variable"] == "n":
            return self.arm_size(cell["arm"], cell["printed"])
        if cell["statistic"] == "count":
            return self.count(key, cell["arm"], cell["printed"])
        if cell["statistic"] == DIFFERENCE:
            return self.difference(key, cell["printed"])
        return self.quartile(key, cell["arm"], cell["printed"], cell["statistic"])


@one_thread()
def check_calibration(scenario: world.Scenario, *, patients: int = 500_000, seed: int = 1) -> pd.DataFrame:
    """Return every fitted cell: printed, simulated in a large population, and the gap in sampling SEs.

    Columns: table, variable, level, statistic, arm, printed, simulated, difference_se. The standard
    error is the thesis's own: binomial for a count; for a quartile the same on the scale of
    probabilities, so the gap is 0 where the printed quartile, as rounded, is a quartile of the
    simulated population; for a standardized difference the square root of 1/n₁ + 1/n₀.
    """
    if patients < 1:
        raise UsageError(f"{patients} patients cannot measure a fit; simulate some 500,000")
    cells = _cells()
    samples = _simulate(own(scenario), cells, patients, seed)
    simulated = _Simulated(
        values={arm: {k: np.concatenate(v) for k, v in by_key.items()} for arm, by_key in samples.items()},
        size={row.arm: int(row.printed) for row in cells.itertuples() if row.variable == "n"},
    )
    found = [simulated.compare(cell) for _, cell in cells.iterrows()]
    columns = ["table", "variable", "level", "statistic", "arm", "printed"]
    values, gaps = zip(*found, strict=True)
    return cells[columns].assign(simulated=values, difference_se=gaps)


def summarize_check(table: pd.DataFrame) -> Fit:
    """Return the summary of a table of `check_calibration`, standardized differences left out."""
    gap = table.loc[table["statistic"].ne(DIFFERENCE), "difference_se"].abs()
    return Fit(
        cells=len(gap),
        within_1=float((gap <= 1.0).mean()),
        within_2=float((gap <= 2.0).mean()),
        worst=float(gap.max()),
    )


def describe_fit(table: pd.DataFrame) -> list[str]:
    """Return the fit in sentences: the shares, the bar, and each cell that is missed."""
    fit = summarize_check(table)
    sentences = [
        f"{fit.cells} counts and quartiles: {fit.within_2:.1%} within 2 of the thesis's sampling standard "
        f"errors (bar {BARS['within_2']:.0%}), {fit.within_1:.1%} within 1 (bar {BARS['within_1']:.0%}), "
        f"the worst {fit.worst:.2f} away (bar {BARS['worst']:.0f})."
    ]
    differences = table[table["statistic"].eq(DIFFERENCE)]
    near = (differences["difference_se"].abs() <= 2.0).sum()
    sentences.append(
        f"Beside them {near} of {len(differences)} standardized differences of numbers lie within 2; "
        "they follow from tails that the quartiles leave open, so they are reported, not fitted."
    )
    missed = table[table["difference_se"].abs() > 2.0]
    for cell in missed.itertuples():
        name = " ".join(part for part in (cell.variable, cell.level, cell.statistic, cell.arm) if part)
        sentences.append(
            f"Missed: {cell.table} {name}: printed {cell.printed:g}, simulated {cell.simulated:.4g}, "
            f"{cell.difference_se:+.2f} standard errors."
        )
    return sentences
