"""Where and who: ICUs and the patients admitted to them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from simsepsis.studies.jseptic_ivigg.world import tables
from simsepsis.world.section import (
    Coefficient,
    Coefficients,
    NonNegative,
    Positive,
    Probability,
    Section,
    Spread,
)


class Roster(Section):
    """The ICUs, one entry per ICU in each list. Traits by calibration; random effects by judgement."""

    size: list[Annotated[int, Field(ge=1)]]
    """Patients registered by the ICU: its share of any registry's patients."""
    beds: list[Annotated[int, Field(ge=1)]]
    """Beds."""
    type: list[Literal["er", "general"]]
    """Emergency or general ICU."""
    model: list[Literal["closed", "open", "comanagement"]]
    """How far intensivists decide."""
    policy: list[Literal["active", "conservative", "neither"]]
    """Attitude to the treatment of DIC."""
    ivigg: list[Coefficient]
    """Effect on the log hazard of giving IVIgG."""
    adjuncts: list[Coefficient]
    """Habit of giving adjuncts; each adjunct has its own weight for it."""
    death: list[Coefficient]
    """Effect on the log hazard of death."""
    severity: list[Coefficient]
    """Mean latent severity of its patients, in SDs."""
    age: list[Coefficient]
    """Mean latent age, in SDs."""
    infection: list[Coefficient]
    """Mean of the latent infection, in SDs from medical to surgical."""
    route: list[Coefficient]
    """Mean of the latent admission route, in SDs from emergency to transfer."""

    @model_validator(mode="after")
    def _equal_lengths(self) -> Self:
        lengths = {name: len(value) for name, value in self}
        if len(set(lengths.values())) != 1 or not self.size:
            raise ValueError(f"the lists must be of one length, one entry per ICU, but are {lengths}")
        return self


class Anew(Section):
    """Random effects of the registry's ICUs, drawn anew."""

    seed: Annotated[int, Field(ge=0)]
    """Which draw."""
    sd: dict[
        Literal[
            "ivigg",
            "ivigg_elsewhere",
            "beds_and_policy",
            "adjuncts",
            "death",
            "severity",
            "age",
            "infection",
            "route",
        ],
        Positive,
    ] = Field(default_factory=dict)
    """Standard deviations between ICUs, where they are not those that the calibration assumes."""


