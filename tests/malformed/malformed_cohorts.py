"""Tables of patients that nobody should analyse: a small registry, spoilt in one way at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from malformed_files import LONG, SPACED, Malformed

from simsepsis.world.cohort import generate_cohort
from simsepsis.world.files import load_scenario

PATIENTS = 600
ROW = 7

NUMBERS = ("age", "weight_kg", "apache2", "platelets", "lactate", "icu_days", "ventilator_days", "rbc_units")
ZERO_ONE = ("male", "liver_disease", "low_dose_steroid", "hospital_death", "icu_death", "ivigg")
CATEGORIES = ("icu_type", "admission_route", "infection_site", "microorganism")
GRADES = ("sirs_day1", "sofa_cv_day1")
USED = (*NUMBERS, *ZERO_ONE, *CATEGORIES, *GRADES, "icu_id", "patient_id", "hospital_days")
UNUSED = ("lactate",)

TEXTS = {
    "words": "no idea",
    "long": LONG,
    "spaced": SPACED,
    "markup": "[/x][bold red]",
    "script": "<script>alert(1)</script>",
    "formula": "=1+1",
    "mathtext": "$\\frac{1",
    "escape": "\x1b[2J",
    "direction": "a\u202eb",
    "comma": "12,5",
    "unit": "12 mg",
    "comparison": ">28",
    "two dots": "1.2.3",
    "hexadecimal": "0x1F",
    "Japanese": "不明",
}
TOO_FAR = {"-1": -1.0, "-inf": -np.inf, "inf": np.inf, "1e308": 1e308, "1e300": 1e300}


@cache
def registry() -> pd.DataFrame:
    """Return a registry without fault."""
    return generate_cohort(load_scenario("thesis"), seed=0, n=PATIENTS).registry


def _with(column: str, value: Any, row: int | slice = ROW) -> pd.DataFrame:
    frame = registry().copy()
    frame[column] = frame[column].astype(object)
    frame.iloc[row, frame.columns.get_loc(column)] = value
    return frame


def _csv(name: str, frame: Callable[[], pd.DataFrame], file: str = "spoilt.csv") -> Malformed:
    return _made(name, lambda path: frame().to_csv(path, index=False), file)


def _parquet(name: str, frame: Callable[[], pd.DataFrame]) -> Malformed:
    return _made(name, lambda path: frame().to_parquet(path, index=False), "spoilt.parquet")


def _made(name: str, write: Callable[[Path], object], file: str = "spoilt.csv") -> Malformed:
    return Malformed(
        name=f"cohort: {name}", file=file, write=write, arguments=("analyze", file, "--out", "out")
    )


def cells() -> Iterator[Malformed]:
    """Yield tables with one cell that is none."""
    for column in (*NUMBERS, *ZERO_ONE, *GRADES, "hospital_days"):
        if column in UNUSED:
            continue
        for name, value in TEXTS.items():
            yield _csv(f"{column} is {name}", lambda c=column, v=value: _with(c, v))
        for name, value in TOO_FAR.items():
            yield _csv(f"{column} is {name}", lambda c=column, v=value: _with(c, v))
    for column in (*ZERO_ONE, *GRADES):
        for value in (2, 5, 0.5):
            if not (column in GRADES and value == 2):
                yield _csv(f"{column} is {value}", lambda c=column, v=value: _with(c, v))
    for column in CATEGORIES:
        for name, value in TEXTS.items():
            yield _csv(f"{column} is {name}", lambda c=column, v=value: _with(c, v))
    yield _csv("treatment is empty", lambda: _with("ivigg", None))
    yield _csv("ICU is empty", lambda: _with("icu_id", None))


def columns() -> Iterator[Malformed]:
    """Yield tables with a column too few, or one that says nothing or too much."""
    for column in USED:
        if column not in UNUSED:
            yield _csv(f"{column} is missing", lambda c=column: registry().drop(columns=c))
            yield _parquet(f"{column} is missing in Parquet", lambda c=column: registry().drop(columns=c))
    for column in ("age", "ivigg", "hospital_death", "infection_site"):
        yield _csv(f"{column} in capitals", lambda c=column: registry().rename(columns={c: c.upper()}))
        yield _csv(f"{column} is all words", lambda c=column: registry().assign(**{c: "many"}))
    yield _csv("nobody treated", lambda: registry().assign(ivigg=0))
    yield _csv("everybody treated", lambda: registry().assign(ivigg=1))
    yield _csv("one ICU", lambda: registry().assign(icu_id=1))
    yield _csv("age is empty", lambda: registry().assign(age=np.nan))
    yield _csv("outcome is empty", lambda: registry().assign(hospital_death=np.nan))
    yield _csv("patients twice", lambda: pd.concat([registry(), registry()]))
    yield _csv("one patient twice", lambda: _with("patient_id", registry()["patient_id"].iloc[0]))
    yield _csv("no row", lambda: registry().head(0))
    yield _csv("one row", lambda: registry().head(1))
    yield _csv("turned", lambda: registry().head(30).T)
    yield _csv("no name", lambda: registry().set_axis([f"x{i}" for i in range(registry().shape[1])], axis=1))
    yield _csv("hostile name", lambda: registry().rename(columns={"age": "[/x]\x1b[2J"}))
    for kind, value in {"lists": [1, 2], "tables": {"a": 1}, "bytes": b"\xff"}.items():
        yield _parquet(f"ages are {kind}", lambda v=value: registry().assign(age=[v] * PATIENTS))
    yield _parquet("ages are dates", lambda: registry().assign(age=pd.Timestamp("2019-04-01")))


FILES: dict[str, bytes] = {
    "empty": b"",
    "blank": b"\n\n\n",
    "one quote": b'"',
    "HTML": b"<html><body>not found</body></html>",
    "JSON": b'{"a": [1, 2]}',
    "TOML": b'treatment = "ivigg"\n[columns]\n',
    "zeros": bytes(4_096),
    "all bytes": bytes(range(256)),
    "rows of different length": b"a,b\n1,2\n1,2,3\n",
    "open quote": b'a,b\n1,"2\n3,4\n',
    "numbers only": b"1,2,3\n4,5,6\n",
    "zip": b"PK\x03\x04" + bytes(100),
    "one endless line": b"x" * 1_000_000,
}


def files() -> Iterator[Malformed]:
    """Yield what is no table."""
    for name, content in FILES.items():
        yield _made(f"file is {name}", lambda path, c=content: path.write_bytes(c))
        yield _made(f"Parquet is {name}", lambda path, c=content: path.write_bytes(c), "spoilt.parquet")
    for suffix in (".csv", ".parquet"):
        file = f"spoilt{suffix}"
        yield _made(f"folder {suffix}", lambda path: path.mkdir(), file)
        yield _made(f"no file {suffix}", lambda path: None, file)
        yield _made(f"link to itself {suffix}", lambda path: path.symlink_to(path.name), file)
        yield _made(f"pipe {suffix}", lambda path: os.mkfifo(path), file)
        yield _made(f"long name {suffix}", lambda path: None, "a" * 300 + suffix)
    yield _made("cut Parquet", _cut, "spoilt.parquet")
    for file in ("spoilt", "spoilt.docx", "spoilt.csv.exe", "", "..", "a" * 5_000, "[/x].pdf", "\x1b[2J.csv"):
        yield _made(f"named {file[:20]!r}", lambda path: None, file)


def _cut(path: Path) -> None:
    registry().to_parquet(path, index=False)
    path.write_bytes(path.read_bytes()[:-100])


def cohorts() -> Iterator[Malformed]:
    """Yield every spoilt table."""
    for family in (cells, columns, files):
        yield from family()
