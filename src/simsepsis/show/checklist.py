"""Reporting checklists: what each item asks, and its answer as far as the program knows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pandas as pd

from simsepsis.spreadsheet import csv_bytes

CHECKLIST = "checklist.csv"
CHECKLIST_COLUMNS = ("item", "asks", "answered", "where", "answer")
YES = "yes"


class Item(NamedTuple):
    """An item, what it asks, in which file its answer stands, and the answer or what gives it."""

    item: str
    asks: str
    where: str = ""
    answer: str | Callable[[Any], str] = ""


def checklist(items: Iterable[Item], subject: object, by: str) -> pd.DataFrame:
    """Return the items of a list with their answers; what nothing answers is left to people."""
    rows = []
    for item, asks, where, answer in items:
        said = answer(subject) if callable(answer) else answer
        rows.append((item, asks, YES, where, said) if said else (item, asks, f"for the {by}", "", ""))
    return pd.DataFrame(rows, columns=list(CHECKLIST_COLUMNS))


def checklist_file(items: Iterable[Item], subject: object, by: str) -> dict[str, bytes]:
    """Return the file of a list by its name."""
    return {CHECKLIST: csv_bytes(checklist(items, subject, by))}
