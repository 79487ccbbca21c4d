"""Immortal person-time: what misclassifying or excluding the wait for treatment does to a rate ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from simsepsis.analysis.inputs import binary_vector, finite_vector
from simsepsis.errors import DataError, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonTime:
    """Person-time and deaths before, under and without treatment.

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
        return self.excluded_factor / (1.0 + self.immortal / self.treated)

    @property
    def excluded_factor(self) -> float:
        """Rate ratio without immortal time over the right one, p/(p + k)."""
        return self.never / (self.never + self.immortal)

    def _ratio(self, treated: float, untreated: float) -> float:
        return (self.deaths_treated / treated) / (self.deaths_untreated / untreated)


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
        If treatment starts before 0 or after the end of follow-up.

    References
    ----------
    Suissa S. Am J Epidemiol 2008;167:492.
    """
    dead = binary_vector(event, "event")
    times = finite_vector(duration, "duration", dead.size)
    begin = np.asarray(start, dtype=np.float64)
    ever = begin < np.inf
    if begin.shape != times.shape or (begin < 0).any() or (begin[ever] > times[ever]).any():
        raise DataError("start: give each patient a time from 0 to the end of follow-up, or inf for never")
    return PersonTime(
        immortal=float(begin[ever].sum()),
        treated=float((times - begin)[ever].sum()),
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
        If one is not positive.

    Notes
    -----
    With a = λ + μ, q = θλ and :math:`E(r) = (1 - e^{-r\tau})/r`: time untreated E(a), of which
    :math:`P_I = \mu [E(a) - \tau e^{-a\tau}]/a` before a treatment that comes, and
    :math:`P_T = (\mu/q) [E(a) - (e^{-q\tau} - e^{-a\tau})/(a - q)]`.
    """
    for name, value in (
        ("death_rate", death_rate),
        ("start_rate", start_rate),
        ("rate_ratio", rate_ratio),
        ("horizon", horizon),
    ):
        if not 0.0 < value < math.inf:
            raise UsageError(f"{name} = {value}: give a positive number")
    leave, die = death_rate + start_rate, rate_ratio * death_rate
    untreated = -math.expm1(-leave * horizon) / leave
    immortal = start_rate * (untreated - horizon * math.exp(-leave * horizon)) / leave
    gap = leave - die
    # (e^{-qτ} − e^{-aτ})/(a − q), whose limit for a = q is τe^{-qτ}
    between = math.exp(-die * horizon) * (-math.expm1(-gap * horizon) / gap if gap else horizon)
    treated = start_rate / die * (untreated - between)
    return PersonTime(
        immortal=immortal,
        treated=treated,
        never=untreated - immortal,
        deaths_treated=die * treated,
        deaths_untreated=death_rate * untreated,
    )
