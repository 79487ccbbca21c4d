"""How many pairs the matching finds, beside the number printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simsepsis.show.style import BLUE, INK, TEXT, add_panel, in_house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simsepsis.arrays import FloatArray

PAIR_COLUMNS = ("score", "replicate", "pairs")
SCORE_LABELS = {"covariates": "Score without adjuncts", "adjuncts": "Score with adjuncts"}


@in_house_style
def plot_pairs(pairs: pd.DataFrame, marks: pd.DataFrame, *, note: str = "") -> Figure:
    """Draw the number of matched pairs of every replicate, one panel per propensity score."""
    scores = [score for score in SCORE_LABELS if (pairs["score"] == score).any()]
    height = 1.95 * len(scores) + 0.75
    figure = new_figure(8.6, height, note=note)
    edges = _edges(np.concatenate([pairs["pairs"].to_numpy(np.float64), marks["printed"].dropna()]))
    for row, score in enumerate(scores):
        bottom = 0.85 + 1.95 * (len(scores) - 1 - row)
        axes = add_panel(figure, 0.95, bottom, 7.4, 1.25)
        counts, mark = pairs.loc[pairs["score"] == score, "pairs"], marks.loc[score]
        _draw_score(axes, counts, edges, float(mark["printed"]))
        title = f"{SCORE_LABELS[score]}: {spread_text(mark)}"
        axes.set_title(title, loc="left", fontsize=TEXT + 0.5, fontweight="bold", pad=18)
        axes.set_ylabel("Replicates (n)")
        if row == len(scores) - 1:
            axes.set_xlabel("Matched pairs (n)")
        else:
            axes.tick_params(labelbottom=False)
    return figure


def _edges(values: FloatArray) -> FloatArray:
    low, high = values.min(), values.max()
    width = max(1.0, np.ceil((high - low) / 60))
    return np.arange(low - 2 * width - 0.5, high + 2 * width + 0.5, width)


def _draw_score(axes: Axes, pairs: pd.Series, edges: FloatArray, printed: float) -> None:
    axes.hist(pairs, edges, facecolor=BLUE, edgecolor="white", linewidth=0.4)
    axes.set_xlim(edges[0], edges[-1])
    axes.yaxis.get_major_locator().set_params(integer=True)
    if not np.isnan(printed):
        axes.axvline(printed, color=INK, linewidth=1.6, linestyle=(0, (4, 2)))
        side = "left" if printed < edges.mean() else "right"
        place = {"xy": (printed, 1.03), "xycoords": ("data", "axes fraction"), "ha": side}
        axes.annotate(f"printed {printed:.0f}", fontsize=TEXT - 0.5, **place)


def spread_text(mark: pd.Series) -> str:
    """Return the simulated mean and interval of a number of pairs in words."""
    return f"simulated mean {mark['simulated']:.0f}, 95% interval {mark['low']:.0f}–{mark['high']:.0f}"
