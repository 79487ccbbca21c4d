"""The world that is simulated: one frozen, validated record, and its hash."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Coefficients = dict[str, float]


class Section(BaseModel):
    """A part of a scenario: frozen, and no key beyond those declared."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Roster(Section):
    """The ICUs, one entry per ICU in each list; random effects are in SDs of what they shift."""

    size: list[int]
    beds: list[int]
    type: list[Literal["er", "general"]]
    model: list[Literal["closed", "open", "comanagement"]]
    policy: list[Literal["active", "conservative", "neither"]]
    ivigg: list[float]
    adjuncts: list[float]
    death: list[float]
    severity: list[float]
    age: list[float]
    infection: list[float]
    route: list[float]

    @model_validator(mode="after")
    def _equal_lengths(self) -> Self:
        lengths = {name: len(value) for name, value in self}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"the lists must be of one length, one entry per ICU, but are {lengths}")
        return self


class Margin(Section):
    """Pooled distribution of a number: the mixture of two arms known by their quartiles.

    Each arm is split-normal (two half normals that meet at the median), on the log scale where
    `family` says so.
    """

    family: Literal["split_normal", "split_lognormal"]
    ivigg: tuple[float, float, float]
    control: tuple[float, float, float]
    low: float
    high: float
    decimals: int = 0


class Lab(Section):
    """A laboratory value outside the score: lognormal, missing at random with a probability."""

    median: Positive
    log_sd: Positive
    missing: Probability
    low: float
    high: float
    decimals: int = 0


class Patients(Section):
    """Who is admitted: margins of both arms together, tied by a Gaussian copula with named factors."""

    ivigg_share: Probability
    continuous: dict[str, Margin]
    ordinal: dict[str, list[Probability]]
    binary: dict[str, Probability]
    route: dict[str, Probability]
    infection_site: dict[str, Probability]
    blood_culture: dict[str, Probability]
    microorganism: dict[str, Probability]
    source_control: Probability
    loadings: dict[str, Coefficients]
    labs: dict[str, Lab]


class Treatment(Section):
    """Who is given IVIgG and when: log hazard of the start while in the ICU, days 1 to 7."""

    intercept: float
    numbers: dict[str, list[float]]
    levels: dict[str, Coefficients]
    care: float
    severity: float
    decay: float


class Hazard(Section):
    """Daily log hazard of leaving one way, on day t with severity L, risk r, ICU effect b and care c.

    ``intercept + early·exp(1 - t) + log_day·log(t) + severity·L + risk·r + icu·b + care·c``
    """

    intercept: float
    early: float = 0.0
    log_day: float = 0.0
    severity: float = 0.0
    risk: float = 0.0
    icu: float = 0.0
    care: float = 0.0


class Course(Section):
    """The severity path, and the daily hazards of death and discharge that it drives."""

    persistence: Probability
    drift_sd: Annotated[float, Field(ge=0.0)]
    noise_sd: Annotated[float, Field(ge=0.0)]
    noise_correlation: Probability
    icu_death: Hazard
    icu_discharge: Hazard
    ward_death: Hazard
    hospital_discharge: Hazard
    risk: Coefficients


class Support(Section):
    """Days of organ support: who is ever on it (probit) and, if so, for how long (lognormal)."""

    ever: Coefficients
    days: Coefficients
    log_sd: Positive


class Adjunct(Section):
    """Log hazard of an adjunct's start while in the ICU, days 1 to 7."""

    intercept: float
    care: float
    icu: float
    severity: float
    effects: Coefficients = {}


class Transfusion(Section):
    """Units given: whether any (probit), and how many (lognormal, in packs)."""

    ever: Coefficients
    units: Coefficients
    log_sd: Positive
    pack: Positive


class Scores(Section):
    """SOFA organs and SIRS after day 1: how they follow the severity path."""

    slope: float
    noise_sd: float
    noise_correlation: Probability
    recovery_per_day: float


class Observation(Section):
    """What the registry fails to record."""

    incomplete_day1: Probability


class Effect(Section):
    """The treatment effect on the log hazards of death, from the moment of treatment on."""

    log_hazard_ratio: float = 0.0


class Icus(Section):
    """Where: the fixed roster of the registry, and how far ICUs differ beyond their traits."""

    roster: Roster


class Scenario(Section):
    """A world: everything the generator needs, and nothing it does not."""

    name: str
    label: str
    n: Annotated[int, Field(ge=1, le=10_000_000)]
    icus: Icus
    patients: Patients
    treatment: Treatment
    course: Course
    supports: dict[str, Support]
    adjuncts: dict[str, Adjunct]
    transfusions: dict[str, Transfusion]
    scores: Scores
    observation: Observation
    effect: Effect = Effect()

    @cached_property
    def hash(self) -> str:
        """Return 16 hexadecimal digits that change with any parameter, but not with the names."""
        values = self.model_dump(exclude={"name", "label"}, mode="json")
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]

    def __hash__(self) -> int:
        """Return a hash by content, so that tables built from a scenario can be kept."""
        return hash(self.hash)
