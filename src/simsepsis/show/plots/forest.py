"""Forest of odds and hazard ratios: what was printed beside what the simulation gives."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simsepsis.show.style import (
    INK,
    MUTED,
    PRINTED,
    PRINTED_OUTSIDE,
    RULE,
    SIMULATED,
    SMALL,
    TEXT,
    add_key,
    add_panel,
    in_house_style,
    letters,
    new_figure,
    wrapped,
)
from simsepsis.words.numbers import with_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

Row = Mapping[Hashable, Any]
FOREST_COLUMNS = (
    "group",
    "label",
    "printed",
    "printed_low",
    "printed_high",
    "simulated",
    "low",
    "high",
    "inside",
)

_PRINTED = ("printed", "printed_low", "printed_high")
_SIMULATED = ("simulated", "low", "high")
_ROW = 0.3
_APART = 0.17
_TICKS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
LIMITS = (0.4, 2.5)
"""Ends of the axis where nothing lies beyond."""
_FARTHEST = (0.02, 50.0)
_LETTER = 0.07
"""Inches that a letter of a row's label takes, on the whole."""
_BOLD_LETTER = 0.085
_NUMBERS = 1.62
"""Inches for one column of numbers."""


@in_house_style
def plot_forest(
    rows: DataFrame,
    *,
    label: str = "Odds ratio, treated against control",
    limits: tuple[float, float] = LIMITS,
    labels_width: float = 3.0,
    note: str = "",
) -> Figure:
    """Draw ratios on a logarithmic axis, the printed one with its interval above the simulated one."""
    lines, records = _lines(rows), rows.to_dict("records")
    has_printed = bool(rows["printed"].notna().any())
    height, axis_width = _ROW * len(lines) + (1.8 if has_printed else 1.45), 3.3
    width = labels_width + axis_width + _NUMBERS * (1 + has_printed) + 0.35
    figure = new_figure(width, height, note=note)
    axes = add_panel(figure, labels_width, 0.95, axis_width, _ROW * len(lines))
    _prepare(axes, len(lines), limits, label)
    for y, line in enumerate(lines):
        if isinstance(line, str):
            room = int((labels_width + 1.2) / _BOLD_LETTER)
            _write(axes, y, -labels_width + 0.15, wrapped(line, room, lines=1), fontweight="bold")
            continue
        row = records[line]
        room = int((labels_width - 0.35) / _LETTER)
        _write(axes, y, -labels_width + 0.3, wrapped(str(row["label"]), room, lines=1))
        _draw_row(axes, y, row, limits, _APART * has_printed)
        _write_reason(axes, y, row, axis_width)
        _write_numbers(axes, y, row, axis_width, has_printed)
    _write_heads(axes, axis_width, has_printed)
    if has_printed:
        add_key(axes, _KEY, x=0.15, y=height - 0.2)
    return figure


_KEY = (
    ("printed with 95% CI", {**PRINTED, "linestyle": "-", "linewidth": 0.9}),
    ("printed, outside the simulated interval", {**PRINTED_OUTSIDE, "linestyle": "-", "linewidth": 0.9}),
    ("simulated mean with 95% interval", SIMULATED),
)


def label_width(rows: DataFrame) -> float:
    """Return the inches that the labels of the rows need, within what a page has room for."""
    longest = max((letters(str(label)) for label in rows["label"]), default=0)
    return float(np.clip(_LETTER * longest + 0.4, 3.0, 4.4))


def limits_of(rows: DataFrame) -> tuple[float, float]:
    """Return the ends of an axis that holds every estimate and, as far as there is room, every interval."""
    values = rows[["simulated", "low", "high"]].to_numpy(np.float64).ravel()
    values = values[np.isfinite(values) & (values > 0)]
    low, high = values.min(initial=LIMITS[0]), values.max(initial=LIMITS[1])
    return max(_FARTHEST[0], low if low == LIMITS[0] else low / 1.15), min(
        _FARTHEST[1], high if high == LIMITS[1] else high * 1.15
    )


