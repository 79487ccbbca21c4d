"""Planning: from a protocol to patients, looks, grids, assurance, months and simulated confirmation."""

from simsepsis.trial.planning.compute import Effort, Progress, compute_plan
from simsepsis.trial.planning.record import TrialPlan

__all__ = ["Effort", "Progress", "TrialPlan", "compute_plan"]
