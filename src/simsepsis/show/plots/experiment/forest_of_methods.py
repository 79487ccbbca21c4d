"""Forest of methods: mean and range of each method's estimates beside the truth, cell by cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simsepsis.analysis.estimates import Z_95
from simsepsis.experiment.requests import FigureChoice
from simsepsis.experiment.selection import about
from simsepsis.performance.text import estimand_text, factor_and_unit, rows_text
from simsepsis.show.plots.experiment.kind import FigureKind
from simsepsis.show.plots.experiment.marks import UNITS, cell_labels, evenly, span, write_beside
from simsepsis.show.style import BLUE, INK, RULE, TEXT, add_key, add_panel, in_house_style, new_figure
from simsepsis.words.numbers import decimals_for, with_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simsepsis.experiment import Run

FOREST_COLUMNS = ("group", "label", "estimand", "mean", "mcse", "low", "high", "truth", "n_used", "n_sim")
MOST_CELLS = 6
_ROW, _CHARACTER = 0.29, 0.078

_TRUTH = {"marker": "|", "markersize": 13, "markeredgewidth": 2.0, "color": INK, "linestyle": "none"}
_RANGE = {"marker": "o", "markersize": 5, "color": BLUE, "linewidth": 2.0, "linestyle": "-"}


def forest_rows(choice: FigureChoice, findings: Run) -> pd.DataFrame:
    """Return mean, spread and truth of each method, grouped by cell."""
    table = findings.performance
    wide = table[table["measure"].isin(["mean", "empirical_se"])]
    keys = ["cell", "scenario", "method", "estimand"]
    values = wide.pivot(index=keys, columns="measure", values="value").reset_index()
    means = table.loc[table["measure"] == "mean", [*keys, "mcse", "n_used", "n_sim"]]
    known = findings.truth[["cell", "method", "estimand", "value"]].rename(columns={"value": "truth"})
    joined = values.merge(means, on=keys).merge(known, on=["cell", "method", "estimand"], how="left")
    rows = about(choice, findings, joined)
    rows = rows[rows["mean"].notna()]
    if not len(rows):
        return pd.DataFrame(columns=list(FOREST_COLUMNS))
    group = cell_labels(findings, rows) if rows["cell"].nunique() > 1 else [""] * len(rows)
    reach = Z_95 * rows["empirical_se"].fillna(0.0)
    found = rows.assign(
        group=group, label=rows["method"], low=rows["mean"] - reach, high=rows["mean"] + reach
    )
    found = found[found["group"].isin(evenly(list(dict.fromkeys(group)), MOST_CELLS))]
    factor, _ = factor_and_unit("bias", str(found["estimand"].iloc[0]))
    numbers = ["mean", "mcse", "low", "high", "truth"]
    return found.assign(**{name: factor * found[name] for name in numbers})[list(FOREST_COLUMNS)].reset_index(
        drop=True
    )


@in_house_style
def plot_forest_of_methods(rows: pd.DataFrame, *, note: str = "") -> Figure:
    """Draw each method's mean and range of estimates as dot and line, the truth as an upright stroke."""
    lines: list[str | int] = []
    for place, group in enumerate(rows["group"]):
        if group and group not in lines:
            lines.append(str(group))
        lines.append(place)
    left = 0.45 + _CHARACTER * max(len(str(label)) for label in rows["label"])
    tall, wide = _ROW * len(lines), 4.4
    right = max(1.45, 0.3 + _CHARACTER * max(len(_mean_text(row)) for _, row in rows.iterrows()))
    figure = new_figure(left + wide + right, tall + 1.65, note=note)
    axes = add_panel(figure, left, 0.95, wide, tall)
    axes.set_xlim(*span(rows[["low", "high", "truth"]].to_numpy(), 0.0))
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.axvline(0.0, color=RULE, linewidth=1.0, zorder=0)
    for y, line in enumerate(lines):
        if isinstance(line, str):
            _write(axes, y, line, fontweight="bold")
        else:
            _write(
                axes,
                y,
                f"   {rows['label'].iloc[line]}" if rows["group"].iloc[line] else rows["label"].iloc[line],
            )
            _draw(axes, y, rows.iloc[line])
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(axis_of(str(rows["estimand"].iloc[0])))
    key = (("truth", _TRUTH), ("mean estimate and range of 95% of estimates", _RANGE))
    add_key(axes, key, x=0.2, y=tall + 1.4)
    axes.annotate("mean (MCSE)", (1, 1), xycoords="axes fraction", xytext=(8, 6), textcoords="offset points")
    return figure


def axis_of(estimand: str) -> str:
    """Return the name of an axis that shows estimates, with their unit."""
    unit = UNITS.get(factor_and_unit("bias", estimand)[1])
    words = estimand_text(estimand)
    return words[:1].upper() + words[1:] + (f" ({unit})" if unit else "")


def _draw(axes: Axes, y: int, row: pd.Series) -> None:
    axes.axhline(y + 0.5, color=RULE, linewidth=0.4, zorder=0)
    axes.plot([row["low"], row["high"]], [y, y], color=BLUE, linewidth=2.0, solid_capstyle="butt", zorder=2)
    axes.plot(row["mean"], y, **{**_RANGE, "linestyle": "none"}, zorder=4)
    if np.isfinite(row["truth"]):
        axes.plot(row["truth"], y, **_TRUTH, zorder=3)
    write_beside(axes, y, _mean_text(row))


def _mean_text(row: pd.Series) -> str:
    """Return the mean with its error, and on how few rows it rests."""
    rows, decimals = rows_text(row["n_used"], row["n_sim"]), min(3, decimals_for(row["mcse"]))
    return with_error(row["mean"], row["mcse"], decimals, signed=True, rows=rows)


def _write(axes: Axes, y: int, words: str, **style: object) -> None:
    left = axes.get_position().x0 * axes.figure.get_figwidth()
    axes.annotate(
        words,
        (0, y),
        xycoords=("axes fraction", "data"),
        xytext=(-72 * (left - 0.15), 0),
        textcoords="offset points",
        va="center",
        fontsize=TEXT - 0.5,
        annotation_clip=False,
        **style,
    )


KINDS = {
    "forest_of_methods": FigureKind(
        shows="mean and range of each method's estimates beside the truth",
        rows=forest_rows,
        plot=lambda rows, choice, note: plot_forest_of_methods(rows, note=note),
        title="Estimates beside the truth",
        reading="The range is mean ± 1.96 empirical standard errors: how far one registry's estimate may lie "
        f"from the mean. Of more than {MOST_CELLS} cells an even choice is drawn.",
        named=("label", "group"),
    )
}
