"""Heat maps: a measure over two settings, the numbers written into the cells, with contours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simsepsis.experiment.requests import CELL
from simsepsis.experiment.selection import other_keys, select, value_text, words_of
from simsepsis.performance import MEASURES
from simsepsis.performance.text import few_rows, rows_texts
from simsepsis.show.plots.experiment.kind import FigureKind
from simsepsis.show.plots.experiment.marks import (
    UPRIGHT_LINE,
    axis_name,
    evenly,
    marked_levels,
    measure_label,
    panel_corners,
    reference_of,
    scaled,
    upright,
)
from simsepsis.show.style import INK, SMALL, TEXT, add_panel, in_house_style, new_figure
from simsepsis.words.numbers import decimals_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simsepsis.experiment import Run
    from simsepsis.experiment.requests import FigureChoice

HEAT_COLUMNS = ("panel", "x", "y", "measure", "estimand", "value", "mcse", "low", "high", "n_used", "n_sim")
MOST_PANELS = 12
_BOX_WIDE, _BOX_TALL, _CHARACTER, _ACROSS, _NARROWEST, _FINEST = 0.95, 0.56, 0.078, 3, 6.5, 3
_NOISE = 5.0
"""Monte Carlo standard errors that the darkest shade is at least away from the value of no shade."""
_SHADES = ("#ffffff", "#d3dde8", "#8fabc7", "#47729f", "#173f66")


def heat_rows(choice: FigureChoice, findings: Run) -> pd.DataFrame:
    """Return the numbers of a heat map: a panel per method and other setting."""
    rows, x, y = select(choice, findings), str(choice.x), str(choice.y)
    if not len(rows):
        return pd.DataFrame(columns=list(HEAT_COLUMNS))
    others = other_keys(findings, rows, (x, y))
    found = rows.assign(
        panel=[
            method + (f", {words_of(others, tuple(values))}" if others else "")
            for method, *values in rows[["method", *others]].itertuples(index=False, name=None)
        ],
        x=[value_text(item) for item in (rows["scenario"] if x == CELL else rows[x])],
        y=[value_text(item) for item in (rows["scenario"] if y == CELL else rows[y])],
    )
    kept = evenly(list(dict.fromkeys(found.sort_values("method order", kind="stable")["panel"])), MOST_PANELS)
    return scaled(found[found["panel"].isin(kept)])[list(HEAT_COLUMNS)].reset_index(drop=True)


@in_house_style
def plot_heat_map(
    rows: pd.DataFrame, *, x: str, y: str, levels: tuple[float, ...] = (), note: str = ""
) -> Figure:
    """Draw a measure over two settings; the darker, the further from the value that it is seen against."""
    panels = list(dict.fromkeys(rows["panel"]))
    xs, ys = list(dict.fromkeys(rows["x"])), list(dict.fromkeys(rows["y"]))
    wide, tall = max(_BOX_WIDE * len(xs), 0.09 * max(map(len, panels))), _BOX_TALL * len(ys)
    across = min(len(panels), _ACROSS)
    down = -(-len(panels) // across)
    # Short values leave the place that most figures have.
    y_name = upright(y, tall)
    left = max(0.85, 0.4 + _CHARACTER * max(map(len, ys))) + UPRIGHT_LINE * y_name.count("\n")
    width = left - 0.25 + (wide + left - 0.1) * across
    figure = new_figure(max(_NARROWEST, width), 0.85 + (tall + 0.95) * down, note=note)
    measure, estimand = rows["measure"].iloc[0], rows["estimand"].iloc[0]
    ideal = reference_of(measure, estimand) or 0.0
    # What Monte Carlo error alone may do stays pale.
    ends = ((rows["value"] - ideal).abs().max(), _NOISE * rows["mcse"].median())
    furthest = float(np.nanmax([*ends, 0.0])) or 1.0
    corners = panel_corners(len(panels), across, (wide + left - 0.1, tall + 0.95), (left, 1.1))
    drawn: set[float] = set()
    for panel, corner in zip(panels, corners, strict=True):
        axes = add_panel(figure, *corner, wide, tall)
        part = rows[rows["panel"] == panel].set_index(["y", "x"])
        drawn |= _draw(axes, part, (xs, ys), (ideal, furthest), levels)
        axes.set_title(panel, fontsize=TEXT, loc="left", fontweight="bold")
        axes.set_xlabel(x)
        axes.set_ylabel(y_name)
    figure.text(
        0.15 / figure.get_figwidth(),
        1 - 0.25 / figure.get_figheight(),
        f"{measure_label(measure, estimand)}, Monte Carlo standard error in brackets"
        f"{', rows where few' if few_rows(rows).any() else ''}"
        f"{_levels_words(sorted(drawn))}",
        va="center",
    )
    return figure


def _levels_words(levels: Sequence[float]) -> str:
    """Say at which levels contours are drawn."""
    said = ", ".join(f"{level:.3g}".replace("-", "−") for level in levels)
    return f"; contour{'s' if len(levels) > 1 else ''} at {said}" if said else ""


def _draw(
    axes: Axes,
    part: pd.DataFrame,
    sides: tuple[list[str], list[str]],
    scale: tuple[float, float],
    levels: tuple[float, ...],
) -> set[float]:
    """Draw one panel; return the levels that have a contour."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patheffects import withStroke

    (xs, ys), (ideal, furthest) = sides, scale
    part = part.assign(few=rows_texts(part))
    values, errors, few = (
        part[name].unstack("x").reindex(index=ys, columns=xs).to_numpy() for name in ("value", "mcse", "few")
    )
    shades = LinearSegmentedColormap.from_list("house", _SHADES)
    depth = np.abs(values - ideal) / furthest
    axes.imshow(depth, cmap=shades, vmin=0, vmax=1, origin="lower", aspect="auto")
    signed = MEASURES[part["measure"].iloc[0]].signed
    crossed = _draw_contours(axes, values, levels)
    decimals = min(_FINEST, decimals_for(float(np.nanmedian(errors)) if np.isfinite(errors).any() else 0.0))
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            words = f"{value:{'+' if signed else ''}.{decimals}f}".replace("-", "−")
            color = "white" if depth[row, column] > 0.65 else INK
            # Halos cost file size, so they stand only where a contour may run through a number.
            halo = [withStroke(linewidth=3.0, foreground=shades(depth[row, column]))] if crossed else []
            look = {"ha": "center", "color": color, "path_effects": halo, "zorder": 5}
            axes.text(column, row + 0.1, words, va="bottom", fontsize=TEXT - 1, **look)
            error = f"({errors[row, column]:.{decimals}f})".replace("nan", "unknown")
            axes.text(column, row - 0.02, error, va="top", fontsize=SMALL - 1.5, **look)
            axes.text(column, row - 0.26, few[row, column], va="top", fontsize=SMALL - 2.5, **look)
    axes.set_xticks(range(len(xs)), xs)
    axes.set_yticks(range(len(ys)), ys)
    axes.tick_params(length=0)
    return crossed


