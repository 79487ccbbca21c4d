"""The causal diagram as a drawing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from simsepsis.show.style import (
    BLUE,
    INK,
    MUTED,
    PALE,
    SMALL,
    TEXT,
    add_key,
    add_panel,
    in_house_style,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyBboxPatch
    from pandas import DataFrame

_WIDTH, _HEIGHT = 12.2, 8.4
_BOX_WIDTH, _BOX_HEIGHT = 1.9, 0.66

_PLACES = {
    "adjuncts": (4.7, 7.3),
    "care": (8.3, 7.3),
    "u": (11.05, 7.3),
    "traits": (1.85, 6.6),
    "habit": (1.85, 5.1),
    "covariates": (1.85, 3.4),
    "severity": (1.85, 1.7),
    "ivigg": (7.0, 4.6),
    "death": (11.05, 4.6),
    "dose": (8.5, 2.35),
    "path": (5.1, 1.9),
    "igg": (11.05, 1.7),
    "selection": (5.1, 0.75),
}
"""Centre of each box in inches; causes stand left of their effects, what is hidden above or below."""


class Bend(NamedTuple):
    """How an arrow runs: its curvature; where along it the label stands (0 to 1), and inches above."""

    curve: float = 0.0
    label_at: float = 0.5
    lift: float = 0.0


_BENDS = {
    ("habit", "severity"): Bend(curve=0.66),
    ("habit", "death"): Bend(curve=-0.22),
    ("path", "death"): Bend(label_at=0.62),
    ("path", "adjuncts"): Bend(label_at=0.475),
    ("path", "ivigg"): Bend(label_at=0.36),
    ("covariates", "dose"): Bend(label_at=0.3),
    ("care", "ivigg"): Bend(label_at=0.38),
    ("care", "death"): Bend(label_at=0.3),
    ("u", "ivigg"): Bend(label_at=0.62),
    ("u", "death"): Bend(label_at=0.42),
    ("ivigg", "adjuncts"): Bend(label_at=0.55),
    ("ivigg", "death"): Bend(lift=0.1),
    ("dose", "death"): Bend(label_at=0.42),
}
_EFFECT = ("ivigg", "death")
_MAIN = frozenset(_EFFECT)
"""Arrows into these confound or carry the effect; the others only describe."""


@in_house_style
def plot_diagram(nodes: DataFrame, arrows: DataFrame, *, base: str, note: str = "") -> Figure:
    """Draw who causes what in a scenario, each arrow with its size where it is one number."""
    figure = new_figure(_WIDTH, _HEIGHT, note=note)
    axes = add_panel(figure, 0, 0, _WIDTH, _HEIGHT)
    axes.set_axis_off()
    axes.set_xlim(0, _WIDTH)
    axes.set_ylim(0, _HEIGHT)
    boxes = {row.node: _draw_box(axes, row) for row in nodes.itertuples(index=False)}
    for row in arrows.itertuples(index=False):
        _draw_arrow(axes, row, boxes)
    has_effect = _EFFECT in set(zip(arrows["source"], arrows["target"], strict=True))
    if not has_effect:
        _say_no_effect(axes)
    _write_key(axes, base, has_effect=has_effect, any_new=bool(arrows["new"].any()))
    return figure


def _draw_box(axes: Axes, row: Any) -> FancyBboxPatch:
    from matplotlib.patches import FancyBboxPatch

    x, y = _PLACES[row.node]
    main = row.node in _MAIN
    box = FancyBboxPatch(
        (x - _BOX_WIDTH / 2, y - _BOX_HEIGHT / 2),
        _BOX_WIDTH,
        _BOX_HEIGHT,
        boxstyle="round,pad=0,rounding_size=0.12",
        facecolor=PALE if row.node == "u" else "white",
        edgecolor=INK,
        linewidth=2.2 if main else 1.1,
        linestyle="-" if row.recorded else (0, (4, 2.5)),
        zorder=3,
    )
    axes.add_patch(box)
    lift = 0.13 if row.detail else 0.0
    common = {"ha": "center", "va": "center", "zorder": 4}
    axes.text(x, y + lift, row.label, fontsize=TEXT + 0.5, fontweight="bold", **common)
    axes.text(x, y - 0.15, row.detail, fontsize=SMALL, color=MUTED, **common)
    return box


def _draw_arrow(axes: Axes, row: Any, boxes: dict[str, FancyBboxPatch]) -> None:
    from matplotlib.patches import FancyArrowPatch

    ends = (row.source, row.target)
    bend = _BENDS.get(ends, Bend())
    start, end = (_PLACES[node] for node in ends)
    effect, main = ends == _EFFECT, row.target in _MAIN
    color = BLUE if effect else INK if main else MUTED
    arrow = FancyArrowPatch(
        start,
        end,
        connectionstyle=f"arc3,rad={bend.curve}",
        arrowstyle="-|>,head_length=6,head_width=3",
        patchA=boxes[row.source],
        patchB=boxes[row.target],
        shrinkA=1.0,
        shrinkB=1.0,
        color=color,
        linewidth=3.0 if effect else 1.9 if row.new else 1.1 if main else 0.8,
        zorder=2 if main else 1,
    )
    axes.add_patch(arrow)
    if row.label:
        _write_label(axes, _along(start, end, bend), bend.lift, row, color)


def _say_no_effect(axes: Axes) -> None:
    (left, y), (right, _) = (_PLACES[node] for node in _EFFECT)
    axes.text((left + right) / 2, y, "no effect", color=MUTED, fontsize=TEXT, ha="center", va="center")


def _along(start: tuple[float, float], end: tuple[float, float], bend: Bend) -> tuple[float, float]:
    """Return a point of the quadratic curve that the arrow follows."""
    t, (x0, y0), (x1, y1) = bend.label_at, start, end
    control = ((x0 + x1) / 2 + bend.curve * (y1 - y0), (y0 + y1) / 2 - bend.curve * (x1 - x0))
    weights = ((1 - t) ** 2, 2 * t * (1 - t), t**2)
    return (
        math.fsum(w * x for w, x in zip(weights, (x0, control[0], x1), strict=True)),
        math.fsum(w * y for w, y in zip(weights, (y0, control[1], y1), strict=True)),
    )


def _write_label(axes: Axes, place: tuple[float, float], lift: float, row: Any, color: str) -> None:
    axes.text(
        place[0],
        place[1] + lift,
        row.label.replace("; ", "\n"),
        fontsize=SMALL + 0.3,
        color=color,
        fontweight="bold" if row.new else "normal",
        ha="center",
        va="bottom" if lift else "center",
        linespacing=1.25,
        bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"},
        zorder=5,
    )


def _write_key(axes: Axes, base: str, *, has_effect: bool, any_new: bool) -> None:
    box = {"marker": "s", "markersize": 9, "markerfacecolor": "white", "color": INK, "linestyle": "none"}
    entries = (
        (True, "recorded in the registry", box),
        (True, "not recorded", {"color": INK, "linestyle": (0, (4, 2.5)), "linewidth": 1.1}),
        (True, "into treatment or death", {"color": INK, "linewidth": 1.1}),
        (has_effect, "effect of IVIgG", {"color": BLUE, "linewidth": 3.0}),
        (True, "elsewhere", {"color": MUTED, "linewidth": 0.8}),
        (any_new, f"bold: not so in “{base}”", {"color": INK, "linewidth": 1.9}),
    )
    shown = tuple((words, marks) for there, words, marks in entries if there)
    add_key(axes, shown, x=0.2, y=_HEIGHT - 0.25)
