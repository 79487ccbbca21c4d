"""Prior beside posterior, what drives it, how near a world comes to print, and which results conflict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from simsepsis.experiment.inference.checks import NOTHING
from simsepsis.experiment.inference.findings import ALL
from simsepsis.show.figure import Figure
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
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

    from simsepsis.experiment.inference import Inference

_WIDE, _TALL, _ACROSS = 2.7, 1.15, 3
_BINS = 40
FEWEST_PAIRS = 3
"""Pairs of results that need no map."""
MOST_RESULTS = 24
"""Results on the map: those of the pairs that lie farthest from every world."""
SURELY = 0.05
"""P, for all pairs together, below which a conflict is marked."""
KINDS: dict[str, dict[str, Any]] = {
    "prior": {"color": MUTED, "linestyle": (0, (4, 2)), "label": "before the results"},
    "plain": {"color": OCHRE, "linestyle": "-", "label": "worlds taken to be right"},
    "loose": {"color": BLUE, "linestyle": "-", "label": "blocks may be off"},
}
"""Distribution → how it is drawn."""


def inference_figures(found: Inference) -> tuple[Figure, ...]:
    """Return the figures of an inference."""
    plan = found.plan
    note = f"Inference {plan.name}, seed {plan.infer.seed}, {len(found.simulated.numbers)} worlds."
    figures = [_prior_and_posterior(found, note)]
    figures.append(_distances(found, note))
    if found.influence["dropped"].nunique() > 1:
        figures.append(_influence(found, note))
    if len(found.conflicts) > FEWEST_PAIRS:
        figures.append(_conflicts(found, note))
    return tuple(figures)


def _prior_and_posterior(found: Inference, note: str) -> Figure:
    reading = ALL if len(found.readings) > 1 else found.leading
    rows = pd.DataFrame(list(_densities(found, reading)), columns=["key", "kind", "value", "density"])
    row = found.table[found.table["key"] == found.headline].iloc[0]
    return Figure(
        name="prior-and-posterior",
        title="What the printed results add to what was believed before",
        caption=(
            "Density of each setting and truth before the results, after them where worlds are taken to be "
            f"right, and where each block may be off by about one standard deviation. {note}"
        ),
        alt=(
            f"Standard deviation of {found.plan.words[found.headline]} after the results: "
            f"{100 * row['sd_ratio']:.0f}% of that before."
        ),
        draw=lambda: plot_densities(rows, found.plan.words, note=note),
        data=rows,
    )


def _densities(found: Inference, reading: str) -> Iterator[tuple[str, str, float, float]]:
    told = {kind: found.draws(reading, kind) for kind in KINDS}
    for place, key in reversed(list(enumerate(found.names))):
        prior = told["prior"][0][:, place]
        low, high = np.quantile(prior, [0.002, 0.998]).tolist()
        edges = np.linspace(low, high, _BINS + 1)
        for kind, (values, weights) in told.items():
            height, _ = np.histogram(values[:, place], bins=edges, weights=weights)
            middle = 0.5 * (edges[1:] + edges[:-1])
            for value, density in zip(middle, height / np.diff(edges), strict=True):
                yield key, kind, float(value), float(density)


@in_house_style
def plot_densities(rows: pd.DataFrame, words: dict[str, str], *, note: str = "") -> Drawing:
    """Draw a panel for each quantity."""
    keys = list(dict.fromkeys(rows["key"]))
    down = -(-len(keys) // _ACROSS)
    height = 1.0 + (_TALL + 0.75) * down
    figure = new_figure(0.4 + (_WIDE + 0.3) * _ACROSS, height, note=note)
    for number, key in enumerate(keys):
        left = 0.3 + (_WIDE + 0.3) * (number % _ACROSS)
        axes = add_panel(figure, left, 0.75 + (_TALL + 0.75) * (down - 1 - number // _ACROSS), _WIDE, _TALL)
        for kind, look in KINDS.items():
            part = rows[(rows["key"] == key) & (rows["kind"] == kind)]
            axes.plot(part["value"], part["density"], linewidth=1.5, drawstyle="steps-mid", **look)
        axes.set_yticks([])
        axes.set_ylim(bottom=0)
        axes.tick_params(labelsize=SMALL)
        axes.set_title(wrapped(words[key], 46, lines=2), fontsize=SMALL, loc="left")
        if number == 0:
            first = axes
    handles, labels = first.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="upper left", bbox_to_anchor=(0.02, 1.0 - 0.02 / height), ncols=3, frameon=False
    )
    return figure


def _influence(found: Inference, note: str) -> Figure:
    words, key = found.plan.blocks, found.headline
    rows = found.influence[found.influence["key"] == key].copy()
    rows["label"] = [
        "all blocks" if name == NOTHING else f"without {words[name]}" for name in rows["dropped"]
    ]
    whole = rows.iloc[0]
    farthest = rows.loc[(rows["mean_discrepancy"] - whole["mean_discrepancy"]).abs().idxmax()]
    return Figure(
        name="influence",
        title="What dropping each block of results does",
        caption=(
            f"Mean and standard deviation of {found.plan.words[key]} in the most probable reading, with all "
            f"blocks of results and without each, with and without discrepancies. {note}"
        ),
        alt=(
            f"The mean moves most, from {whole['mean_discrepancy']:.2f} to "
            f"{farthest['mean_discrepancy']:.2f}, {farthest['label']}."
        ),
        draw=lambda: plot_influence(rows, found.plan.words[key], note=note),
        data=rows,
    )


@in_house_style
def plot_influence(rows: pd.DataFrame, words: str, *, note: str = "") -> Drawing:
    """Draw mean and standard deviation, one line for each block that is dropped."""
    tall = 0.32 * len(rows)
    figure = new_figure(8.6, tall + 1.5, note=note)
    axes = add_panel(figure, 3.2, 0.95, 5.1, tall)
    heights = np.arange(len(rows))[::-1]
    looks = (("", "plain", 0.12), ("_discrepancy", "loose", -0.12))
    for column, kind, shift in looks:
        axes.errorbar(
            rows[f"mean{column}"],
            heights + shift,
            xerr=rows[f"sd{column}"],
            fmt="o",
            markersize=4,
            color=str(KINDS[kind]["color"]),
            label=KINDS[kind]["label"],
        )
    axes.axvline(rows["mean_discrepancy"].iloc[0], color=RULE, linewidth=0.8, zorder=0)
    axes.set_yticks(heights, list(rows["label"]), fontsize=SMALL)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel(words, color=INK, fontsize=TEXT)
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, frameon=False, fontsize=SMALL)
    return figure


def _distances(found: Inference, note: str) -> Figure:
    rows = pd.DataFrame(list(_steps(found)), columns=["reading", "source", "distance", "share"])
    nearest = found.readings[found.leading].nearest
    return Figure(
        name="distances",
        title="Does any world fit?",
        caption=(
            "Squared distance per result of print (line) from the world nearest to it, and of replicates "
            f"(area) from the worlds nearest to them, in each reading. {note}"
        ),
        alt=f"Print at {nearest.mean_z2:.2f}, p {nearest.p:.3f}, in the most probable reading.",
        draw=lambda: plot_distances(rows, note=note),
        data=rows,
    )


def _steps(found: Inference) -> Iterator[tuple[str, str, float, float]]:
    """Yield where each step of the replicates' distances begins, with their share in %, and print."""
    words = dict(zip(found.reading_table["reading"], found.reading_table["words"], strict=True))
    told = [one.nearest for one in found.readings.values()]
    farthest = max(max(one.mean_z2, float(np.quantile(one.replicates, 0.998))) for one in told)
    edges = np.linspace(0.0, 1.05 * farthest, 2 * _BINS + 1)
    for reading, one in zip(found.readings, told, strict=True):
        counts, _ = np.histogram(one.replicates, bins=edges)
        for edge, count in zip(edges, counts, strict=False):
            yield words[reading], "replicates", float(edge), 100.0 * float(count) / one.replicates.size
        yield words[reading], "print", one.mean_z2, float("nan")


