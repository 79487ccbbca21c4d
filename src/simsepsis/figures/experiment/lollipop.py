"""Lollipops: a measure of each cell and method, with 95% Monte Carlo limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simsepsis.experiment.selection import select
from simsepsis.figures.experiment.marks import (
    cell_labels,
    draw_reference,
    evenly,
    measure_label,
    reference_of,
    scaled,
    span,
)
from simsepsis.figures.style import BLUE, INK, RULE, TEXT, add_panel, in_house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simsepsis.experiment import Findings
    from simsepsis.experiment.choices import FigureChoice

LOLLIPOP_COLUMNS = ("panel", "label", "measure", "estimand", "value", "mcse", "low", "high", "n_used")
MOST_ROWS = 60
_ROW, _PANEL, _CHARACTER = 0.27, 1.75, 0.078


def lollipop_rows(choice: FigureChoice, findings: Findings) -> pd.DataFrame:
    """Return the numbers of a lollipop plot: one panel per method, or one for all where there is one cell.

    Parameters
    ----------
    choice, findings
        What is asked, of which run.

    Returns
    -------
    DataFrame
        `LOLLIPOP_COLUMNS`, in the unit of print; of more than `MOST_ROWS` cells an even choice.
    """
    rows = select(choice, findings)
    if not len(rows):
        return pd.DataFrame(columns=list(LOLLIPOP_COLUMNS))
    if rows["cell"].nunique() == 1:
        found = rows.assign(panel="", label=rows["method"])
    else:
        found = rows.assign(panel=rows["method"], label=cell_labels(findings, rows))
        kept = evenly(list(dict.fromkeys(found["label"])), MOST_ROWS)
        found = found[found["label"].isin(kept)].sort_values(["method order", "cell order"])
    return scaled(found)[list(LOLLIPOP_COLUMNS)].reset_index(drop=True)


@in_house_style
def plot_lollipop(rows: pd.DataFrame, *, note: str = "") -> Figure:
    """Draw a measure as a dot with a stem from its ideal value, and its 95% Monte Carlo limits as a line.

    Parameters
    ----------
    rows
        As returned by `lollipop_rows`; not empty.
    note
        Line with experiment, replicates, seed and version.
    """
    panels, labels = list(dict.fromkeys(rows["panel"])), list(dict.fromkeys(rows["label"]))
    left = 0.3 + _CHARACTER * max(len(label) for label in labels)
    wide = max(_PANEL, 3.6 / len(panels))
    tall = _ROW * len(labels)
    figure = new_figure(left + (wide + 0.2) * len(panels) + 0.25, tall + 1.55, note=note)
    measure, estimand = rows["measure"].iloc[0], rows["estimand"].iloc[0]
    ideal = reference_of(measure, estimand)
    ends = span(rows[["low", "high", "value"]].to_numpy(), ideal)
    for number, panel in enumerate(panels):
        axes = add_panel(figure, left + (wide + 0.2) * number, 0.95, wide, tall)
        _draw(axes, rows[rows["panel"] == panel].set_index("label"), labels, ideal)
        axes.set_xlim(*ends)
        axes.set_yticks(range(len(labels)), labels if number == 0 else [""] * len(labels))
        axes.set_title(panel, fontsize=TEXT, loc="left", fontweight="bold")
    middle = left + (wide + 0.2) * len(panels) / 2
    figure.text(
        middle / figure.get_figwidth(),
        0.42 / figure.get_figheight(),
        measure_label(measure, estimand),
        ha="center",
    )
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, labels: list[str], ideal: float | None) -> None:
    for place, label in enumerate(labels):
        axes.axhline(place, color=RULE, linewidth=0.4, zorder=0)
        if label not in rows.index or np.isnan(rows.loc[label, "value"]):
            axes.annotate(
                "no number", (0.5, place), xycoords=("axes fraction", "data"), ha="center", va="center"
            )
            continue
        row = rows.loc[label]
        if ideal is not None:
            axes.plot([ideal, row["value"]], [place, place], color=BLUE, linewidth=1.2, zorder=2)
        axes.plot([row["low"], row["high"]], [place, place], color=INK, linewidth=0.9, marker="|", zorder=3)
        axes.plot(row["value"], place, marker="o", markersize=5.5, color=BLUE, zorder=4)
    draw_reference(axes, ideal, upright=True)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=4)
