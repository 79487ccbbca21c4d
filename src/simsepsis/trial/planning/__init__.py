"""Planning: from a protocol to patients, looks, grids, assurance, months and simulated confirmation."""

from simsepsis.trial.planning.compute import Effort, compute_plan
from simsepsis.trial.planning.record import TrialPlan
from simsepsis.trial.simulation.simulate import Progress

__all__ = ["Effort", "Progress", "TrialPlan", "compute_plan"]
