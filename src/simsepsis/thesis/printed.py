"""The thesis's numbers as they stand in print, one row per number, checked for form on reading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import NamedTuple

import pandas as pd

from simsepsis.errors import DataError
from simsepsis.studies.jseptic_ivigg.columns import COLUMNS

TABLES = ("table1", "table2", "table3", "table4", "table5", "table6", "text")
KEY = ("table", "variable", "level", "statistic", "phase", "arm")
PRINTED_COLUMNS = (*KEY, "printed", "text", "bound", "decimals")
LITERATURE_COLUMNS = ("source", "quantity", "printed", "text", "unit", "note")
LEGAL = {
    "statistic": (
        "count",
        "percent",
        "median",
        "q1",
        "q3",
        "smd_percent",
        "p_value",
        "odds_ratio",
        "ci_low",
        "ci_high",
        "hazard_ratio",
    ),
    "phase": ("before", "after", ""),
    "arm": ("ivigg", "control", "contrast", ""),
}
STUDY_QUANTITIES = ("n", "matched_pairs", "sofa_missing", "icus", "institutions")
"""Variables that count patients, pairs or sites and are no column of the registry."""


class Key(NamedTuple):
    """The address of one number of the thesis."""

    table: str
    variable: str
    level: str
    statistic: str
    phase: str
    arm: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One number of the thesis, with what its printing leaves open.

    Attributes
    ----------
    value, text
        The number, and the string that stands in print (``"<0.001"``).
    decimals
        Digits printed after the point.
    bound
        ``"<"`` where the number is printed as an upper bound, otherwise empty.
    """

    value: float
    text: str
    decimals: int
    bound: str = ""

    @property
    def low(self) -> float:
        """Return the least number that rounds to what is printed (0 for an upper bound)."""
        return 0.0 if self.bound else self.value - 0.5 * 10.0**-self.decimals

    @property
    def high(self) -> float:
        """Return the greatest number that rounds to what is printed."""
        return self.value if self.bound else self.value + 0.5 * 10.0**-self.decimals

    def admits(self, low: float, high: float | None = None) -> bool:
        """Tell whether the printed number can stand for some number from `low` to `high`."""
        slack = 1e-9 * (1.0 + abs(self.value))
        return self.low <= (low if high is None else high) + slack and low <= self.high + slack


Cells = Mapping[Key, Cell]


def read_printed() -> pd.DataFrame:
    """Return every number of the thesis's tables and results text, as printed.

    Returns
    -------
    DataFrame
        One row per number; columns `PRINTED_COLUMNS`.

    Raises
    ------
    DataError
        If a packaged file breaks the form: a key that is double or unknown, a number that is not
        what its text says.
    """
    frame = pd.concat([_read_csv(table, PRINTED_COLUMNS) for table in TABLES], ignore_index=True)
    return check_printed(frame)


def load_literature() -> pd.DataFrame:
    """Return the numbers that the thesis quotes from other work, or assumes.

    Returns
    -------
    DataFrame
        Columns `LITERATURE_COLUMNS`; `printed` is the number, `text` its string.
    """
    return _read_csv("literature", LITERATURE_COLUMNS)


def cells_of(frame: pd.DataFrame) -> dict[Key, Cell]:
    """Return the numbers of a frame with `PRINTED_COLUMNS` by their keys."""
    columns = [frame[name].tolist() for name in PRINTED_COLUMNS]
    return {
        Key(*row[:6]): Cell(value=float(row[6]), text=row[7], bound=row[8], decimals=int(row[9]))
        for row in zip(*columns, strict=True)
    }


def original_prints(keys: Iterable[Key]) -> dict[Key, Key]:
    """Return for every number where it stands first: its own key, or that of an earlier table.

    Table 4 repeats the crude deaths of Table 3, and the text repeats the tables. Tables 5 and 6 have the
    same terms for different outcomes, so that nothing in them is a repetition.
    """
    first: dict[tuple[str, ...], Key] = {}
    originals = {}
    for key in keys:
        level = "" if key.level == "unadjusted" else key.level
        outcome = key.table if key.table in ("table5", "table6") else ""
        originals[key] = first.setdefault((outcome, key.variable, level, *key[3:]), key)
    return originals


def check_printed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame unchanged if every row has a legal, single key and a number that is its text.

    Raises
    ------
    DataError
        Otherwise, naming the first row that is wrong.
    """
    doubles = frame[frame.duplicated(list(KEY))]
    if len(doubles):
        raise DataError(f"thesis tables: {_address(doubles.iloc[0])} stands twice; keep one row")
    for _, row in frame.iterrows():
        problem = _problem(row)
        if problem:
            raise DataError(f"thesis tables: {_address(row)}: {problem}")
    return frame


def _problem(row: pd.Series) -> str:
    """Return what is wrong with one row, or an empty string."""
    for column, legal in LEGAL.items():
        if row[column] not in legal:
            return f"{column} '{row[column]}' is unknown; use one of {', '.join(filter(None, legal))}"
    if row["variable"] not in COLUMNS and row["variable"] not in STUDY_QUANTITIES:
        return f"variable '{row['variable']}' is not in the data dictionary; correct the name"
    digits = str(row["text"]).removeprefix("<")
    said = (float(digits), "<" * (digits != row["text"]), len(digits.partition(".")[2]))
    if said != (row["printed"], row["bound"], row["decimals"]):
        return f"text '{row['text']}' is not the number {row['printed']}; make them agree"
    return ""


def _address(row: pd.Series) -> str:
    return " ".join(str(row[name]) for name in KEY if row[name])


def _read_csv(name: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """Read one packaged file; every column is text but the number and its decimals."""
    types = dict.fromkeys(columns, "str") | {"printed": "float64"}
    if "decimals" in columns:
        types["decimals"] = "int64"
    with files("simsepsis.thesis").joinpath(f"{name}.csv").open(encoding="utf-8") as handle:
        frame = pd.read_csv(handle, dtype=types, keep_default_na=False)
    if tuple(frame.columns) != columns:
        raise DataError(f"thesis/{name}.csv: columns are {list(frame.columns)}; they must be {list(columns)}")
    return frame
