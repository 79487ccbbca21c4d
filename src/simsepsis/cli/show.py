"""What the commands print: tables, progress and sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

TABLE_WIDTH = 110
"""Columns of a table where the output is not a terminal."""


def console() -> Console:
    """Return the console for results: as wide as the terminal, fixed elsewhere."""
    screen = Console(highlight=False)
    return screen if screen.is_terminal else Console(highlight=False, width=TABLE_WIDTH)


def show_table(frame: pd.DataFrame, title: str, columns: dict[str, str], right: Sequence[str] = ()) -> None:
    """Print the named columns of a frame under the given heads.

    Parameters
    ----------
    frame
        One row per line; values are printed as they are.
    title
        What stands above.
    columns
        Column → head.
    right
        Columns to align to the right.
    """
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name, head in columns.items():
        table.add_column(head, justify="right" if name in right else "left", overflow="fold")
    for row in frame[list(columns)].astype(str).itertuples(index=False):
        table.add_row(*row)
    console().print(table)


@contextmanager
def progress_bar(words: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a callback (done, total) that draws a bar with the time remaining on stderr."""
    bar = Progress(
        TextColumn(words),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task(words, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
