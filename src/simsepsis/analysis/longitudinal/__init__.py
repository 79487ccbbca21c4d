"""Treatment that starts on some day: survival under policies, from one row for each person and visit."""

from simsepsis.analysis.longitudinal.marginal import marginal_structural_model
from simsepsis.analysis.longitudinal.simulated_course import g_formula
from simsepsis.analysis.longitudinal.trials_by_visit import sequential_trials

__all__ = ["g_formula", "marginal_structural_model", "sequential_trials"]
