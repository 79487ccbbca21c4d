"""Figures of a planned trial."""

from simsepsis.show.plots.trial.trial_figures import draw_plan

__all__ = ["draw_plan"]
