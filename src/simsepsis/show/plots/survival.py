"""Kaplan–Meier curves of both arms with the number at risk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simsepsis.show.style import (
    ARM_COLORS,
    ARM_LINES,
    INK,
    MUTED,
    RULE,
    SMALL,
    TEXT,
    add_panel,
    in_house_style,
    letters,
    new_figure,
    wrapped,
)
from simsepsis.study.layout import ARMS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from simsepsis.arrays import FloatArray

CURVE_COLUMNS = ("arm", "time", "survival", "low", "high", "at_risk")
_LINE_WORDS = {"treated": "solid", "control": "dashed"}
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_MOST_STEPS = 8
_PRINTED_STEP = 10.0
_LONGEST_TICK = 1e7
_GAP = 6.5
"""Percent; labels at the curves' ends stand at least this far apart."""
_LINE = 4.1
"""Percent that one line of a label takes."""
_END_LETTERS, _ROW_LETTERS = 16, 10
"""Letters that one line of a name has room for, at the end of a curve and left of the numbers at risk."""


@in_house_style
def plot_survival(
    curves: DataFrame,
    *,
    horizon: float | None = None,
    comment: str = "",
    band: str = "95% interval",
    axis: str = "Time (days)",
    free: str = "Survival (%)",
    treated: str = "Treated",
    control: str = "Control",
    note: str = "",
) -> Figure:
    """Draw Kaplan–Meier curves in percent against time, with the number at risk under the axis."""
    ticks = time_ticks(float(curves["time"].max()), horizon)
    keys = ARMS
    labels = dict(zip(keys, (treated, control), strict=True))
    arms = {arm: curves.loc[curves["arm"] == arm] for arm in keys if (curves["arm"] == arm).any()}
    end = float(ticks[-1])
    figure = new_figure(8.6, 6.0, note=note)
    axes = add_panel(figure, 1.15, 1.75, 5.75, 4.1)
    for arm, rows in arms.items():
        _draw_arm(axes, until(rows, end), arm)
    axes.set_xlim(0, end)
    axes.set_ylim(0, 100)
    axes.set_xticks(ticks, [_tick_text(tick, ticks) for tick in ticks])
    axes.grid(axis="y", color=RULE, linewidth=0.4)
    axes.set_axisbelow(True)
    axes.set_xlabel(axis)
    axes.set_ylabel(free)
    _name_arms(axes, {arm: until(rows, end) for arm, rows in arms.items()}, end, labels)
    words = "\n".join(part for part in (comment, f"shaded: {band}") if part)
    axes.text(0.02, 0.04, words, transform=axes.transAxes, fontsize=TEXT, linespacing=1.5)
    _write_at_risk(axes, arms, ticks, labels)
    return figure


def time_ticks(longest: float, horizon: float | None = None) -> FloatArray:
    """Return round times from 0 to the end of follow-up, at most eight steps; to a horizon every ten."""
    end = longest if horizon is None else min(longest, horizon)
    if not end > 0:
        return np.array([0.0, 1.0])
    scale = 10.0 ** np.floor(np.log10(end / _MOST_STEPS))
    fitting = (size * scale for size in _STEPS if end <= _MOST_STEPS * size * scale * (1 + 1e-9))
    step = next(fitting) if horizon is None else _PRINTED_STEP
    return np.asarray(np.arange(np.ceil(end / step * (1 - 1e-9)) + 1) * step, np.float64)


def _tick_text(tick: float, ticks: FloatArray) -> str:
    """Return a time as it is written at the axis, with thousands marks as far as there is room."""
    if ticks[-1] >= _LONGEST_TICK or ticks[-1] < 1e-3:
        return f"{tick:g}"
    decimals = next((digits for digits in range(6) if np.allclose(ticks, ticks.round(digits), rtol=0)), 6)
    return f"{tick:,.{decimals}f}"


def until(rows: DataFrame, end: float) -> DataFrame:
    """Return one arm's curve up to a time, which it reaches level where follow-up goes on."""
    shown = rows.loc[rows["time"] <= end]
    goes_on = len(shown) < len(rows) and shown["time"].iloc[-1] < end
    return pd.concat([shown, shown.tail(1).assign(time=end)], ignore_index=True) if goes_on else shown


