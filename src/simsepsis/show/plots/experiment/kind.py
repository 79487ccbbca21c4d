"""What a kind of figure of experiments is: its schema in plans, its numbers, its drawing, its words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simsepsis.experiment.requests import Kind

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from simsepsis.experiment import Run
    from simsepsis.experiment.requests import FigureChoice

LIMITS = "Lines and bands: 95% Monte Carlo limits."


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureKind(Kind):
    """A kind of figure; a file of this folder has its own in `KINDS`, and needs no other mention.

    Attributes
    ----------
    rows, plot
        Its numbers, and its drawing of them with a line of notes.
    title, reading
        What it shows, and how to read it; what stands in braces is filled in from the numbers.
    named
        Columns that name a number beside the others.
    """

    rows: Callable[[FigureChoice, Run], DataFrame]
    plot: Callable[[DataFrame, FigureChoice, str], Figure]
    title: str
    reading: str
    named: tuple[str, ...]
