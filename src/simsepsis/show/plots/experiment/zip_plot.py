"""Zip plots: the confidence intervals of single replicates, the one furthest from the truth on top."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simsepsis.estimand import Estimand
from simsepsis.experiment.selection import wanted_cells, wanted_estimand
from simsepsis.performance import wilson_limits
from simsepsis.performance.text import factor_and_unit, few_rows, rows_text
from simsepsis.show.plots.experiment.forest_of_methods import axis_of
from simsepsis.show.plots.experiment.kind import FigureKind
from simsepsis.show.plots.experiment.marks import cell_labels, evenly, panel_corners, span
from simsepsis.show.style import BLUE, INK, MUTED, RULE, SMALL, TEXT, add_panel, in_house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simsepsis.experiment import Run
    from simsepsis.experiment.requests import FigureChoice

ZIP_COLUMNS = (
    "panel",
    "estimand",
    "replicate",
    "centile",
    "estimate",
    "ci_low",
    "ci_high",
    "truth",
    "covers",
    "coverage",
    "coverage_low",
    "coverage_high",
    "n_used",
    "n_sim",
)
MOST_PANELS, MOST_INTERVALS = 6, 400
NOMINAL = 95.0
_READ = ("estimate", "ci_low", "ci_high", "converged")
_WIDE, _TALL, _ACROSS, _LINE = 2.7, 3.6, 3, 0.17


def zip_rows(choice: FigureChoice, findings: Run) -> pd.DataFrame:
    """Return the intervals of a zip plot, a panel per cell and method, read one after another."""
    # Series without an interval have no say in the types.
    frames = [frame for frame in _panels(choice, findings) if len(frame)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(ZIP_COLUMNS))


def _panels(choice: FigureChoice, findings: Run) -> Iterator[pd.DataFrame]:
    cells = wanted_cells(choice, findings.settings)
    wanted, truth = wanted_estimand(choice, findings.plan), findings.truth
    meant = truth[[Estimand.parse(name).matches(wanted) for name in truth["estimand"]]]
    known = {(row["cell"], row["method"]): (row["estimand"], row["value"]) for _, row in meant.iterrows()}
    names = dict(zip(cells["cell"], cell_labels(findings, cells), strict=True))
    methods = choice.methods or findings.plan.run.methods
    pairs = {
        f"{cell}/{method}": (cell, method) for method in methods for cell in names if (cell, method) in known
    }
    parts = findings.folder.scan().parts
    for place in evenly(list(pairs), MOST_PANELS):
        cell, method = pairs[place]
        estimand, value = known[cell, method]
        rows = findings.folder.rows(
            cell, parts, columns=_READ, wanted={"method": (method,), "estimand": (estimand,)}
        )
        if len(names) > 1:
            yield _ranked(rows, f"{method}, {names[cell]}", value)
        else:
            yield _ranked(rows, method, value)


def _ranked(rows: pd.DataFrame, panel: str, truth: float) -> pd.DataFrame:
    """Return the intervals of one series by rank."""
    known = rows[rows["converged"] & rows[["estimate", "ci_low", "ci_high"]].notna().all(axis=1)]
    if not len(known) or np.isnan(truth):
        return pd.DataFrame(columns=list(ZIP_COLUMNS))
    off = (known["estimate"] - truth).abs() / (known["ci_high"] - known["ci_low"])
    ordered = known.assign(off=off).sort_values(["off", "replicate"], ignore_index=True)
    n = len(ordered)
    covers = (ordered["ci_low"] <= truth) & (truth <= ordered["ci_high"])
    coverage = float(covers.mean())
    low, high = wilson_limits(coverage, n)
    factor, _ = factor_and_unit("bias", str(ordered["estimand"].iloc[0]))
    columns = ["estimate", "ci_low", "ci_high"]
    found = ordered.assign(
        panel=panel,
        centile=100.0 * (np.arange(n) + 1) / n,
        covers=covers,
        truth=factor * truth,
        coverage=100.0 * coverage,
        coverage_low=100.0 * float(low),
        coverage_high=100.0 * float(high),
        n_used=n,
        n_sim=len(rows),
        **{name: factor * ordered[name] for name in columns},
    )
    step = -(-n // MOST_INTERVALS)
    return found.iloc[::-1].iloc[::step].iloc[::-1][list(ZIP_COLUMNS)]


@in_house_style
def plot_zip(rows: pd.DataFrame, *, note: str = "") -> Figure:
    """Draw each interval as a line at its rank, dark and heavy where it misses the truth.

    References
    ----------
    Morris TP, White IR, Crowther MJ. Stat Med 2019;38:2074.
    """
    panels = list(dict.fromkeys(rows["panel"]))
    across = min(len(panels), _ACROSS)
    down = -(-len(panels) // across)
    # A line more above each panel where few rows have an interval.
    step = _TALL + 1.05 + (_LINE if few_rows(rows).any() else 0.0)
    figure = new_figure((_WIDE + 0.45) * across + 0.75, step * down + 0.5, note=note)
    ends = span(rows[["ci_low", "ci_high"]].to_numpy(), float(rows["truth"].iloc[0]))
    corners = panel_corners(len(panels), across, (_WIDE + 0.45, step), (0.75, 0.9))
    for number, (panel, corner) in enumerate(zip(panels, corners, strict=True)):
        axes = add_panel(figure, *corner, _WIDE, _TALL)
        _draw(axes, rows[rows["panel"] == panel])
        axes.set_xlim(*ends)
        _write_head(axes, rows[rows["panel"] == panel].iloc[0])
        if number % across == 0:
            axes.set_ylabel("Centile of distance from the truth")
    middle, words = (
        (0.75 + (_WIDE + 0.45) * across / 2) / figure.get_figwidth(),
        str(rows["estimand"].iloc[0]),
    )
    figure.text(middle, 0.36 / figure.get_figheight(), axis_of(words), ha="center")
    return figure


def _write_head(axes: Axes, first: pd.Series) -> None:
    """Write method, cell and observed coverage above a panel, one line each."""
    method, _, cell = str(first["panel"]).partition(", ")
    limits = f"{first['coverage_low']:.1f} to {first['coverage_high']:.1f}"
    few = rows_text(first["n_used"], first["n_sim"])
    covers = f"covers in {first['coverage']:.1f}% (95% limits {limits})"
    lines = [*([cell] if cell else []), covers, *([f"of {few}"] if few else [])]
    for number, words in enumerate(reversed([method, *lines])):
        weight = "bold" if number == len(lines) else "normal"
        place = {"xycoords": "axes fraction", "textcoords": "offset points", "xytext": (0, 5 + 12 * number)}
        axes.annotate(words, (0, 1), **place, fontsize=SMALL, fontweight=weight, annotation_clip=False)


def _draw(axes: Axes, rows: pd.DataFrame) -> None:
    hit, missed = rows[rows["covers"]], rows[~rows["covers"]]
    thin = 1.6 if len(rows) <= 100 else 0.7
    axes.hlines(hit["centile"], hit["ci_low"], hit["ci_high"], color=RULE, linewidth=thin, zorder=2)
    axes.hlines(missed["centile"], missed["ci_low"], missed["ci_high"], color=INK, linewidth=thin, zorder=3)
    axes.plot(rows["estimate"], rows["centile"], ".", color=BLUE, markersize=2.0, zorder=4)
    first = rows.iloc[0]
    axes.axvline(first["truth"], color=BLUE, linewidth=1.1, zorder=5)
    axes.axhline(NOMINAL, color=MUTED, linewidth=0.9, linestyle=(0, (4, 2)), zorder=5)
    axes.axhspan(first["coverage_low"], first["coverage_high"], color=BLUE, alpha=0.15, linewidth=0, zorder=1)
    axes.set_ylim(0, 101)
    axes.set_yticks([0, 25, 50, 75, 95])
    axes.tick_params(labelsize=TEXT - 1)


KINDS = {
    "zip": FigureKind(
        shows="the confidence intervals of single replicates, the worst on top",
        rows=zip_rows,
        plot=lambda rows, choice, note: plot_zip(rows, note=note),
        title="Confidence intervals by rank",
        reading="Each line is the confidence interval of one replicate, the furthest from the truth (upright "
        "line) on top, dark where it misses it; dots are estimates. Dashed: nominal coverage; shaded: the "
        "Monte Carlo limits of the observed one, from all replicates. Of more than "
        f"{MOST_INTERVALS} replicates every k-th by rank is drawn; of more than {MOST_PANELS} series an even "
        "choice.",
        named=("panel",),
    )
}
