"""CSV in which no text that was read from somewhere is a formula for a spreadsheet."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import pandas as pd

MARK = "'"
"""Stands before a text that a spreadsheet would compute otherwise; spreadsheets take it as "this is text"."""

FORMULA_SIGNS = tuple("=+-@\t\r\n＝＋－＠")
"""How formulas begin; full-width signs count in Japanese spreadsheets."""


def csv_bytes(frame: pd.DataFrame, **style: Any) -> bytes:
    """Return a frame as the content of a CSV file.

    Texts in cells and names of columns that begin with one of `FORMULA_SIGNS` and are no number get a `MARK`
    in front; `without_marks` takes it away again. Numbers are written as they are.
    """
    # Numbers in text form, such as "-0.5", stay as well.
    return str(_changed(frame, _marked).to_csv(index=False, **style)).encode("utf-8", "backslashreplace")


def without_marks(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame that was read from a file of `csv_bytes` as it was before."""
    return _changed(frame, _unmarked)


def _marked(value: Hashable) -> Hashable:
    return f"{MARK}{value}" if isinstance(value, str) and _is_formula(value) else value


def _unmarked(value: Hashable) -> Hashable:
    marked = isinstance(value, str) and value.startswith(MARK) and _is_formula(value)
    return str(value)[1:] if marked else value


def _is_formula(text: str) -> bool:
    bare = text.lstrip(MARK)
    if not bare.startswith(FORMULA_SIGNS):
        return False
    try:
        float(bare)
    except ValueError:
        return True
    return False


def _changed(frame: pd.DataFrame, change: Callable[[Hashable], Hashable]) -> pd.DataFrame:
    """Return a frame with other texts; without any that changes it is the same one."""
    names = [change(name) for name in frame.columns]
    columns = [frame.iloc[:, place] for place in range(frame.shape[1])]
    changed = [_column(column, change) for column in columns]
    if names == list(frame.columns) and all(a is b for a, b in zip(columns, changed, strict=True)):
        return frame
    return pd.concat(changed, axis=1).set_axis(names, axis=1)


def _column(column: pd.Series, change: Callable[[Hashable], Hashable]) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = [change(level) for level in column.cat.categories]
        return column if levels == list(column.cat.categories) else column.cat.rename_categories(levels)
    try:
        present = column.dropna().unique()
    except TypeError:  # lists and the like, which are no text
        present = column.dropna().map(_hashable).unique()
    texts = [value for value in present if isinstance(value, str)]
    table: dict[Hashable, Hashable] = {text: change(text) for text in texts if change(text) != text}
    return column.map(lambda value: table.get(_hashable(value), value)) if table else column


def _hashable(value: Any) -> Hashable:
    """Return a value that can be looked up; of lists and the like, which are no text, nothing."""
    return value if isinstance(value, Hashable) else None
