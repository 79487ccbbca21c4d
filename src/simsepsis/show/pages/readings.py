"""Tables of the readings of a study's methods: what each is, and where the main results lie in it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from simsepsis.show.table import Table
from simsepsis.words.numbers import of_statistic

if TYPE_CHECKING:
    import pandas as pd

    from simsepsis.reproduction.readings import ReadingsComparison
    from simsepsis.study.published import Study

Place = tuple[str, str, str, str]
"""``table, variable, level, statistic`` of a number after matching."""
Places = tuple[tuple[str, dict[str, Place]], ...]
"""Title of a table → the numbers that it shows by their headings."""

_MARKS = "mean and 95% interval over replicates; ▲ print lies above it, ▼ below"
_AS_LITERAL = "as literal"


def reading_tables(found: ReadingsComparison, study: Study) -> tuple[Table, ...]:
    """Return what each reading is, and the main results of each reading beside print."""
    definitions = Table(
        title="What each reading is",
        heads=("Reading", "What it changes", "What it concerns"),
        rows=tuple((reading.label, reading.changes, reading.concerns) for reading in found.readings),
    )
    numbers = found.table.loc[found.table["arm"].isin(("", "contrast"))]
    code = study.module("results")
    tables: Places = () if code is None else code.READING_TABLES
    by_place = numbers.set_index(["table", "variable", "level", "statistic", "reading"]).sort_index()
    return definitions, *(_results(title, places, found, by_place) for title, places in tables)


def _results(title: str, places: dict[str, Place], found: ReadingsComparison, numbers: pd.DataFrame) -> Table:
    """Return one row per reading that changes one of the numbers, the printed numbers above them."""
    literal = found.readings[0].name
    printed = [str(numbers.loc[(*place, literal), "text"]) for place in places.values()]
    rows = [
        (reading.label, *(_cell(numbers, (*place, reading.name)) for place in places.values()))
        for reading in found.readings
    ]
    return Table(
        title=f"{title}: {_MARKS}",
        heads=("Reading", *places),
        rows=(("printed", *printed), *(row for row in rows if set(row[1:]) != {_AS_LITERAL})),
    )


def _cell(numbers: pd.DataFrame, key: tuple[str, ...]) -> str:
    if key not in numbers.index:
        return _AS_LITERAL
    row, statistic = numbers.loc[key], key[3]
    if math.isnan(row["simulated"]):
        return "–"
    mean, low, high = (of_statistic(row[name], statistic) for name in ("simulated", "low", "high"))
    mark = "" if row["inside"] else " ▲" if row["printed"] > row["simulated"] else " ▼"
    return f"{mean} ({low}–{high}){mark}"
