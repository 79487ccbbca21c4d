"""Lollipops: a measure of each cell and method, with 95% Monte Carlo limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simsepsis.experiment.selection import select
from simsepsis.performance.text import rows_texts
from simsepsis.show.plots.experiment.kind import LIMITS, FigureKind
from simsepsis.show.plots.experiment.marks import (
    cell_labels,
    draw_reference,
    evenly,
    list_rows,
    measure_label,
    panel_corners,
    reference_of,
    scaled,
    span,
)
from simsepsis.show.style import BLUE, INK, MUTED, RULE, SMALL, TEXT, add_panel, in_house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simsepsis.experiment import Run
    from simsepsis.experiment.requests import FigureChoice

LOLLIPOP_COLUMNS = (
    "panel",
    "label",
    "measure",
    "estimand",
    "value",
    "mcse",
    "low",
    "high",
    "n_used",
    "n_sim",
)
MOST_ROWS = 60
_ROW, _PANEL, _CHARACTER, _WIDEST = 0.27, 1.75, 0.078, 14.5


def lollipop_rows(choice: FigureChoice, findings: Run) -> pd.DataFrame:
    """Return the numbers of a lollipop plot: a panel per method or per cell, whichever are fewer."""
    rows = select(choice, findings)
    if not len(rows):
        return pd.DataFrame(columns=list(LOLLIPOP_COLUMNS))
    cells, by_cell = rows["cell"].nunique(), ["cell order", "method order"]
    words = cell_labels(findings, rows) if cells > 1 else [""] * len(rows)
    kept = evenly(list(dict.fromkeys(words)), MOST_ROWS)
    found = rows.assign(cell=words)[np.isin(words, kept)]
    if cells < rows["method"].nunique():
        found = found.assign(panel=found["cell"], label=found["method"]).sort_values(by_cell)
    else:
        found = found.assign(panel=found["method"], label=found["cell"]).sort_values(by_cell[::-1])
    return scaled(found)[list(LOLLIPOP_COLUMNS)].reset_index(drop=True)


@in_house_style
def plot_lollipop(rows: pd.DataFrame, *, note: str = "") -> Figure:
    """Draw a measure as a dot with a stem from what it is seen against, and its 95% Monte Carlo limits."""
    panels, labels = list(dict.fromkeys(rows["panel"])), list(dict.fromkeys(rows["label"]))
    left = 0.3 + _CHARACTER * max(len(label) for label in labels)
    wide, tall = max(_PANEL, 3.6 / len(panels), 0.085 * max(map(len, panels))), _ROW * len(labels)
    across = max(1, min(len(panels), int((_WIDEST - left) / (wide + 0.2))))
    down = -(-len(panels) // across)
    figure = new_figure(left + (wide + 0.2) * across + 0.25, (tall + 0.75) * down + 0.8, note=note)
    measure, estimand = rows["measure"].iloc[0], rows["estimand"].iloc[0]
    ideal = reference_of(measure, estimand)
    ends = span(rows[["low", "high", "value"]].to_numpy(), ideal)
    corners = panel_corners(len(panels), across, (wide + 0.2, tall + 0.75), (left, 0.95))
    for number, (panel, corner) in enumerate(zip(panels, corners, strict=True)):
        axes = add_panel(figure, *corner, wide, tall)
        axes.set_xlim(*ends)
        _draw(axes, rows[rows["panel"] == panel].set_index("label"), labels, ideal)
        list_rows(axes, labels if number % across == 0 else [""] * len(labels))
        axes.set_title(panel, fontsize=TEXT, loc="left", fontweight="bold")
    middle = (left + (wide + 0.2) * across / 2) / figure.get_figwidth()
    figure.text(middle, 0.42 / figure.get_figheight(), measure_label(measure, estimand), ha="center")
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, labels: list[str], ideal: float | None) -> None:
    ordered = rows.reindex(labels)
    value, low, high = ordered[["value", "low", "high"]].to_numpy(np.float64).T
    places = np.arange(len(labels))
    axes.hlines(places, 0, 1, transform=axes.get_yaxis_transform(), color=RULE, linewidth=0.4, zorder=0)
    if ideal is not None:
        axes.hlines(places, ideal, value, color=BLUE, linewidth=1.2, zorder=2)
    axes.hlines(places, low, high, color=INK, linewidth=0.9, zorder=3)
    axes.plot(np.concatenate([low, high]), np.tile(places, 2), "|", color=INK, markersize=6, zorder=3)
    axes.plot(value, places, "o", markersize=5.5, color=BLUE, zorder=4)
    for place in np.flatnonzero(np.isnan(value)):
        where = {"xycoords": ("axes fraction", "data"), "ha": "center", "va": "center"}
        axes.annotate("no number", (0.5, place), fontsize=SMALL, color=MUTED, **where)
    _write_rows(axes, ordered)
    draw_reference(axes, ideal, upright=True)
    axes.locator_params(axis="x", nbins=4)


def _write_rows(axes: Axes, ordered: pd.DataFrame) -> None:
    """Write on how few rows a value rests above its dot, towards the middle of the panel."""
    middle = float(np.mean(axes.get_xlim()))
    for place, (value, words) in enumerate(zip(ordered["value"], rows_texts(ordered), strict=True)):
        if words and np.isfinite(value):
            side = "right" if value > middle else "left"
            look = {"ha": side, "va": "bottom", "fontsize": SMALL - 1.5, "zorder": 5}
            shown = words.removesuffix(" rows")
            axes.annotate(shown, (value, place), xytext=(0, 2.5), textcoords="offset points", **look)


KINDS = {
    "lollipop": FigureKind(
        shows="a measure of each cell and method with its Monte Carlo limits",
        measure="bias",
        rows=lollipop_rows,
        plot=lambda rows, choice, note: plot_lollipop(rows, note=note),
        title="{measure} of each method",
        reading=f"{{stems}}{LIMITS} Of more than {MOST_ROWS} cells an even choice is drawn.",
        named=("panel", "label"),
    )
}