class Icus(Section):
    """Which ICUs a replicate has."""

    kind: Literal["registry", "sampled"] = "registry"
    """The registry's own ICUs in every replicate, or new ones drawn from the same population."""
    number: Annotated[int, Field(ge=2, le=5000)] | None = None
    """ICUs to sample; as many as the roster has if absent. Only with kind = "sampled"."""
    spread: NonNegative = 1.0
    """Factor on all differences between ICUs beyond their traits: 0 makes ICUs with equal traits equal."""
    roster: Roster
    """The registry's ICUs."""
    anew: Anew | None = None
    """Draws the roster's random effects anew, its sizes and traits kept."""

    @model_serializer(mode="wrap")
    def _told(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not asked for, so that worlds from before it was known keep their hash."""
        values: dict[str, Any] = serialize(self)
        return values if self.anew is not None else {k: v for k, v in values.items() if k != "anew"}

    @model_validator(mode="after")
    def _number_needs_sampling(self) -> Self:
        if self.number is not None and self.kind == "registry":
            raise ValueError('number is for sampled ICUs; add kind = "sampled" or remove it')
        return self


class Margin(Section):
    """Pooled distribution of a number: the mixture of two arms known by their quartiles.

    Each arm is split-normal (two half normals that meet at the median), on the log scale where
    `family` says so.
    """

    family: Literal["split_normal", "split_lognormal"]
    """Shape of each arm's distribution. Judgement."""
    ivigg: tuple[float, float, float]
    """Quartiles of the IVIgG arm. Table 1."""
    control: tuple[float, float, float]
    """Quartiles of the control arm. Table 1."""
    low: float
    """Least possible value. Judgement."""
    high: float
    """Largest possible value. Judgement."""
    decimals: Annotated[int, Field(ge=0, le=6)] = 0
    """Decimals recorded."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for arm in (self.ivigg, self.control):
            if not self.low < arm[0] < arm[1] < arm[2] < self.high:
                raise ValueError(f"quartiles {arm} must increase between low {self.low} and high {self.high}")
        if self.family == "split_lognormal" and self.low <= 0.0:
            raise ValueError(f"low = {self.low:g}: a lognormal number is positive; give more than 0")
        return self


class Lab(Section):
    """A laboratory value outside the score: lognormal."""

    median: Positive
    """Median, in the dictionary's unit. Other papers of the registry."""
    log_sd: Spread
    """Standard deviation of its logarithm. Judgement."""
    missing: Probability
    """Probability that it was not recorded; the registry lacks more than 10%. Judgement."""
    low: Positive
    """Least possible value. Judgement."""
    high: Positive
    """Largest possible value. Judgement."""
    decimals: Annotated[int, Field(ge=0, le=6)] = 0
    """Decimals recorded."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low < self.median < self.high:
            raise ValueError(
                f"median {self.median:g} must lie between low {self.low:g} and high {self.high:g}"
            )
        return self


class Patients(Section):
    """Who is admitted: margins of both arms together, tied by a Gaussian copula with named factors."""

    ivigg_share: Probability
    """Share of patients in the IVIgG arm: weight of its quartiles in the pooled margins. 960 of 3,118."""
    continuous: dict[str, Margin]
    """Number → its margin."""
    ordinal: dict[str, list[Probability]]
    """Score → probabilities of 0 to 4. Smoothest with the quartiles and differences of Table 1."""
    binary: dict[str, Probability]
    """0/1 column → probability of 1. Table 1."""
    route: dict[str, Probability]
    """Admission route → probability. Table 1."""
    infection_site: dict[str, Probability]
    """Site → probability. Table 1."""
    blood_culture: dict[str, Probability]
    """Result → probability. Table 1."""
    microorganism: dict[str, Probability]
    """Organism → probability. Table 1."""
    source_control: Probability
    """Probability of surgery or drainage. Table 1."""
    loadings: dict[str, Coefficients]
    """Latent variable → loadings on severity, hematologic, aging, size. Judgement."""
    labs: dict[str, Lab]
    """Laboratory value outside the score → its distribution."""

    @model_validator(mode="after")
    def _of_the_registry(self) -> Self:
        named = {
            "continuous": tables.NUMBERS,
            "labs": tables.LABS,
            "ordinal": tables.GRADES,
            "binary": tables.CONDITIONS,
            "loadings": tables.LATENT,
            "route": tables.levels_of("admission_route"),
            **{name: tables.levels_of(name) for name in ("infection_site", "blood_culture", "microorganism")},
        }
        for name, known in named.items():
            tables.check_keys(getattr(self, name), known, name)
        for name in ("route", "infection_site", "blood_culture", "microorganism"):
            tables.check_sum(getattr(self, name).values(), name)
        for kind in ("continuous", "labs"):
            for name, part in getattr(self, kind).items():
                tables.check_limits(name, part.low, part.high, f"{kind}.{name}")
        self._check_grades()
        self._check_loadings()
        return self

    def _check_grades(self) -> None:
        for name, chances in self.ordinal.items():
            if len(chances) != 5:
                raise ValueError(
                    f"ordinal.{name}: has {len(chances)} probabilities; give one of each of 0 to 4"
                )
            tables.check_sum(chances, f"ordinal.{name}")

    def _check_loadings(self) -> None:
        for name, loadings in self.loadings.items():
            tables.check_keys(loadings, tables.FACTORS, f"loadings.{name}", whole=False)
            taken = sum(value**2 for value in loadings.values())
            if taken >= 1.0:
                raise ValueError(f"loadings.{name}: take {taken:.2f} of a variance of 1; give smaller ones")
