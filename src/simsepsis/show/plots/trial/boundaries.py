"""Boundaries of a trial with looks, as z, as p and as the effect that stands for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simsepsis.show.style import (
    BLUE,
    INK,
    MUTED,
    OCHRE,
    RULE,
    SMALL,
    TEXT,
    add_panel,
    in_house_style,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

_HEIGHT = 4.5
_EACH, _APART = 3.3, 4.0


@in_house_style
def plot_boundaries(looks: DataFrame, *, scale: str, note: str = "", absolute: bool = False) -> Figure:
    """Draw the boundaries for efficacy and futility over the looks: as z, as p and, if any, as effect."""
    number = 3 if scale else 2
    figure = new_figure(0.4 + number * _APART, _HEIGHT, note=note)
    x = looks["randomized"].to_numpy(np.float64)
    panels = [add_panel(figure, 0.75 + which * _APART, 0.95, _EACH, 2.95) for which in range(number)]
    for axes in panels:
        _prepare(axes, x)
    _draw_z(panels[0], x, looks, "Absolute value of z" if absolute else "Statistic z")
    _draw_p(panels[1], x, looks)
    if scale:
        _draw_effect(panels[2], x, looks, scale)
    return figure


def _prepare(axes: Axes, x: np.ndarray) -> None:
    span = float(x[-1])
    axes.set_xlim(0.9 * float(x[0]) - 0.05 * span, 1.08 * span)
    axes.set_xticks(x, [f"{value:,.0f}" for value in x])
    axes.set_xlabel("Patients randomized, outcome due")
    axes.grid(axis="y", color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)


def _line(axes: Axes, x: np.ndarray, y: np.ndarray, color: str, texts: list[str], lifts: list[float]) -> None:
    seen = np.isfinite(y)
    axes.plot(x[seen], y[seen], color=color, linewidth=1.8, marker="o", markersize=5)
    for place, height, text, lift in zip(
        x[seen], y[seen], np.array(texts)[seen], np.array(lifts)[seen], strict=True
    ):
        axes.annotate(
            text,
            (place, height),
            xytext=(0, lift),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=SMALL,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.8},
        )


def _draw_z(axes: Axes, x: np.ndarray, looks: DataFrame, title: str) -> None:
    upper, lower = (looks[name].to_numpy(np.float64) for name in ("z", "futility_z"))
    axes.set_title(title, fontsize=TEXT + 1, loc="left")
    top = float(np.nanmax(upper[np.isfinite(upper)]))
    there = lower[np.isfinite(lower)]
    axes.set_ylim(min(-0.6, float(there.min()) - 0.6 if there.size else 0.0), top + 0.9)
    _line(axes, x, upper, BLUE, [f"{value:.2f}" for value in upper], [10.0] * x.size)
    if there.size:
        axes.fill_between(x, lower, upper, color=MUTED, alpha=0.12, linewidth=0)
        before = np.where(np.arange(x.size) < x.size - 1, lower, np.nan)
        axes.plot(x, lower, color=OCHRE, linewidth=1.8, linestyle=(0, (5, 2)))
        _line(axes, x, before, OCHRE, [f"{value:.2f}" for value in lower], [-11.0] * x.size)
        axes.text(0.03, 0.03, "below: futility", transform=axes.transAxes, fontsize=SMALL + 0.5)
    axes.text(
        0.97, 0.97, "above: efficacy", transform=axes.transAxes, fontsize=SMALL + 0.5, ha="right", va="top"
    )


def _draw_p(axes: Axes, x: np.ndarray, looks: DataFrame) -> None:
    axes.set_title("Nominal p at the efficacy boundary", fontsize=TEXT + 1, loc="left")
    p = looks["nominal_p"].to_numpy(np.float64)
    axes.set_yscale("log")
    axes.set_ylim(0.3 * float(p[p > 0].min()), 3.0 * float(p.max()))
    # The line rises: names stand clear of it below, and the last above.
    lifts = [-11.0] * (x.size - 1) + [11.0]
    _line(axes, x, np.where(p > 0, p, np.nan), BLUE, [f"{value:.4f}" for value in p], lifts)
    ticks = [
        tick
        for tick in (1e-6, 1e-5, 1e-4, 0.001, 0.01, 0.1)
        if axes.get_ylim()[0] <= tick <= axes.get_ylim()[1]
    ]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()


def _draw_effect(axes: Axes, x: np.ndarray, looks: DataFrame, scale: str) -> None:
    effect = looks["effect_at_bound"].to_numpy(np.float64)
    axes.set_title(f"Observed {scale} at the boundary", fontsize=TEXT + 1, loc="left")
    low = float(np.nanmin(effect))
    axes.set_ylim(low - 0.08, 1.03)
    axes.axhline(1.0, color=INK, linewidth=0.8)
    axes.text(
        0.97, 1.0, "no effect", transform=axes.get_yaxis_transform(), fontsize=SMALL, ha="right", va="bottom"
    )
    _line(axes, x, effect, BLUE, [f"{value:.3f}" for value in effect], [-11.0] * x.size)
