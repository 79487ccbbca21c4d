"""The ladder drawn: from the truth, component by component, to the mean estimate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simsepsis.analysis.estimates import Z_95
from simsepsis.experiment.answers.components import component_words, furthest
from simsepsis.experiment.selection import about
from simsepsis.performance.error_ladder import LADDERS, TRUE_VALUE, WHOLE
from simsepsis.performance.text import factor_and_unit, measured_text, rows_text
from simsepsis.show.plots.experiment.forest_of_methods import axis_of
from simsepsis.show.plots.experiment.kind import LIMITS, FigureKind
from simsepsis.show.plots.experiment.marks import list_rows, span, write_beside
from simsepsis.show.style import BLUE, INK, MUTED, OCHRE, RULE, add_panel, in_house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simsepsis.experiment import Run
    from simsepsis.experiment.requests import FigureChoice

STAIR_COLUMNS = (
    "panel",
    "scenario",
    "estimand",
    "label",
    "text",
    "start",
    "end",
    "value",
    "mcse",
    "whole",
    "n_used",
    "n_sim",
)
_ROW, _CHARACTER, _WIDE = 0.32, 0.078, 4.2


def stair_rows(choice: FigureChoice, findings: Run) -> pd.DataFrame:
    """Return the steps of every ladder, each in the cell where its estimate is furthest from the truth."""
    rows = about(choice, findings, findings.ladder, stems=True)
    rows = rows[rows["ladder"].isin(list(LADDERS))]
    parts = [_stairs(str(name), furthest(part)) for name, part in rows.groupby("ladder", sort=False)]
    parts = [part for part in parts if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(STAIR_COLUMNS))


def _stairs(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    if not len(rows):
        return pd.DataFrame(columns=list(STAIR_COLUMNS))
    factor, _ = factor_and_unit("bias", str(rows["estimand"].iloc[0]))
    whole = rows["component"].isin([TRUE_VALUE, WHOLE]).to_numpy()
    value = factor * rows["value"].to_numpy(np.float64)
    last = rows["component"].eq(WHOLE).to_numpy()
    end = np.where(last, value, np.cumsum(np.where(last, 0.0, value)))
    texts = [
        measured_text("bias", *row)
        for row in rows[["estimand", "value", "mcse"]].itertuples(index=False, name=None)
    ]
    found = rows.assign(
        panel=f"{name}: {rows['scenario'].iloc[0]}",
        label=[component_words(row) for _, row in rows.iterrows()],
        text=texts,
        start=np.where(whole, 0.0, end - value),
        end=end,
        value=value,
        mcse=factor * rows["mcse"],
        whole=whole,
    )
    return found[list(STAIR_COLUMNS)]


@in_house_style
def plot_stairs(rows: pd.DataFrame, *, note: str = "") -> Figure:
    """Draw each component as a bar that starts where the last one ends, with 95% Monte Carlo limits."""
    panels = [part for _, part in rows.groupby("panel", sort=False)]
    left = 0.35 + _CHARACTER * max(len(label) for label in rows["label"])
    figure = new_figure(left + _WIDE + 1.5, sum(_ROW * len(part) + 0.95 for part in panels) + 0.5, note=note)
    reach = Z_95 * rows["mcse"]
    ends = span(np.concatenate([rows["start"], rows["end"] - reach, rows["end"] + reach]), 0.0)
    bottom = figure.get_figheight()
    for part in panels:
        bottom -= _ROW * len(part) + 0.95
        axes = add_panel(figure, left, bottom + 0.55, _WIDE, _ROW * len(part))
        axes.set_xlim(*ends)
        _draw(axes, part)
        axes.set_xlabel(axis_of(str(part["estimand"].iloc[0])))
        axes.annotate(
            _title(part.iloc[0]),
            (0, 1),
            xycoords="axes fraction",
            xytext=(-72 * (left - 0.15), 5),
            textcoords="offset points",
            fontweight="bold",
        )
    return figure


def _title(first: pd.Series) -> str:
    """Return the name of a ladder with its cell, and on how few rows it rests."""
    few = rows_text(first["n_used"], first["n_sim"])
    return f"{first['panel']}{f', {few}' if few else ''}"


def _draw(axes: Axes, part: pd.DataFrame) -> None:
    axes.axvline(0.0, color=MUTED, linewidth=1.0, zorder=1)
    for y, (_, row) in enumerate(part.iterrows()):
        axes.axhline(y + 0.5, color=RULE, linewidth=0.4, zorder=0)
        look = (
            {"facecolor": BLUE}
            if row["whole"]
            else {"facecolor": OCHRE, "hatch": "" if row["value"] > 0 else "////"}
        )
        axes.barh(
            y, row["end"] - row["start"], left=row["start"], height=0.58, edgecolor=INK, linewidth=0.6, **look
        )
        reach = Z_95 * row["mcse"]
        axes.plot([row["end"] - reach, row["end"] + reach], [y, y], color=INK, linewidth=1.1, zorder=4)
        write_beside(axes, y, row["text"])
    list_rows(axes, part["label"].tolist())


KINDS = {
    "ladder": FigureKind(
        shows="what each source of error adds from one method to the next",
        rows=stair_rows,
        plot=lambda rows, choice, note: plot_stairs(rows, note=note),
        title="From the truth to the estimate",
        reading="Each bar begins where the one above ends; hatched bars point down. All are from the same "
        "replicates, so that noise which methods share cancels. Each ladder is shown in the cell where its "
        f"estimate is the furthest from the truth. {LIMITS}",
        named=("panel",),
    )
}
