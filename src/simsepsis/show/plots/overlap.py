"""Overlap: who could have been matched, and who was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simsepsis.errors import DataError
from simsepsis.show.style import (
    ARM_COLORS,
    INK,
    MUTED,
    TEXT,
    add_panel,
    in_house_style,
    new_figure,
    wrapped,
)
from simsepsis.study.layout import ARMS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 48
_SHOWN = (0.002, 0.998)
"""Quantiles of the finite scores between which the bins lie."""

_HATCHES = {1: "", -1: "////"}
_LETTERS = 40
"""Letters of the name of an arm."""
_LEAST_SPREAD = 1e-6
"""Logits that lie closer together than this are drawn as one column."""


def bin_scores(scores: pd.DataFrame, bins: int = BINS) -> pd.DataFrame:
    """Count patients by arm and matching in equal bins of the logit of the propensity score."""
    logit = scores["logit"].to_numpy(np.float64)
    finite = logit[np.isfinite(logit)]
    if finite.size == 0:
        raise DataError("the score is certain of every patient's treatment, so that the arms have no overlap")
    low, high = np.quantile(finite, _SHOWN).tolist()
    if high - low < _LEAST_SPREAD * max(1.0, abs(low)):
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, bins + 1)
    shown = scores.assign(logit=np.clip(logit, edges[0], edges[-1]))
    tables = []
    for arm in ARMS:
        chosen = shown.loc[shown["arm"] == arm]
        everyone, _ = np.histogram(chosen["logit"], edges)
        matched, _ = np.histogram(chosen.loc[chosen["matched"].astype(bool), "logit"], edges)
        columns = {"bin_low": edges[:-1], "bin_high": edges[1:], "patients": everyone, "matched": matched}
        tables.append(pd.DataFrame({"arm": arm, **columns}))
    return pd.concat(tables, ignore_index=True)


@in_house_style
def plot_overlap(
    binned: pd.DataFrame, *, treated: str = "Treated", control: str = "Control", note: str = ""
) -> Figure:
    """Draw the propensity score of both arms as mirrored histograms, matched patients inside all patients."""
    figure = new_figure(8.6, 5.2, note=note)
    axes = add_panel(figure, 0.95, 0.95, 7.4, 4.05)
    keys = ARMS
    for arm, sign, label in zip(keys, (1, -1), (treated, control), strict=True):
        _draw_arm(axes, binned.loc[binned["arm"] == arm], arm, sign, wrapped(label, _LETTERS, lines=1))
    axes.axhline(0, color=INK, linewidth=0.9)
    tallest = binned["patients"].max() * 1.25
    axes.set_ylim(-tallest, tallest)
    axes.set_xlim(binned["bin_low"].min(), binned["bin_high"].max())
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):,g}")
    axes.set_xlabel("Propensity score (logit)")
    axes.set_ylabel("Patients per bin (n)")
    return figure


def _draw_arm(axes: Axes, rows: pd.DataFrame, arm: str, sign: int, label: str) -> None:
    left, width = rows["bin_low"].to_numpy(), (rows["bin_high"] - rows["bin_low"]).to_numpy()
    color, total, matched = ARM_COLORS[arm], rows["patients"].to_numpy(), rows["matched"].to_numpy()
    axes.bar(left, sign * total, width, align="edge", facecolor="white", edgecolor=MUTED, linewidth=0.7)
    axes.bar(
        left,
        sign * matched,
        width,
        align="edge",
        facecolor=color,
        edgecolor="white",
        linewidth=0.4,
        hatch=_HATCHES[sign],
    )
    words = f"{label}: {matched.sum():,} matched (filled) of {total.sum():,} (outline)"
    axes.annotate(
        words,
        (0.01, 0.985 if sign > 0 else 0.015),
        xycoords="axes fraction",
        va="top" if sign > 0 else "bottom",
        fontsize=TEXT,
        fontweight="bold",
    )
