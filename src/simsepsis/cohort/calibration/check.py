"""Goodness of fit: every before-matching cell of Tables 1 to 3, printed against a large simulation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.cohort.calibration.residuals import quartile_gap
from simsepsis.cohort.calibration.targets import ARMS, QUARTILES, band, fitted_cells, resolution
from simsepsis.cohort.generate import generate_cohort
from simsepsis.cohort.observation import DAY1_ITEMS
from simsepsis.scenario import Scenario

BATCH = 20
"""Registries simulated at a time."""

BARS = {"within_1": 0.80, "within_2": 0.95, "worst": 4.0}
"""What the fit must reach: shares of cells within 1 and 2 sampling SEs, and the largest gap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Summary of a goodness-of-fit table.

    Attributes
    ----------
    cells
        Number of cells.
    within_1, within_2
        Shares of cells within 1 and 2 sampling standard errors.
    worst
        Largest gap in standard errors.
    passed
        Whether all of `BARS` are met.
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


def _value(frame: pd.DataFrame, variable: str, level: str) -> FloatArray:
    column = frame[variable]
    return np.asarray(column == level if level else column, dtype=np.float64)


def _cells() -> pd.DataFrame:
    """Return the cells to check: counts and quartiles of both arms; percents say the same as counts."""
    cells = fitted_cells()
    wanted = cells["statistic"].isin(["count", *QUARTILES]) & cells["arm"].isin(ARMS)
    kept = cells[wanted & ~((cells["variable"] == "n") & (cells["table"] != "table1"))]
    return kept.reset_index(drop=True)


def _tally(
    cells: pd.DataFrame,
    frame: pd.DataFrame,
    arm_rows: dict[str, BoolArray],
    quantiles: dict[int, list[FloatArray]],
) -> FloatArray:
    """Return (cells, 2) sums: patients below and up to a quartile's band, or with the level (twice)."""
    sums = np.zeros((len(cells), 2))
    cached: dict[tuple[str, str], FloatArray] = {}
    for row, (variable, level, statistic, arm, printed) in enumerate(
        zip(
            cells["variable"], cells["level"], cells["statistic"], cells["arm"], cells["printed"], strict=True
        )
    ):
        rows = arm_rows[arm]
        if variable == "n":
            sums[row] = rows.sum()
            continue
        key = (variable, level)
        if key not in cached:
            cached[key] = _value(frame, variable, level)
        value = cached[key][rows]
        if statistic == "count":
            sums[row] = value.sum()
            continue
        low, high = band(printed, resolution(variable, printed))
        sums[row] = (value < low).sum(), (value <= high).sum()
        quantiles[row].append(value.astype(np.float32))
    return sums


def _gap(statistic: str, printed: float, size: int, sums: FloatArray, total: int) -> float:
    if statistic in QUARTILES:
        below, upto = sums / total
        return float(quartile_gap(below, upto, np.array(QUARTILES[statistic]), size))
    p = printed / size
    return float((sums[0] / total - p) / np.sqrt(p * (1.0 - p) / size))


def check_calibration(scenario: Scenario, *, patients: int = 500_000, seed: int = 1) -> pd.DataFrame:
    """Return every fitted cell: printed, simulated in a large population, and the gap in sampling SEs.

    Columns: table, variable, level, statistic, arm, printed, simulated (percent or quartile),
    difference_se. The standard error is the thesis's own: binomial for a count; for a quartile the
    same on the scale of probabilities, so the gap is 0 where the printed quartile, as rounded, is a
    quartile of the simulated population.

    Parameters
    ----------
    scenario
        The calibrated scenario.
    patients
        Patients to simulate, at least.
    seed
        Seed of the simulation; not the one that the parameters were fitted on.
    """
    cells = _cells()
    sums, totals = np.zeros((len(cells), 2)), dict.fromkeys(ARMS, 0)
    quantiles: dict[int, list[FloatArray]] = {row: [] for row in range(len(cells))}
    batches = int(np.ceil(patients / (BATCH * scenario.n)))
    for batch in range(batches):
        frame = generate_cohort(scenario, seed=seed, n=BATCH * scenario.n, replicate=batch).registry
        frame = frame.dropna(subset=list(DAY1_ITEMS)).reset_index(drop=True)
        treated = frame["ivigg"].to_numpy() == 1
        rows = {"ivigg": treated, "control": ~treated}
        sums += _tally(cells, frame, rows, quantiles)
        totals = {arm: totals[arm] + int(rows[arm].sum()) for arm in ARMS}
    sizes = {arm: int(cells.query("variable == 'n' and arm == @arm")["printed"].iloc[0]) for arm in ARMS}
    return _compare(cells, sums, totals, sizes, quantiles)


def _compare(
    cells: pd.DataFrame,
    sums: FloatArray,
    totals: dict[str, int],
    sizes: dict[str, int],
    quantiles: dict[int, list[FloatArray]],
) -> pd.DataFrame:
    simulated, gaps = np.zeros(len(cells)), np.zeros(len(cells))
    everyone = sum(totals.values())
    for row, (variable, statistic, arm, printed) in enumerate(
        zip(cells["variable"], cells["statistic"], cells["arm"], cells["printed"], strict=True)
    ):
        whole = variable == "n"
        total, size = (everyone, sum(sizes.values())) if whole else (totals[arm], sizes[arm])
        gaps[row] = _gap(statistic, printed, size, sums[row], total)
        if statistic in QUARTILES:
            simulated[row] = np.quantile(np.concatenate(quantiles[row]), QUARTILES[statistic])
        else:
            simulated[row] = sums[row, 0] / total * size
    columns = ["table", "variable", "level", "statistic", "arm", "printed"]
    return cells[columns].assign(simulated=simulated, difference_se=gaps)


def summarize_check(table: pd.DataFrame) -> Fit:
    """Return the summary of a table of `check_calibration`."""
    gap = table["difference_se"].abs()
    return Fit(
        cells=len(table),
        within_1=float((gap <= 1.0).mean()),
        within_2=float((gap <= 2.0).mean()),
        worst=float(gap.max()),
    )
