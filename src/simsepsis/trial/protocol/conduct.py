"""How a trial is carried out: where, how fast, who is assigned how, and who departs from it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from simsepsis.trial.protocol.parts import Treated
from simsepsis.world.section import (
    Coefficient,
    NonNegative,
    OpenProbability,
    Positive,
    Ratio,
    Section,
)

Share = Annotated[float, Field(ge=0.0, lt=1.0)]


class Allocation(Section):
    """Who is randomized: patients or ICUs."""

    unit: Literal["individual", "parallel_cluster", "cluster_crossover", "stepped_wedge"] = "individual"
    """Patients, or ICUs: each to one arm, to both in turn, or to treatment from a step on."""
    method: Literal["simple", "blocks", "minimization"] = "blocks"
    """Of patients: by coin; permuted blocks within strata; minimization of the factors' imbalance."""
    factors: tuple[str, ...] = ("icu",)
    """Strata of blocks, factors of minimization: ``icu``, or conditions on day 1; absent: the study's."""
    block: Annotated[int, Field(ge=1, le=100)] = 2
    """Controls in a block; each arm has its ratio times as many."""
    probability: Annotated[float, Field(gt=0.5, le=1.0)] = 0.8
    """Probability that minimization chooses the arm with the least imbalance."""
    cluster_size: Annotated[int, Field(ge=1)] | None = None
    """Mean patients per ICU and period, where ICUs are randomized; absent: what `n_total` leaves to each."""
    steps: Annotated[int, Field(ge=2)] | None = None
    """Steps of a stepped wedge, one period each after the first."""
    icc: OpenProbability | None = None
    """Correlation ρ of two patients of one ICU and period; absent: that of the world's ICUs."""
    cac: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0
    """Correlation in another period over that in the same one. 1: ICUs do not change between periods."""

    @model_validator(mode="after")
    def _of_clusters_only(self) -> Self:
        if self.unit == "individual" and self.icc is not None:
            raise ValueError(
                f"icc = {self.icc:g} with unit = 'individual' asks for a design effect that does not exist: "
                "patients of one ICU are in both arms; remove icc and stratify the analysis by ICU"
            )
        given = {"cluster_size": self.cluster_size, "steps": self.steps}
        for name, value in given.items():
            if self.unit == "individual" and value is not None:
                raise ValueError(f"{name} = {value} is for ICUs that are randomized; remove it")
        if (self.steps is None) == (self.unit == "stepped_wedge"):
            raise ValueError(
                "unit = 'stepped_wedge' has no steps; write at how many times ICUs change, such as steps = 4"
                if self.steps is None
                else f"steps = {self.steps} is for a stepped wedge, not for unit = '{self.unit}'; remove it"
            )
        return self

    @property
    def clustered(self) -> bool:
        """Whether ICUs are randomized."""
        return self.unit != "individual"

    @property
    def periods(self) -> int:
        """Periods of a trial of ICUs."""
        return {"cluster_crossover": 2, "stepped_wedge": 1 + (self.steps or 0)}.get(self.unit, 1)


class Sites(Section):
    """The ICUs that take part, and how fast they recruit."""

    number: Annotated[int, Field(ge=2, le=5000)] = 20
    """ICUs; absent: the study's, or those of the world."""
    sampled: bool = False
    """Whether each trial has ICUs of its own, drawn from the world's; otherwise all trials have the world's
    own, and `number` is theirs."""
    sizes: Literal["registry", "equal"] = "registry"
    """Whether ICUs recruit in proportion to their patients in the registry, or alike."""
    screened_per_month: Positive = 2.0
    """Patients screened per ICU and month, on average; absent: the study's. Judgement."""
    consent: Annotated[float, Field(gt=0.0, le=1.0)] = 0.3
    """Share of eligible patients who are randomized. Judgement."""
    startup_months: NonNegative = 12.0
    """Months until all ICUs recruit; they open one after the other, at even intervals. Judgement."""
    cost_per_icu: NonNegative | None = None
    """Cost of an ICU that takes part, in any unit."""
    cost_per_patient: NonNegative | None = None
    """Cost of a randomized patient, in the same unit."""

    def cost(self, patients: float) -> float:
        """Return what so many patients cost; NaN where the plan states no cost."""
        if self.cost_per_icu is None and self.cost_per_patient is None:
            return float("nan")
        return self.number * (self.cost_per_icu or 0.0) + patients * (self.cost_per_patient or 0.0)


class Departure(Section):
    """Patients who are not given what they were assigned."""

    share: Share = 0.0
    """Share of the arm."""
    by_severity: Coefficient = 0.0
    """Change of its log odds per SD of day-1 severity; 0: anybody alike."""


class OpenLabel(Departure, Treated):
    """Controls who are given the treatment all the same; without further keys, as it is usually given."""


class Loss(Section):
    """Patients whose outcome is never known."""

    share: Share = 0.0
    """Share of all randomized."""
    dead_odds_ratio: Ratio = 1.0
    """Odds of being lost of those who die against those who live; 1: loss says nothing about the outcome."""


class Conduct(Section):
    """What goes otherwise than planned."""

    nonadherence: Departure = Departure()
    """Treated patients who get nothing."""
    contamination: OpenLabel = OpenLabel()
    """Controls who get the treatment."""
    loss: Loss = Loss()
    """Outcomes that are not known."""
    outcome_lag_days: NonNegative | None = None
    """Days from randomization until an outcome is known; absent: those of the endpoint, and 60 for death
    in hospital or in the ICU, which has no fixed day."""
