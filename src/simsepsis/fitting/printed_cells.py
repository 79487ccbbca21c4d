"""Printed columns of both arms read for a world, each refused by its place where it cannot be true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simsepsis.arrays import FloatArray
from simsepsis.errors import DataError
from simsepsis.study.layout import ARMS, Key
from simsepsis.study.printed import Cell, Printed
from simsepsis.study.variables import Variable

PHASES = ("before", "")
"""What a cohort was before anybody was matched, in the order in which it is looked for."""

QUARTILES = ("q1", "median", "q3")


@dataclass(frozen=True, slots=True)
class Arm:
    """An arm: what frames call it, and how many patients it has."""

    name: str
    size: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """What is printed of one variable in one arm: shares of its levels, mean and SD, or quartiles."""

    arm: Arm
    shares: FloatArray | None = None
    mean: float | None = None
    sd: float | None = None
    quartiles: tuple[float, float, float] | None = None

    @property
    def event(self) -> float:
        """Return the share of those who have it, away from nobody and everybody by half a patient."""
        assert self.shares is not None
        least = 0.5 / self.arm.size
        return float(np.clip(self.shares[1], least, 1.0 - least))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Printed numbers of patients before matching, by variable and arm.

    Attributes
    ----------
    printed
        All numbers.
    arms
        Treated and control.
    found
        (variable, arm) → (level, statistic) → where its number stands.
    """

    printed: Printed
    arms: tuple[Arm, Arm]
    found: Mapping[tuple[str, str], Mapping[tuple[str, str], Key]]

    def has(self, variable: str) -> bool:
        """Return whether anything is printed of a variable in an arm."""
        return any((variable, arm) in self.found for arm in ARMS)

    def rows(self, variable: Variable) -> tuple[Row, Row]:
        """Return what is printed of a variable in the treated and in the controls."""
        treated, control = (self._row(variable, arm) for arm in self.arms)
        return treated, control

    def _row(self, variable: Variable, arm: Arm) -> Row:
        keys = self.found.get((variable.name, arm.name))
        if not keys:
            raise DataError(self._lacks(variable, arm))
        if variable.kind in ("binary", "category"):
            return Row(arm=arm, shares=self._shares(variable, arm, keys))
        cells = {statistic: keys[level, statistic] for level, statistic in keys if level == ""}
        if {"mean", "sd"} <= set(cells):
            return self._moments(variable, arm, cells)
        if set(QUARTILES) <= set(cells):
            return self._quartiles(variable, arm, cells)
        raise DataError(
            f"{self.at(next(iter(keys.values())))}: is not enough for a distribution; print mean and sd, or "
            "median, q1 and q3"
        )

    def _lacks(self, variable: Variable, arm: Arm) -> str:
        other = next(self.found[variable.name, name] for name in ARMS if (variable.name, name) in self.found)
        key = next(iter(other.values()))
        label = self.printed.layout.arm_labels.get(arm.name, arm.name)
        return (
            f"{key.table}.csv: '{variable.name}' is not printed for the arm {label}; add its rows with arm = "
            f"'{getattr(self.printed.layout.arms, arm.name)}'"
        )

    def at(self, key: Key) -> str:
        """Return where a number stands, and what stands there."""
        layout = self.printed.layout
        unnamed = key.arm in ARMS and key.arm not in layout.arm_labels
        arm = f" ({getattr(layout.arms, key.arm)})" if unnamed else ""
        return f"{key.table}.csv, {self.printed.where(key)}{arm}: '{self.printed[key].text}'"

    def _share(self, arm: Arm, keys: Mapping[tuple[str, str], Key], level: str) -> tuple[float, float] | None:
        """Return the share of a level and how far rounding may move it; None where it is not printed."""
        count, percent = keys.get((level, "count")), keys.get((level, "percent"))
        if count is not None:
            number = self.printed[count].value
            if not 0 <= number <= arm.size:
                raise DataError(
                    f"{self.at(count)} of {arm.size:.0f} patients; write a count from 0 to {arm.size:.0f}"
                )
            return number / arm.size, 0.0
        if percent is not None:
            cell: Cell = self.printed[percent]
            if not 0.0 <= cell.value <= 100.0:
                raise DataError(f"{self.at(percent)} is no percentage; write 0 to 100")
            return cell.value / 100.0, 0.5 * 10.0**-cell.decimals / 100.0
        return None

    def _shares(self, variable: Variable, arm: Arm, keys: Mapping[tuple[str, str], Key]) -> FloatArray:
        if variable.kind == "binary":
            share = self._share(arm, keys, "")
            if share is None:
                raise DataError(
                    f"{self.at(next(iter(keys.values())))}: says not how many have it; add its count, with "
                    "an empty level"
                )
            return np.array([1.0 - share[0], share[0]])
        parts = [self._share(arm, keys, level) for level in variable.level_names]
        known = [part for part in parts if part is not None]
        total, slack = sum(share for share, _ in known), sum(slack for _, slack in known)
        left = parts.count(None)
        if total > 1.0 + slack + 1e-9 or (left != 1 and total < 1.0 - slack - 1e-9):
            label = self.printed.layout.arm_labels.get(arm.name, arm.name)
            raise DataError(
                f"{next(iter(keys.values())).table}.csv, {variable.label}, {label}: the levels sum to "
                f"{100 * total:.1f}%, not 100%; correct the counts, or add the level that is missing"
            )
        shares = np.array([max(1.0 - total, 0.0) if part is None else part[0] for part in parts])
        return np.asarray(shares / shares.sum())

    def _moments(self, variable: Variable, arm: Arm, cells: Mapping[str, Key]) -> Row:
        mean, sd = (self.printed[cells[name]].value for name in ("mean", "sd"))
        self._refuse_outside(variable, cells["mean"])
        low, high = variable.low, variable.high
        if sd < 0.0:
            raise DataError(f"{self.at(cells['sd'])} is no standard deviation; write 0 or more")
        if low is not None and high is not None and sd**2 > (mean - low) * (high - mean) + 1e-12:
            raise DataError(
                f"{self.at(cells['sd'])} is too large for a mean of {mean:g} between {low:g} and {high:g}; "
                "correct it, or the limits in variables.csv"
            )
        return Row(arm=arm, mean=mean, sd=max(sd, 1e-6 * max(abs(mean), 1.0)))

    def _quartiles(self, variable: Variable, arm: Arm, cells: Mapping[str, Key]) -> Row:
        for name in QUARTILES:
            self._refuse_outside(variable, cells[name])
        q1, median, q3 = (self.printed[cells[name]].value for name in QUARTILES)
        if not q1 <= median <= q3:
            raise DataError(
                f"{self.at(cells['median'])} does not lie between the quartiles {q1:g} and {q3:g}; put "
                "them in order"
            )
        return Row(arm=arm, quartiles=(q1, median, q3))

    def _refuse_outside(self, variable: Variable, key: Key) -> None:
        value, low, high = self.printed[key].value, variable.low, variable.high
        if (low is not None and value < low) or (high is not None and value > high):
            texts = (
                f"{word} {end:g}" for word, end in (("at least", low), ("at most", high)) if end is not None
            )
            limits = " and ".join(texts)
            raise DataError(
                f"{self.at(key)} is impossible, as values are {limits}; correct it, or the limits of "
                f"'{variable.name}' in variables.csv"
            )


def cells_by_arm(printed: Printed) -> Cells:
    """Return the printed numbers of patients before matching."""
    found: dict[tuple[str, str], dict[tuple[str, str], Key]] = {}
    for phase in PHASES:
        for key in printed:
            if key.phase == phase and key.arm in ARMS:
                own = found.setdefault((key.variable, key.arm), {})
                own.setdefault((key.level, key.statistic), key)
    arms = tuple(Arm(name, _size(printed, found, name)) for name in ARMS)
    return Cells(printed=printed, arms=(arms[0], arms[1]), found=found)


def _size(
    printed: Printed, found: Mapping[tuple[str, str], Mapping[tuple[str, str], Key]], arm: str
) -> float:
    key = found.get(("n", arm), {}).get(("", "count"))
    if key is None or printed[key].value < 1:
        own = getattr(printed.layout.arms, arm)
        raise DataError(
            f"printed tables: no number of patients in the arm '{own}'; add a row with variable = 'n', "
            f"statistic = 'count', phase = 'before', arm = '{own}'"
        )
    return printed[key].value
