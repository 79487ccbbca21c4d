"""Power, sample size, assurance and accrual as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsepsis.show.plots.trial.lines import STRONGEST, name_ends, style_of, thousands
from simsepsis.show.style import (
    INK,
    MUTED,
    RULE,
    SMALL,
    TEXT,
    add_panel,
    in_house_style,
    new_figure,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

_WIDTH, _HEIGHT = 9.6, 4.9


def _panel(note: str, right: float) -> tuple[Figure, Axes]:
    figure = new_figure(_WIDTH, _HEIGHT, note=note)
    axes = add_panel(figure, 0.85, 0.95, _WIDTH - 0.85 - right, _HEIGHT - 1.25)
    axes.grid(axis="y", color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    return figure, axes


def _in_percent(axes: Axes) -> None:
    axes.set_ylim(0, 100)
    axes.set_yticks(range(0, 101, 20), [f"{tick}%" for tick in range(0, 101, 20)])


def _mark_plan(axes: Axes, n_randomized: int, words: str) -> None:
    axes.axvline(n_randomized, color=INK, linewidth=0.8, linestyle=(0, (1, 2)))
    axes.annotate(
        words,
        (n_randomized, 0.02),
        xycoords=("data", "axes fraction"),
        xytext=(4, 2),
        textcoords="offset points",
        fontsize=SMALL,
        color=MUTED,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.85},
        zorder=4,
    )


@in_house_style
def plot_power(
    power: DataFrame, *, n_randomized: int, target: float, labels: Mapping[float, str], note: str = ""
) -> Figure:
    """Draw power in percent against randomized patients, one line for each part of the planned effect."""
    figure, axes = _panel(note, 2.6)
    axes.set_xlim(power["n_randomized"].min(), power["n_randomized"].max())
    _in_percent(axes)
    axes.axhline(100 * target, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.text(
        0.01, 100 * target + 1, f"target {target:.0%}", transform=axes.get_yaxis_transform(), fontsize=SMALL
    )
    ends = []
    for which, (share, rows) in enumerate(power.groupby("share", sort=False)):
        axes.plot(rows["n_randomized"], 100 * rows["power"], linewidth=2, **style_of(which))
        ends.append((rows["n_randomized"].iloc[-1], 100 * rows["power"].iloc[-1], labels[share]))
    _mark_plan(axes, n_randomized, f"planned: {n_randomized:,}")
    name_ends(axes, ends, gap=0.07)
    thousands(axes, "xaxis")
    axes.set_xlabel("Patients randomized")
    axes.set_ylabel("Power")
    return figure


@in_house_style
def plot_sizes(
    grid: DataFrame, *, scale: str, planned: tuple[float, float], words: str = "plan", note: str = ""
) -> Figure:
    """Draw the patients needed, on a log scale, against control risk, one line for each effect."""
    figure, axes = _panel(note, 1.6)
    shown = grid.dropna(subset=["n_randomized"])
    axes.set_yscale("log")
    axes.set_xlim(100 * shown["p_control"].min(), 100 * shown["p_control"].max())
    ends = []
    for which, (effect, rows) in enumerate(shown.groupby("effect")):
        axes.plot(100 * rows["p_control"], rows["n_randomized"], linewidth=1.8, **style_of(which))
        name = f"{scale} {effect:g}".replace("-", "−")
        ends.append((100 * rows["p_control"].iloc[-1], rows["n_randomized"].iloc[-1], name))
    axes.plot(100 * planned[0], planned[1], marker="o", markersize=8, color=INK, clip_on=False, zorder=5)
    axes.annotate(
        f"{words}: {planned[1]:,.0f}",
        (100 * planned[0], planned[1]),
        xytext=(9, 9),
        textcoords="offset points",
        fontsize=TEXT,
        fontweight="bold",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.85},
    )
    name_ends(axes, ends, gap=0.07, log=True)
    _round_ticks(axes, shown["n_randomized"].min(), shown["n_randomized"].max())
    axes.set_xlabel("Control risk (%)")
    axes.set_ylabel("Patients to randomize (log scale)")
    return figure


def _round_ticks(axes: Axes, least: float, most: float) -> None:
    from matplotlib.ticker import NullFormatter

    steps = [step * 10**power for power in range(1, 8) for step in (1, 2, 5)]
    ticks = [step for step in steps if 0.8 * least <= step <= 1.25 * most]
    axes.set_yticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()


@in_house_style
def plot_assurance(
    curve: DataFrame, *, n_randomized: int, labels: Mapping[str, str], note: str = ""
) -> Figure:
    """Draw assurance in percent against randomized patients on a log scale, ceilings at the lines' ends."""
    figure, axes = _panel(note, 3.9)
    axes.set_xscale("log")
    axes.set_xlim(curve["n_randomized"].min(), curve["n_randomized"].max())
    _in_percent(axes)
    ends = []
    for which, (prior, rows) in enumerate(curve.groupby("prior", sort=False)):
        style = STRONGEST if prior == "mixture" else style_of(which) | {"linewidth": 1.7}
        axes.plot(rows["n_randomized"], 100 * rows["assurance"], **style)
        last, ceiling = rows["n_randomized"].iloc[-1], 100 * float(rows["ceiling"].iloc[-1])
        if prior == "mixture":
            _mark_ceiling(axes, ceiling)
        words = f"{labels[str(prior)]}: ceiling {_share(ceiling)}"
        ends.append((last, 100 * rows["assurance"].iloc[-1], words))
    _mark_plan(axes, n_randomized, f"planned: {n_randomized:,}")
    name_ends(axes, ends, gap=0.085)
    _log_ticks(axes, curve["n_randomized"].min(), curve["n_randomized"].max())
    axes.set_xlabel("Patients randomized (log scale)")
    axes.set_ylabel("Assurance")
    return figure


def _mark_ceiling(axes: Axes, ceiling: float) -> None:
    axes.axhline(ceiling, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.text(
        0.99,
        ceiling + 1,
        f"ceiling of the mixture: {_share(ceiling)}",
        transform=axes.get_yaxis_transform(),
        fontsize=SMALL,
        ha="right",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.85},
        zorder=4,
    )


def _share(percent: float) -> str:
    """Return a share in percent that is not called certain unless it is."""
    return ">99%" if 99.5 <= percent < 100.0 else f"{percent:.0f}%"


def _log_ticks(axes: Axes, least: float, most: float) -> None:
    steps = [step * 10**power for power in range(1, 8) for step in (1, 2, 5)]
    ticks = [step for step in steps if least <= step <= most]
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()


@in_house_style
def plot_accrual(curve: DataFrame, *, n_randomized: int, note: str = "") -> Figure:
    """Draw the patients expected to be randomized against months, at the planned pace and slower."""
    figure, axes = _panel(note, 0.4)
    axes.set_xlim(0, 1.12 * curve["month"].max())
    axes.set_ylim(0, 1.14 * n_randomized)
    axes.axhline(n_randomized, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
    for which, (pace, rows) in enumerate(curve.groupby("pace", sort=False)):
        axes.plot(rows["month"], rows["patients"], linewidth=2, **style_of(which))
        end = float(rows["month"].iloc[-1])
        axes.plot(end, n_randomized, "o", color=style_of(which)["color"], markersize=5)
        axes.annotate(
            f"{pace:.0%} of the pace:\n{end:.0f} months",
            (end, n_randomized),
            xytext=(0, 8),
            textcoords="offset points",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
            ha="center",
            fontsize=SMALL + 0.5,
        )
    thousands(axes, "yaxis")
    axes.set_xlabel("Months from the opening of the first site")
    axes.set_ylabel("Patients randomized (expected)")
    return figure
