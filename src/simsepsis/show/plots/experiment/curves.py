"""Curves of power, coverage or any measure along a setting, with 95% Monte Carlo ribbons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simsepsis.experiment.requests import CELL
from simsepsis.experiment.selection import numeric, other_keys, select, value_text, words_of
from simsepsis.show.plots.experiment.kind import FigureKind
from simsepsis.show.plots.experiment.marks import (
    UPRIGHT_LINE,
    axis_name,
    draw_reference,
    evenly,
    looks,
    mark_few_rows,
    marked_levels,
    measure_label,
    panel_corners,
    reference_of,
    scaled,
    span,
    upright,
)
from simsepsis.show.style import LEADER, MUTED, SMALL, TEXT, add_panel, in_house_style, new_figure, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simsepsis.experiment import Run
    from simsepsis.experiment.requests import FigureChoice

CURVE_COLUMNS = (
    "panel",
    "line",
    "x",
    "at",
    "measure",
    "estimand",
    "value",
    "mcse",
    "low",
    "high",
    "n_used",
    "n_sim",
)
MOST_PANELS = 9
WIDE_RANGE = 10.0
"""Largest over smallest value of a setting from which its axis is logarithmic."""
_WIDE, _TALL, _APART, _ACROSS = 3.0, 2.5, 0.075, 3


def curve_rows(choice: FigureChoice, findings: Run) -> pd.DataFrame:
    """Return the numbers of curves: a line per method and value of the series, a panel per other setting."""
    rows, x = select(choice, findings), str(choice.x)
    if not len(rows):
        return pd.DataFrame(columns=list(CURVE_COLUMNS))
    others = other_keys(findings, rows, (x, choice.series))
    at = rows["scenario"] if x == CELL else rows[x]
    series = [] if choice.series is None else [choice.series]
    found = rows.assign(
        panel=_words(rows, others), line=_line_names(rows, series), x=[value_text(item) for item in at]
    )
    places = {item: number for number, item in enumerate(dict.fromkeys(found["x"]))}
    found["at"] = at.astype(np.float64) if numeric(at) else found["x"].map(places)
    kept = evenly(list(dict.fromkeys(found["panel"])), MOST_PANELS)
    found = found[found["panel"].isin(kept)].sort_values(["method order", "at"], kind="stable")
    return scaled(found)[list(CURVE_COLUMNS)].reset_index(drop=True)


def _words(rows: pd.DataFrame, keys: list[str]) -> list[str]:
    if not keys:
        return [""] * len(rows)
    return [words_of(keys, values) for values in rows[keys].itertuples(index=False, name=None)]


def _line_names(rows: pd.DataFrame, series: list[str]) -> list[str]:
    """Return the name of each row's line: its method, its value of the series, or both."""
    if not series:
        return [str(method) for method in rows["method"]]
    words = _words(rows, series)
    if rows["method"].nunique() == 1:
        return words
    return [f"{method}, {word}" for method, word in zip(rows["method"], words, strict=True)]


@in_house_style
def plot_curves(rows: pd.DataFrame, *, x: str, levels: tuple[float, ...] = (), note: str = "") -> Figure:
    """Draw lines through the values with ribbons of 95% Monte Carlo limits, each named at its right end."""
    panels, names = list(dict.fromkeys(rows["panel"])), list(dict.fromkeys(rows["line"]))
    margin = 0.35 + 0.075 * max(len(name) for name in names)
    across = min(len(panels), _ACROSS)
    down = -(-len(panels) // across)
    measure, estimand = rows["measure"].iloc[0], rows["estimand"].iloc[0]
    y_name = upright(measure_label(measure, estimand), _TALL)
    more = UPRIGHT_LINE * y_name.count("\n")
    width = (_WIDE + margin + 0.35) * across + 0.55 + more
    figure = new_figure(width, (_TALL + 0.95) * down + 0.45, note=note)
    ends = span(rows[["low", "high", "value"]].to_numpy(), *levels, reference_of(measure, estimand))
    corners = panel_corners(len(panels), across, (_WIDE + margin + 0.35, _TALL + 0.95), (0.8 + more, 0.95))
    for number, (panel, corner) in enumerate(zip(panels, corners, strict=True)):
        axes = add_panel(figure, *corner, _WIDE, _TALL)
        axes.set_ylim(*ends)
        _draw(axes, rows[rows["panel"] == panel], names, levels)
        draw_reference(axes, reference_of(measure, estimand), upright=False)
        axes.set_title(panel, fontsize=TEXT, loc="left", fontweight="bold")
        axes.set_xlabel(x)
        if number % across == 0:
            axes.set_ylabel(y_name)
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, names: list[str], levels: tuple[float, ...]) -> None:
    for level in levels:
        axes.axhline(level, color=MUTED, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
    ends: list[tuple[str, float, float]] = []
    for number, name in enumerate(names):
        line = rows[(rows["line"] == name) & rows["value"].notna()]
        if len(line):
            look = looks(number)
            axes.fill_between(
                line["at"], line["low"], line["high"], color=look["color"], alpha=0.14, linewidth=0
            )
            axes.plot(line["at"], line["value"], linewidth=1.6, markersize=4.5, zorder=3, **look)
            ends.append((name, float(line["at"].iloc[-1]), float(line["value"].iloc[-1])))
    places = rows.drop_duplicates("at").sort_values("at")
    if places["at"].min() > 0 and places["at"].max() >= WIDE_RANGE * places["at"].min():
        axes.set_xscale("log")
        axes.minorticks_off()
    axes.set_xticks(places["at"], places["x"])
    mark_few_rows(axes, rows["at"].to_numpy(np.float64), rows)
    _name_lines(axes, ends)


def _name_lines(axes: Axes, ends: list[tuple[str, float, float]]) -> None:
    """Write each line's name to the right of its end, apart where lines end close."""
    low, high = axes.get_ylim()
    ends = sorted(ends, key=lambda item: item[2])
    heights = spread(np.array([height for _, _, height in ends]), _APART * (high - low))
    for (name, at, height), place in zip(ends, heights, strict=True):
        axes.annotate(
            name,
            (at, height),
            xytext=(1.03, place),
            textcoords=axes.get_yaxis_transform(),
            arrowprops={**LEADER, "shrinkB": 2},
            fontsize=SMALL,
            va="center",
            annotation_clip=False,
        )


def _plot(rows: pd.DataFrame, choice: FigureChoice, note: str) -> Figure:
    return plot_curves(rows, x=axis_name(str(choice.x)), levels=marked_levels(rows, choice), note=note)


_OF = {
    "curve": ("a measure", "bias"),
    "power_curve": ("the rejection rate", "rejection"),
    "coverage_curve": ("coverage", "coverage"),
}
"""Kind → what it shows along a setting, and the measure."""
KINDS = {
    name: FigureKind(
        shows=f"{words} along a setting",
        measure=measure,
        needs=("x",),
        takes=("series", "levels"),
        rows=curve_rows,
        plot=_plot,
        title="{measure} along {x}",
        reading="Each line is named at its right end; ribbons are 95% Monte Carlo limits{line}{levels}"
        "{rings}.",
        named=("line", "panel", "x"),
    )
    for name, (words, measure) in _OF.items()
}
