"""Prior beside posterior of every setting, and what dropping each block of results does."""

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
    if found.influence["dropped"].nunique() > 1:
        figures.append(_influence(found, note))
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
