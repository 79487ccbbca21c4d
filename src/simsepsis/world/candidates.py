"""Patients whom a trial could randomize, and what becomes of them under any of its treatments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from simsepsis.arrays import BoolArray, FloatArray, IntArray

NEVER = 10_000
"""Day of death of who leaves alive: later than any horizon."""

Days = NDArray[np.int16]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Course:
    """What becomes of patients under one treatment, counted from randomization.

    Attributes
    ----------
    eligible
        (n,) whether they can still be randomized at that time.
    event
        Outcome → (n,) whether it happens.
    death_day
        (n,) day of death, 1 being the first 24 hours; `NEVER` if they leave alive.
    free_days
        (n,) days alive and without the organ support that the trial counts, 0 if they die meanwhile.
    """

    eligible: BoolArray
    event: Mapping[str, BoolArray]
    death_day: Days
    free_days: Days

    def subset(self, rows: IntArray) -> Course:
        """Return the course of some patients."""
        return Course(
            eligible=self.eligible[rows],
            event={name: values[rows] for name, values in self.event.items()},
            death_day=self.death_day[rows],
            free_days=self.free_days[rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """Which patients a trial draws, and what it may give them.

    Attributes
    ----------
    treatments
        Of each treatment what a world needs to know of it, such as its dose.
    columns
        Columns of day 1 that the trial may use.
    holds
        From the columns to whether a patient meets the trial's condition, (n,).
    """

    treatments: tuple[Mapping[str, Any], ...]
    columns: Sequence[str]
    holds: Callable[[Mapping[str, NDArray[Any]]], BoolArray]


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidates(ABC):
    """Patients who meet the condition of a trial.

    Attributes
    ----------
    icu
        (n,) site, sorted.
    severity
        (n,) latent severity on day 1, in SDs.
    columns
        Column of day 1 → (n,) value as recorded, NaN where it is missing; codes for categories.
    log_hazard_ratio
        (treatments, n) log hazard ratio of each treatment, up to the factor that makes the planned effect.
    response
        The scenario's key, with its value, that says how the effect depends on the treatment.
    screened
        Patients drawn to find these.
    """

    icu: IntArray
    severity: FloatArray
    columns: dict[str, NDArray[Any]]
    log_hazard_ratio: FloatArray
    response: str
    screened: int

    @abstractmethod
    def course(
        self,
        treatment: int | None,
        *,
        log_hazard_ratio: float,
        delay: float,
        hazard_factor: float,
        support_ratio: float = 1.0,
        discharge_ratio: float = 1.0,
    ) -> Course:
        """Return everybody's course under a treatment, with the same luck under every one."""

    def subset(self, rows: IntArray) -> Self:
        """Return some of the candidates; a world with patients' own latent values cuts these too."""
        return replace(
            self,
            icu=self.icu[rows],
            severity=self.severity[rows],
            columns={name: values[rows] for name, values in self.columns.items()},
            log_hazard_ratio=self.log_hazard_ratio[:, rows],
        )
