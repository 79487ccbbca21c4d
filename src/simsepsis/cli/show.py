"""What the commands print: tables and sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from simsepsis.words import plain
from simsepsis.words.numbers import p_value

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from simsepsis.reproduction.fit import Fit

TABLE_WIDTH = 110
"""Columns of a table where the output is not a terminal."""


def console(*, stderr: bool = False) -> Console:
    """Return the console for results: as wide as the terminal, fixed elsewhere.

    It takes words as they are: brackets are no markup and colons no pictures.
    """
    from rich.console import Console

    screen = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not screen.is_terminal and not stderr:
        screen.width = TABLE_WIDTH
    return screen


def say(text: str) -> None:
    """Print a sentence as it is, unbroken where the output is not a terminal."""
    console().print(plain(text, keep="\n"), soft_wrap=not console().is_terminal)


def show_table(frame: pd.DataFrame, title: str, columns: dict[str, str], right: Sequence[str] = ()) -> None:
    """Print the named columns of a frame under the given heads."""
    rows = frame[list(columns)].astype(str).itertuples(index=False)
    show_rows(rows, title, columns.values(), [columns[name] for name in right])


def show_rows(
    rows: Iterable[Iterable[str]], title: str, heads: Iterable[str], right: Sequence[str] = ()
) -> None:
    """Print rows of words under heads, of which some are aligned to the right."""
    from rich.table import Table

    table = Table(
        title=plain(title, keep="\n"), title_justify="left", title_style="bold", box=None, pad_edge=False
    )
    for head in heads:
        table.add_column(plain(head), justify="right" if head in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(plain, row))
    console().print(table)


def show_estimates(estimates: pd.DataFrame) -> None:
    """Print one line per estimate: method, estimand, value with 95% interval, p, patients, failure."""
    import pandas as pd

    shown = estimates.assign(
        interval=[
            "" if pd.isna(low) else f"{low:.3f} to {high:.3f}"
            for low, high in zip(estimates["ci_low"], estimates["ci_high"], strict=True)
        ],
        estimate=["–" if pd.isna(value) else f"{value:.3f}" for value in estimates["estimate"]],
        p=["" if pd.isna(p) else p_value(p) for p in estimates["p_value"]],
        failure=estimates["failure"].fillna(""),
    )
    heads = {"method": "method", "estimand": "estimand", "estimate": "estimate", "interval": "95% interval"}
    heads |= {"p": "p", "n_used": "n", "failure": "failure"}
    show_table(shown, "Estimates", heads, right=("estimate", "p", "n_used"))


def show_fit(fit: Fit) -> None:
    """Print the goodness of fit of the literal reading, block by block."""
    table = fit.table
    rows = table[table["reading"] == table["reading"].iloc[0]]
    shown = rows.assign(
        block=[fit.labels[block] for block in rows["block"]],
        items=[str(number) for number in rows["items"]],
        mean_z2=[f"{value:.2f}" for value in rows["mean_z2"]],
        p=[f"{value:.3f}" for value in rows["p"]],
    )
    heads = {"block": "block", "items": "numbers", "mean_z2": "mean z² (1 expected)", "p": "p"}
    if rows["items"].sum():
        show_table(shown, "Goodness of fit", heads, right=("items", "mean_z2", "p"))


def show_comparison(comparison: pd.DataFrame) -> None:
    """Print every printed number beside its simulated mean, interval and verdict, table by table."""
    import pandas as pd

    name = [
        " ".join(str(part) for part in parts if part)
        for parts in zip(
            *(comparison[c] for c in ("variable", "level", "statistic", "phase", "arm")), strict=True
        )
    ]
    shown = comparison.assign(
        number=name,
        printed=[f"{value:g}" for value in comparison["printed"]],
        mean=[f"{value:.4g}" for value in comparison["simulated"]],
        interval=[
            f"{low:.4g} to {high:.4g}"
            for low, high in zip(comparison["low"], comparison["high"], strict=True)
        ],
        verdict=["?" if pd.isna(i) else "yes" if i else "NO" for i in comparison["inside"]],
    )
    heads = {"number": "number", "printed": "printed", "mean": "simulated"}
    heads |= {"interval": "95% interval", "verdict": "inside?"}
    for table, rows in shown.groupby("table", sort=False):
        title = str(table).replace("table", "Table ").replace("text", "Text")
        show_table(rows, f"\n{title}", heads, right=("printed", "mean", "interval"))
