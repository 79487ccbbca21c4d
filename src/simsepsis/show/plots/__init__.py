"""Figures: plain frames in, drawings out; the only room that knows matplotlib.

`draw_reproduction` and `draw_analysis` return all figures of a run. Each ``plot_*`` draws one from a frame.
"""

from simsepsis.show.figure import Figure, files_of
from simsepsis.show.plots.drawings import draw_analysis, draw_reproduction, drawing_of
from simsepsis.show.plots.forest import plot_forest
from simsepsis.show.plots.love import plot_love
from simsepsis.show.plots.overlap import bin_scores, plot_overlap
from simsepsis.show.plots.pairs import plot_pairs
from simsepsis.show.plots.positions import plot_positions, positions
from simsepsis.show.plots.survival import plot_survival

__all__ = [
    "Figure",
    "bin_scores",
    "draw_analysis",
    "draw_reproduction",
    "drawing_of",
    "files_of",
    "plot_forest",
    "plot_love",
    "plot_overlap",
    "plot_pairs",
    "plot_positions",
    "plot_survival",
    "positions",
]
