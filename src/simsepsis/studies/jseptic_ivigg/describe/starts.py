"""When IVIgG starts: how fast in which ICUs, and whether the day's severity drives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

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
from simsepsis.studies.jseptic_ivigg.columns import COLUMNS, STUDY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simsepsis.arrays import BoolArray, FloatArray
    from simsepsis.studies.jseptic_ivigg.world.oracle import Oracle

START_COLUMNS = ("panel", "group", "x", "value", "mcse", "patients")
WINDOW_DAYS = 7
LATE_HOURS = 48.0
_STEP_HOURS = 2
_POLICY = "dic_policy"

_LINES = {"active": "-", "neither": (0, (6, 2)), "conservative": (0, (1.5, 1.5)), "all": "-"}
_GROUPS = {"start": "start IVIgG that day", "wait": "in the ICU, not yet started"}


def start_rows(registry: pd.DataFrame, oracle: Oracle) -> pd.DataFrame:
    """Return how many had started by when, and how severe they were when they did.

    Returns
    -------
    DataFrame
        ``panel, group, x, value, mcse, patients``. Panel ``share``: `group` a DIC policy or ``all``, `x`
        hours from ICU admission, `value` share of that policy's patients who have started. Panel
        ``severity``: `group` start | wait, `x` day, `value` mean latent severity of that day in SDs.
    """
    hours = oracle.hours["ivigg"]
    policy = registry[_POLICY].to_numpy()
    groups = [(level, policy == level) for level in COLUMNS[_POLICY].level_names if (policy == level).any()]
    groups.append(("all", np.ones(hours.size, np.bool_)))
    rows = [row for name, chosen in groups for row in _shares(name, hours[chosen])]
    rows += _severities(oracle)
    return pd.DataFrame(rows, columns=list(START_COLUMNS))


def start_facts(oracle: Oracle) -> pd.DataFrame:
    """Return how late IVIgG starts.

    Returns
    -------
    DataFrame
        ``fact, value, mcse``: ``late_share``, the share of starts after `LATE_HOURS`, and ``median_hour``,
        whose error is half the distance between the order statistics one binomial SE to either side.
    """
    hours = np.sort(oracle.hours["ivigg"][np.isfinite(oracle.hours["ivigg"])])
    n, late = hours.size, float(np.mean(hours > LATE_HOURS))
    beside = np.quantile(hours, 0.5 + np.array([-0.5, 0.5]) / np.sqrt(n))
    rows = [
        ("late_share", late, float(np.sqrt(late * (1 - late) / n))),
        ("median_hour", float(np.median(hours)), float(np.diff(beside)[0] / 2)),
    ]
    return pd.DataFrame(rows, columns=["fact", "value", "mcse"])


def _shares(name: str, hours: FloatArray) -> list[tuple[object, ...]]:
    times = np.arange(0.0, 24.0 * WINDOW_DAYS + 1.0, _STEP_HOURS)
    started = np.searchsorted(np.sort(hours), times, side="right") / hours.size
    errors = np.sqrt(started * (1.0 - started) / hours.size)
    return [
        ("share", name, *point, hours.size) for point in zip(times.tolist(), started, errors, strict=True)
    ]


def _severities(oracle: Oracle) -> list[tuple[object, ...]]:
    """Return the day's severity of those who start on it and of those who could and do not."""
    start, leave = oracle.hours["ivigg"] / 24.0, oracle.untreated.time["icu_death"]
    rows: list[tuple[object, ...]] = []
    for day in range(1, WINDOW_DAYS + 1):
        starts = (start >= day - 1) & (start < day)
        waits = (leave > day - 1) & ~(start < day)
        rows.extend(
            ("severity", name, float(day), *_mean(oracle.path[:, day - 1], chosen))
            for name, chosen in (("start", starts), ("wait", waits))
            if chosen.sum() > 1
        )
    return rows


