"""Opened by the process that those who draw are forked from: what a first drawing reads is then there."""

import gc

from pandas import DataFrame

from simsepsis.show.figure import Figure
from simsepsis.show.plots import forest, love, overlap, survival  # noqa: F401
from simsepsis.show.style import new_figure


def _first_drawing() -> None:
    figure = new_figure(1.0, 1.0, note="−")
    figure.add_subplot().set_title("a", fontweight="bold")
    _ = Figure(name="first", draw=lambda: figure, data=DataFrame()).drawn


_first_drawing()
# Those who draw live for a second, and share what is here as long as nobody looks through it for rubbish.
gc.disable()
gc.freeze()
