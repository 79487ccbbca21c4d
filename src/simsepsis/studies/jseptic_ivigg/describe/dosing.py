"""How much IVIgG is given, and what it would do at each dose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtri

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
from simsepsis.studies.jseptic_ivigg.world.dose import response

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simsepsis.arrays import FloatArray
    from simsepsis.studies.jseptic_ivigg.world.oracle import Oracle
    from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario

DOSE_COLUMNS = ("panel", "group", "x", "value")
_WIDTH = 11.0
_BIN = 0.05
_SHOWN = 2.0
"""Dose in g/kg up to which the response is drawn, at least."""

_QUANTILES = (0.1, 0.5, 0.9)
_TICKS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 3.0)


def dose_rows(settled: Scenario, oracle: Oracle) -> pd.DataFrame:
    """Return the doses given and, where the effect depends on them, the response and the IgG reached.

    Returns
    -------
    DataFrame
        ``panel, group, x, value``. Panel ``dose``: `x` the bin's lower end in g/kg, `value` share of the
        treated. Panel ``response``: `group` the quantile of endogenous IgG, `x` g/kg, `value` hazard ratio
        of death. Panel ``igg``: `group` before | after, `x` g/L, `value` share of the treated at or below.
    """
    given = oracle.dose_g_per_kg[np.isfinite(oracle.dose_g_per_kg)]
    rows = [_histogram(given)]
    if settled.dose.response != "none":
        rows.append(
            _responses(settled, max(_SHOWN, float(np.ceil(given.max())), 1.5 * settled.dose.threshold))
        )
        rows.append(_levels(settled, oracle))
    return pd.concat(rows, ignore_index=True)[list(DOSE_COLUMNS)]


def _histogram(doses: FloatArray) -> pd.DataFrame:
    # A dose of 1 g/kg belongs to the bin that starts there, whatever rounding says.
    counts = np.bincount(np.floor(doses / _BIN + 1e-9).astype(np.int64))
    share = counts / doses.size
    return pd.DataFrame({"panel": "dose", "group": "", "x": np.arange(counts.size) * _BIN, "value": share})


def _responses(settled: Scenario, most: float) -> pd.DataFrame:
    """Return the hazard ratio by dose at three levels of endogenous IgG, subgroups left out."""
    dose = settled.dose
    doses = np.unique(np.concatenate([np.linspace(0.0, most, 201), [dose.threshold - 1e-9, dose.threshold]]))
    levels = _QUANTILES if dose.response == "igg_level" else (0.5,)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "panel": "response",
                    "group": f"{igg:.1f} g/L",
                    "x": doses,
                    "value": np.exp(
                        settled.effect.log_hazard_ratio * response(dose, doses, np.full_like(doses, igg))
                    ),
                }
            )
            for igg in dose.igg_median * np.exp(dose.igg_log_sd * ndtri(np.array(levels)))
        ]
    )


def _levels(settled: Scenario, oracle: Oracle) -> pd.DataFrame:
    given = np.isfinite(oracle.dose_g_per_kg)
    before = oracle.endogenous_igg[given]
    after = before + settled.dose.igg_rise * oracle.dose_g_per_kg[given]
    grid = np.linspace(0.0, 10.0 * np.ceil(np.quantile(after, 0.995) / 10.0), 121)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "panel": "igg",
                    "group": name,
                    "x": grid,
                    "value": np.searchsorted(np.sort(level), grid, side="right") / level.size,
                }
            )
            for name, level in (("before", before), ("after", after))
        ]
    )


@in_house_style
def plot_doses(rows: pd.DataFrame, *, target: float | None = None, note: str = "") -> Figure:
    """Draw the doses given and, where there are such rows, the hazard ratio by dose and the IgG reached."""
    panels = {name: part for name, part in rows.groupby("panel", sort=False)}
    figure = new_figure(_WIDTH, 4.1, note=note)
    room = 2.75 if len(panels) > 1 else _WIDTH - 1.1
    for place, (name, part) in enumerate(panels.items()):
        axes = add_panel(figure, 0.75 + 3.6 * place, 0.95, room, 2.75)
        axes.grid(axis="y", color=RULE, linewidth=0.4)
        axes.set_axisbelow(True)
        _PANELS[name](axes, part, target)
    return figure


def _draw_doses(axes: Axes, rows: pd.DataFrame, _: float | None) -> None:
    axes.bar(
        rows["x"], 100 * rows["value"], _BIN, align="edge", facecolor=BLUE, edgecolor="white", linewidth=0.4
    )
    last = float(rows.loc[rows["value"] > 0, "x"].max())
    axes.set_xlim(0, max(1.0, last + 2 * _BIN))
    axes.set_xlabel("Dose (g/kg)")
    axes.set_ylabel("Treated patients (%)")
    axes.set_title("Doses given", fontsize=TEXT + 1, loc="left", fontweight="bold")


def _draw_responses(axes: Axes, rows: pd.DataFrame, _: float | None) -> None:
    lines = ((0, (1.2, 1.4)), "-", (0, (6, 2)))
    groups = list(rows.groupby("group", sort=False))
    for line, (name, curve) in zip(lines if len(groups) > 1 else ("-",), groups, strict=False):
        axes.plot(curve["x"], curve["value"], color=BLUE, linewidth=2.0, linestyle=line, label=name)
    axes.axhline(1.0, color=MUTED, linewidth=1.0, zorder=1)
    axes.set_yscale("log")
    low, high = min(rows["value"].min(), 0.8), max(rows["value"].max(), 1.25)
    axes.set_ylim(low / 1.1, high * 1.1)
    ticks = [tick for tick in _TICKS if low / 1.1 <= tick <= high * 1.1]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlim(0, rows["x"].max())
    axes.set_xlabel("Dose (g/kg)")
    axes.set_ylabel("Hazard ratio of death")
    axes.set_title("What a dose would do", fontsize=TEXT + 1, loc="left", fontweight="bold")
    if len(groups) > 1:
        axes.legend(title="Own IgG", frameon=False, fontsize=SMALL, title_fontsize=SMALL, loc="best")


def _draw_levels(axes: Axes, rows: pd.DataFrame, target: float | None) -> None:
    for name, line, color in (("before", (0, (6, 2)), OCHRE), ("after", "-", BLUE)):
        curve = rows.loc[rows["group"] == name]
        axes.plot(curve["x"], 100 * curve["value"], color=color, linestyle=line, linewidth=2.0, label=name)
    if target is not None:
        axes.axvline(target, color=INK, linewidth=0.9)
        axes.annotate(
            "target",
            (target, 0),
            xycoords=("data", "axes fraction"),
            xytext=(3, 4),
            textcoords="offset points",
            fontsize=SMALL,
        )
    axes.set_xlim(0, rows["x"].max())
    axes.set_ylim(0, 100)
    axes.set_xlabel("IgG (g/L)")
    axes.set_ylabel("Treated patients at or below (%)")
    axes.set_title("IgG before and after", fontsize=TEXT + 1, loc="left", fontweight="bold")
    axes.legend(frameon=False, fontsize=TEXT - 0.5, loc="lower right")


_PANELS: dict[str, Callable[[Axes, pd.DataFrame, float | None], None]] = {
    "dose": _draw_doses,
    "response": _draw_responses,
    "igg": _draw_levels,
}
