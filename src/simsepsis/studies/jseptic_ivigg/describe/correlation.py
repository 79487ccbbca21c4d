"""What goes with what: rank correlations of what was measured, and of what only the simulator knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simsepsis.analysis.ranks import average_ranks
from simsepsis.show.style import (
    BLUE,
    INK,
    MUTED,
    OCHRE,
    SMALL,
    TEXT,
    add_panel,
    in_house_style,
    new_figure,
)
from simsepsis.studies.jseptic_ivigg.columns import ADJUNCTS, SOFA_DAY1, STUDY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simsepsis.arrays import FloatArray
    from simsepsis.studies.jseptic_ivigg.world.oracle import Oracle

CORRELATION_COLUMNS = ("row", "column", "spearman", "mcse")
MEASURED = (
    "apache2",
    *SOFA_DAY1,
    "sirs_day1",
    "platelets",
    "hemoglobin",
    "wbc",
    "immunocompromised",
    "age",
    "weight_kg",
)
_HIDDEN = {"severity_1": "Severity, day 1", "severity_7": "Severity, day 7", "u": "u"}
_OTHER = {"adjuncts": "Number of adjuncts", "hospital_death": "Death in hospital"}
_CELL = 0.41
_DEEPEST = 0.7
"""Absolute correlation from which a cell has its full colour."""


def correlation_rows(registry: pd.DataFrame, oracle: Oracle) -> pd.DataFrame:
    """Return Spearman's rank correlations of patients with complete day-1 data.

    Returns
    -------
    DataFrame
        ``row, column, spearman, mcse``, each pair once. The hidden variables come first: severity, and u
        where there is one.
    """
    table = {"severity_1": oracle.path[:, 0], "severity_7": oracle.path[:, 6]}
    if oracle.unmeasured.any():
        table["u"] = oracle.unmeasured
    table |= {name: registry[name].to_numpy(np.float64) for name in MEASURED}
    table["ivigg"] = registry["ivigg"].to_numpy(np.float64)
    table["adjuncts"] = registry[list(ADJUNCTS)].sum(axis=1).to_numpy(np.float64)
    table["hospital_death"] = registry["hospital_death"].to_numpy(np.float64)
    found, n = _spearman(np.array(list(table.values())))
    rows = [
        (row, column, found[i, j], (1 - found[i, j] ** 2) / np.sqrt(n))
        for i, row in enumerate(table)
        for j, column in enumerate(table)
        if j < i
    ]
    return pd.DataFrame(rows, columns=list(CORRELATION_COLUMNS))


def _spearman(values: FloatArray) -> tuple[FloatArray, int]:
    """Return the (k, k) rank correlations of the complete columns of (k, n), and how many these are."""
    complete = values[:, np.isfinite(values).all(axis=0)]
    ranks = np.array([average_ranks(row) for row in complete])
    ranks -= ranks.mean(axis=1, keepdims=True)
    length = np.sqrt((ranks**2).sum(axis=1))
    return (ranks @ ranks.T) / np.outer(length, length), complete.shape[1]


def correlation_label(name: str) -> str:
    """Return the words for a variable of the correlations."""
    return _HIDDEN.get(name) or _OTHER.get(name) or STUDY.wording.row(name).removesuffix(" day 1")


@in_house_style
def plot_correlations(rows: pd.DataFrame, *, note: str = "") -> Figure:
    """Draw the correlations as a triangle of numbers, darker where stronger, blue where positive."""
    names = list(dict.fromkeys([*rows["column"], *rows["row"]]))
    size = _CELL * (len(names) - 1)
    figure = new_figure(size + 3.1, size + 1.95, note=note)
    axes = add_panel(figure, 2.25, 0.5, size, size)
    axes.set_xlim(0, len(names) - 1)
    axes.set_ylim(len(names) - 1, 0)
    for row in rows.itertuples(index=False):
        _draw_cell(axes, names.index(row.column), names.index(row.row) - 1, row.spearman)
    _write_names(axes, names)
    axes.set_axis_off()
    return figure


def _draw_cell(axes: Axes, x: int, y: int, value: float) -> None:
    from matplotlib.patches import Rectangle

    if np.isnan(value):
        return
    depth = min(abs(value) / _DEEPEST, 1.0) * 0.85
    color = BLUE if value > 0 else OCHRE
    face = (*_rgb(color, depth), 1.0)
    axes.add_patch(Rectangle((x, y), 1, 1, facecolor=face, edgecolor="white", linewidth=1.2))
    words = f"{round(value, 2) + 0.0:.2f}".replace("0.", ".", 1).replace("-", "−")
    strong = abs(value) >= 0.1
    light = value > 0 and depth > 0.7
    axes.text(
        x + 0.5,
        y + 0.5,
        words,
        ha="center",
        va="center",
        fontsize=SMALL - 0.5,
        color="white" if light else INK if strong else MUTED,
        fontweight="bold" if abs(value) >= 0.3 else "normal",
    )


def _rgb(color: str, depth: float) -> tuple[float, float, float]:
    """Return a colour mixed with white."""
    parts = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (1 - depth * (1 - part) for part in parts)
    return red, green, blue


def _write_names(axes: Axes, names: list[str]) -> None:
    common = {"fontsize": TEXT - 0.5, "annotation_clip": False, "textcoords": "offset points"}
    for place, name in enumerate(names):
        style = {**common, "fontweight": "bold" if name in _HIDDEN else "normal"}
        label = correlation_label(name)
        if place:
            axes.annotate(label, (0, place - 0.5), xytext=(-6, 0), ha="right", va="center", **style)
        if place < len(names) - 1:
            axes.annotate(
                label, (place + 0.5, place), xytext=(0, 4), ha="left", va="bottom", rotation=45, **style
            )
