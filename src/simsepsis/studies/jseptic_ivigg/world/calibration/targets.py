"""The printed numbers that the calibration may see: before-matching cells of Tables 1 to 3."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.arrays import FloatArray
from simsepsis.studies.jseptic_ivigg.columns import COLUMNS
from simsepsis.study.published import open_study

ARMS = ("ivigg", "control")
QUARTILES = {"q1": 0.25, "median": 0.5, "q3": 0.75}
FITTED_TABLES = ("table1", "table2", "table3")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Targets:
    """Printed cells by (variable, level, statistic, arm), corrected where the audit proves a misprint.

    Attributes
    ----------
    cells
        Key → printed value.
    size
        Arm → number of patients.
    """

    cells: dict[tuple[str, str, str, str], float]
    size: dict[str, int]

    @property
    def share(self) -> float:
        """Return the share of patients given IVIgG."""
        return self.size["ivigg"] / sum(self.size.values())

    def proportion(self, variable: str, level: str, arm: str) -> float:
        """Return a count over the arm's size."""
        return self.cells[variable, level, "count", arm] / self.size[arm]

    def pooled(self, variable: str, level: str = "") -> float:
        """Return the proportion in both arms together."""
        counts = sum(self.cells[variable, level, "count", arm] for arm in ARMS)
        return counts / sum(self.size.values())

    def quartiles(self, variable: str, arm: str) -> tuple[float, float, float]:
        """Return first quartile, median and third quartile of an arm."""
        low, median, high = (self.cells[variable, "", statistic, arm] for statistic in QUARTILES)
        return low, median, high

    def shift(self, variable: str) -> float:
        """Return a number's printed standardized difference as a fraction, signed by the quartiles."""
        means = {arm: float(np.mean(self.quartiles(variable, arm))) for arm in ARMS}
        sign = 1.0 if means["ivigg"] >= means["control"] else -1.0
        return sign * self.cells[variable, "", "smd_percent", "contrast"] / 100.0


def fitted_cells(frame: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the before-matching cells of Tables 1 to 3, one row each, corrected."""
    study = open_study("jseptic-ivigg")
    table = study.layout.written(study.printed(corrected=True)) if frame is None else frame
    return table[table["table"].isin(FITTED_TABLES) & (table["phase"] == "before")].reset_index(drop=True)


def load_targets() -> Targets:
    """Return the targets of the calibration from the package's copy of the tables."""
    return targets_of(fitted_cells())


def targets_of(frame: pd.DataFrame) -> Targets:
    """Return the targets in a frame of before-matching cells."""
    keys = zip(frame["variable"], frame["level"], frame["statistic"], frame["arm"], strict=True)
    cells = dict(zip(keys, frame["printed"].astype(float), strict=True))
    size = {arm: int(cells["n", "", "count", arm]) for arm in ARMS}
    return Targets(cells=cells, size=size)


def band(value: float, resolution: float) -> tuple[float, float]:
    """Return the interval of numbers that are printed as `value`."""
    return value - resolution / 2.0, value + resolution / 2.0


def resolution(variable: str, value: float) -> float:
    """Return the unit in which a quartile was printed: what was recorded in whole steps, or one decimal.

    A quartile of a recorded whole number is that number; one between two recorded values ends in .5.
    """
    if COLUMNS[variable].kind == "ordinal" or variable in WHOLE_NUMBERS:
        return 1.0
    return 0.1


WHOLE_NUMBERS = frozenset(
    {
        "icu_beds",
        "age",
        "apache2",
        "platelets",
        "rbc_units",
        "ffp_units",
        "platelet_units",
        "ventilator_days",
        "vasopressor_days",
        "rrt_days",
        "icu_days",
        "hospital_days",
    }
)


def weighted_cdf(x: FloatArray, weights: FloatArray, at: FloatArray) -> FloatArray:
    """Return the share of weight at or below each of `at`."""
    order = np.argsort(x, kind="stable")
    cumulative = np.concatenate([[0.0], np.cumsum(weights[order])]) / weights.sum()
    return np.asarray(cumulative[np.searchsorted(x[order], at, side="right")])
