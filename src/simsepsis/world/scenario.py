"""A world that can be simulated: what the scenarios of every study have, and can do."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field

from simsepsis.errors import UsageError
from simsepsis.world.section import Name, Section

if TYPE_CHECKING:
    from simsepsis.world.candidates import Candidates, Draws
    from simsepsis.world.cohort import Assignment, Cohort
    from simsepsis.world.potential import Outcomes


WORDS = ("name", "label", "fitted_after_looking")
"""Fields that tell of a world and change nothing in it."""


class Scenario(Section, ABC):
    """A world: everything its generator needs, and nothing it does not. Each study has a class of its own."""

    study: ClassVar[str]
    """Name of the study whose worlds they are."""
    regimen: ClassVar[type[Section]] = Section
    """What a trial may say of a treatment, such as its dose; nothing where there is one treatment only."""

    effect_key: ClassVar[str] = "log_hazard_ratio"
    """Key under ``effect`` whose 0 means that treatment does nothing."""

    name: Name
    """Short name, as in file names."""
    label: str
    """One line for people."""
    n: Annotated[int, Field(ge=1, le=10_000_000)]
    """Patients registered."""
    fitted_after_looking: tuple[str, ...] = ()
    """What was chosen after printed numbers that it should predict had been seen, one sentence each."""

    @property
    @abstractmethod
    def is_null(self) -> bool:
        """Return whether treatment does nothing to anybody."""

    @property
    @abstractmethod
    def hazard_ratio(self) -> float:
        """Return what treatment does to the hazard of death of a patient without modifiers."""

    @property
    def site_count(self) -> int:
        """Return the number of sites; 0 where patients are not grouped."""
        return 0

    @property
    def dose_matters(self) -> bool:
        """Return whether the effect depends on how much is given."""
        return False

    @abstractmethod
    def resolved(self) -> Scenario:
        """Return the world with nothing left to solve."""

    def recalibrated(self, *, seed: int) -> Scenario:
        """Return the world calibrated anew to what a registry of its own would print, with other sites."""
        raise UsageError(
            f"scenario '{self.name}' was not calibrated to printed tables, and cannot be so anew; leave "
            "out --ensemble"
        )

    @abstractmethod
    def generate(
        self, *, seed: int, n: int | None, replicate: int, oracle: bool, assignment: Assignment
    ) -> Cohort:
        """Return one registry; see `generate_cohort`."""

    @abstractmethod
    def potential_outcomes(self, *, population: int, seed: int) -> Outcomes:
        """Return the potential outcomes of a large population."""

    @abstractmethod
    def for_trial(self, *, sites: int, sampled: bool, place: str) -> Scenario:
        """Return the world of a trial, whose effect is the trial's own: settled, with the trial's sites."""

    @abstractmethod
    def candidates(self, draws: Draws, *, seed: int, n: int) -> Candidates:
        """Return those of `n` patients whom a trial could randomize."""

    @cached_property
    def hash(self) -> str:
        """Return 16 hexadecimal digits that change with any parameter, but not with the names."""
        return self.digest(exclude=set(WORDS))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with some fields replaced, whose hash is its own."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("hash", None)
        return copied

    def digest(self, **selection: Any) -> str:
        """Return 16 hexadecimal digits of the content of some fields (``include`` or ``exclude``)."""
        values = self.model_dump(mode="json", **selection)
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]

    def __hash__(self) -> int:
        """Return a hash by content, so that tables built from a scenario can be kept."""
        return hash(self.hash)
