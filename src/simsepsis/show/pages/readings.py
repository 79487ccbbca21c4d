"""Tables of the readings of the thesis's methods: what each is, and where the main results lie in it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from simsepsis.show.table import Table
from simsepsis.words.numbers import of_statistic

if TYPE_CHECKING:
    import pandas as pd

    from simsepsis.reproduction.readings import ReadingsComparison

Place = tuple[str, str, str, str]
"""``table, variable, level, statistic`` of a number after matching."""

_MARKS = "mean and 95% interval over replicates; ▲ print lies above it, ▼ below"
_AS_LITERAL = "as literal"
_COUNTS: dict[str, Place] = {
    "Pairs": ("text", "matched_pairs", "", "count"),
    "Pairs, second score": ("text", "matched_pairs", "adjuncts", "count"),
    "Hazard ratio, hospital death": ("text", "hospital_death", "cox", "hazard_ratio"),
    "Its p value": ("text", "hospital_death", "cox", "p_value"),
}


def _odds_ratios(outcome: str, table: str) -> dict[str, Place]:
    return {
        "Crude": ("table4", outcome, "unadjusted", "odds_ratio"),
        "GEE": ("table4", outcome, "adjusted", "odds_ratio"),
        "GEE, later SOFA": (table, "ivigg", "", "odds_ratio"),
        "Second score, GEE": ("text", outcome, "adjuncts_gee", "odds_ratio"),
        "Second score, GEE, later SOFA": ("text", outcome, "adjuncts_gee_sofa", "odds_ratio"),
    }


_TABLES: tuple[tuple[str, dict[str, Place]], ...] = (
    ("Matched pairs and survival by reading", _COUNTS),
    ("Odds ratio of ICU death by reading", _odds_ratios("icu_death", "table5")),
    ("Odds ratio of hospital death by reading", _odds_ratios("hospital_death", "table6")),
)


def reading_tables(found: ReadingsComparison) -> tuple[Table, ...]:
    """Return what each reading is, and the main results of each reading beside print."""
    definitions = Table(
        title="What each reading is",
        heads=("Reading", "What it changes", "What it concerns"),
        rows=tuple((reading.label, reading.changes, reading.concerns) for reading in found.readings),
    )
    numbers = found.table.loc[found.table["arm"].isin(("", "contrast"))]
    by_place = numbers.set_index(["table", "variable", "level", "statistic", "reading"]).sort_index()
    return definitions, *(_results(title, places, found, by_place) for title, places in _TABLES)


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
