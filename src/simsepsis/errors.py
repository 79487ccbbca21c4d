"""One tree of errors; each message is one sentence with the value, its place and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar, Literal

from simsepsis.words import LONGEST, one_sentence

FailureKind = Literal["", "not available", "not converged", "data", "time limit", "error"]
"""Why a row has no estimate; empty where it has one.

``not available``: the spec or the registry lacks what the method needs (a column, clusters, the oracle),
which says nothing about the method; ``not converged``: its equations have no solution here; ``data``: the
registry cannot be taken as it is; ``time limit``: ended by the clock; ``error``: anything else, a defect.
"""


class SimsepsisError(Exception):
    """Anything that simsepsis refuses to do, or could not do, for a reason it can name.

    Parameters
    ----------
    message
        The reason; kept as one line in which no value is longer than 80 letters.
    """

    kind: ClassVar[FailureKind] = "error"

    def __init__(self, message: str = "") -> None:
        super().__init__(one_sentence(message))


class ScenarioError(SimsepsisError):
    """A scenario that does not exist, cannot be read, or asks for an impossible world."""


class DataError(SimsepsisError):
    """A cohort file or array that the analysis cannot take as it is."""

    kind: ClassVar[FailureKind] = "data"


class MissingColumnError(DataError):
    """A column that the spec names and the file does not have."""

    kind: ClassVar[FailureKind] = "not available"


class ConvergenceError(SimsepsisError):
    """An estimator or a solver that did not reach its solution."""

    kind: ClassVar[FailureKind] = "not converged"


class NotEstimableError(ConvergenceError):
    """A method that lacks what it needs, so that there is nothing that could converge."""

    kind: ClassVar[FailureKind] = "not available"


class ExperimentError(SimsepsisError):
    """An experiment plan or run folder that cannot be carried out."""


class UsageError(SimsepsisError):
    """A command or function called with an argument outside its range."""


class OutputError(SimsepsisError):
    """A result that cannot be written where it was asked for."""


class InterruptedRunError(SimsepsisError):
    """A run that was stopped from outside; what it had finished is kept."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest known name, or an empty string."""
    close = difflib.get_close_matches(name[:LONGEST], list(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""
