"""What the figures of experiments have in common: units, labels of cells, lines told apart in grey."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from simsepsis.estimand import Estimand
from simsepsis.experiment.requests import CELL
from simsepsis.experiment.selection import other_keys, short, words_of
from simsepsis.performance import MEASURES
from simsepsis.performance.text import (
    estimand_text,
    factor_and_unit,
    few_rows,
    is_contrast,
    plain_text,
    rows_text,
)
from simsepsis.show.style import BLUE, INK, MUTED, OCHRE, SMALL, TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from simsepsis.arrays import FloatArray
    from simsepsis.experiment import Run
    from simsepsis.experiment.requests import FigureChoice

UNITS = {"%": "%", " points": "percentage points", " days": "days"}

UPRIGHT_CHARACTER, UPRIGHT_LINE = 0.088, 0.19
"""Width of a character, and height of a line, of an axis's name, inches."""
_LETTER, _RING = 4.2, 4.0
"""Width of a small letter, and how far from the middle of a ring words stay, points."""
_POINT = np.array([2.5, 2.5])
"""Half of a point's width and height, points."""
_SIDES = np.array([(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)])
"""Where words may stand, the best first: above, below, right, left, at the corners."""

_FEWEST = 12
"""Characters that a line has in any case."""

LINES = (
    {"color": INK, "linestyle": "-", "marker": "o", "markerfacecolor": INK},
    {"color": BLUE, "linestyle": (0, (6, 2)), "marker": "s", "markerfacecolor": "white"},
    {"color": OCHRE, "linestyle": (0, (2, 1.5)), "marker": "^", "markerfacecolor": OCHRE},
    {"color": MUTED, "linestyle": "-", "marker": "D", "markerfacecolor": "white"},
    {"color": BLUE, "linestyle": "-", "marker": "v", "markerfacecolor": BLUE},
    {"color": OCHRE, "linestyle": (0, (6, 2, 1, 2)), "marker": "o", "markerfacecolor": "white"},
    {"color": INK, "linestyle": (0, (1, 1.5)), "marker": "X", "markerfacecolor": INK},
    {"color": MUTED, "linestyle": (0, (4, 3)), "marker": "P", "markerfacecolor": MUTED},
    {"color": INK, "linestyle": (0, (6, 2)), "marker": "d", "markerfacecolor": "white"},
    {"color": BLUE, "linestyle": (0, (1, 1.5)), "marker": "p", "markerfacecolor": BLUE},
    {"color": OCHRE, "linestyle": "-", "marker": "s", "markerfacecolor": OCHRE},
    {"color": MUTED, "linestyle": (0, (6, 2, 1, 2)), "marker": "^", "markerfacecolor": "white"},
)
"""Looks of lines, told apart by dash and marker as well as by colour."""


def looks(number: int) -> dict[str, object]:
    """Return the look of one of several lines; after the last they begin anew."""
    return dict(LINES[number % len(LINES)])


def upright(name: str, tall: float) -> str:
    """Return the name of an upright axis in lines that are no longer than the axis."""
    return textwrap.fill(name, max(_FEWEST, int(tall / UPRIGHT_CHARACTER)))


def measure_label(measure: str, estimand: str) -> str:
    """Return the name of an axis that shows a measure, with its unit."""
    if measure in ("mean", "truth") and not is_contrast(estimand):
        return f"{'Mean' if measure == 'mean' else 'True'} {estimand_text(estimand)}"
    unit = UNITS.get(factor_and_unit(measure, estimand)[1])
    if unit is None and MEASURES[measure].unit == "estimand":
        unit = Estimand.parse(estimand).on.label or estimand_text(estimand)
    label = MEASURES[measure].label.partition(" (")[0]
    return f"{label} ({unit})" if unit else label


