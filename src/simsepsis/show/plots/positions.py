"""Where every printed number stands inside its simulated interval."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from simsepsis.show.outline import number_label
from simsepsis.show.style import (
    BLUE,
    INK,
    MUTED,
    PALE,
    SMALL,
    TEXT,
    add_key,
    add_panel,
    in_house_style,
    new_figure,
)
from simsepsis.words.labels import PHASES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame, Series

    from simsepsis.arrays import FloatArray
    from simsepsis.study.published import Study

POSITION_LIMIT = 4.0
"""Positions beyond are drawn at the edge."""

_INSIDE = {
    "marker": "o",
    "markersize": 3.6,
    "markerfacecolor": "white",
    "color": BLUE,
    "markeredgewidth": 0.9,
    "linestyle": "none",
}
_OUTSIDE = {"marker": "D", "markersize": 4.2, "color": INK, "linestyle": "none"}
_NAMED = 5
_RATIOS = ("odds_ratio", "hazard_ratio", "ci_low", "ci_high")
_NAME_LENGTH = 55
_ROW = 1.0
_BINS = 65


def positions(comparison: DataFrame) -> DataFrame:
    """Return each printed number's place in its simulated interval: 0 at the mean, ±1 at the interval's ends.

    .. math:: (printed - mean) / (end - mean)

    on the log scale for ratios, with the end of the interval on the printed number's side; infinite where
    the interval has no width there. An upper bound (p <0.001) stands at the mean where the mean is below it.
    The verdict `inside`, which allows for rounding, decides on which side of ±1 a number stands.
    """
    rows = mended(comparison).dropna(subset=["printed", "simulated", "low", "high"])
    if "repeats" in rows:
        rows = rows.loc[rows["repeats"] == ""]
    printed, mean, low, high = _on_their_scales(rows)
    inside = rows["inside"].to_numpy(bool)
    bounded = rows["text"].str.startswith("<").to_numpy() if "text" in rows else np.zeros(len(rows), bool)
    away = np.where(bounded, np.minimum(printed, mean), printed) - mean
    half = np.where(away > 0, high - mean, mean - low)
    with np.errstate(divide="ignore", invalid="ignore"):
        raw = np.where(away == 0, 0.0, np.where(half > 0, away / half, np.sign(away) * np.inf))
    beyond = np.sign(away) * np.maximum(np.abs(raw), 1.0)
    return rows.assign(inside=inside, position=np.where(inside, np.clip(raw, -1.0, 1.0), beyond))


def _on_their_scales(rows: DataFrame) -> Iterator[FloatArray]:
    """Yield printed number, mean and interval; of ratios the logarithms."""
    ratio = rows["statistic"].isin(_RATIOS).to_numpy()
    for name in ("printed", "simulated", "low", "high"):
        values = rows[name].to_numpy(np.float64)
        yield np.log(values, out=values.copy(), where=ratio & (values > 0))


def mended(comparison: DataFrame) -> DataFrame:
    """Return the comparison with proven misprints at their corrected value, judged by that value."""
    if "inside_corrected" not in comparison:
        return comparison
    misprint = comparison["corrected"].notna()
    columns = {
        "printed": comparison["corrected"].where(misprint, comparison["printed"]),
        "inside": comparison["inside_corrected"],
    }
    if "text" in comparison:
        columns["text"] = comparison["text"].mask(misprint, "")
    return comparison.assign(**columns)


@in_house_style
def plot_positions(placed: DataFrame, study: Study, *, note: str = "") -> Figure:
    """Draw where printed numbers stand in their simulated intervals, a row of dots per table and phase."""
    # The text's numbers are few: one row holds them all.
    phases = placed["phase"].where(placed["table"] != "text", "")
    groups = _groups(placed["table"], phases, study)
    height = _ROW * len(groups) + 1.75
    figure = new_figure(10.9, height, note=note)
    axes = add_panel(figure, 1.85, 0.95, 4.35, _ROW * len(groups))
    axes.axvspan(-1, 1, color=PALE, zorder=0, linewidth=0)
    axes.axvline(0, color=MUTED, linewidth=0.8, zorder=1)
    for y, (table, phase) in enumerate(groups):
        rows = placed.loc[(placed["table"] == table) & (phases == phase)]
        _draw_group(axes, y, rows)
        _name_group(axes, y, study.layout.label(table), phase, rows)
        _name_outside(axes, y, rows, study)
    _prepare(axes, len(groups))
    key = (("printed number inside its interval", _INSIDE), ("outside", _OUTSIDE))
    add_key(axes, key, x=0.15, y=height - 0.2)
    return figure


def _groups(table: Series, phase: Series, study: Study) -> list[tuple[str, str]]:
    found = list(dict.fromkeys(zip(table, phase, strict=True)))
    named, phases = study.layout.tables, list(PHASES)
    tables = [*named, *(name for name in dict(found) if name not in named)]

    def order(group: tuple[str, str]) -> tuple[int, int]:
        table, phase = group
        return (tables.index(table), phases.index(phase) if phase in phases else -1)

    return sorted(found, key=order)


def _prepare(axes: Axes, n_groups: int) -> None:
    axes.set_xlim(-POSITION_LIMIT - 0.25, POSITION_LIMIT + 0.25)
    axes.set_ylim(n_groups - 0.5, -0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    ticks = np.arange(-POSITION_LIMIT, POSITION_LIMIT + 1)
    labels = [f"{tick:+.0f}".replace("-", "−") if tick else "0" for tick in ticks]
    labels[0], labels[-1] = f"≤ {labels[0]}", f"≥ {labels[-1]}"
    axes.set_xticks(ticks, labels)
    axes.set_xlabel("Printed number in its simulated 95% interval (0: mean, ±1: ends of the interval)")
    place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "xytext": (0, 6)}
    axes.annotate("95% interval", (0, 1), ha="center", fontsize=TEXT - 0.5, **place)


def _stacked(shown: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return x rounded to bins and the height of each dot in its bin's stack, symmetric about the row."""
    edges = np.linspace(-POSITION_LIMIT, POSITION_LIMIT, _BINS)
    bins = np.abs(shown[:, None] - edges[None, :]).argmin(axis=1)
    rank = np.array([np.sum(bins[:place] == value) for place, value in enumerate(bins)], dtype=np.int64)
    tallest = max(1, int(rank.max(initial=0)))
    step = min(0.085, 0.84 / (tallest + 1))
    side = np.where(rank % 2 == 0, 1.0, -1.0)
    return edges[bins], step * side * ((rank + 1) // 2)


def _draw_group(axes: Axes, y: int, rows: DataFrame) -> None:
    shown = np.clip(rows["position"].to_numpy(np.float64), -POSITION_LIMIT, POSITION_LIMIT)
    outside = ~rows["inside"].to_numpy(bool)
    x, height = _stacked(shown)
    axes.axhline(y + 0.5, color=MUTED, linewidth=0.3)
    common = {"clip_on": False, "zorder": 3}
    axes.plot(x[~outside], y + height[~outside], **_INSIDE, **common)
    axes.plot(x[outside], y + height[outside], **_OUTSIDE, **common)


def _name_group(axes: Axes, y: int, table: str, phase: str, rows: DataFrame) -> None:
    place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "center"}
    fitted = " (fitted)" if "fitted" in rows and rows["fitted"].all() else ""
    when = PHASES[phase] + fitted if phase else ""
    share = f"{rows['inside'].sum()} of {len(rows)} inside"
    axes.annotate(table, (0, y), xytext=(-122, 14), fontweight="bold", **place)
    words = "\n".join(part for part in (when, share) if part)
    below = {**place, "va": "top", "linespacing": 1.4}
    axes.annotate(words, (0, y), xytext=(-122, 5), fontsize=SMALL + 0.5, **below)


def outside_names(rows: DataFrame, study: Study, most: int = _NAMED) -> list[str]:
    """Return the names of the printed numbers outside their interval, the farthest first."""
    outside = rows.loc[~rows["inside"]]
    outside = outside.loc[outside["position"].abs().sort_values(ascending=False, kind="stable").index]
    names = [f"{_place(row.position)}  {_name(row, study)}" for row in outside.head(most).itertuples()]
    rest = len(outside) - len(names)
    return [*names, f"and {rest} more"] if rest else names


def _name(row: Any, study: Study) -> str:
    return number_label(study, row.variable, row.level, row.statistic, arm=row.arm, longest=_NAME_LENGTH)


def _place(position: float) -> str:
    if np.isinf(position):
        return "+∞" if position > 0 else "−∞"
    return f"{position:+.1f}".replace("-", "−")


def _name_outside(axes: Axes, y: int, rows: DataFrame, study: Study) -> None:
    axes.annotate(
        "\n".join(outside_names(rows, study)),
        (1, y),
        xytext=(14, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        fontsize=SMALL + 0.3,
        linespacing=1.25,
        va="center",
        annotation_clip=False,
    )
