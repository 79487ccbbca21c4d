"""Love plot: how far the arms stand apart in every covariate, before and after matching."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simsepsis.show.outline import Line, outline
from simsepsis.show.style import (
    BLUE,
    INK,
    MUTED,
    PALE,
    PRINTED,
    PRINTED_OUTSIDE,
    RULE,
    SIMULATED,
    SMALL,
    TEXT,
    add_key,
    add_panel,
    in_house_style,
    new_figure,
    wrapped,
)
from simsepsis.words.labels import Wording

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

LOVE_COLUMNS = ("variable", "level", "phase", "printed", "simulated", "low", "high", "inside")
THRESHOLD = 10.0
"""Percent; above it a covariate is called unbalanced."""

LARGEST = 85
"""Covariate levels that one figure shows; what there are more stands in the table of the balance."""
_ROW = 0.185
_LETTER = 0.075
"""Inches that a letter of a label takes, on the whole."""
_WIDTH = 9.6
_LABELS = 3.15
_PHASES = (("before", "Before matching"), ("after", "After matching (enlarged scale)"))
_FARTHEST = 500.0
"""Percent; a larger difference is drawn as an arrow at the edge."""
_BEYOND = {"marker": ">", "markersize": 4.5, "color": BLUE, "linestyle": "none"}
# Half a row apart, the two marks of one row never hide each other.
_APART = 0.17


@in_house_style
def plot_love(
    balance: DataFrame, *, words: Wording, largest: int = LARGEST, printed_in: str = "", note: str = ""
) -> Figure:
    """Draw the absolute standardized difference of every covariate level, before and after matching."""
    rows = farthest_apart(balance, largest)
    lines = outline(zip(rows["variable"], rows["level"], strict=True), words)
    height = _ROW * len(lines) + 1.75
    figure = new_figure(_WIDTH, height, note=note)
    width = (_WIDTH - _LABELS - 0.45) / 2
    for column, (phase, title) in enumerate(_PHASES):
        left = _LABELS + column * (width + 0.25)
        axes = add_panel(figure, left, 1.0, width, _ROW * len(lines))
        _draw_phase(axes, rows.loc[rows["phase"] == phase], lines)
        axes.set_title(title, fontsize=TEXT + 1, loc="left", fontweight="bold", pad=8)
        axes.set_xlabel("Absolute standardized difference (%)")
        if column == 0:
            _write_labels(axes, lines)
    add_key(axes, _key(rows, printed_in), x=0.15, y=height - 0.2)
    if len(rows) < len(balance):
        told = f"The {largest} covariate levels with the largest difference before matching"
        figure.text(
            0.15 / _WIDTH,
            1 - 0.55 / height,
            wrapped(told, 42, lines=2),
            fontsize=SMALL,
            color=MUTED,
            va="center",
        )
    return figure


def farthest_apart(balance: DataFrame, largest: int = LARGEST) -> DataFrame:
    """Return the rows of the covariate levels with the largest difference before matching."""
    keys = ["variable", "level"]
    first = balance.loc[balance["phase"] == "before"].drop_duplicates(keys)
    if len(first) <= largest:
        return balance
    size = first[["printed", "simulated"]].abs().max(axis=1)
    kept = set(map(tuple, first.loc[size.fillna(-1.0).nlargest(largest).index, keys].to_numpy()))
    return balance.loc[[key in kept for key in zip(balance["variable"], balance["level"], strict=True)]]


def _draw_phase(axes: Axes, rows: DataFrame, lines: tuple[Line, ...]) -> None:
    place = {line.key: y for y, line in enumerate(lines) if line.key}
    y = np.array([place[key] for key in zip(rows["variable"], rows["level"], strict=True)], dtype=np.float64)
    printed, simulated = (rows[name].abs().to_numpy(np.float64) for name in ("printed", "simulated"))
    low, high = (rows[name].to_numpy(np.float64) for name in ("low", "high"))
    outside = ~rows["inside"].to_numpy(bool) & ~np.isnan(printed)
    sizes = np.concatenate([printed, simulated, high, [2 * THRESHOLD]])
    widest = min(np.max(sizes[np.isfinite(sizes)]), _FARTHEST)
    axes.axvspan(0, THRESHOLD, color=PALE, zorder=0, linewidth=0)
    axes.axvline(THRESHOLD, color=MUTED, linewidth=1.0, zorder=1)
    axes.annotate(
        f"{THRESHOLD:g}%",
        (THRESHOLD, 1),
        xycoords=("data", "axes fraction"),
        xytext=(3, -2),
        textcoords="offset points",
        fontsize=SMALL,
        color=MUTED,
        va="top",
    )
    axes.hlines(y, 0, widest * 1.04, color=RULE, linewidth=0.4, zorder=1)
    below, above = y + _APART * ~np.isnan(printed), y - _APART
    axes.hlines(below, low, high, color=SIMULATED["color"], linewidth=SIMULATED["linewidth"], zorder=3)
    beyond = simulated > widest
    if beyond.any():
        axes.plot(np.full(beyond.sum(), widest * 1.02), below[beyond], **_BEYOND, clip_on=False, zorder=4)
    simulated = np.where(beyond, np.nan, simulated)
    axes.plot(simulated, below, **{**SIMULATED, "linestyle": "none"}, clip_on=False, zorder=4)
    axes.plot(printed[~outside], above[~outside], **PRINTED, clip_on=False, zorder=5)
    axes.plot(printed[outside], above[outside], **PRINTED_OUTSIDE, clip_on=False, zorder=5)
    axes.set_xlim(0, widest * 1.04)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.set_yticks([])
    axes.spines["left"].set_color(RULE)


def _write_labels(axes: Axes, lines: tuple[Line, ...]) -> None:
    for y, line in enumerate(lines):
        room = int((_LABELS - 0.2 - 11 * line.depth / 72) / _LETTER)
        axes.annotate(
            wrapped(line.label, room, lines=1),
            (0, y),
            xytext=(-_LABELS * 72 + 10 + 11 * line.depth, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            fontsize=TEXT - 0.5 if line.key else TEXT,
            fontweight="normal" if line.key else "bold" if line.depth == 0 else "normal",
            color=INK if line.key or line.depth == 0 else MUTED,
            va="center",
            annotation_clip=False,
        )


def _key(rows: DataFrame, printed_in: str) -> tuple[tuple[str, dict[str, object]], ...]:
    if rows["printed"].isna().all():
        return (("this cohort", {**SIMULATED, "linestyle": "none"}),)
    return (
        (f"printed in {printed_in}", PRINTED),
        ("printed, outside the interval", PRINTED_OUTSIDE),
        ("simulated mean with 95% interval", SIMULATED),
    )
