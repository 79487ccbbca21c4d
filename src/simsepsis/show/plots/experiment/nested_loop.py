"""Nested-loop plots: a measure over all cells at once, and the settings as steps below."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simsepsis.experiment.requests import CELL
from simsepsis.experiment.selection import other_keys, select, short, value_text
from simsepsis.show.plots.experiment.kind import LIMITS, FigureKind
from simsepsis.show.plots.experiment.marks import (
    draw_reference,
    looks,
    mark_few_rows,
    measure_label,
    reference_of,
    scaled,
    span,
)
from simsepsis.show.style import INK, LEADER, RULE, SMALL, add_panel, in_house_style, new_figure, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simsepsis.experiment import Run
    from simsepsis.experiment.requests import FigureChoice

LOOP_COLUMNS = (
    "place",
    "scenario",
    "method",
    "measure",
    "estimand",
    "value",
    "mcse",
    "low",
    "high",
    "n_used",
    "n_sim",
)
MOST_MARKED = 48
"""Cells up to which every value has a mark, not a step alone."""
_STRIP = 0.42


def loop_rows(choice: FigureChoice, findings: Run) -> pd.DataFrame:
    """Return the numbers of a nested-loop plot, one row per cell and method."""
    rows = select(choice, findings)
    if not len(rows):
        return pd.DataFrame(columns=list(LOOP_COLUMNS))
    keys = [key for key in choice.by if key != CELL] or other_keys(findings, rows, ())
    order = {
        key: {value_text(value): number for number, value in enumerate(findings.plan.settings[key])}
        for key in keys
    }
    words = {key: [value_text(value) for value in rows[key]] for key in keys}
    cells = pd.DataFrame({"cell": rows["cell"], "own": rows["cell order"], **words}).drop_duplicates("cell")
    ranked = cells.assign(**{key: cells[key].map(order[key]) for key in keys})
    ranked = ranked.sort_values([*keys, "own"], kind="stable")
    place = {cell: number for number, cell in enumerate(ranked["cell"])}
    found = scaled(rows).drop(columns=keys).assign(place=rows["cell"].map(place), **words)
    found = found.sort_values(["method order", "place"], kind="stable", ignore_index=True)
    return found[[*LOOP_COLUMNS, *keys]]


@in_house_style
def plot_nested_loop(rows: pd.DataFrame, *, note: str = "") -> Figure:
    """Draw a measure as a step line per method over all cells, and each setting as a strip of steps below.

    References
    ----------
    Rücker G, Schwarzer G. BMC Med Res Methodol 2014;14:129.
    """
    keys = [name for name in rows.columns if name not in LOOP_COLUMNS]
    cells, methods = int(rows["place"].max()) + 1, list(dict.fromkeys(rows["method"]))
    wide = max(5.0, min(0.33 * cells, 11.0))
    left = max(0.95, 0.35 + 0.08 * max((len(short(key)) for key in keys), default=0))
    right = 0.35 + 0.08 * max(len(method) for method in methods)
    below = _STRIP * len(keys) + 0.6
    figure = new_figure(left + wide + right, below + 3.6, note=note)
    axes = add_panel(figure, left, below + 0.2, wide, 3.1)
    measure, estimand = rows["measure"].iloc[0], rows["estimand"].iloc[0]
    axes.set_xlim(-0.5, cells - 0.5)
    axes.set_ylim(*span(rows[["low", "high", "value"]].to_numpy(), reference_of(measure, estimand)))
    _draw_methods(axes, rows, methods, cells)
    draw_reference(axes, reference_of(measure, estimand), upright=False)
    axes.set_xticks([])
    axes.set_ylabel(measure_label(measure, estimand))
    for number, key in enumerate(keys):
        strip = add_panel(figure, left, below - _STRIP * (number + 1) + 0.08, wide, _STRIP * 0.72)
        _draw_strip(strip, rows.drop_duplicates("place").sort_values("place"), key, cells)
    return figure


def _draw_methods(axes: Axes, rows: pd.DataFrame, methods: list[str], cells: int) -> None:
    ends, shown = [], []
    for number, method in enumerate(methods):
        own = rows[rows["method"] == method].set_index("place").reindex(range(cells))
        look = looks(number)
        shift = 0.5 * (number - (len(methods) - 1) / 2) / len(methods)
        steps = np.append(own["value"].to_numpy(np.float64), own["value"].iloc[-1])
        axes.step(
            np.arange(cells + 1) - 0.5,
            steps,
            where="post",
            linewidth=1.3,
            color=look["color"],
            linestyle=look["linestyle"],
        )
        at = np.arange(cells) + shift
        axes.vlines(at, own["low"], own["high"], color=look["color"], linewidth=0.8)
        if cells <= MOST_MARKED:
            axes.plot(at, own["value"], **{**look, "linestyle": "none"}, markersize=3.5, zorder=3)
        shown.append(own.assign(at=at))
        known = own["value"].dropna()
        if len(known):
            ends.append((method, float(known.iloc[-1])))
    points = pd.concat(shown)
    mark_few_rows(axes, points["at"].to_numpy(), points)
    ends.sort(key=lambda item: item[1])
    low, high = axes.get_ylim()
    heights = spread(np.array([height for _, height in ends]), 0.055 * (high - low))
    for (method, height), place in zip(ends, heights, strict=True):
        axes.annotate(
            method,
            (cells - 0.5, height),
            xytext=(cells - 0.5 + 0.025 * cells, place),
            arrowprops={**LEADER, "shrinkB": 0},
            fontsize=SMALL,
            va="center",
            annotation_clip=False,
        )


def _draw_strip(axes: Axes, cells: pd.DataFrame, key: str, count: int) -> None:
    """Draw one setting as steps, each level named where it first stands and wherever it begins anew."""
    words = cells[key].tolist()
    levels = list(dict.fromkeys(words))
    heights = np.array([levels.index(word) for word in words], dtype=np.float64)
    axes.step(
        np.arange(count + 1) - 0.5, np.append(heights, heights[-1]), where="post", color=INK, linewidth=1.0
    )
    starts = [0, *(np.flatnonzero(np.diff(heights)) + 1)]
    lengths = np.diff([*starts, count])
    inches = axes.get_position().width * axes.figure.get_figwidth()
    if lengths.min() * inches / count >= 0.075 * max(len(word) for word in levels):
        for start, length in zip(starts, lengths, strict=True):
            middle = start + length / 2 - 0.5
            axes.text(
                middle, heights[start] + 0.12, words[start], ha="center", va="bottom", fontsize=SMALL - 1
            )
    else:
        words = f"from below: {', '.join(levels)}"
        axes.text(1.01, 0.5, words, transform=axes.transAxes, va="center", fontsize=SMALL - 1)
    axes.set_xlim(-0.5, count - 0.5)
    axes.set_ylim(-0.2, max(len(levels), 1.6))
    axes.set_yticks([])
    axes.set_xticks([])
    for side in ("left", "bottom"):
        axes.spines[side].set_color(RULE)
    axes.set_ylabel(short(key), rotation=0, ha="right", va="center", fontsize=SMALL)


KINDS = {
    "nested_loop": FigureKind(
        shows="a measure over all cells at once, settings as steps below",
        measure="bias",
        takes=("by",),
        rows=loop_rows,
        plot=lambda rows, choice, note: plot_nested_loop(rows, note=note),
        title="{measure} over all cells",
        reading="One step per cell, settings below from the outermost loop to the innermost{line}{rings}. "
        + LIMITS,
        named=("method", "scenario"),
    )
}
