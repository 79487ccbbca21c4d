"""When a trial is looked at, in fractions of its maximum information."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from simsepsis.arrays import FloatArray
from simsepsis.errors import UsageError

_CLOSEST = 1e-3


def information_fractions(information: ArrayLike) -> FloatArray:
    """Return the information fractions of the looks."""
    times = listed(information, "information")
    written = ", ".join(f"{time:g}" for time in times)
    steps = np.diff(times, prepend=0.0)
    if not np.all(np.isfinite(times)) or np.any(steps <= 0) or abs(times[-1] - 1.0) > 1e-9:
        raise UsageError(
            f"information=[{written}] does not increase to 1; give the fraction of the maximum information "
            "at each look, such as [0.5, 0.75, 1]"
        )
    if np.any(steps < _CLOSEST):
        raise UsageError(
            f"information=[{written}] has looks closer than {_CLOSEST:g} of the information; make one of them"
        )
    times[-1] = 1.0
    return times


def listed(fractions: ArrayLike, name: str) -> FloatArray:
    """Return fractions as an array, or say that they are no list of numbers."""
    try:
        numbers = np.array(fractions, dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.zeros(0)
    if numbers.ndim != 1 or numbers.size == 0:
        raise UsageError(
            f"{name}={fractions!r} is not a list of fractions; give one for each look, such as [0.5, 1]"
        )
    return numbers


def cumulative_errors(spent: Iterable[float], looks: int, name: str) -> FloatArray:
    """Return the error that a user wants spent by each look."""
    errors = np.array(list(spent), dtype=np.float64)
    steps = np.diff(errors, prepend=0.0)
    wrong = errors.size != looks or not np.all(np.isfinite(errors)) or np.any(steps < 0)
    if wrong or errors[-1] >= 1 or steps[-1] <= 0:
        written = ", ".join(f"{error:g}" for error in errors)
        raise UsageError(
            f"{name}=[{written}] is not the cumulative error at {looks} looks; give {looks} numbers that do "
            "not fall and rise at the last look"
        )
    return errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Futility:
    """When a trial without promise stops: by β spending, or at stated bounds.

    `spending` is the name of a spending function or the cumulative β at each look; `power` fixes β. `z` are
    the bounds of all looks but the last instead. A `binding` rule lowers the efficacy bounds, and must then
    be obeyed; a non-binding one leaves them as they are.
    """

    spending: str | tuple[float, ...] = "hsd"
    parameter: float | None = None
    power: float = 0.9
    z: tuple[float, ...] | None = None
    binding: bool = False
