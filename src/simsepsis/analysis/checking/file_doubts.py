"""What is doubtful in a file whatever the analysis: rows that stand twice, dates in an impossible order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from simsepsis.analysis.dates import as_days
from simsepsis.analysis.doubts import Doubt
from simsepsis.analysis.drafting.column_facts import ColumnFacts
from simsepsis.analysis.drafting.vocabulary import COLUMNS
from simsepsis.analysis.values import Place
from simsepsis.arrays import FloatArray
from simsepsis.errors import DataError

_FORMATS = (None, "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y年%m月%d日")
COARSE = 0.1
"""Share of rows that repeat others from which on the columns are coarse, and nobody stands twice."""
_ORDER = (("start", "discharge"), ("start", "death"), ("start", "last"), ("discharge", "death"))
"""What a date is of, and what cannot be before it."""


def file_doubts(
    frame: pd.DataFrame, facts: Mapping[str, ColumnFacts], date_format: str | None = None
) -> Iterator[Doubt]:
    """Yield what is doubtful in a file."""
    yield from _twice(frame, facts)
    dates = _dates(frame, facts, date_format)
    for earlier, later in _ORDER:
        for first in _called(dates, earlier):
            for second in _called(dates, later):
                yield from _wrong_order(dates, first, second)


def _twice(frame: pd.DataFrame, facts: Mapping[str, ColumnFacts]) -> Iterator[Doubt]:
    """Yield rows that repeat another row in every column that does not number them."""
    compared = [name for name in frame.columns if facts[str(name)].values and not facts[str(name)].unique]
    if len(compared) < 3:
        return
    again = frame[compared].astype(str).duplicated().to_numpy()
    rows = tuple((np.flatnonzero(again) + 1).tolist())
    if 0 < len(rows) < COARSE * len(frame):
        what = (
            f"{len(rows)} {'row repeats' if len(rows) == 1 else 'rows repeat'} an earlier one in every "
            "column that does not number patients"
        )
        yield Doubt(
            column="", what=what, count=len(rows), rows=rows, remedy="remove them if a patient stands twice"
        )


def _dates(
    frame: pd.DataFrame, facts: Mapping[str, ColumnFacts], date_format: str | None
) -> dict[str, FloatArray]:
    """Return the columns of dates as days; those whose way of writing is not found out are left out."""
    found = {}
    for name, column in facts.items():
        if column.dates or (len(column.values) > 2 and COLUMNS["date"].strength(name)):
            place = Place(source="", column=name, name=name, record=np.arange(column.rows))
            days = _days(frame[name], place, (date_format,) if date_format else _FORMATS)
            if days is not None:
                found[name] = days
    return found


def _days(cells: pd.Series, place: Place, formats: tuple[str | None, ...]) -> FloatArray | None:
    for format in formats:
        try:
            return as_days(cells, place, format)[0]
        except (DataError, ValueError, TypeError):
            continue
    return None


def _called(dates: Mapping[str, FloatArray], what: str) -> list[str]:
    return [name for name in dates if COLUMNS[what].strength(name)]


def _wrong_order(dates: Mapping[str, FloatArray], first: str, second: str) -> Iterator[Doubt]:
    rows = tuple((np.flatnonzero(dates[second] < dates[first]) + 1).tolist())
    if first != second and rows:
        patients = "patient has" if len(rows) == 1 else "patients have"
        what = f"{len(rows)} {patients} a '{second}' before the '{first}'"
        yield Doubt(
            column=f"{first} and {second}",
            what=what,
            count=len(rows),
            rows=rows,
            remedy="correct them in the file",
        )
