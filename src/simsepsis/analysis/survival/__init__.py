"""Survival analysis of right-censored and start–stop data."""

from simsepsis.analysis.survival.cox import fit_cox
from simsepsis.analysis.survival.kaplan_meier import (
    cumulative_incidence,
    farthest_horizon,
    kaplan_meier,
    log_rank,
    rmst,
)
from simsepsis.analysis.survival.proportional_hazards import proportional_hazards_test

__all__ = [
    "cumulative_incidence",
    "farthest_horizon",
    "fit_cox",
    "kaplan_meier",
    "log_rank",
    "proportional_hazards_test",
    "rmst",
]