def _lines(rows: DataFrame) -> list[str | int]:
    lines: list[str | int] = []
    above = ""
    for position, group in enumerate(rows["group"]):
        if group and group != above:
            lines.append(str(group))
        lines.append(position)
        above = group
    return lines


def _prepare(axes: Axes, n_lines: int, limits: tuple[float, float], label: str) -> None:
    axes.set_xscale("log")
    axes.set_xlim(*limits)
    axes.set_ylim(n_lines - 0.4, -0.6)
    ticks = [tick for tick in _TICKS if limits[0] <= tick <= limits[1]]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.axvline(1.0, color=MUTED, linewidth=1.0, zorder=1)
    axes.set_xlabel(label)


def _draw_row(axes: Axes, y: int, row: Row, limits: tuple[float, float], apart: float) -> None:
    mark = {**(PRINTED if row["inside"] else PRINTED_OUTSIDE), "linewidth": 0.9}
    axes.axhline(y + 0.5, color=RULE, linewidth=0.4, zorder=0)
    _draw_interval(axes, y - apart, [row[name] for name in _PRINTED], mark, limits)
    _draw_interval(axes, y + apart, [row[name] for name in _SIMULATED], SIMULATED, limits)


def _draw_interval(
    axes: Axes, y: float, numbers: Sequence[float], mark: dict[str, object], limits: tuple[float, float]
) -> None:
    value, low, high = np.asarray(numbers, dtype=np.float64)
    color = mark["color"]
    if not np.isnan([low, high]).any():
        shown = np.clip([low, high], *limits)
        axes.plot(shown, [y, y], color=color, linewidth=mark["linewidth"], solid_capstyle="butt", zorder=2)
        for end, cut, arrow in ((limits[0], low < limits[0], "<"), (limits[1], high > limits[1], ">")):
            if cut:
                axes.plot(end, y, marker=arrow, markersize=4, color=color, clip_on=False, zorder=3)
    if limits[0] <= value <= limits[1]:
        axes.plot(value, y, **{**mark, "linestyle": "none"}, zorder=4)
    elif not np.isnan(value):
        end, arrow = (limits[0], "<") if value < limits[0] else (limits[1], ">")
        axes.plot(end, y, marker=arrow, markersize=6, color=color, clip_on=False, zorder=4)


def _write(axes: Axes, y: float, inches: float, words: str, **style: object) -> None:
    """Write at a distance from the left end of the axis, in inches (negative: left of it)."""
    place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center"}
    options = {"fontsize": TEXT - 0.5, **style}
    axes.annotate(words, (0, y), xytext=(inches * 72, 0), **place, **options, annotation_clip=False)


def _write_reason(axes: Axes, y: float, row: Row, axis_width: float) -> None:
    """Write in place of a missing estimate why there is none."""
    if np.isnan(row["simulated"]) and row.get("reason"):
        words = wrapped(f"not estimable: {row['reason']}", int((axis_width + 0.1) / 0.062), lines=1)
        ground = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
        _write(axes, y, 0.05, words, fontsize=SMALL - 0.5, color=MUTED, bbox=ground)


def _write_numbers(axes: Axes, y: int, row: Row, axis_width: float, has_printed: bool) -> None:
    columns = (_PRINTED, _SIMULATED) if has_printed else (_SIMULATED,)
    for place, names in enumerate(columns):
        text = with_interval((float(row[name]) for name in names), joint="–")
        outside = place == 0 and has_printed and not bool(row["inside"])
        _write(axes, y, axis_width + 0.2 + _NUMBERS * place, text, fontweight="bold" if outside else "normal")


def _write_heads(axes: Axes, axis_width: float, has_printed: bool) -> None:
    heads = ("Printed (95% CI)", "Simulated (95%)") if has_printed else ("Estimate (95% CI)",)
    for place, words in enumerate(heads):
        _write(axes, -0.95, axis_width + 0.2 + _NUMBERS * place, words, fontsize=SMALL, color=INK)
