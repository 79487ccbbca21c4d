"""A study's numbers as they stand in print, one row per number, checked for form on reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from simsepsis.documents import is_file
from simsepsis.errors import DataError
from simsepsis.study.layout import ARMS, Key, Layout
from simsepsis.study.variables import Variables
from simsepsis.study.wording import wording_of
from simsepsis.words.labels import PHASES, STATISTICS, Wording, in_a_sentence

KEY = Key._fields
PRINTED_COLUMNS = (*KEY, "printed", "text", "bound", "decimals")
LEGAL_STATISTICS = (
    *STATISTICS,
    *("mean", "sd", "risk_ratio", "risk_difference", "mean_difference", "clusters", "icc"),
)
SHORT_COLUMNS = ("variable", "statistic", "text")
"""Columns that a table must have; the others are empty, or follow from these."""
LEGAL_PHASES = (*PHASES, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One printed number, with what its printing leaves open.

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


@dataclass(frozen=True, kw_only=True, eq=False)
class Printed(Mapping[Key, Cell]):
    """Every printed number of a study by its key, with the study's own words for keys.

    Attributes
    ----------
    cells
        Key → number, in the order of print.
    variables, layout
        What the keys mean.
    """

    cells: Mapping[Key, Cell]
    variables: Variables = field(default_factory=Variables)
    layout: Layout = field(default_factory=Layout)

    @cached_property
    def wording(self) -> Wording:
        """Return the words for variables and levels."""
        return wording_of(self.variables, self.layout)

    def __getitem__(self, key: Key) -> Cell:
        return self.cells[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self.cells)

    def __len__(self) -> int:
        return len(self.cells)

    def arm_size(self, key: Key) -> float | None:
        """Return the number of patients in a number's column, None where it is not printed."""
        layout = self.layout
        if key.variable == "n" and key.level == "":
            arms = [self.cells.get(key._replace(statistic="count", arm=arm)) for arm in ARMS]
            return None if None in arms else sum(arm.value for arm in arms if arm)
        column = ("n", "", "count", key.phase, key.arm)
        size = self.cells.get(Key(key.table, *column), self.cells.get(Key(layout.sizes, *column)))
        return None if size is None else size.value

    def row(self, key: Key) -> str:
        """Return the row in which a number stands, in words."""
        name = self.wording.row(key.variable, key.level)
        return in_a_sentence(name) if key.variable in self.layout.quantities else name

    def where(self, key: Key) -> str:
        """Return the address of a number in words."""
        parts = (
            table_name(key.table),
            f"{key.phase} matching" if key.phase else "",
            self.row(key),
            self.layout.arm_labels.get(key.arm, ""),
            statistic_name(key.statistic),
        )
        return ", ".join(part for part in parts if part)

    def short(self, key: Key) -> str:
        """Return the address of a number in words, without table and phase."""
        words = self.layout.arm_labels.get(key.arm, ""), statistic_name(key.statistic)
        return " ".join(part for part in (self.row(key), *words) if part)

    def originals(self) -> dict[Key, Key]:
        """Return for every number where it stands first: its own key, or that of an earlier table."""
        first: dict[tuple[str, ...], Key] = {}
        found = {}
        for key in self:
            level = "" if key.level in self.layout.like_none else key.level
            outcome = key.table if key.table in self.layout.sisters else ""
            found[key] = first.setdefault((outcome, key.variable, level, *key[3:]), key)
        return found


def table_name(table: str) -> str:
    """Return a table's key in words."""
    return table.replace("table", "Table ").replace("text", "Text")


def statistic_name(statistic: str) -> str:
    """Return a statistic in words; counts and percentages go by their keys, as in the files of numbers."""
    return statistic if statistic in ("count", "percent") else STATISTICS.get(statistic, statistic)


def cells_of(frame: pd.DataFrame) -> dict[Key, Cell]:
    """Return the numbers of a frame with `PRINTED_COLUMNS` by their keys."""
    columns = [frame[name].tolist() for name in PRINTED_COLUMNS]
    return {
        Key(*row[:6]): Cell(value=float(row[6]), text=row[7], bound=row[8], decimals=int(row[9]))
        for row in zip(*columns, strict=True)
    }