def _draw_contours(axes: Axes, values: np.ndarray, levels: tuple[float, ...]) -> set[float]:
    """Draw where the values between the boxes equal a level, dark on white; return the levels drawn."""
    from matplotlib.patheffects import withStroke

    crossed = [level for level in sorted(levels) if np.nanmin(values) < level < np.nanmax(values)]
    if min(values.shape) < 2 or not crossed:
        return set()
    lines = axes.contour(values, levels=crossed, colors=INK, linewidths=1.6, linestyles="-")
    lines.set(path_effects=[withStroke(linewidth=3.6, foreground="white")])
    if len(levels) == 1:
        return set(crossed)
    for words in axes.clabel(lines, fmt=lambda level: f"{level:.3g}".replace("-", "−"), fontsize=SMALL):
        words.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
    return set(crossed)


def _plot(rows: pd.DataFrame, choice: FigureChoice, note: str) -> Figure:
    names = {"x": axis_name(str(choice.x)), "y": axis_name(str(choice.y))}
    return plot_heat_map(rows, **names, levels=marked_levels(rows, choice), note=note)


KINDS = {
    "heat_map": FigureKind(
        shows="a measure over two settings, with contours",
        measure="bias",
        needs=("x", "y"),
        takes=("levels",),
        rows=heat_rows,
        plot=_plot,
        title="{measure} over {x} and {y}",
        reading="The darker a box, the further from {shade}. Contours run where straight lines between the "
        f"boxes' middles reach a level. Of more than {MOST_PANELS} panels an even choice is drawn.",
        named=("panel", "x", "y"),
    )
}