@in_house_style
def plot_distances(rows: pd.DataFrame, *, note: str = "") -> Drawing:
    """Draw a panel for each reading: replicates' distances, and print's."""
    readings = list(dict.fromkeys(rows["reading"]))
    figure = new_figure(8.6, 0.95 + 1.45 * len(readings), note=note)
    for number, reading in enumerate(reversed(readings)):
        axes = add_panel(figure, 0.6, 0.8 + 1.45 * number, 7.7, 0.95)
        part = rows[rows["reading"] == reading].set_index("source")
        steps, printed = part.loc["replicates"], float(part.at["print", "distance"])
        begins = steps["distance"].to_numpy()
        edges = np.append(begins, begins[-1] + begins[1])
        axes.stairs(steps["share"], edges, color=MUTED, fill=True, alpha=0.35)
        axes.axvline(printed, color=BLUE, linewidth=2.0)
        side = "right" if printed > edges[_BINS] else "left"
        axes.annotate(
            f"print {printed:.2f}",
            (printed, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(-4 if side == "right" else 4, 0),
            textcoords="offset points",
            ha=side,
            va="top",
            color=BLUE,
            fontsize=SMALL,
        )
        axes.set_xlim(0.0, edges[-1])
        axes.set_title(reading, fontsize=SMALL, loc="left")
        axes.set_ylabel("Replicates (%)", fontsize=SMALL)
        axes.tick_params(labelsize=SMALL, labelbottom=number == 0)
        if number == 0:
            axes.set_xlabel("Squared distance per result from the nearest world")
    return figure


def _conflicts(found: Inference, note: str) -> Figure:
    rows = found.conflicts[found.conflicts["reading"] == found.leading]
    # The pairs come farthest first.
    names = list(dict.fromkeys(rows[["one", "other"]].to_numpy().ravel()))[:MOST_RESULTS]
    rows = rows[rows["one"].isin(names) & rows["other"].isin(names)].reset_index(drop=True)
    worst = rows.iloc[0]
    return Figure(
        name="conflicts",
        title="What cannot come together",
        caption=(
            "Each square: two results' squared distance from the nearest of all worlds, in the most probable "
            f"reading; a number where p for all pairs is below {SURELY:g}. {note}"
        ),
        alt=f"Farthest are {worst['one']} and {worst['other']}: {worst['distance']:.1f}.",
        draw=lambda: plot_conflicts(rows, note=note),
        data=rows,
    )


@in_house_style
def plot_conflicts(rows: pd.DataFrame, *, note: str = "") -> Drawing:
    """Draw the lower triangle of all pairs of results, the darker the farther apart."""
    names = list(dict.fromkeys(rows[["one", "other"]].to_numpy().ravel()))
    place = {name: number for number, name in enumerate(names)}
    depth = np.full((len(names), len(names)), np.nan)
    side, left = 0.34 * len(names), 4.1
    figure = new_figure(left + side + 0.4, side + 1.3, note=note)
    axes = add_panel(figure, left, 0.95, side, side)
    for row in rows.itertuples():
        low, high = sorted((place[row.one], place[row.other]))
        depth[high, low] = row.distance
        if row.p_all < SURELY:
            axes.text(
                low, high, f"{row.distance:.0f}", ha="center", va="center", fontsize=SMALL - 1, color="white"
            )
    # A pair at the limit of what is marked is dark already.
    limit = -2.0 * np.log(SURELY / max(len(rows), 1))
    axes.imshow(np.ma.masked_invalid(depth), cmap="Blues", vmin=0.0, vmax=1.3 * limit)
    axes.set_yticks(
        range(len(names)), [f"{wrapped(name, 62, lines=1)}  {k + 1}" for k, name in enumerate(names)]
    )
    axes.set_xticks(range(len(names)), [str(number + 1) for number in range(len(names))])
    axes.tick_params(length=0, labelsize=SMALL - 1)
    return figure
