"""What every planning function asks of its numbers, with one sentence for each refusal."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Real

from scipy.special import ndtri

from simsepsis.errors import UsageError, did_you_mean


def number(value: object, name: str) -> float:
    """Return a finite number, or say which argument is none."""
    # Most are floats, of which `Real` is slow to tell that they are real.
    if isinstance(value, bool) or not isinstance(value, (float, Real)) or not math.isfinite(value):
        raise UsageError(f"{name}={value!r} is not a finite number; give one, such as {name}=0.5")
    return float(value)


def within(value: object, name: str, low: float, high: float, *, closed: bool = False) -> float:
    """Return a number between two limits."""
    given = number(value, name)
    inside = low <= given <= high if closed else low < given < high
    if not inside:
        marks = "[]" if closed else "()"
        raise UsageError(
            f"{name}={given:g} is outside {marks[0]}{low:g}, {high:g}{marks[1]}; "
            f"give a value {'from' if closed else 'between'} {low:g} {'to' if closed else 'and'} {high:g}"
        )
    return given


def probability(value: object, name: str) -> float:
    """Return a number strictly between 0 and 1."""
    return within(value, name, 0.0, 1.0)


def positive(value: object, name: str) -> float:
    """Return a number above 0."""
    given = number(value, name)
    if given <= 0:
        raise UsageError(f"{name}={given:g} is not above 0; give a positive {name}")
    return given


def chosen(value: str, known: Iterable[str], name: str) -> str:
    """Return one of the known words."""
    words = tuple(known)
    if value not in words:
        hint = did_you_mean(str(value), words)
        raise UsageError(f"{name}={value!r} is none of {', '.join(words)}{hint}")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Type I error and the number of sides it is for; `z` is the critical value of one side."""

    alpha: float
    sides: int

    def __post_init__(self) -> None:
        if self.sides not in (1, 2):
            raise UsageError(f"sides={self.sides!r} is neither 1 nor 2; say which test the trial ends with")
        within(self.alpha, "alpha", 0.0, 0.5 * self.sides)

    @property
    def one_sided(self) -> float:
        """Type I error of one side."""
        return self.alpha / self.sides

    @property
    def z(self) -> float:
        """Critical value of one side."""
        return float(-ndtri(self.one_sided))

    def z_power(self, power: float) -> float:
        """Return the normal quantile of a power that a test at this level can have."""
        return float(ndtri(within(power, "power", self.one_sided, 1.0)))
