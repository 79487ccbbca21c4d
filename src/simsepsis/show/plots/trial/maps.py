"""Power over two assumptions at once, and patients over populations."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from simsepsis.show.plots.trial.lines import style_of, thousands
from simsepsis.show.style import BLUE, INK, OCHRE, SMALL, TEXT, add_panel, in_house_style, new_figure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure
    from pandas import DataFrame

_CELL = 0.82, 0.46


@in_house_style
def plot_sensitivity(
    cells: DataFrame, *, target: float, planned: float, n_randomized: int, note: str = ""
) -> Figure:
    """Draw the power of the planned patients over control risk × part of the effect that is real."""
    wide = cells.pivot(index="share", columns="p_control", values="power").sort_index(ascending=False)
    rows, columns = wide.shape
    width, height = columns * _CELL[0], rows * _CELL[1]
    figure = new_figure(width + 3.4, height + 1.6, note=note)
    axes = add_panel(figure, 1.0, 1.1, width, height)
    axes.imshow(wide.to_numpy(), cmap="Greys", vmin=0.0, vmax=1.6, aspect="auto")
    for y in range(rows):
        for x in range(columns):
            value = float(wide.iat[y, x])
            met = value >= target
            axes.text(
                x,
                y,
                f"{100 * value:.0f}",
                ha="center",
                va="center",
                fontsize=TEXT,
                fontweight="bold" if met else "normal",
            )
            if met:
                axes.add_patch(_frame(x, y))
    axes.set_xticks(
        range(columns),
        [f"{100 * risk:.1f}%\nplan" if risk == planned else f"{100 * risk:.0f}%" for risk in wide.columns],
    )
    axes.set_yticks(range(rows), [f"{100 * share:.0f}%" for share in wide.index])
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_xlabel("Control risk")
    axes.set_ylabel("Part of the risk\ndifference that is real")
    words = f"Power (%) of {n_randomized:,}\nrandomized patients.\n\nFramed: {target:.0%}\nor more."
    axes.text(1.04, 1.0, words, transform=axes.transAxes, va="top", fontsize=SMALL + 0.5)
    return figure


def _frame(x: int, y: int) -> object:
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.47, y - 0.46), 0.94, 0.92, fill=False, edgecolor=BLUE, linewidth=1.8)


TOUCHING = 0.02
"""Relative distance below which two marks are one to the eye."""


@in_house_style
def plot_enrichment(
    rows: DataFrame, *, labels: Mapping[str, str], modified: str = "", note: str = ""
) -> Figure:
    """Draw patients to randomize against months to the end, one mark per population and interaction."""
    figure = new_figure(9.6, 5.2, note=note)
    axes = add_panel(figure, 0.95, 1.0, 5.6, 3.9)
    marks = ("o", "s", "^", "D")
    for which, (population, mine) in enumerate(
        rows.dropna(subset=["months"]).groupby("population", sort=False)
    ):
        style = style_of(which)
        axes.plot(mine["n_randomized"], mine["months"], linewidth=1.0, **style)
        axes.plot(
            mine["n_randomized"],
            mine["months"],
            marks[which % len(marks)],
            markersize=7,
            color=style["color"],
            label=labels[str(population)],
        )
        for place, factors in _named(mine).items() if modified else ():
            # The lines rise to the right: the names stand clear of them on the left.
            axes.annotate(
                factors, place, xytext=(-6, 4), textcoords="offset points", fontsize=SMALL, ha="right"
            )
    axes.set_xlim(0, 1.12 * rows["n_randomized"].max())
    axes.set_ylim(0, 1.12 * rows["months"].max())
    axes.legend(
        loc="center left",
        bbox_to_anchor=(1.03, 0.7),
        frameon=False,
        fontsize=TEXT - 0.5,
        title="Population",
        alignment="left",
    )
    told = f"×: factor on the log hazard ratio in {modified}; average effect held" if modified else ""
    axes.text(
        1.05,
        0.36,
        textwrap.fill(told, 29),
        transform=axes.transAxes,
        fontsize=SMALL + 0.5,
        va="top",
        color=INK,
    )
    thousands(axes, "xaxis")
    axes.set_xlabel("Patients to randomize")
    axes.set_ylabel("Months to the end (mean)")
    return figure


def _named(rows: DataFrame) -> dict[tuple[float, float], str]:
    """Return where marks stand, with the factors that put them there; marks that touch have one name."""
    named: dict[tuple[float, float], str] = {}
    for factor, patients, months in zip(
        rows["interaction"], rows["n_randomized"], rows["months"], strict=True
    ):
        near = [place for place in named if np.allclose(place, (patients, months), rtol=TOUCHING)]
        place = near[0] if near else (float(patients), float(months))
        named[place] = f"{named[place]}, ×{factor:g}" if near else f"×{factor:g}"
    return named


@in_house_style
def plot_endpoints(
    rows: DataFrame, *, labels: Mapping[str, str], n_randomized: int, note: str = ""
) -> Figure:
    """Draw the simulated power of each endpoint on the same patients, with 95% Monte Carlo intervals."""
    ordered = rows.sort_values("power", ignore_index=True)
    figure = new_figure(8.6, 0.46 * len(rows) + 1.5, note=note)
    axes = add_panel(figure, 2.9, 0.95, 4.9, 0.46 * len(rows))
    axes.errorbar(
        100 * ordered["power"],
        range(len(rows)),
        xerr=196 * ordered["power_mcse"],
        fmt="o",
        color=BLUE,
        ecolor=OCHRE,
        elinewidth=2,
        markersize=6,
    )
    for y, power in enumerate(ordered["power"]):
        axes.annotate(
            f"{100 * power:.1f}%",
            (100 * power, y),
            xytext=(0, 8),
            textcoords="offset points",
            ha="center",
            fontsize=SMALL,
        )
    axes.set_yticks(range(len(rows)), [labels[name] for name in ordered["endpoint"]])
    axes.set_ylim(-0.6, len(rows) - 0.3)
    axes.set_xlim(0, 105)
    axes.set_xlabel(f"Power (%) with {n_randomized:,} randomized patients; bars: 95% Monte Carlo interval")
    return figure
