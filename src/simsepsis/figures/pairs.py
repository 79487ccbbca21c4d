"""How many pairs the matching finds, beside the number printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simsepsis.figures.style import BLUE, INK, TEXT, add_panel, in_house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simsepsis.arrays import FloatArray

PAIR_COLUMNS = ("score", "replicate", "pairs")
SCORE_LABELS = {"covariates": "Score without adjuncts", "adjuncts": "Score with adjuncts"}


@in_house_style
def plot_pairs(pairs: pd.DataFrame, printed: dict[str, float], *, note: str = "") -> Figure:
    """Draw the number of matched pairs of every replicate, one panel per propensity score.

    Parameters
    ----------
    pairs
        ``score`` (covariates | adjuncts) ``, replicate, pairs``.
    printed
        Score → printed number of pairs; a score without one has no line.
    note
        Line with scenario, replicates, seed and version.
    """
    scores = [score for score in SCORE_LABELS if (pairs["score"] == score).any()]
    height = 1.95 * len(scores) + 0.75
    figure = new_figure(8.6, height, note=note)
    everything = np.concatenate([pairs["pairs"].to_numpy(np.float64), list(printed.values())])
    edges = _edges(everything)
    for row, score in enumerate(scores):
        bottom = 0.85 + 1.95 * (len(scores) - 1 - row)
        axes = add_panel(figure, 0.95, bottom, 7.4, 1.25)
        counts = pairs.loc[pairs["score"] == score, "pairs"]
        _draw_score(axes, counts, edges, printed.get(score))
        axes.set_title(_title(score, counts), loc="left", fontsize=TEXT + 0.5, fontweight="bold", pad=18)
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


def _draw_score(axes: Axes, pairs: pd.Series, edges: FloatArray, printed: float | None) -> None:
    axes.hist(pairs, edges, facecolor=BLUE, edgecolor="white", linewidth=0.4)
    axes.set_xlim(edges[0], edges[-1])
    axes.yaxis.get_major_locator().set_params(integer=True)
    if printed is not None:
        axes.axvline(printed, color=INK, linewidth=1.6, linestyle=(0, (4, 2)))
        side = "left" if printed < edges.mean() else "right"
        place = {"xy": (printed, 1.03), "xycoords": ("data", "axes fraction"), "ha": side}
        axes.annotate(f"printed {printed:.0f}", fontsize=TEXT - 0.5, **place)


def _title(score: str, pairs: pd.Series) -> str:
    low, high = np.percentile(pairs, [2.5, 97.5])
    return f"{SCORE_LABELS[score]}: simulated mean {pairs.mean():.0f}, 95% interval {low:.0f}–{high:.0f}"
