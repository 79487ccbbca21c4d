"""The protocol of a trial, read from TOML and checked."""

from simsepsis.trial.protocol.files import load_trial
from simsepsis.trial.protocol.schema import TrialProtocol

__all__ = ["TrialProtocol", "load_trial"]
