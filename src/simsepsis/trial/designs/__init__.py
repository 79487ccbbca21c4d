"""Fixed designs: one analysis when all patients have their outcome."""

from simsepsis.trial.designs.design import Design, Endpoint, Signal, fixed_design
from simsepsis.trial.designs.follow_up import design_follow_up
from simsepsis.trial.designs.log_rank import design_log_rank
from simsepsis.trial.designs.noninferiority import design_noninferiority
from simsepsis.trial.designs.two_proportions import (
    FORMULAS,
    design_binary,
    design_two_proportions,
    power_two_proportions,
)

__all__ = [
    "FORMULAS",
    "Design",
    "Endpoint",
    "Signal",
    "design_binary",
    "design_follow_up",
    "design_log_rank",
    "design_noninferiority",
    "design_two_proportions",
    "fixed_design",
    "power_two_proportions",
]
