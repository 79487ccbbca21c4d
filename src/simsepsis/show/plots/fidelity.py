"""A fitted world beside its source: events, overlap, clusters, and every margin."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from simsepsis.show.figure import Figure
from simsepsis.show.style import (
    ARM_COLORS,
    BLUE,
    INK,
    MUTED,
    OCHRE,
    RULE,
    SMALL,
    TEXT,
    add_key,
    add_panel,
    in_house_style,
    new_figure,
    wrapped,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as Drawing

    from simsepsis.fitting.fidelity import Fidelity

LARGEST = 40
"""Margins that one figure shows, the farthest first; the table has all."""

_ROW = 0.19
_REAL = {"color": INK, "linewidth": 1.6, "linestyle": "-"}
_MADE = {"color": BLUE, "linewidth": 1.6, "linestyle": (0, (4, 2))}


def fidelity_figures(found: Fidelity, *, version: str) -> list[Figure]:
    """Return the figures of a fidelity page; those for which the study has no data are left out."""
    name = found.world.profile.source
    tail = f" {name} beside its fitted world, simsepsis {version}."
    figures = [
        Figure(
            name="margins",
            title="Margins",
            caption="Difference of each mean or share, world minus source, in the source's SD."
            f" The {LARGEST} farthest; the table has all.{tail}",
            alt=f"The largest difference of a margin is {found.margins['difference'].abs().max():.2f} SD.",
            draw=partial(plot_margins, found.margins, labels=found.world.profile.labels),
            data=found.margins,
        ),
        Figure(
            name="overlap",
            title="Overlap of the arms",
            caption=f"Log odds of treatment, a logistic model of all covariates fitted in each.{tail}",
            alt="Distribution of the score by arm, in the source and in the world.",
            draw=partial(plot_scores, found.scores),
            data=found.scores,
        ),
    ]
    if len(found.curves):
        figures.append(
            Figure(
                name="events",
                title="Events by time",
                caption="Share with the event by time; the band has the middle 95% of the generated cohorts."
                + tail,
                alt="Cumulative events of both arms, in the source and in the world.",
                draw=partial(plot_curves, found.curves, unit=found.time_unit),
                data=found.curves,
            )
        )
    if len(found.clusters):
        figures.append(
            Figure(
                name="clusters",
                title="Treated share by cluster",
                caption=f"One mark a cluster; larger clusters have larger marks.{tail}",
                alt="Share of the treated by cluster, in the source and in the world.",
                draw=partial(plot_clusters, found.clusters),
                data=found.clusters,
            )
        )
    return figures


@in_house_style
def plot_margins(margins: pd.DataFrame, *, labels: Mapping[str, str]) -> Drawing:
    """Draw the difference of every mean and share from the source's, the farthest at the top."""
    order = margins["difference"].abs().sort_values(ascending=False).index[:LARGEST]
    rows = margins.loc[order].iloc[::-1]
    figure = new_figure(8.0, _ROW * len(rows) + 1.2)
    axes = add_panel(figure, 3.3, 0.75, 4.4, _ROW * len(rows))
    places = np.arange(len(rows))
    for arm, marker in (("treated", "o"), ("control", "s"), ("", "D")):
        chosen = (rows["arm"] == arm).to_numpy()
        color = ARM_COLORS.get(arm, MUTED)
        axes.plot(rows["difference"].to_numpy()[chosen], places[chosen], marker, color=color, markersize=5.0)
    axes.axvline(0.0, color=INK, linewidth=0.8)
    for limit in (-0.1, 0.1):
        axes.axvline(limit, color=RULE, linewidth=0.8, linestyle=(0, (3, 2)))
    farthest = max(0.15, float(rows["difference"].abs().max()) * 1.1)
    axes.set_xlim(-farthest, farthest)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_yticks(places, [_label(row, labels) for row in rows.itertuples(index=False)], fontsize=SMALL)
    axes.set_xlabel("World minus source (SD of the source)")
    keys = (("treated", "o"), ("control", "s"))
    entries = tuple(
        (
            arm.capitalize(),
            {"marker": marker, "linestyle": "none", "color": ARM_COLORS[arm], "markersize": 5.0},
        )
        for arm, marker in keys
    )
    add_key(axes, entries, x=3.3, y=_ROW * len(rows) + 1.0)
    return figure


