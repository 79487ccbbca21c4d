"""Planning: from a protocol to patients, looks, grids, assurance, months and simulated confirmation."""

from simsepsis.trial.planning.compute import Effort, TrialPlan, compute_plan
from simsepsis.trial.simulation.simulate import Progress

__all__ = ["Effort", "Progress", "TrialPlan", "compute_plan"]
