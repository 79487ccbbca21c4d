"""Immortal person-time: what misclassifying or excluding the wait for treatment does to a rate ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from simsepsis.analysis.inputs import binary_vector
from simsepsis.analysis.numeric import finite_number, number_array
from simsepsis.analysis.survival.times import durations
from simsepsis.errors import DataError, UsageError

_LONGEST = 1e150
_SMALLEST, _LARGEST = 1e-6, 1e6
"""Least and greatest expected numbers of events by the horizon: below, differences are lost in rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonTime:
    """Person-time and deaths before, under and without treatment.

    Its ratios raise `DataError` where a rate has no person-time or no death to compare with.

    Attributes
    ----------
    immortal
        P_I, of those later treated, before their treatment.
    treated
        P_T, under treatment.
    never
        P_0, of those never treated.
    deaths_treated, deaths_untreated
        Deaths under treatment, and of the never treated; nobody dies in immortal time.
    """

    immortal: float
    treated: float
    never: float
    deaths_treated: float
    deaths_untreated: float

    @property
    def rate_ratio(self) -> float:
        """Death rate under treatment over that without it, immortal time counted as untreated."""
        return self._ratio(self.treated, self.never + self.immortal)

    @property
    def misclassified(self) -> float:
        """Rate ratio of ever over never treated: immortal time counted as treated."""
        return self._ratio(self.treated + self.immortal, self.never)

    @property
    def excluded(self) -> float:
        """Rate ratio with immortal time left out."""
        return self._ratio(self.treated, self.never)

    @property
    def misclassified_factor(self) -> float:
        """Misclassified over right rate ratio, 1/(1 + k) · p/(p + k) with k = P_I/P_T and p = P_0/P_T."""
        return self.excluded_factor / (
            1.0 + _quotient(self.immortal, self.treated, "person-time under treatment")
        )

    @property
    def excluded_factor(self) -> float:
        """Rate ratio without immortal time over the right one, p/(p + k)."""
        return _quotient(self.never, self.never + self.immortal, "person-time without treatment")

    def _ratio(self, treated: float, untreated: float) -> float:
        under = _quotient(self.deaths_treated, treated, "person-time under treatment")
        without = _quotient(self.deaths_untreated, untreated, "person-time without treatment")
        return _quotient(under, without, "death without treatment")


def _quotient(up: float, down: float, what: str) -> float:
    """Divide, or say what there is none of."""
    if not (down > 0.0 and up / down < math.inf):
        raise DataError(f"there is no {what}, so that rates cannot be compared; give more follow-up")
    return up / down


def person_time(duration: ArrayLike, event: ArrayLike, start: ArrayLike) -> PersonTime:
    """Add up person-time and deaths of a cohort.

    Parameters
    ----------
    duration
        (n,): time to death or censoring.
    event
        (n,): 1 for death.
    start
        (n,): time at which treatment starts, inf for the never treated.

    Raises
    ------
    DataError
        If a value is no number or missing, a time is negative, or treatment starts before 0 or after the end
        of follow-up.

    References
    ----------
    Suissa S. Am J Epidemiol 2008;167:492.
    """
    dead = binary_vector(event, "event")
    times = durations(duration, dead.size)
    begin = number_array(start, "start", "give times")
    if begin.shape != times.shape:
        raise DataError(f"start has shape {begin.shape}; give {times.size} values")
    ever = begin < np.inf
    wrong = np.flatnonzero(~(begin >= 0) | (ever & (begin > times)))
    if wrong.size:
        row = int(wrong[0])
        raise DataError(
            f"start: row {row} is {begin[row]:g} with a follow-up of {times[row]:g}; give a time from 0 to "
            "the end of follow-up, or inf for never"
        )
    if times.max(initial=0.0) > _LONGEST:
        row = int(times.argmax())
        raise DataError(f"duration: row {row} is {times[row]:g}; give times in a larger unit")
    return PersonTime(
        immortal=float(begin[ever].sum()),
        treated=float((times[ever] - begin[ever]).sum()),
        never=float(times[~ever].sum()),
        deaths_treated=float(dead[ever].sum()),
        deaths_untreated=float(dead[~ever].sum()),
    )


def expected_person_time(
    death_rate: float, start_rate: float, rate_ratio: float, horizon: float
) -> PersonTime:
    r"""Return the mean person-time and deaths of one patient under constant hazards.

    Parameters
    ----------
    death_rate
        Hazard λ of death without treatment, > 0.
    start_rate
        Hazard μ of the start of treatment, > 0.
    rate_ratio
        Hazard ratio θ of treatment, > 0.
    horizon
        End of follow-up τ, > 0.

    Raises
    ------
    UsageError
        If one is not positive, or the horizon is out of all proportion to the rates.

    Notes
    -----
    With a = λ + μ, q = θλ and :math:`E(r) = (1 - e^{-r\tau})/r`: time untreated E(a), of which
    :math:`P_I = \mu [E(a) - \tau e^{-a\tau}]/a` before a treatment that comes, and
    :math:`P_T = (\mu/q) [E(a) - (e^{-q\tau} - e^{-a\tau})/(a - q)]`.
    """
    death_rate, start_rate, rate_ratio, horizon = (
        finite_number(value, name, above=0.0)
        for name, value in (
            ("death_rate", death_rate),
            ("start_rate", start_rate),
            ("rate_ratio", rate_ratio),
            ("horizon", horizon),
        )
    )
    leave, die = death_rate + start_rate, rate_ratio * death_rate
    if not (_SMALLEST < leave * horizon < _LARGEST and _SMALLEST < die * horizon < _LARGEST):
        raise UsageError(
            f"horizon = {horizon:g} is no time in which rates of {leave:g} and {die:g} can be seen; "
            "give all of them for one unit of time"
        )
    untreated = -math.expm1(-leave * horizon) / leave
    immortal = start_rate * (untreated - horizon * math.exp(-leave * horizon)) / leave
    gap = abs(leave - die)
    # (e^{-qτ} − e^{-aτ})/(a − q), the same for both orders, whose limit for a = q is τe^{-qτ}
    decay = math.exp(-min(leave, die) * horizon)
    between = decay * (-math.expm1(-gap * horizon) / gap if gap else horizon)
    treated = start_rate / die * (untreated - between)
    return PersonTime(
        immortal=immortal,
        treated=treated,
        never=untreated - immortal,
        deaths_treated=die * treated,
        deaths_untreated=death_rate * untreated,
    )
