"""The protocol of a trial: every key of a plan file, and what follows from them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from simsepsis.documents import sentence
from simsepsis.errors import ExperimentError, UsageError
from simsepsis.estimand import Estimand
from simsepsis.study.published import DEFAULT
from simsepsis.trial.adaptive import AdaptiveDesign
from simsepsis.trial.borrowing import BetaMixture, map_prior
from simsepsis.trial.designs.design import Design
from simsepsis.trial.designs.follow_up import design_follow_up
from simsepsis.trial.designs.noninferiority import margin_of
from simsepsis.trial.effect import RATIOS, SCALES, Effect
from simsepsis.trial.inputs import Level, chosen
from simsepsis.trial.ordinal import design_ordinal
from simsepsis.trial.priors import COHORT, Prior, bridge_prior, load_priors, mix_priors, prior_from_interval
from simsepsis.trial.protocol.bias import MEASURED_ON, Bias, measured_bias
from simsepsis.trial.protocol.bounds import boundaries_of
from simsepsis.trial.protocol.checks import check
from simsepsis.trial.protocol.condition import Condition, parse_condition
from simsepsis.trial.protocol.offer import Offer, Outcome, offer_of
from simsepsis.trial.sequential.boundaries import Boundaries
from simsepsis.world.changes import Changes, WorldChoice, with_changed
from simsepsis.world.files import load_scenario
from simsepsis.world.section import Coefficient, Name, NonNegative, OpenProbability, Positive, Ratio, Section

Share = Annotated[float, Field(ge=0.0, lt=1.0)]
LONG_LAG_DAYS = 60.0
"""Days by which nearly all stays have ended; deaths in hospital have no fixed day. Judgement."""


@contextmanager
def refusing() -> Iterator[None]:
    """Let what planning refuses be refused by the protocol, in the same words."""
    try:
        yield
    except UsageError as error:
        raise ValueError(str(error)) from error


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


class PlannedEffect(Section):
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

    @model_validator(mode="after")
    def _with_scale(self) -> Self:
        if self.scale is None:
            raise ValueError(
                f'value = {self.value:g} has no scale; write scale = "risk_ratio" beside it, or another of '
                f"{', '.join(SCALES)}"
            )
        with refusing():
            _ = self.stated
        return self

    @property
    def stated(self) -> Effect:
        """The effect on its scale."""
        return Effect(value=self.value, scale=self.scale, horizon=self.horizon)


class Test(Section):
    """How the primary hypothesis is tested."""

    __test__ = False

    alpha: OpenProbability = 0.05
    """Type I error, of all sides."""
    sides: Annotated[int, Field(ge=1, le=2)] = 2
    """Sides."""
    power: OpenProbability = 0.9
    """Wanted at the planned effect."""
    assurance: OpenProbability | None = None
    """Wanted on average over the priors; refused above their ceiling."""
    analysis: Literal["unadjusted", "stratified", "adjusted", "cluster_means", "gee"] = "unadjusted"
    """unadjusted: two arms of independent patients; stratified: Mantel–Haenszel, stratified log-rank or van
    Elteren over `strata`; adjusted: marginal effect standardized over a logistic model with `covariates`;
    cluster_means and gee: where ICUs are randomized."""
    strata: tuple[str, ...] = ("icu",)
    """Strata of a stratified analysis: ``icu``, or conditions; absent: the study's."""
    covariates: tuple[str, ...] = ()
    """Covariates of an adjusted analysis; absent: the study's."""
    estimate: Literal["risk_difference", "risk_ratio", "odds_ratio"] | None = None
    """Scale on which a binary endpoint's effect is estimated; absent: that of the effect, if it is one."""
    multiplicity: Literal["dunnett", "closed", "bonferroni"] = "closed"
    """Several arms: single-step or step-down against the same control, or α shared out."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        with refusing():
            Level(alpha=self.alpha, sides=self.sides)
        return self

    @property
    def level(self) -> Level:
        """Type I error and sides."""
        return Level(alpha=self.alpha, sides=self.sides)


class FutilityRule(Section):
    """When a trial without promise stops."""

    spending: str = "hsd"
    """Spending function of β."""
    parameter: float | None = None
    """Its parameter."""
    z: tuple[float, ...] | None = None
    """Bounds of all looks but the last, in place of spending."""
    conditional_power: OpenProbability | None = None
    """Conditional power under the current trend below which it stops, in place of spending."""
    predictive_power: OpenProbability | None = None
    """The same of predictive power, nothing being known beforehand."""
    at: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    """Numbers of the looks that may stop for it; absent: all but the last."""
    binding: bool = False
    """Whether the efficacy bounds rely on it."""
    followed: bool = True
    """Whether the simulated trials stop for it; a rule that binds is always followed."""

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        stated = {
            "z": self.z,
            "conditional_power": self.conditional_power,
            "predictive_power": self.predictive_power,
        }
        told = [name for name, value in stated.items() if value is not None]
        if len(told) > 1:
            raise ValueError(f"{' and '.join(told)} are two rules; keep one")
        if told and told[0] != "z" and self.binding:
            raise ValueError(f"binding = true does not go with {told[0]}, which rests on the efficacy bounds")
        return self


class Looks(Section):
    """When the data are looked at, and what stops the trial."""

    information: tuple[float, ...] = (1.0,)
    """Fractions of the patients whose outcome is due, increasing to 1."""
    spending: str = "ld_obrien_fleming"
    """Efficacy: obrien_fleming, pocock, wang_tsiatis, haybittle_peto, ld_obrien_fleming, ld_pocock, hsd,
    kim_demets."""
    parameter: float | None = None
    """Parameter of the rule."""
    efficacy_at: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    """Numbers of the looks that may stop for efficacy, of a spending function; absent: all."""
    futility: FutilityRule | None = None
    """Stopping for futility; in a two-sided test where |z| is small, which does not bind."""


class MeasuredBias(Section):
    """Where the bias of a method is to be read."""

    performance: str
    """``performance.csv`` of an experiment, beside the plan or from the working folder."""
    method: str
    """Method behind the estimate."""
    estimand: str
    """What it estimates, on the scale of the estimate."""
    scenarios: tuple[str, ...] = ()
    """Worlds of the experiment held possible, each as likely as the others; absent: all of them."""

    @property
    def measured(self) -> Bias:
        """The bias over the worlds."""
        return measured_bias(self.performance, self.method, self.estimand, self.scenarios)


class PriorWeight(Section):
    """A prior for the effect, shipped or stated, and its weight."""

    name: str
    """One of the study's priors, or a new name."""
    weight: Annotated[float, Field(gt=0.0, le=1.0)]
    """Weight in the mixture."""
    label: str = ""
    """What the texts call a new prior; absent: its name."""
    estimate: float | None = None
    """Of a new prior: effect, with `low`, `high` and `scale`."""
    low: float | None = None
    """Lower 95% limit."""
    high: float | None = None
    """Upper 95% limit."""
    scale: str | None = None
    """Scale of the three."""
    source: str = ""
    """Where they are from."""
    bias: MeasuredBias | None = None
    """Of an observational estimate: what the experiments measured of its method."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        own = {"estimate": self.estimate, "low": self.low, "high": self.high, "scale": self.scale}
        missing = [name for name, value in own.items() if value is None]
        if missing and len(missing) < len(own):
            raise ValueError(f"has no {missing[0]}; a prior of your own has estimate, low, high and scale")
        if self.estimate is not None and self.low is not None and self.high is not None:
            with refusing():
                chosen(str(self.scale), SCALES, "scale")
            if not self.low < self.estimate < self.high:
                raise ValueError(
                    f"estimate = {self.estimate:g} is not between low = {self.low:g} and high = "
                    f"{self.high:g}; give the interval as low, high"
                )
            if self.scale in RATIOS and self.low <= 0.0:
                raise ValueError(f"low = {self.low:g} of a {self.scale} is not above 0; give a positive one")
        return self

    @model_validator(mode="after")
    def _one_scale(self) -> Self:
        scale = MEASURED_ON.get(self.scale or "")
        if self.bias is not None and Estimand.parse(self.bias.estimand).scale != scale:
            raise ValueError(
                f"bias of {self.bias.estimand} is not on the scale of the estimate ({self.scale}); name an "
                f"estimand that begins with {scale or 'one of ' + ', '.join(MEASURED_ON.values())}"
            )
        return self

    def prior(self, study: str | None = None) -> Prior:
        """Return the prior itself."""
        if self.estimate is None or self.low is None or self.high is None:
            known = load_priors(study)
            return known[chosen(self.name, known, "name")]
        stated = prior_from_interval(
            self.estimate,
            self.low,
            self.high,
            scale=str(self.scale),
            name=self.name,
            label=self.label,
            source=self.source,
        )
        if self.bias is None:
            return stated
        told, off = stated.components[0], self.bias.measured
        corrected = bridge_prior(
            told.mean,
            told.sd,
            off.mean,
            off.mcse,
            scale=told.scale,
            weights={COHORT: 1.0},
            bias_sd=off.sd,
            name=self.name,
        )
        return replace(corrected, source=f"{self.source}; bias of {self.bias.method} from simulation")


class Adaptive(Section):
    """The plan's arms in a Bayesian adaptive trial of its event, beside the plan."""

    looks: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]
    """Patients with a known outcome at each look."""
    randomized: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    """Patients randomized at each look, more than that while outcomes mature; absent: as many."""
    superiority: OpenProbability | None = None
    """Probability of being the best arm from which it stops; absent: searched, for `error`."""
    error: OpenProbability = 0.025
    """Type I error: how often arms that do not differ may be called superior."""
    inferiority: OpenProbability | None = None
    """Probability of being best below which an arm is dropped; absent: one less `superiority`."""
    equivalence: OpenProbability | None = None
    """Probability that all arms differ by less than `difference` from which it stops; absent: never."""
    difference: OpenProbability = 0.05
    """Difference of risks that is none."""
    least: Share = 0.0
    """Least share of every arm that is left; the rest follows the probability of being best."""
    soften: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0
    """Power of that probability: 0 for equal shares."""
    risks: tuple[OpenProbability, ...] | None = None
    """Risks of the arms, control first; absent: those of the plan's world, as randomized."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        with refusing():
            _ = self.design
        return self

    @property
    def design(self) -> AdaptiveDesign:
        """The trial, with a high threshold where it is to be searched."""
        shared = self.model_dump(exclude={"looks", "randomized", "superiority", "error", "risks"})
        return AdaptiveDesign(
            looks=self.looks,
            randomized=self.randomized or self.looks,
            superiority=self.superiority or 0.99,
            **shared,
        )


class Borrowing(Section):
    """Controls of a registry or of earlier trials, borrowed for the plan's event."""

    events: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """Events of each earlier control group."""
    patients: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Patients of each."""
    tau: Positive = 1.0
    """Scale of a half-normal prior on the SD of their log odds."""
    shapes: tuple[Positive, Positive] | None = None
    """Beta distribution of the control risk, in place of groups."""
    robust: Share = 0.0
    """Weight of a part of the prior that knows nothing."""
    controls: Annotated[int, Field(ge=1, le=5_000)] | None = None
    """Controls of the trial itself with a known outcome; absent: the plan's."""
    treated: Annotated[int, Field(ge=1, le=5_000)] | None = None
    """The same of the treated."""
    threshold: OpenProbability = 0.975
    """Posterior probability of benefit from which it is claimed."""
    rates: tuple[OpenProbability, ...] | None = None
    """True control risks; absent: the plan's, and 5 and 10 points around it."""
    higher_is_better: bool = False
    """Whether the event is to be sought."""
    bias: MeasuredBias | None = None
    """How far off the source is, as experiments measured it on the log odds ratio: the error in each."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        with refusing():
            _ = self.prior
        if self.bias is not None and Estimand.parse(self.bias.estimand).scale != "log_or":
            raise ValueError(f"bias of {self.bias.estimand} is not on the log odds ratio; name one of it")
        return self

    @property
    def prior(self) -> BetaMixture:
        """What is known of the control risk."""
        if self.shapes is None:
            return map_prior(self.events, self.patients, tau=self.tau).robust(self.robust)
        a, b = self.shapes
        return BetaMixture(weights=(1.0,), a=(a,), b=(b,)).robust(self.robust)


class Ordinal(Section):
    """Ordered categories in place of the plan's endpoint, compared under proportional odds."""

    control: tuple[Annotated[float, Field(ge=0.0, le=1.0)], ...]
    """Shares of controls in the categories, worst first."""
    odds_ratio: Positive
    """Odds of a better category, treated against control."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        with refusing():
            design_ordinal(self.control, self.odds_ratio)
        return self


class FollowUp(Section):
    """Time to an event when patients enter over time and are followed to the trial's end."""

    hazard_ratio: Positive
    """Treated against control."""
    hazard: Positive | None = None
    """Of the event under control, for each unit of time."""
    median: Positive | None = None
    """Median time to the event under control, in place of the hazard."""
    accrual: tuple[Positive, ...]
    """Ends of the pieces of accrual."""
    pace: tuple[Positive, ...] = (1.0,)
    """Patients for each unit of time in every piece; only their proportions matter."""
    end: Positive
    """When the last patient is no longer followed."""
    dropout: NonNegative = 0.0
    """Hazard of being lost."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if (self.hazard is None) == (self.median is None):
            raise ValueError("give either hazard or median, such as median = 20")
        with refusing():
            self.design("schoenfeld", 0.05, 2, 0.9, 1.0)
        return self

    def design(self, formula: str, alpha: float, sides: int, power: float, ratio: float) -> Design:
        """Return the trial by a formula."""
        return design_follow_up(
            self.hazard_ratio,
            self.hazard or math.log(2.0) / (self.median or 1.0),
            accrual=self.accrual,
            pace=self.pace,
            end=self.end,
            dropout=self.dropout,
            alpha=alpha,
            sides=sides,
            power=power,
            ratio=ratio,
            formula=formula,
        )


class Run(Section):
    """How much is simulated."""

    trials: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    """Trials."""
    seed: Annotated[int, Field(ge=0)] = 20260101
    """Seed of all random numbers."""
    pool: Annotated[int, Field(ge=1_000, le=5_000_000)] = 200_000
    """Eligible patients with their courses under every arm, from whom the trials draw."""


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


VARIANTS = ("adaptive", "borrowing", "ordinal", "follow_up")
"""Keys of other designs of the same trial, which are told beside it."""


class TrialProtocol(Section):
    """A trial as it is planned, before anything is computed."""

    name: Name
    """Short name, as in file names."""
    label: str
    """One line for people."""
    question: str
    """What the trial asks."""
    study: str = DEFAULT
    """Name or folder of the study that it is about."""
    world: WorldChoice
    """The cohort that its patients come from."""
    control: str = "placebo"
    """What the control arm is given."""
    population: Population = Population()
    """Who is randomized."""
    arms: Annotated[tuple[Arm, ...], Field(min_length=1)]
    """Treated arms."""
    endpoint: Endpoint
    """What is compared."""
    effect: PlannedEffect
    """What the trial is planned for."""
    test: Test = Test()
    """How it is tested."""
    n_total: Annotated[int, Field(ge=10, le=1_000_000)] | None = None
    """Patients randomized, all arms; absent: what the power needs."""
    n_max: Annotated[int, Field(ge=10)] = 1_000_000
    """Most patients that a solved size may have: more is no trial that could be held."""
    allocation: Allocation = Allocation()
    """Patients or ICUs, and how."""
    sites: Sites = Sites()
    """Where, and how fast."""
    conduct: Conduct = Conduct()
    """What goes otherwise than planned."""
    looks: Looks = Looks()
    """Interim analyses."""
    priors: tuple[PriorWeight, ...] = ()
    """Beliefs about the effect, for the assurance; weights sum to 1."""
    words: Words = Words()
    """What the texts say in the protocol's own words."""
    published: tuple[Published, ...] = ()
    """Results of a trial that has been held as this one is planned."""
    run: Run = Run()
    """How much is simulated."""
    adaptive: Adaptive | None = None
    """The same arms in a Bayesian adaptive trial."""
    borrowing: Borrowing | None = None
    """The same trial with borrowed controls."""
    ordinal: Ordinal | None = None
    """The same trial of ordered categories."""
    follow_up: FollowUp | None = None
    """The same trial with everybody followed to its end."""

    @model_validator(mode="before")
    @classmethod
    def _as_the_study_has_it(cls, values: Any) -> Any:
        """Fill in what the study's plans say where a file does not."""
        if not isinstance(values, Mapping):
            return values
        told = _as_said(values)
        with refusing():
            told = _filled(told, offer_of(str(told.get("study", DEFAULT))).plan)
        sites, world = told.setdefault("sites", {}), told.get("world")
        if isinstance(sites, dict) and "number" not in sites and isinstance(world, dict) and "base" in world:
            found = load_scenario(str(world["base"])).site_count
            told["sites"] = {**({"number": found} if found else {}), **sites}
        return told

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        with refusing():
            check(self)
        return self

    @property
    def offer(self) -> Offer:
        """What the study offers its trials."""
        return offer_of(self.study)

    @property
    def outcome(self) -> Outcome:
        """The endpoint as the study has it, with its day."""
        return self.outcome_of(self.endpoint.name, self.endpoint.horizon)

    def outcome_of(self, name: str, horizon: int | None = None) -> Outcome:
        """Return one of the study's outcomes, a time with the day of its censoring."""
        outcome = self.offer.outcomes[name]
        return outcome if horizon is None else outcome.model_copy(update={"day": horizon})

    @property
    def risk(self) -> Outcome:
        """The outcome that effects on scales of risks are about."""
        return self.offer.outcomes[self.outcome.after] if self.outcome.after else self.outcome

    @property
    def condition(self) -> Condition:
        """Who is randomized."""
        return self.parsed(self.population.where)

    def parsed(self, condition: str) -> Condition:
        """Return a condition on what is known before randomization."""
        return parse_condition(condition, self.offer.known)

    @property
    def open_label(self) -> dict[str, Any]:
        """What controls get who are given the treatment all the same."""
        return self.conduct.contamination.treatment or self.offer.usual

    @property
    def planned(self) -> Effect:
        """The planned effect on its scale."""
        return self.effect.stated

    @property
    def margin(self) -> Effect | None:
        """The margin of non-inferiority, if that is the question."""
        return None if self.effect.margin is None else margin_of(self.planned, self.effect.margin)

    @property
    def support_alone(self) -> bool:
        """Whether treatment is planned to shorten organ support and to save nobody."""
        return self.planned.coefficient == 0.0 and self.effect.support_hazard_ratio != 1.0

    @property
    def benefit(self) -> bool:
        """Whether the planned effect makes patients better."""
        higher_is_better = self.planned.name in ("win_ratio", "probability_index")
        return (self.planned.coefficient > 0.0) == higher_is_better

    @property
    def stated_total(self) -> int | None:
        """Patients randomized if the file says how many, in all or in each ICU and period; else None."""
        if self.n_total is None and self.allocation.cluster_size is not None:
            return self.allocation.cluster_size * self.sites.number * self.allocation.periods
        return self.n_total

    @property
    def effect_arm(self) -> int:
        """Index among the treated arms of the one in which the planned effect holds."""
        names = [arm.name for arm in self.arms]
        return len(names) - 1 if self.effect.arm is None else names.index(self.effect.arm)

    @property
    def scale(self) -> str:
        """Scale on which the effect is estimated."""
        if self.outcome.kind == "time":
            return "hazard_ratio"
        if self.outcome.rank_scale is not None:
            return self.outcome.rank_scale
        if self.test.analysis == "gee":
            return "odds_ratio"
        usable = self.effect.scale in ("risk_difference", "risk_ratio", "odds_ratio")
        return self.test.estimate or (str(self.effect.scale) if usable else "risk_difference")

    @property
    def boundaries(self) -> Boundaries:
        """Boundaries of one comparison; α is shared out among several by bonferroni only."""
        shared = self.test.multiplicity == "bonferroni"
        return boundaries_of(self.looks, self.test, len(self.arms) if shared else 1)

    @property
    def weighted(self) -> list[tuple[float, Prior]]:
        """The priors with their weights."""
        found = []
        for number, part in enumerate(self.priors):
            try:
                found.append((part.weight, part.prior(self.study)))
            except UsageError as error:
                raise UsageError(f"priors.{number}: {error}") from error
        return found

    @property
    def prior(self) -> Prior:
        """Mixture of the priors."""
        return mix_priors(self.weighted)

    @property
    def assurance_ceiling(self) -> float:
        """Probability of an effect on the planned side, which no assurance exceeds."""
        side = 1.0 if self.planned.coefficient > 0.0 else -1.0
        return sum(part.weight * part.beyond(0.0, side) for part in self.prior.components)

    @property
    def outcome_lag_days(self) -> float:
        """Days from randomization until an outcome is known."""
        stated, days = self.conduct.outcome_lag_days, self.outcome.days
        return stated if stated is not None else min(days, LONG_LAG_DAYS)

    @property
    def hash(self) -> str:
        """16 hexadecimal digits that change with anything the protocol says."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def __hash__(self) -> int:
        """Return a hash by content, so that what is built for a protocol can be kept."""
        return hash(self.hash)

    def changed(self, changes: Changes) -> TrialProtocol:
        """Return the protocol with some of its values replaced, and checked again."""
        values: Mapping[str, Any] = self.model_dump()
        for key, value in changes.items():
            values = with_changed(values, key.split("."), value, f"{self.name}: {key}")
        try:
            return TrialProtocol.model_validate(values)
        except ValidationError as error:
            raise ExperimentError(f"{self.name}: {sentence(error, TrialProtocol)}") from error


def _as_said(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested values as a file would say them: of a section what was said, without defaults."""
    said = {}
    for key, value in values.items():
        inner = value.model_dump(exclude_unset=True) if isinstance(value, BaseModel) else value
        said[key] = _as_said(inner) if isinstance(inner, Mapping) else inner
    return said


def _filled(values: Any, usual: Mapping[str, Any]) -> Any:
    """Return nested values with those that are lacking; what is no table stays for the check of its kind."""
    if not isinstance(values, Mapping):
        return values
    filled = {
        key: _filled(values.get(key, {}), value) if isinstance(value, Mapping) else value
        for key, value in usual.items()
        if isinstance(value, Mapping) or key not in values
    }
    return {**values, **filled}