def _mean(values: FloatArray, chosen: BoolArray) -> tuple[float, float, int]:
    picked = values[chosen]
    return float(picked.mean()), float(picked.std(ddof=1) / np.sqrt(picked.size)), int(picked.size)


@in_house_style
def plot_starts(rows: pd.DataFrame, *, note: str = "") -> Figure:
    """Draw the share of patients who have started by hour, and the severity of those who start by day."""
    figure = new_figure(10.9, 4.5, note=note)
    _draw_shares(add_panel(figure, 0.8, 0.95, 4.0, 3.2), rows.loc[rows["panel"] == "share"])
    _draw_severity(add_panel(figure, 7.55, 0.95, 3.1, 3.2), rows.loc[rows["panel"] == "severity"])
    return figure


def _draw_shares(axes: Axes, rows: pd.DataFrame) -> None:
    ends = {}
    for name, curve in rows.groupby("group", sort=False):
        ends[name] = 100 * float(curve["value"].iloc[-1])
        style = {"color": INK if name == "all" else BLUE, "linewidth": 2.2 if name == "all" else 1.6}
        axes.plot(curve["x"] / 24, 100 * curve["value"], linestyle=_LINES[name], **style)
    axes.axvline(LATE_HOURS / 24, color=MUTED, linewidth=0.8)
    axes.annotate(
        "48 h",
        (LATE_HOURS / 24, 1),
        xycoords=("data", "axes fraction"),
        xytext=(3, 0),
        textcoords="offset points",
        va="top",
        fontsize=SMALL,
        color=MUTED,
    )
    axes.set_xlim(0, WINDOW_DAYS)
    axes.set_ylim(0, max(10.0, 1.08 * max(ends.values())))
    axes.grid(axis="y", color=RULE, linewidth=0.4)
    axes.set_axisbelow(True)
    axes.set_xlabel("Time from ICU admission (days)")
    axes.set_ylabel("Patients given IVIgG by then (%)")
    axes.set_title("How many, by the ICU’s policy on DIC", fontsize=TEXT + 1, loc="left", fontweight="bold")
    _name_ends(axes, ends)


def _name_ends(axes: Axes, ends: dict[str, float]) -> None:
    """Write each curve's name at its end, pushed apart where the ends are close."""
    top = axes.get_ylim()[1]
    apart, place = 0.085 * top, -np.inf
    for name, end in sorted(ends.items(), key=lambda item: item[1]):
        place = max(end, place + apart)
        words = "All ICUs" if name == "all" else STUDY.wording.level(_POLICY, name).partition(" (")[0]
        axes.annotate(
            f"{words}, {end:.1f}%",
            (WINDOW_DAYS, end),
            xytext=(WINDOW_DAYS * 1.045, place),
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0},
            fontsize=TEXT - 0.5,
            fontweight="bold" if name == "all" else "normal",
            va="center",
            annotation_clip=False,
        )


def _draw_severity(axes: Axes, rows: pd.DataFrame) -> None:
    marks = {"start": ("o", BLUE, BLUE, "-"), "wait": ("s", OCHRE, "white", (0, (5, 2)))}
    for name, curve in rows.groupby("group", sort=False):
        marker, color, face, line = marks[name]
        axes.errorbar(
            curve["x"],
            curve["value"],
            yerr=1.96 * curve["mcse"],
            marker=marker,
            markersize=5,
            color=color,
            markerfacecolor=face,
            linestyle=line,
            linewidth=1.5,
            capsize=2,
            label=_GROUPS[name],
        )
    axes.set_xticks(range(1, WINDOW_DAYS + 1))
    axes.grid(axis="y", color=RULE, linewidth=0.4)
    axes.set_axisbelow(True)
    axes.set_xlabel("Day in the ICU")
    axes.set_ylabel("Severity of that day (SDs)")
    axes.set_title("Who starts", fontsize=TEXT + 1, loc="left", fontweight="bold")
    axes.margins(y=0.25)
    axes.legend(frameon=False, fontsize=TEXT - 0.5, loc="best")
