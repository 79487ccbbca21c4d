"""The thesis's world: one frozen, validated record."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from simsepsis.errors import UsageError, did_you_mean
from simsepsis.studies.jseptic_ivigg.columns import ADJUNCTS, COLUMNS
from simsepsis.studies.jseptic_ivigg.world.care import Adjunct, Support, Transfusion, Treatment
from simsepsis.studies.jseptic_ivigg.world.effect import Amount, Dose, Effect, Unmeasured
from simsepsis.studies.jseptic_ivigg.world.outcome import Course, Scores
from simsepsis.studies.jseptic_ivigg.world.people import Icus, Patients
from simsepsis.studies.jseptic_ivigg.world.tables import SUPPORTS, TERMS, TRANSFUSIONS, check_keys
from simsepsis.world import scenario as world
from simsepsis.world.section import Coefficient, Probability, Section

if TYPE_CHECKING:
    from simsepsis.world.candidates import Candidates, Draws
    from simsepsis.world.cohort import Assignment, Cohort
    from simsepsis.world.potential import Outcomes


LATER = ("daily", "controls", "controls_share")
"""What worlds were given later to record."""


class Observation(Section):
    """What the registry fails to record, and what an ideal one would add."""

    incomplete_day1: Probability
    """Share of patients who lack an item of day 1. 77 of 3,195."""
    by_severity: Coefficient = 0.0
    """Change of the log odds of a missing item or laboratory value per SD of severity; 0: at random."""
    timing: bool = False
    """Whether the registry records the hours at which IVIgG and the adjuncts started."""
    daily: bool = False
    """Whether the registry records SOFA organs of days 1 to 7, as ``daily_sofa_<organ>_<day>``."""
    controls: Annotated[int, Field(ge=0, le=1_000)] = 0
    """Number of negative-control outcomes, ``control_1`` …: events that IVIgG cannot change."""
    controls_share: Annotated[float, Field(ge=-10.0, le=10.0)] = 1.0
    """Share of the unmeasured confounder's log hazard ratio of death that the controls carry."""
    omit: tuple[str, ...] = ()
    """Columns that the registry does not have at all, such as the severity scores of a claims database."""

    @model_serializer(mode="wrap")
    def _content(self, content: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what came later while it is as it always was, so that no world of before changes."""
        values: dict[str, Any] = content(self)
        as_ever = [name for name in LATER if values[name] == type(self).model_fields[name].default]
        return {name: value for name, value in values.items() if name not in as_ever}

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


class Scenario(world.Scenario):
    """A world: everything the generator needs, and nothing it does not."""

    study = "jseptic-ivigg"
    regimen = Amount

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
        crude = self.unmeasured.crude
        if crude != "free" and self.effect.measure is not None:
            remedy = "" if crude == "held" else " and give effect.log_hazard_ratio"
            raise ValueError(
                f'unmeasured.crude = "{crude}" solves the effect or the hazards from crude mortality; remove '
                f"effect.measure{remedy}"
            )
        return self

    @model_validator(mode="after")
    def _of_the_registry(self) -> Self:
        check_keys(self.supports, SUPPORTS, "supports")
        check_keys(self.adjuncts, ADJUNCTS, "adjuncts")
        check_keys(self.transfusions, TRANSFUSIONS, "transfusions")
        check_keys(self.course.risk, TERMS, "course.risk", whole=False)
        return self

    @property
    def is_null(self) -> bool:
        """Return whether IVIgG does nothing to anybody."""
        return self.effect.log_hazard_ratio == 0.0

    @property
    def hazard_ratio(self) -> float:
        """Return what IVIgG does to the hazard of death of a patient without modifiers."""
        return math.exp(self.effect.log_hazard_ratio)

    @property
    def site_count(self) -> int:
        """Return the number of ICUs."""
        return self.icus.number or len(self.icus.roster.size)

    @property
    def dose_matters(self) -> bool:
        """Return whether the effect depends on the grams given."""
        return self.dose.response != "none"

    # The generator is built from scenarios, so its modules are opened when they are needed.

    def resolved(self) -> Scenario:
        """Return the world with nothing left to solve."""
        from simsepsis.studies.jseptic_ivigg.world.resolve import resolve

        return resolve(self)

    def recalibrated(self, *, seed: int) -> Scenario:
        """Return the world calibrated anew to the tables of one of its own registries, with other ICUs."""
        from simsepsis.studies.jseptic_ivigg.world.calibration.anew import recalibrate

        return recalibrate(self, seed=seed)

    def generate(
        self, *, seed: int, n: int | None, replicate: int, oracle: bool, assignment: Assignment
    ) -> Cohort:
        """Return one registry."""
        from simsepsis.studies.jseptic_ivigg.world.generate import generate

        return generate(self, seed=seed, n=n, replicate=replicate, oracle=oracle, assignment=assignment)

    def potential_outcomes(self, *, population: int, seed: int) -> Outcomes:
        """Return the potential outcomes of a large population."""
        from simsepsis.studies.jseptic_ivigg.world.generate import potential_outcomes

        return potential_outcomes(self, population=population, seed=seed)

    def for_trial(self, *, sites: int, sampled: bool, place: str) -> Scenario:
        """Return the world of a trial, whose effect is the trial's own."""
        from simsepsis.studies.jseptic_ivigg.world.trial import trial_world

        return trial_world(self, sites=sites, sampled=sampled, place=place)

    def candidates(self, draws: Draws, *, seed: int, n: int) -> Candidates:
        """Return those of `n` patients whom a trial could randomize."""
        from simsepsis.studies.jseptic_ivigg.world.trial import draw_candidates

        return draw_candidates(self, draws, seed=seed, n=n)


def own(scenario: world.Scenario) -> Scenario:
    """Return a scenario if it is one of the thesis's."""
    if not isinstance(scenario, Scenario):
        raise UsageError(f"scenario '{scenario.name}' is a world of another study; give one of this study")
    return scenario
