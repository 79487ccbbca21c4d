"""From assumptions to patients: the formulas in the order in which one inflates the other."""

from simsepsis.trial.sizing.assumptions import AsRandomized, Assumptions, Clusters
from simsepsis.trial.sizing.size import PlannedSize, detectable, plan_size, single_look, whole_patients

__all__ = [
    "AsRandomized",
    "Assumptions",
    "Clusters",
    "PlannedSize",
    "detectable",
    "plan_size",
    "single_look",
    "whole_patients",
]
