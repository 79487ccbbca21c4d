"""The world that is simulated: one frozen, validated record, and its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from simsepsis.errors import did_you_mean
from simsepsis.studies.jseptic_ivigg.columns import ADJUNCTS, COLUMNS
from simsepsis.studies.jseptic_ivigg.world.care import Adjunct, Support, Transfusion, Treatment
from simsepsis.studies.jseptic_ivigg.world.effect import Dose, Effect, Unmeasured
from simsepsis.studies.jseptic_ivigg.world.outcome import Course, Scores
from simsepsis.studies.jseptic_ivigg.world.people import Icus, Patients
from simsepsis.studies.jseptic_ivigg.world.tables import SUPPORTS, TERMS, TRANSFUSIONS, check_keys
from simsepsis.world.section import Coefficient, Name, Probability, Section


class Observation(Section):
    """What the registry fails to record, and what an ideal one would add."""

    incomplete_day1: Probability
    """Share of patients who lack an item of day 1. 77 of 3,195."""
    by_severity: Coefficient = 0.0
    """Change of the log odds of a missing item or laboratory value per SD of severity; 0: at random."""
    timing: bool = False
    """Whether the registry records the hours at which IVIgG and the adjuncts started."""
    omit: tuple[str, ...] = ()
    """Columns that the registry does not have at all, such as the severity scores of a claims database."""

    @field_validator("omit")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in COLUMNS:
                raise ValueError(f"'{name}' is no column of the registry{did_you_mean(name, COLUMNS)}")
        twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
        if twice is not None:
            raise ValueError(f"'{twice}' stands twice; leave one")
        return names


class Scenario(Section):
    """A world: everything the generator needs, and nothing it does not."""

    name: Name
    """Short name, as in file names."""
    label: str
    """One line for people."""
    n: Annotated[int, Field(ge=1, le=10_000_000)]
    """Patients registered."""
    icus: Icus
    """Where."""
    patients: Patients
    """Who is admitted."""
    treatment: Treatment
    """Who is given IVIgG, and when."""
    course: Course
    """What becomes of them."""
    supports: dict[str, Support]
    """Organ support: ventilator, vasopressor, rrt."""
    adjuncts: dict[str, Adjunct]
    """Therapies beside IVIgG."""
    transfusions: dict[str, Transfusion]
    """Blood: rbc, ffp, platelet."""
    scores: Scores
    """Scores on days 3 and 7."""
    observation: Observation
    """What is recorded."""
    effect: Effect = Effect()
    """What IVIgG does."""
    dose: Dose = Dose()
    """How much is given, and how the effect depends on it."""
    unmeasured: Unmeasured = Unmeasured()
    """What confounds and is not recorded."""

    @model_validator(mode="after")
    def _held_solves_the_effect(self) -> Self:
        if self.unmeasured.crude == "held" and self.effect.measure is not None:
            raise ValueError(
                'unmeasured.crude = "held" solves the effect from crude mortality; remove effect.measure'
            )
        return self

    @model_validator(mode="after")
    def _of_the_registry(self) -> Self:
        check_keys(self.supports, SUPPORTS, "supports")
        check_keys(self.adjuncts, ADJUNCTS, "adjuncts")
        check_keys(self.transfusions, TRANSFUSIONS, "transfusions")
        check_keys(self.course.risk, TERMS, "course.risk", whole=False)
        return self

    @cached_property
    def hash(self) -> str:
        """Return 16 hexadecimal digits that change with any parameter, but not with the names."""
        return self.digest(exclude={"name", "label"})

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
