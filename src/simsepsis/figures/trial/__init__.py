"""Figures of a planned trial."""

from simsepsis.figures.trial.plates import draw_plan

__all__ = ["draw_plan"]
