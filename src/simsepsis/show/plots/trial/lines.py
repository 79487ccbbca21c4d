"""Lines named at their ends, told apart in grey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simsepsis.show.style import BLUE, INK, MUTED, OCHRE, TEXT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from simsepsis.arrays import FloatArray

STYLES: tuple[dict[str, object], ...] = (
    {"color": BLUE, "linestyle": "-"},
    {"color": OCHRE, "linestyle": (0, (6, 2))},
    {"color": INK, "linestyle": (0, (2, 1.5))},
    {"color": BLUE, "linestyle": (0, (7, 2, 1.5, 2))},
    {"color": MUTED, "linestyle": "-"},
    {"color": OCHRE, "linestyle": (0, (1.2, 1.4))},
    {"color": INK, "linestyle": (0, (9, 2))},
    {"color": MUTED, "linestyle": (0, (5, 3))},
)


STRONGEST: dict[str, object] = {"color": INK, "linestyle": "-", "linewidth": 3.0}
"""Of a line that all the others lead to; no other has its style."""


def style_of(which: int) -> dict[str, object]:
    """Return colour and dashes of a line."""
    return STYLES[which % len(STYLES)]


def apart(heights: Sequence[float], gap: float, *, low: float = -0.02, high: float = 1.02) -> FloatArray:
    """Return heights moved as little as needed to stand at least a gap apart, in the order given."""
    wanted = np.asarray(heights, np.float64)
    order = np.argsort(wanted, kind="stable")
    placed = wanted[order].copy()
    for _ in range(200):
        short = gap - np.diff(placed)
        if np.all(short <= 1e-9):
            break
        push = np.where(short > 0, short, 0.0) / 2
        placed[:-1] -= push
        placed[1:] += push
    room = gap * np.arange(placed.size)
    placed = np.maximum(np.minimum(placed, high - room[::-1]), low + room)
    out: FloatArray = np.empty_like(placed)
    out[order] = placed
    return out


def name_ends(axes: Axes, ends: Sequence[tuple[float, float, str]], *, gap: float, log: bool = False) -> None:
    """Write what each line is at its right end."""
    bottom, top = (np.log(axes.get_ylim()) if log else np.array(axes.get_ylim())).tolist()
    height = [(np.log(y) if log else y) for _, y, _ in ends]
    shares = apart([(value - bottom) / (top - bottom) for value in height], gap)
    for (x, y, words), share in zip(ends, shares, strict=True):
        axes.annotate(
            words,
            (x, y),
            xytext=(1.03, share),
            textcoords="axes fraction",
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 2},
            fontsize=TEXT - 0.5,
            color=INK,
            va="center",
            annotation_clip=False,
        )


def thousands(axes: Axes, which: str) -> None:
    """Write the numbers of an axis with thousands apart."""
    from matplotlib.ticker import FuncFormatter

    getattr(axes, which).set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
