"""The protocol of a trial, read from TOML and checked."""

from simsepsis.trial.protocol.condition import Condition, parse_condition
from simsepsis.trial.protocol.files import load_trial, trial_names
from simsepsis.trial.protocol.schema import (
    Allocation,
    Arm,
    Conduct,
    Departure,
    Endpoint,
    FutilityRule,
    Looks,
    Loss,
    OpenLabel,
    PlannedEffect,
    Population,
    PriorWeight,
    Run,
    Sites,
    Test,
    TrialProtocol,
)

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
