"""Kaplan–Meier curves of both arms with the number at risk: the thesis's Figure 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simsepsis.figures.style import (
    ARM_COLORS,
    ARM_LINES,
    ARMS,
    INK,
    MUTED,
    RULE,
    SMALL,
    TEXT,
    TREATED,
    add_panel,
    arm_labels,
    in_house_style,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from simsepsis.arrays import FloatArray

CURVE_COLUMNS = ("arm", "time", "survival", "low", "high", "at_risk")
_LINE_WORDS = {"ivigg": "solid", "control": "dashed"}
_TICK = 10.0
_GAP = 6.5
"""Percent; labels at the curves' ends stand at least this far apart."""


@in_house_style
def plot_survival(
    curves: DataFrame,
    *,
    horizon: float = 60.0,
    comment: str = "",
    band: str = "95% interval",
    axis: str = "Time from ICU admission (days)",
    treated: str = TREATED,
    note: str = "",
) -> Figure:
    """Draw Kaplan–Meier curves in percent against days from ICU admission, number at risk under the axis.

    Parameters
    ----------
    curves
        ``arm`` (ivigg | control) ``, time`` (days, rising within the arm) ``, survival, low, high``
        (fractions) ``, at_risk`` (patients still followed just before `time`).
    horizon
        Last day drawn; earlier where follow-up ends earlier.
    comment
        Text inside the axes, such as the hazard ratio.
    band
        What the shaded band is.
    axis
        Name of the time axis, with its unit.
    treated
        Words for the treated arm.
    note
        Line with scenario, replicates, seed and version.
    """
    curves = curves.loc[curves["time"] <= horizon]
    horizon = min(horizon, _TICK * np.ceil(curves["time"].max() / _TICK))
    days = np.arange(0, horizon + 1, _TICK)
    figure = new_figure(8.6, 6.0, note=note)
    axes = add_panel(figure, 1.15, 1.75, 5.75, 4.1)
    for arm in ARMS:
        _draw_arm(axes, curves.loc[curves["arm"] == arm], arm)
    axes.set_xlim(0, horizon)
    axes.set_ylim(0, 100)
    axes.set_xticks(days)
    axes.grid(axis="y", color=RULE, linewidth=0.4)
    axes.set_axisbelow(True)
    axes.set_xlabel(axis)
    axes.set_ylabel("Survival (%)")
    _name_arms(axes, curves, horizon, arm_labels(treated))
    words = "\n".join(part for part in (comment, f"shaded: {band}") if part)
    axes.text(0.02, 0.04, words, transform=axes.transAxes, fontsize=TEXT, linespacing=1.5)
    _write_at_risk(axes, curves, days, arm_labels(treated))
    return figure


def _draw_arm(axes: Axes, rows: DataFrame, arm: str) -> None:
    days, color = rows["time"].to_numpy(), ARM_COLORS[arm]
    low, high, survival = (100 * rows[name].to_numpy() for name in ("low", "high", "survival"))
    axes.fill_between(days, low, high, step="post", color=color, alpha=0.2, linewidth=0)
    for edge in (low, high):
        axes.step(days, edge, where="post", color=color, linewidth=0.6, linestyle=ARM_LINES[arm])
    axes.step(days, survival, where="post", color=color, linewidth=1.9, linestyle=ARM_LINES[arm])


def _last_values(curves: DataFrame) -> dict[str, float]:
    return {arm: 100 * float(rows["survival"].iloc[-1]) for arm, rows in curves.groupby("arm")}


def _name_arms(axes: Axes, curves: DataFrame, horizon: float, labels: dict[str, str]) -> None:
    ends = _last_values(curves)
    middle = float(np.mean(list(ends.values())))
    order = sorted(ends, key=lambda arm: (ends[arm], arm))
    apart = max(_GAP, ends[order[-1]] - ends[order[0]])
    for place, arm in zip((-0.5, 0.5) if len(order) > 1 else (0.0,), order, strict=True):
        axes.annotate(
            f"{labels[arm]} ({_LINE_WORDS[arm]})\n{ends[arm]:.1f}%",
            (horizon, ends[arm]),
            xytext=(horizon * 1.035, middle + place * 1.6 * apart),
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0},
            color=INK,
            fontsize=TEXT,
            fontweight="bold",
            va="center",
            annotation_clip=False,
        )


def _write_at_risk(axes: Axes, curves: DataFrame, days: FloatArray, labels: dict[str, str]) -> None:
    axes.text(0, -0.185, "Number at risk", transform=axes.transAxes, fontsize=TEXT, fontweight="bold")
    for line, (arm, label) in enumerate(labels.items()):
        height = -0.245 - 0.055 * line
        axes.text(-0.06, height, label, transform=axes.transAxes, ha="right", fontsize=SMALL + 0.5)
        for day, patients in zip(days, _at_risk(curves.loc[curves["arm"] == arm], days), strict=True):
            axes.annotate(
                f"{patients:,.0f}",
                (day, height),
                xycoords=("data", "axes fraction"),
                ha="center",
                fontsize=SMALL + 0.5,
                annotation_clip=False,
            )


def _at_risk(rows: DataFrame, days: FloatArray) -> FloatArray:
    # Between two times of the curve, as many are at risk as just before the next one.
    times, patients = rows["time"].to_numpy(), rows["at_risk"].to_numpy(np.float64)
    place = np.searchsorted(times, days, side="left")
    return np.where(place < len(times), patients[np.minimum(place, len(times) - 1)], 0.0)
