"""The coverage autopsy drawn: the points of coverage that bias, standard error and shape take away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from simsepsis.experiment.claims import monte_carlo_limits
from simsepsis.experiment.selection import about
from simsepsis.performance.text import rows_text
from simsepsis.show.plots.experiment.kind import FigureKind
from simsepsis.show.plots.experiment.marks import cell_labels, list_rows, span, write_beside
from simsepsis.show.style import (
    BLUE,
    INK,
    MUTED,
    OCHRE,
    RULE,
    add_key,
    add_panel,
    in_house_style,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simsepsis.experiment import Run
    from simsepsis.experiment.requests import FigureChoice

AUTOPSY_COLUMNS = (
    "label",
    "estimand",
    "observed",
    "mcse",
    "nominal",
    "by_bias",
    "by_se",
    "together",
    "unexplained",
    "total",
    "low",
    "high",
    "n_used",
    "n_sim",
)
MOST_ROWS = 24
_ROW, _CHARACTER = 0.52, 0.078

PARTS = {
    "by_bias": ("bias alone", {"facecolor": BLUE, "edgecolor": INK}),
    "by_se": ("wrong standard error alone", {"facecolor": "white", "edgecolor": INK, "hatch": "////"}),
    "unexplained": ("neither (shape)", {"facecolor": OCHRE, "edgecolor": INK}),
}
"""Part of a change of coverage → words and bar."""


def autopsy_bars(choice: FigureChoice, findings: Run) -> pd.DataFrame:
    """Return what takes coverage away from each series, in percentage points (negative: lost)."""
    rows = about(choice, findings, findings.autopsy)
    rows = rows[rows["observed"].notna()]
    if not len(rows):
        return pd.DataFrame(columns=list(AUTOPSY_COLUMNS))
    many = rows["cell"].nunique() > 1
    labels = [
        f"{method}, {cell}" if many else str(method)
        for method, cell in zip(rows["method"], cell_labels(findings, rows), strict=True)
    ]
    low, high = monte_carlo_limits(rows.assign(measure="coverage", value=rows["observed"]))
    found = pd.DataFrame(
        {
            "label": labels,
            "estimand": rows["estimand"],
            "n_used": rows["n_used"],
            "n_sim": rows["n_sim"],
            "method order": rows["method order"],
            "low": 100.0 * (low - rows["nominal"]),
            "high": 100.0 * (high - rows["nominal"]),
            **{name: 100.0 * rows[name] for name in ("observed", "mcse", "nominal", "unexplained")},
            "by_bias": 100.0 * (rows["from_bias"] - rows["nominal"]),
            "by_se": 100.0 * (rows["from_se"] - rows["nominal"]),
            "together": 100.0 * (rows["predicted"] - rows["nominal"]),
            "total": 100.0 * (rows["observed"] - rows["nominal"]),
        }
    )
    worst = found["total"].abs().sort_values(ascending=False, kind="stable").index[:MOST_ROWS]
    kept = found.loc[sorted(worst)].sort_values("method order", kind="stable")
    return kept[list(AUTOPSY_COLUMNS)].reset_index(drop=True)


@in_house_style
def plot_autopsy(rows: pd.DataFrame, *, note: str = "") -> Figure:
    """Draw three bars per series, and the observed change of coverage with its 95% Monte Carlo limits."""
    left = 0.3 + _CHARACTER * max(len(label) for label in rows["label"])
    tall, wide = _ROW * len(rows), 4.6
    right = max(0.9, 0.2 + _CHARACTER * max(len(_observed(row)) for _, row in rows.iterrows()))
    figure = new_figure(left + wide + right, tall + 1.75, note=note)
    axes = add_panel(figure, left, 0.95, wide, tall)
    for place, (_, row) in enumerate(rows.iterrows()):
        _draw(axes, place, row)
    axes.set_xlim(*span(rows[[*PARTS, "low", "high"]].to_numpy(), 0.0))
    axes.axvline(0.0, color=MUTED, linewidth=1.0, zorder=4)
    list_rows(axes, rows["label"].tolist())
    axes.set_xlabel("Change of coverage against nominal (percentage points)")
    _draw_key(axes, left, tall + 1.45)
    return figure


def _draw(axes: Axes, place: int, row: pd.Series) -> None:
    axes.axhline(place + 0.5, color=RULE, linewidth=0.5, zorder=0)
    for number, (name, (_, look)) in enumerate(PARTS.items()):
        axes.barh(place - 0.24 + 0.24 * number, row[name], height=0.2, linewidth=0.6, zorder=2, **look)
    axes.plot([row["low"], row["high"]], [place, place], color=INK, linewidth=1.0, zorder=5)
    axes.plot(row["total"], place, marker="o", markersize=5.5, color=INK, markerfacecolor="white", zorder=6)
    write_beside(axes, place, _observed(row), apart=6.0)


def _observed(row: pd.Series) -> str:
    """Return the observed coverage, and of how few rows it is."""
    few = rows_text(row["n_used"], row["n_sim"])
    return f"{row['observed']:.1f}%{f' ({few})' if few else ''}"


def _draw_key(axes: Axes, left: float, height: float) -> None:
    box = {"marker": "s", "markersize": 8, "linestyle": "none"}
    entries = tuple(
        (
            words,
            {**box, "markerfacecolor": look["facecolor"], "markeredgecolor": INK, "fillstyle": _filled(look)},
        )
        for words, look in PARTS.values()
    )
    observed = {"marker": "o", "markersize": 5.5, "color": INK, "markerfacecolor": "white", "linewidth": 1.0}
    add_key(axes, (*entries, ("observed", {**observed, "linestyle": "-"})), x=0.2, y=height)


def _filled(look: dict[str, str]) -> str:
    return "full" if "hatch" not in look else "none"


KINDS = {
    "autopsy": FigureKind(
        shows="coverage, and what bias and standard error alone would make of it",
        rows=autopsy_bars,
        plot=lambda rows, choice, note: plot_autopsy(rows, note=note),
        title="What makes coverage what it is",
        reading="Bars: the change of coverage that bias alone and a wrong standard error alone would make, "
        "and what neither explains. Circle: observed less nominal coverage, with 95% Monte Carlo limits; at "
        f"the right the observed coverage. Of more than {MOST_ROWS} series the furthest from nominal.",
        named=("label",),
    )
}
