"""Which worlds make printed results likely: the log likelihood over effect and confounding, by timing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simsepsis.experiment.selection import short
from simsepsis.show.figure import Figure
from simsepsis.show.plots.experiment.marks import axis_name
from simsepsis.show.style import INK, SMALL, TEXT, add_panel, in_house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

LIKELIHOOD_COLUMNS = ("panel", "x", "y", "value", "mcse", "told_apart")
TOLD_APART = 1.92
"""Fall of the log likelihood by which a world is set apart from the likeliest."""

_BOX_WIDE, _BOX_TALL, _ACROSS = 0.78, 0.52, 2
_PALEST = 8.0
"""Fall of the log likelihood from which a box is white."""


def likelihood_rows(table: pd.DataFrame, *, x: str, y: str) -> pd.DataFrame:
    """Return the log likelihood of each world minus the highest, a panel for each of the other settings."""
    place = list(table.columns).index("results")
    others = [key for key in table.columns[:place] if key not in (x, y, "scenario")]
    fall = table["log_likelihood"] - table["log_likelihood"].max()
    panels = [
        ", ".join(f"{short(key)} {value:g}" for key, value in zip(others, values, strict=True))
        for values in table[others].to_numpy().tolist()
    ]
    return pd.DataFrame(
        {
            "panel": panels,
            "x": table[x],
            "y": table[y],
            "value": fall,
            "mcse": table["mcse"],
            "told_apart": fall + 2.0 * table["mcse"] < -TOLD_APART,
        }
    ).reset_index(drop=True)


@in_house_style
def plot_likelihood(rows: pd.DataFrame, *, x: str, y: str, note: str = "") -> Drawing:
    """Draw the log likelihoods as boxes, dark where the results are likely."""
    panels = list(dict.fromkeys(rows["panel"]))
    xs, ys = sorted(rows["x"].unique()), sorted(rows["y"].unique())
    wide, tall = _BOX_WIDE * len(xs), _BOX_TALL * len(ys)
    across = min(len(panels), _ACROSS)
    down = -(-len(panels) // across)
    figure = new_figure(0.6 + (wide + 0.85) * across, 0.85 + (tall + 0.95) * down, note=note)
    for number, panel in enumerate(panels):
        left = 0.85 + (wide + 0.85) * (number % across)
        bottom = 1.1 + (tall + 0.95) * (down - 1 - number // across)
        axes = add_panel(figure, left, bottom, wide, tall)
        _draw(axes, rows[rows["panel"] == panel], xs, ys)
        axes.set_title(panel.replace(", ", ",\n"), fontsize=TEXT, loc="left", fontweight="bold")
        axes.set_xlabel(x)
        axes.set_ylabel(y)
    words = "Log likelihood minus the highest, Monte Carlo standard error in brackets"
    height = 1 - 0.25 / figure.get_figheight()
    figure.text(0.15 / figure.get_figwidth(), height, words, va="center")
    return figure


def _draw(axes: Axes, part: pd.DataFrame, xs: list[float], ys: list[float]) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    grid = part.set_index(["y", "x"])
    value, error, apart = (
        grid[name].unstack("x").reindex(index=ys, columns=xs).to_numpy(np.float64)
        for name in ("value", "mcse", "told_apart")
    )
    shades = LinearSegmentedColormap.from_list("likelihood", ("#ffffff", "#8fabc7", "#173f66"))
    depth = np.clip(1.0 + value / _PALEST, 0.0, 1.0)
    axes.imshow(depth, cmap=shades, vmin=0, vmax=1, origin="lower", aspect="auto")
    for (row, column), fall in np.ndenumerate(value):
        color = "white" if depth[row, column] > 0.65 else INK
        weight = "normal" if apart[row, column] else "bold"
        look = {"ha": "center", "color": color}
        words = f"{fall:.1f}".replace("-0.0", "0.0").replace("-", "−")
        axes.text(column, row + 0.1, words, va="bottom", fontsize=TEXT - 1, fontweight=weight, **look)
        axes.text(column, row - 0.02, f"({error[row, column]:.1f})", va="top", fontsize=SMALL - 1.5, **look)
    axes.set_xticks(range(len(xs)), [f"{item:g}" for item in xs])
    axes.set_yticks(range(len(ys)), [f"{item:g}" for item in ys])
    axes.tick_params(length=0)


def likelihood_figure(table: pd.DataFrame, *, x: str, y: str, note: str) -> Figure:
    """Return the figure of one set of results with its words and numbers."""
    rows = likelihood_rows(table, x=x, y=y)
    best = table.loc[table["log_likelihood"].idxmax(), "scenario"]
    rivals = int((~rows["told_apart"]).sum())
    return Figure(
        name="likelihood",
        title="Which worlds make the printed results likely",
        caption=(
            "Synthetic log likelihood of the thesis's printed results in each world, minus that of the "
            f"likeliest; bold where it is not set apart from it (a fall of {TOLD_APART} or less, or within "
            f"two Monte Carlo standard errors of that). {note}"
        ),
        alt=f"The likeliest world has {best}; {rivals} of {len(rows)} worlds are not set apart from it.",
        draw=lambda: plot_likelihood(rows, x=axis_name(x), y=axis_name(y), note=note),
        data=rows,
    )
