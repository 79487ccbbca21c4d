"""The flow of patients from screening to analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsepsis.show.style import BLUE, INK, PALE, TEXT, add_panel, in_house_style, new_figure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT = 8.6, 6.6
_BOX = 2.9, 0.72
_PLACES = {
    "screened": (4.3, 6.0),
    "eligible": (4.3, 4.9),
    "randomized": (4.3, 3.8),
    "control": (2.3, 2.6),
    "treated": (6.3, 2.6),
    "control_analysed": (2.3, 1.3),
    "treated_analysed": (6.3, 1.3),
}
"""Centre of each box in inches."""

_ARROWS = (
    ("screened", "eligible"),
    ("eligible", "randomized"),
    ("randomized", "control"),
    ("randomized", "treated"),
    ("control", "control_analysed"),
    ("treated", "treated_analysed"),
)


@in_house_style
def plot_flow(texts: Mapping[str, str], *, note: str = "") -> Figure:
    """Draw the boxes of a flow diagram with their words."""
    figure = new_figure(_WIDTH, _HEIGHT, note=note)
    axes = add_panel(figure, 0, 0, _WIDTH, _HEIGHT)
    axes.set_xlim(0, _WIDTH)
    axes.set_ylim(0, _HEIGHT)
    axes.axis("off")
    for name, place in _PLACES.items():
        _draw_box(axes, place, texts[name])
    for source, target in _ARROWS:
        _draw_arrow(axes, _PLACES[source], _PLACES[target])
    return figure


def _draw_box(axes: Axes, place: tuple[float, float], words: str) -> None:
    from matplotlib.patches import Rectangle

    width, height = _BOX
    axes.add_patch(
        Rectangle(
            (place[0] - width / 2, place[1] - height / 2),
            width,
            height,
            facecolor=PALE,
            edgecolor=BLUE,
            linewidth=1.2,
        )
    )
    axes.text(*place, words, ha="center", va="center", fontsize=TEXT, color=INK, linespacing=1.35)


def _draw_arrow(axes: Axes, source: tuple[float, float], target: tuple[float, float]) -> None:
    half = _BOX[1] / 2
    start, end = (source[0], source[1] - half), (target[0], target[1] + half)
    axes.annotate(
        "",
        end,
        xytext=start,
        arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0},
    )
