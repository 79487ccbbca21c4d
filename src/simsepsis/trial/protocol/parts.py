"""What a protocol says of its arms, endpoint, effect, test and looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from simsepsis.errors import UsageError
from simsepsis.estimand import Estimand
from simsepsis.trial.effect import RATIOS, SCALES, Effect
from simsepsis.trial.inputs import Level, chosen
from simsepsis.trial.priors import (
    COHORT,
    Prior,
    bridge_prior,
    load_priors,
    prior_from_interval,
)
from simsepsis.trial.protocol.bias import MEASURED_ON, MeasuredBias
from simsepsis.trial.sequential import Boundaries, Futility, design_group_sequential
from simsepsis.world.section import OpenProbability, Positive, Section


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
    binding: bool = False
    """Whether the efficacy bounds rely on it."""
    followed: bool = True
    """Whether the simulated trials stop for it; a rule that binds is always followed."""


class Looks(Section):
    """When the data are looked at, and what stops the trial."""

    information: tuple[float, ...] = (1.0,)
    """Fractions of the patients whose outcome is due, increasing to 1."""
    spending: str = "ld_obrien_fleming"
    """Efficacy: obrien_fleming, pocock, wang_tsiatis, haybittle_peto, ld_obrien_fleming, ld_pocock, hsd,
    kim_demets."""
    parameter: float | None = None
    """Parameter of the rule."""
    futility: FutilityRule | None = None
    """Stopping for futility; one-sided tests only."""


@lru_cache(maxsize=64)
def boundaries_of(looks: Looks, test: Test, comparisons: int = 1) -> Boundaries:
    """Return the boundaries of a test."""
    rule = looks.futility
    futility = None
    if rule is not None:
        futility = Futility(
            spending=rule.spending,
            parameter=rule.parameter,
            z=rule.z,
            binding=rule.binding,
            power=test.power,
        )
    return design_group_sequential(
        looks.information,
        alpha=test.alpha / comparisons,
        sides=test.sides,
        spending=looks.spending,
        parameter=looks.parameter,
        futility=futility,
    )


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


class Run(Section):
    """How much is simulated."""

    trials: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    """Trials."""
    seed: Annotated[int, Field(ge=0)] = 20260101
    """Seed of all random numbers."""
    pool: Annotated[int, Field(ge=1_000, le=5_000_000)] = 200_000
    """Eligible patients with their courses under every arm, from whom the trials draw."""
