"""What stands in one column of a cohort, before anybody has said what the column is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from simsepsis.analysis.sentinels import sentinel
from simsepsis.analysis.values import Distinct, Place, distinct, label, parsed, yes_or_no
from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import DataError

_MOSTLY = 0.8
"""A column of text in which so many cells are numbers is one of numbers, with odd cells."""
_NOTHING = re.compile(
    r"\W*|na|n/a|nan|none|null|missing|unknown|unk|not (known|done|measured|available)"
    r"|不明|未測定|欠測|未記載"
)
"""Words that stand for no number."""
_DATE = re.compile(
    r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})([ T].*)?|\s*\d{4}年\d{1,2}月.*"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColumnFacts:
    """One column as the file has it.

    Attributes
    ----------
    name
        As in the file.
    rows, missing
        Patients, and those of them without a value.
    values, counts
        The different values as they are written, the most frequent first, and the rows of each.
    numbers
        (patients,): the column as numbers, yes as 1 and no as 0; None where it holds words or dates.
    codes
        (patients,): which of the values each has, −1 for none.
    odd
        Words in a column of numbers.
    dates
        Whether the values are dates.
    """

    name: str
    rows: int
    missing: int
    values: tuple[Any, ...]
    counts: tuple[int, ...]
    numbers: FloatArray | None
    codes: IntArray
    odd: tuple[str, ...] = ()
    dates: bool = False

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the different values as text."""
        return tuple(map(label, self.values))

    @property
    def known(self) -> int:
        """Return the patients with a value."""
        return self.rows - self.missing

    @property
    def unique(self) -> bool:
        """Return whether every patient has a value and no two the same."""
        return self.missing == 0 and len(self.values) == self.rows

    @property
    def two_valued(self) -> bool:
        """Return whether there are two values, and no more."""
        return len(self.values) == 2

    @property
    def truth(self) -> bool:
        """Return whether the two values say no and yes by themselves: 0 and 1, no and yes."""
        found = set() if self.numbers is None else set(np.unique(self.numbers[~np.isnan(self.numbers)]))
        return self.two_valued and found == {0.0, 1.0}

    @property
    def whole(self) -> bool:
        """Return whether all values are whole numbers."""
        if self.numbers is None:
            return False
        present = self.numbers[~np.isnan(self.numbers)]
        return bool((present == np.rint(present)).all())

    @property
    def code(self) -> float | None:
        """Return a number that looks like a code for a missing value, if there is one."""
        return None if self.numbers is None or self.truth else sentinel(self.numbers)

    @property
    def nothing(self) -> tuple[str, ...]:
        """Return the words among the numbers that stand for a missing one."""
        return tuple(word for word in self.odd if _NOTHING.fullmatch(word.strip().casefold()))

    def shares(self, most: int = 4) -> str:
        """Return the most frequent values with their rows, in words."""
        told = [
            f"{label(value)} ({count} rows)" for value, count in zip(self.values, self.counts, strict=True)
        ]
        more = [f"{len(told) - most} more"] if len(told) > most else []
        return ", ".join([*told[:most], *more])


def facts_of(name: str, cells: pd.Series) -> ColumnFacts:
    """Return what stands in a column."""
    place = Place(source="", column=name, name=name, record=np.arange(cells.size))
    try:
        found = distinct(cells, place)
    except DataError:  # lists and the like
        nothing = np.full(cells.size, -1)
        return ColumnFacts(
            name=name, rows=cells.size, missing=cells.size, values=(), counts=(), numbers=None, codes=nothing
        )
    counts = found.counts()
    order = np.argsort(-counts, kind="stable")
    numbers, odd = _as_numbers(cells, found)
    return ColumnFacts(
        name=name,
        rows=cells.size,
        missing=int((found.codes < 0).sum()),
        values=tuple(found.values[i] for i in order),
        counts=tuple(int(counts[i]) for i in order),
        numbers=numbers,
        codes=np.append(np.argsort(order), -1)[found.codes],
        odd=odd,
        dates=_are_dates(cells, found, numbers),
    )


def _as_numbers(cells: pd.Series, found: Distinct) -> tuple[FloatArray | None, tuple[str, ...]]:
    """Return a column as numbers, and the words that stand among them."""
    if pd.api.types.is_timedelta64_dtype(cells.dtype):
        return np.asarray(cells / pd.Timedelta(days=1), np.float64), ()
    if pd.api.types.is_datetime64_any_dtype(cells.dtype) or not found.values:
        return None, ()
    truths = yes_or_no(found)
    table = np.array(parsed(found) if truths is None else truths)
    stray, counts = np.isnan(table), found.counts()
    if counts[~stray].sum() < _MOSTLY * counts.sum() or (stray.any() and (~stray).sum() <= 2):
        return None, ()
    return found.spread(list(table)), tuple(str(found.values[i]) for i in np.flatnonzero(stray))


def _are_dates(cells: pd.Series, found: Distinct, numbers: FloatArray | None) -> bool:
    if pd.api.types.is_datetime64_any_dtype(cells.dtype):
        return True
    if numbers is not None:
        present = numbers[~np.isnan(numbers)]
        days = pd.to_datetime(pd.Series(present[:200]).map("{:.0f}".format), format="%Y%m%d", errors="coerce")
        within = (present >= 1900_01_01) & (present <= 2100_12_31)
        return bool(present.size and within.all() and days.notna().all())
    return bool(found.values) and all(_DATE.fullmatch(label(value)) for value in found.values[:200])
