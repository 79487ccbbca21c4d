"""Figures of a planned trial."""

from simsepsis.show.plots.trial.plates import draw_plan

__all__ = ["draw_plan"]