def read_tables(folder: Path, variables: Variables, layout: Layout) -> pd.DataFrame:
    """Return every number of a folder of printed tables, one CSV file each."""
    found = sorted(path.stem for path in folder.glob("*.csv"))
    names = [*layout.tables, *(name for name in found if name not in layout.tables)]
    if not names:
        raise DataError(f"{folder}: has no printed tables; write them as CSV, such as table1.csv")
    frame = pd.concat([read_table(folder / f"{name}.csv") for name in names], ignore_index=True)
    return check_printed(layout.read(frame), variables, layout)


def read_table(path: Path) -> pd.DataFrame:
    """Return one table with all `PRINTED_COLUMNS`, of which a file needs `SHORT_COLUMNS` only."""
    header = pd.read_csv(path, nrows=0, encoding="utf-8-sig").columns if is_file(path) else PRINTED_COLUMNS
    if not set(SHORT_COLUMNS) <= set(header) <= set(PRINTED_COLUMNS) or set(header) == set(PRINTED_COLUMNS):
        return read_numbers(path, PRINTED_COLUMNS)
    frame = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    digits = frame["text"].str.removeprefix("<")
    found = {
        "table": path.stem,
        "printed": pd.to_numeric(digits, errors="coerce"),
        "bound": frame["text"].str.slice(0, 1).where(frame["text"].str.startswith("<"), ""),
        "decimals": digits.str.partition(".")[2].str.len(),
    }
    return pd.DataFrame({name: found.get(name, frame.get(name, "")) for name in PRINTED_COLUMNS})


def read_numbers(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return a CSV file of printed numbers; every column is text but the number and its decimals."""
    types = dict.fromkeys(columns, "str") | ({"printed": "float64"} if "printed" in columns else {})
    if "decimals" in columns:
        types["decimals"] = "int64"
    if not is_file(path):
        raise DataError(f"{path}: no such table; write it or take its name out of layout.toml")
    try:
        frame = pd.read_csv(path, dtype=types, keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, KeyError) as error:
        raise DataError(f"{path}: cannot be read as printed numbers ({error}); correct it there") from error
    if tuple(frame.columns) != columns:
        raise DataError(f"{path}: columns are {', '.join(frame.columns)}; they must be {', '.join(columns)}")
    return frame


def check_printed(frame: pd.DataFrame, variables: Variables, layout: Layout) -> pd.DataFrame:
    """Return the frame unchanged if every row has a legal, single key and a number that is its text."""
    doubles = frame[frame.duplicated(list(KEY))]
    if len(doubles):
        raise DataError(f"printed tables: {_address(doubles.iloc[0])} stands twice; keep one row")
    legal = {"statistic": LEGAL_STATISTICS, "phase": LEGAL_PHASES, "arm": (*ARMS, "contrast", "")}
    known = {*variables, *layout.quantities}
    for _, row in frame.iterrows():
        problem = _problem(row, legal, known)
        if problem:
            raise DataError(f"printed tables: {_address(row)}: {problem}")
    return frame


def _problem(row: pd.Series, legal: Mapping[str, tuple[str, ...]], variables: set[str]) -> str:
    """Return what is wrong with one row, or an empty string."""
    for column, allowed in legal.items():
        if row[column] not in allowed:
            return f"{column} '{row[column]}' is unknown; use one of {', '.join(filter(None, allowed))}"
    if row["variable"] not in variables:
        return f"variable '{row['variable']}' is not in the data dictionary; correct the name"
    digits = str(row["text"]).removeprefix("<")
    try:
        number = float(digits)
    except ValueError:
        return f"text '{row['text']}' is no number; write it as it is printed"
    said = (number, "<" * (digits != row["text"]), len(digits.partition(".")[2]))
    if said != (row["printed"], row["bound"], row["decimals"]):
        return f"text '{row['text']}' is not the number {row['printed']}; make them agree"
    return ""


def _address(row: pd.Series) -> str:
    return " ".join(str(row[name]) for name in KEY if row[name])
