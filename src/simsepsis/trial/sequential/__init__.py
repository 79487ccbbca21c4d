"""Group-sequential designs: boundaries, power, what an interim look says, and inference after stopping."""

from simsepsis.trial.sequential.boundaries import Boundaries
from simsepsis.trial.sequential.design import SequentialDesign, look_table, sequential_design
from simsepsis.trial.sequential.inference import AdjustedInference, adjusted_inference, exceedance
from simsepsis.trial.sequential.interim import (
    conditional_power,
    predictive_power,
    repeated_confidence_interval,
)
from simsepsis.trial.sequential.planning import RULES, design_group_sequential, update_boundaries
from simsepsis.trial.sequential.spending import SPENDING, Futility, spent_by

__all__ = [
    "RULES",
    "SPENDING",
    "AdjustedInference",
    "Boundaries",
    "Futility",
    "SequentialDesign",
    "adjusted_inference",
    "conditional_power",
    "design_group_sequential",
    "exceedance",
    "look_table",
    "predictive_power",
    "repeated_confidence_interval",
    "sequential_design",
    "spent_by",
    "update_boundaries",
]
