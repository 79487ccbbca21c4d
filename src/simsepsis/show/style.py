"""One look for every figure: readable in grey, safe for colour-blind readers, the same on every machine."""

from __future__ import annotations

import functools
import textwrap
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import numpy as np

from simsepsis.arrays import FloatArray
from simsepsis.show.lettering import HOUSE_FONT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
T = TypeVar("T")

INK = "#1a1a1a"
MUTED = "#5f5f5f"
RULE = "#bdbdbd"
PALE = "#efefec"
BLUE = "#1f5a92"
OCHRE = "#d9912b"

ARM_COLORS = {"treated": BLUE, "control": OCHRE}
ARM_LINES = {"treated": "-", "control": (0, (5, 2))}

TEXT = 10.0
SMALL = 8.5

_PARAMETERS = {
    "font.family": HOUSE_FONT,
    "font.size": TEXT,
    "axes.labelsize": TEXT,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": TEXT - 0.5,
    "ytick.labelsize": TEXT - 0.5,
    "text.color": INK,
    # A level such as "$11-$25k" is words, not a formula.
    "text.parse_math": False,
    "hatch.linewidth": 0.6,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "simsepsis",
}

_inside = ContextVar("_inside", default=False)
"""Whether `house_style` holds already, which takes a while to begin."""


def wrapped(text: str, width: int, *, lines: int) -> str:
    """Return a text in at most so many lines of so many letters; what has no room ends in an ellipsis."""
    rows = [""]
    for word in _pieces(text, width):
        joined = f"{rows[-1]} {word}".strip()
        rows = [*rows[:-1], joined] if letters(joined) <= width else [*rows, word]
    if len(rows) <= lines:
        return "\n".join(rows)
    kept = rows[:lines]
    while letters(kept[-1]) >= width:
        kept[-1] = kept[-1][:-1]
    return "\n".join([*kept[:-1], f"{kept[-1].rstrip(' ,:')}…"])


def letters(text: str) -> int:
    """Return how much room a text takes, in letters; one of East Asian scripts counts as two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _pieces(text: str, width: int) -> Iterator[str]:
    """Yield the words of a text, longer ones in pieces that fit into a line."""
    for word in text.split():
        piece = ""
        for letter in word:
            if letters(piece + letter) > width:
                yield piece
                piece = ""
            piece += letter
        yield piece


@contextmanager
def house_style() -> Iterator[None]:
    """Draw and save with the house parameters only, whatever the reader's own settings are."""
    import matplotlib

    if _inside.get():
        yield
        return
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_PARAMETERS)
        mark = _inside.set(True)
        try:
            yield
        finally:
            _inside.reset(mark)


def in_house_style(function: Callable[P, T]) -> Callable[P, T]:
    """Return the function, run inside `house_style`."""

    @functools.wraps(function)
    def styled(*args: P.args, **kwargs: P.kwargs) -> T:
        with house_style():
            return function(*args, **kwargs)

    return styled


def new_figure(width: float, height: float, *, note: str = "") -> Figure:
    """Return an empty figure that belongs to no window and no global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    if note:
        lines = textwrap.fill(note, int(width * 14))
        figure.text(0.12 / width, 0.1 / height, lines, fontsize=SMALL - 1, color=MUTED, va="bottom")
    return figure


def add_panel(
    figure: Figure, left: float, bottom: float, width: float, height: float, **options: object
) -> Axes:
    """Return axes placed in inches, so that row heights stay the same whatever the number of rows."""
    full_width, full_height = figure.get_size_inches()
    box = (left / full_width, bottom / full_height, width / full_width, height / full_height)
    return figure.add_axes(box, **options)


def legend_words(words: str) -> str:
    """Return words that a legend shows; matplotlib leaves out those that begin with an underscore."""
    return f"\u200a{words}" if words.startswith("_") else words


def add_key(axes: Axes, entries: tuple[tuple[str, dict[str, object]], ...], *, x: float, y: float) -> None:
    """Write one line of marks with their meaning, in inches from the lower left corner of the figure."""
    from matplotlib.lines import Line2D

    figure = axes.figure
    handles = [Line2D([], [], label=legend_words(words), **properties) for words, properties in entries]
    width, height = figure.get_size_inches()
    figure.legend(
        handles=handles,
        loc="center left",
        bbox_to_anchor=(x / width, y / height),
        ncols=len(handles),
        frameon=False,
        fontsize=TEXT - 0.5,
        handletextpad=0.5,
        columnspacing=1.4,
        borderaxespad=0.0,
        borderpad=0.0,
    )


LEADER = {"arrowstyle": "-", "color": MUTED, "linewidth": 0.5, "shrinkA": 1, "relpos": (0.0, 0.5)}
"""A line from the left of a name to what it names, so that it runs through no other name."""

PRINTED = {"marker": "D", "markersize": 5.0, "color": INK, "markerfacecolor": "white", "linestyle": "none"}
PRINTED_OUTSIDE = {**PRINTED, "markerfacecolor": INK}
SIMULATED = {"marker": "o", "markersize": 4.5, "color": BLUE, "linewidth": 2.2, "linestyle": "-"}
"""The two marks of every comparison: what the thesis printed and what the simulation gives."""


def spread(heights: FloatArray, apart: float) -> FloatArray:
    """Return where words beside ascending heights go, at least so far apart, on the whole where they were."""
    places = heights.astype(np.float64)
    for number in range(1, len(places)):
        places[number] = max(places[number], places[number - 1] + apart)
    return places - (places - heights).mean() if len(places) else places