def scaled(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of a selection with value, MCSE and limits in the unit of print."""
    factor, _ = factor_and_unit(rows["measure"].iloc[0], rows["estimand"].iloc[0])
    columns = ["value", "mcse", "low", "high"]
    return rows.assign(**{name: factor * rows[name] for name in columns})


def reference_of(measure: str, estimand: str) -> float | None:
    """Return the value that a measure is seen against in the unit of print, None where there is none."""
    factor, _ = factor_and_unit(measure, estimand)
    ideal = MEASURES[measure].ideal
    return None if ideal is None else factor * ideal


def reference_text(measure: str, estimand: str) -> str:
    """Return the value that a measure is seen against and what it is, nothing where there is none."""
    known = MEASURES[measure]
    return "" if known.ideal is None else f"{plain_text(measure, estimand, known.ideal)}, {known.ideal_is}"


def cell_labels(findings: Run, rows: pd.DataFrame) -> list[str]:
    """Return what each row's cell is called beside the others: only what differs between them."""
    keys = other_keys(findings, rows, ())
    if findings.plan.cells or not keys:
        return [str(name) for name in rows["scenario"]]
    return [words_of(keys, values) for values in rows[keys].itertuples(index=False, name=None)]


def evenly(items: list[str], most: int) -> list[str]:
    """Return at most so many of the items, evenly over their order, the ends among them."""
    if len(items) <= most:
        return items
    return [items[place] for place in np.linspace(0, len(items) - 1, most).round().astype(int)]


def span(values: pd.Series | FloatArray, *also: float | None) -> tuple[float, float]:
    """Return the ends of an axis that holds all values, with a margin."""
    shown = np.concatenate([np.asarray(values, dtype=np.float64).ravel(), [v for v in also if v is not None]])
    shown = shown[np.isfinite(shown)]
    if not shown.size:
        return 0.0, 1.0
    low, high = float(shown.min()), float(shown.max())
    margin = 0.06 * (high - low) or max(0.05 * abs(high), 0.05)
    return low - margin, high + margin


def draw_reference(axes: Axes, value: float | None, *, upright: bool) -> None:
    """Draw the line of the value that a measure is seen against."""
    if value is not None:
        draw = axes.axvline if upright else axes.axhline
        draw(value, color=MUTED, linewidth=1.0, zorder=1)


def mark_few_rows(axes: Axes, at: FloatArray, rows: pd.DataFrame) -> None:
    """Ring the points whose number rests on few of its rows, and write how many where there is room.

    The limits and scales of the axes must be as they will stay.
    """
    from matplotlib.patheffects import withStroke

    known = rows["value"].notna().to_numpy()
    points = rows.assign(at=np.asarray(at))[known]
    own = points[few_rows(points)].sort_values(["at", "value"])
    ring = {"markersize": 10, "markerfacecolor": "none", "markeredgecolor": INK, "markeredgewidth": 0.9}
    axes.plot(own["at"], own["value"], "o", zorder=4, scalex=False, scaley=False, **ring)
    counts = zip(own["n_used"], own["n_sim"], strict=True)
    words = [rows_text(used, tried).removesuffix(" rows") for used, tried in counts]
    look = {"fontsize": SMALL - 1, "ha": "center", "va": "center", "zorder": 6}
    halo = [withStroke(linewidth=2.6, foreground="white")]
    for text, place in zip(words, _free_places(axes, points, own, words), strict=True):
        if place is not None:
            axes.annotate(text, place, path_effects=halo, **look)


def _free_places(
    axes: Axes, points: pd.DataFrame, own: pd.DataFrame, words: Sequence[str]
) -> Iterator[tuple[float, float] | None]:
    """Yield where words go beside their points: inside the panel, on no point and on no other words."""
    axes.get_xlim(), axes.get_ylim()  # matplotlib settles the limits when asked
    pixel = axes.figure.dpi / 72.0
    corners = axes.transAxes.transform([(0, 0), (1, 1)])
    taken = [(xy, _POINT * pixel) for xy in axes.transData.transform(points[["at", "value"]])]
    for xy, text in zip(axes.transData.transform(own[["at", "value"]]), words, strict=True):
        half = np.array([_LETTER * len(text), 1.2 * SMALL]) * pixel / 2.0
        steps = [step * (half + _RING * pixel) for step in _SIDES]
        for place in (xy + step for step in steps):
            inside = (place - half >= corners[0]).all() and (place + half <= corners[1]).all()
            if inside and all((np.abs(place - other) >= half + room).any() for other, room in taken):
                taken.append((place, half))
                x, y = axes.transData.inverted().transform(place)
                yield float(x), float(y)
                break
        else:
            yield None


def list_rows(axes: Axes, labels: Sequence[str]) -> None:
    """Name the rows of a panel from above, on an axis that has no line and no ticks."""
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_yticks(range(len(labels)), labels)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def write_beside(axes: Axes, y: float, words: str, *, apart: float = 8.0) -> None:
    """Write words to the right of a panel."""
    axes.annotate(
        words,
        (1, y),
        xycoords=("axes fraction", "data"),
        xytext=(apart, 0),
        textcoords="offset points",
        va="center",
        fontsize=TEXT - 0.5,
        annotation_clip=False,
    )


def panel_corners(
    number: int, across: int, step: tuple[float, float], corner: tuple[float, float]
) -> Iterator[tuple[float, float]]:
    """Yield the lower left corners of panels, line by line from above."""
    down = -(-number // across)
    for panel in range(number):
        line, column = divmod(panel, across)
        yield corner[0] + step[0] * column, corner[1] + step[1] * (down - 1 - line)


def default_levels(measure: str) -> tuple[float, ...]:
    """Return the level of a measure that a line of reference marks unless the plan names some."""
    level = MEASURES[measure].level
    return () if level is None else (level,)


def axis_name(key: str) -> str:
    """Return the name of an axis along which a setting runs."""
    name = "cell" if key == CELL else short(key)
    return name[:1].upper() + name[1:]


def marked_levels(rows: pd.DataFrame, choice: FigureChoice) -> tuple[float, ...]:
    """Return the levels that a figure marks, in the unit of print."""
    measure = rows["measure"].iloc[0]
    factor, _ = factor_and_unit(measure, rows["estimand"].iloc[0])
    return tuple(factor * level for level in choice.levels or default_levels(measure))