def _label(row: object, labels: Mapping[str, str]) -> str:
    name, level, arm = (str(getattr(row, key)) for key in ("variable", "level", "arm"))
    return wrapped(
        f"{labels.get(name, name)}{f', {level}' if level else ''}{f' · {arm}' if arm else ''}", 42, lines=1
    )


@in_house_style
def plot_scores(scores: pd.DataFrame) -> Drawing:
    """Draw the score of both arms in the source and in the world, one panel for each arm."""
    figure = new_figure(8.0, 4.0)
    for place, arm in enumerate(("treated", "control")):
        axes = add_panel(figure, 0.8 + 3.65 * place, 0.75, 3.3, 2.6)
        for source, look in (("real", _REAL), ("synthetic", _MADE)):
            rows = scores.loc[(scores["arm"] == arm) & (scores["source"] == source)]
            edges = np.append(rows["bin_low"].to_numpy(), rows["bin_high"].to_numpy()[-1:])
            axes.stairs(rows["share"].to_numpy(), edges, **look)
        axes.set_ylim(bottom=0.0, top=float(scores["share"].max()) * 1.1)
        axes.set_title(arm.capitalize(), fontsize=TEXT + 1, loc="left", fontweight="bold")
        axes.set_xlabel("Log odds of treatment")
        if place == 0:
            axes.set_ylabel("Patients of the arm (%)")
            add_key(axes, (("Source", _REAL), ("World", _MADE)), x=0.8, y=3.8)
    return figure


@in_house_style
def plot_curves(curves: pd.DataFrame, *, unit: str) -> Drawing:
    """Draw the events by time of both arms, one panel for each arm, with the world's band."""
    figure = new_figure(8.0, 4.0)
    top = float(curves[["real", "high"]].max().max()) * 1.08
    for place, arm in enumerate(("treated", "control")):
        axes = add_panel(figure, 0.8 + 3.65 * place, 0.75, 3.3, 2.6)
        rows = curves.loc[curves["arm"] == arm]
        axes.fill_between(rows["time"], rows["low"], rows["high"], color=BLUE, alpha=0.2, linewidth=0)
        axes.plot(rows["time"], rows["real"], **_REAL)
        axes.plot(rows["time"], rows["synthetic"], **_MADE)
        axes.set_xlim(0.0, float(rows["time"].max()))
        axes.set_ylim(0.0, max(top, 1.0))
        axes.set_title(arm.capitalize(), fontsize=TEXT + 1, loc="left", fontweight="bold")
        axes.set_xlabel(f"Time ({unit})")
        if place == 0:
            axes.set_ylabel("With the event (%)")
            add_key(axes, (("Source", _REAL), ("World, mean and 95%", _MADE)), x=0.8, y=3.8)
    return figure


@in_house_style
def plot_clusters(clusters: pd.DataFrame) -> Drawing:
    """Draw the share of the treated in each cluster of the world against that of the source."""
    figure = new_figure(4.8, 4.8)
    axes = add_panel(figure, 0.85, 0.75, 3.7, 3.7)
    size = 6.0 + 60.0 * clusters["patients"] / max(float(clusters["patients"].max()), 1.0)
    axes.plot([0, 100], [0, 100], color=RULE, linewidth=0.8)
    axes.scatter(
        100 * clusters["real"], 100 * clusters["synthetic"], s=size, color=OCHRE, edgecolor=INK, linewidth=0.5
    )
    axes.set_xlim(-2, 102)
    axes.set_ylim(-2, 102)
    axes.set_xlabel("Treated in the source (%)")
    axes.set_ylabel("Treated in the world (%)")
    return figure
