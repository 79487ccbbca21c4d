"""The protocol of a trial, read from TOML and checked."""

from simsepsis.trial.protocol.condition import Condition, parse_condition
from simsepsis.trial.protocol.conduct import Allocation, Conduct, Departure, Loss, OpenLabel, Sites
from simsepsis.trial.protocol.files import load_trial, trial_names
from simsepsis.trial.protocol.parts import (
    Arm,
    Endpoint,
    FutilityRule,
    Looks,
    PlannedEffect,
    Population,
    PriorWeight,
    Run,
    Test,
)
from simsepsis.trial.protocol.schema import TrialProtocol

__all__ = [
    "Allocation",
    "Arm",
    "Condition",
    "Conduct",
    "Departure",
    "Endpoint",
    "FutilityRule",
    "Looks",
    "Loss",
    "OpenLabel",
    "PlannedEffect",
    "Population",
    "PriorWeight",
    "Run",
    "Sites",
    "Test",
    "TrialProtocol",
    "load_trial",
    "parse_condition",
    "trial_names",
]