def _draw_arm(axes: Axes, rows: DataFrame, arm: str) -> None:
    days, color = rows["time"].to_numpy(), ARM_COLORS[arm]
    low, high, survival = (100 * rows[name].to_numpy() for name in ("low", "high", "survival"))
    axes.fill_between(days, low, high, step="post", color=color, alpha=0.2, linewidth=0)
    for edge in (low, high):
        axes.step(days, edge, where="post", color=color, linewidth=0.6, linestyle=ARM_LINES[arm])
    axes.step(days, survival, where="post", color=color, linewidth=1.9, linestyle=ARM_LINES[arm])


def _name_arms(axes: Axes, arms: dict[str, DataFrame], end: float, labels: dict[str, str]) -> None:
    ends = {arm: 100 * float(rows["survival"].iloc[-1]) for arm, rows in arms.items()}
    last = {arm: float(rows["time"].iloc[-1]) for arm, rows in arms.items()}
    order = sorted(ends, key=lambda arm: (ends[arm], arm))
    names = [f"{_named_line(labels[arm], _LINE_WORDS[arm])}\n{ends[arm]:.1f}%" for arm in order]
    heights = _label_heights([ends[arm] for arm in order], [name.count("\n") + 1 for name in names])
    for arm, name, height in zip(order, names, heights, strict=True):
        axes.annotate(
            name,
            (last[arm], ends[arm]),
            xytext=(end * 1.035, height),
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0},
            color=INK,
            fontsize=TEXT,
            fontweight="bold",
            va="center",
            annotation_clip=False,
        )


def _named_line(label: str, line: str) -> str:
    """Return the name of an arm and how its line looks, in lines that the margin has room for."""
    rows = wrapped(label, _END_LETTERS, lines=3).split("\n")
    joined = f"{rows[-1]} ({line})"
    fits = letters(joined) <= _END_LETTERS
    return "\n".join([*rows[:-1], joined] if fits else [*rows, f"({line})"])


def _label_heights(ends: list[float], lines: list[int]) -> list[float]:
    """Return where the labels of curves that end at ascending heights stand: apart, and inside the figure."""
    if len(ends) < 2:
        return ends
    least = max(1.6 * _GAP, _LINE * sum(lines) / 2 + 1.0)
    half = max(least, 1.6 * (ends[1] - ends[0])) / 2
    low, high = (float(np.mean(ends)) + side * half for side in (-1, 1))
    high = min(high, 102 - _LINE * lines[1] / 2)
    low = max(min(low, high - least), _LINE * lines[0] / 2 - 2)
    return [low, max(high, low + least)]


def _write_at_risk(axes: Axes, arms: dict[str, DataFrame], ticks: FloatArray, labels: dict[str, str]) -> None:
    axes.text(0, -0.185, "Number at risk", transform=axes.transAxes, fontsize=TEXT, fontweight="bold")
    for line, (arm, rows) in enumerate(arms.items()):
        height = -0.245 - 0.055 * line
        name = wrapped(labels[arm], _ROW_LETTERS, lines=1)
        axes.text(-0.06, height, name, transform=axes.transAxes, ha="right", fontsize=SMALL + 0.5)
        for tick, patients in zip(ticks, at_risk(rows, ticks), strict=True):
            axes.annotate(
                f"{patients:,.0f}",
                (tick, height),
                xycoords=("data", "axes fraction"),
                ha="center",
                fontsize=SMALL + 0.5,
                annotation_clip=False,
            )


def at_risk(rows: DataFrame, times: FloatArray) -> FloatArray:
    """Return how many patients of one arm are still followed just before each time."""
    # Between two times of the curve, as many are at risk as just before the next one.
    known, patients = rows["time"].to_numpy(), rows["at_risk"].to_numpy(np.float64)
    place = np.searchsorted(known, times * (1 - 1e-12), side="left")
    return np.where(place < len(known), patients[np.minimum(place, len(known) - 1)], 0.0)
