"""The tables of a plan file: who, what, where and how, each for itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from simsepsis.errors import UsageError
from simsepsis.trial.effect import SCALES, Effect
from simsepsis.world.section import Coefficient, NonNegative, OpenProbability, Positive, Ratio, Section

Share = Annotated[float, Field(ge=0.0, lt=1.0)]


@contextmanager
def refusing() -> Iterator[None]:
    """Let what planning refuses be refused by the protocol, in the same words."""
    try:
        yield
    except UsageError as error:
        raise ValueError(str(error)) from error


class Checked(Section):
    """A table whose values are also checked together."""

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        with refusing():
            self.check()
        return self

    def check(self) -> None:
        """Raise where values contradict each other."""


class Population(Section):
    """Who is randomized, and when."""

    where: str = "all"
    """Condition on what is known before randomization, such as ``age >= 65 and lactate > 2``."""
    hour: Annotated[float, Field(ge=0.0, le=168.0)] = 12.0
    """Hours from ICU admission to randomization and first dose; follow-up is counted from then on."""


class Treated(Section):
    """Patients who are given something; further keys say what, as the study's worlds read them."""

    model_config = ConfigDict(extra="allow")

    @property
    def treatment(self) -> dict[str, Any]:
        """What is given, such as its dose."""
        return {key: value for key, value in (self.model_extra or {}).items() if value is not None}


class Arm(Treated):
    """A treated arm."""

    name: Annotated[str, Field(min_length=1)]
    """What it is called."""
    ratio: Annotated[float, Field(gt=0.0, le=100.0)] = 1.0
    """Patients for each control."""


class Endpoint(Section):
    """What is compared."""

    name: str
    """One of the outcomes that the study offers its trials. Days are counted from randomization."""
    horizon: Annotated[int, Field(ge=1, le=365)] | None = None
    """Day at which everybody is censored, of a time to an event; it has to be given."""
    control_risk: OpenProbability | None = None
    """Risk of death under control; absent: that of the world. Hazards of death are scaled to meet it."""


class PlannedEffect(Checked):
    """The effect that the trial is planned for: treated as randomized and given, against control."""

    value: float
    """Size."""
    scale: str | None = None
    """risk_ratio, risk_difference, odds_ratio, hazard_ratio, or the endpoint's own: win_ratio,
    probability_index."""
    horizon: Positive | None = None
    """Day at which everybody is censored, of a hazard ratio."""
    arm: str | None = None
    """Arm in which it holds; absent: the last. Other doses do what the world's dose–response says."""
    support_hazard_ratio: Positive = 1.0
    """Hazard of coming off organ support, treated against control, beside the effect on deaths; alone where
    that is none, for days without support."""
    discharge_hazard_ratio: Positive = 1.0
    """Hazard of leaving alive, which competes with death, treated against control, beside the effect on
    deaths."""
    margin: float | None = None
    """Non-inferiority: the worst effect, on the same scale, that is no reason to reject treatment."""
    aim: Literal["benefit", "harm"] = "benefit"
    """What the trial is to find: an effect on the other side is refused as a slip."""

    def check(self) -> None:
        """Raise where the effect has no scale or is none on it."""
        if self.scale is None:
            raise ValueError(
                f'value = {self.value:g} has no scale; write scale = "risk_ratio" beside it, or another of '
                f"{', '.join(SCALES)}"
            )
        _ = self.stated

    @property
    def stated(self) -> Effect:
        """The effect on its scale."""
        return Effect(value=self.value, scale=self.scale, horizon=self.horizon)


MOST_PATIENTS = 5_000_000
"""Patients that a population may have."""


class Run(Section):
    """How much is simulated."""

    trials: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    """Trials."""
    seed: Annotated[int, Field(ge=0)] = 20260101
    """Seed of all random numbers."""
    pool: Annotated[int, Field(ge=1_000, le=MOST_PATIENTS)] = 200_000
    """Eligible patients with their courses under every arm, from whom the trials draw."""


class Allocation(Checked):
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

    def check(self) -> None:
        """Raise where patients are randomized by what is for ICUs."""
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

    @property
    def adhering(self) -> float:
        """Part of a difference that departures leave, where open-label use does what the arm's does."""
        return 1.0 - self.nonadherence.share - self.contamination.share


class Words(Section):
    """Words for statement and estimand; what is absent is made from the rest."""

    population: str = ""
    """Who is randomized, such as “adults with septic shock”."""
    population_ja: str = ""
    """The same in Japanese."""
    treatment: str = ""
    """What the treated arm is given, with dose and days."""
    treatment_ja: str = ""
    """The same in Japanese."""
    control: str = ""
    """What the control arm is given."""
    control_ja: str = ""
    """The same in Japanese."""
    control_risk: str = ""
    """Where the control risk is from: a clause after “this risk”."""
    control_risk_ja: str = ""
    """The same in Japanese."""
    basis: Literal["important", "realistic", "both"] | None = None
    """Whether the effect is one that matters, one that can be expected, or both (DELTA2)."""
    ratio_reason: str = ""
    """Why arms have these sizes: a clause after a semicolon."""
    ratio_reason_ja: str = ""
    """The same in Japanese."""
    icc: str = ""
    """Where the correlation within ICUs is from."""
    icc_ja: str = ""
    """The same in Japanese."""
    cac: str = ""
    """Where the correlation between periods is from."""
    cac_ja: str = ""
    """The same in Japanese."""
    rationale: str = ""
    """Why this effect is the one to detect: whole sentences."""
    rationale_ja: str = ""
    """The same in Japanese."""


class Published(Section):
    """A result of a trial that has been held, to be set against its simulated replicas."""

    quantity: Literal[
        "risk_control", "risk_treated", "risk_difference", "days_control", "days_treated", "days_difference"
    ]
    """Risk of an arm or their difference (treated less control), or the same of mean days without support."""
    value: float
    """As published."""
    source: str = ""
    """Where it stands."""
