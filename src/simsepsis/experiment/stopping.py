"""When a cell has replicates enough: at fixed numbers of them, by Monte Carlo errors that may be trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.errors import UsageError, did_you_mean
from simsepsis.performance import MEASURES, stopping_mcse

FIRST_LOOK = 100
"""Fewest replicates that a decision may rest on."""

QUARTERS = (4, 5, 6, 7)
"""Looks between one doubling and the next, in quarters: at most a fourth is computed in excess."""

PROPORTIONS = ("coverage", "rejection")
"""What a target without a name is about."""

MOST_REPLICATES = 10_000
"""Where no other end is given: enough for any proportion at 0.005."""

Targets = Mapping[str, float]
"""Measure → the Monte Carlo standard error wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the first replicates of a cell say to the targets.

    Attributes
    ----------
    replicates
        How many they are.
    excess
        Largest Monte Carlo standard error over its target; infinite where a measure has none.
    worst
        The series and measure that it belongs to, in words.
    """

    replicates: int
    excess: float
    worst: str = ""

    @property
    def enough(self) -> bool:
        """Return whether every series has reached every target."""
        return self.excess <= 1.0


def check_targets(targets: Targets) -> None:
    """Raise `ValueError` unless every target is a positive number for a measure that exists."""
    for name, mcse in targets.items():
        if name not in MEASURES:
            near = did_you_mean(name, MEASURES) or f"; known are {', '.join(MEASURES)}"
            raise ValueError(f"until_mcse names the unknown measure '{name}'{near}")
        if not 0.0 < mcse < np.inf:
            raise ValueError(f"until_mcse: {name} = {mcse:g}; give a positive number")


def parse_targets(text: str) -> dict[str, float]:
    """Return the targets that a text names.

    Parameters
    ----------
    text
        A number, for coverage and rejection, or ``NAME=NUMBER`` for other measures, separated by commas.
        Example: ``0.005,bias=0.01``.

    Raises
    ------
    UsageError
        If it does not parse, or names a measure that does not exist.
    """
    targets: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = part.rpartition("=")
        try:
            mcse = float(number)
        except ValueError as error:
            raise UsageError(
                f"until-mcse '{text}' does not parse; write it like 0.005 or coverage=0.005,bias=0.01"
            ) from error
        targets |= dict.fromkeys((name.strip(),) if name else PROPORTIONS, mcse)
    try:
        check_targets(targets)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return targets


def looks(most: int) -> Iterator[int]:
    """Yield the numbers of replicates at which a cell may end: 100, 125, 150, 175, 200, 250 … and the most.

    Parameters
    ----------
    most
        Replicates at which it ends in any case.

    Notes
    -----
    They depend on nothing else, so which replicates a table has does not depend on batches, workers or
    interruptions.
    """
    base = FIRST_LOOK
    while base < most:
        yield from (number for number in (base * k // QUARTERS[0] for k in QUARTERS) if number < most)
        base *= 2
    yield most


def look_at(performance: pd.DataFrame, replicates: int, targets: Targets) -> Look:
    """Compare the Monte Carlo errors of the first replicates of a cell with the targets.

    Notes
    -----
    For proportions the half width of the Wilson interval over 1.96 stands in place of the binomial MCSE,
    which is 0, and would end the run, as long as all replicates agree.
    """
    excess = stopping_mcse(performance) / performance["measure"].map(dict(targets))
    worst = performance.iloc[int(np.argmax(excess.to_numpy()))]
    words = f"{worst['measure']} of {worst['method']}, {worst['estimand']}"
    return Look(replicates=replicates, excess=float(excess.max()), worst=words)
