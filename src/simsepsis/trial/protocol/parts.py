"""What a protocol says of its arms, endpoint, effect, test and looks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import ConfigDict, Field, model_validator
from scipy.special import ndtri

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
from simsepsis.trial.sequential import (
    SPENDING,
    Boundaries,
    Futility,
    design_group_sequential,
    spent_by,
)
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
    support_hazard_ratio: Positive = 1.0
    """Hazard of coming off organ support, treated against control, beside the effect on deaths."""
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
    """Stopping for futility; one-sided tests only."""


@lru_cache(maxsize=64)
def boundaries_of(looks: Looks, test: Test, comparisons: int = 1) -> Boundaries:
    """Return the boundaries of a test."""
    shared: dict[str, Any] = {"alpha": test.alpha / comparisons, "sides": test.sides}
    spending, parameter = _efficacy(looks, Level(**shared))
    rule, times = looks.futility, looks.information

    def bounded(futility: Futility | None) -> Boundaries:
        return design_group_sequential(
            times, spending=spending, parameter=parameter, futility=futility, **shared
        )

    if rule is None:
        return bounded(None)
    stated = rule.z
    if rule.conditional_power is not None or rule.predictive_power is not None:
        stated = _bounds_of_power(rule, bounded(None))
    kept = Futility(
        spending=rule.spending, parameter=rule.parameter, z=stated, binding=rule.binding, power=test.power
    )
    found = bounded(kept)
    if rule.at is None or found.futility_z is None:
        return found
    _known(rule.at, len(times) - 1, "futility.at")
    bounds = [float(z) if look in rule.at else -math.inf for look, z in enumerate(found.futility_z[:-1], 1)]
    return bounded(replace(kept, z=tuple(bounds)))


def _efficacy(looks: Looks, level: Level) -> tuple[str | tuple[float, ...], float | None]:
    """Return the spending of α and its parameter: as it is, or by look where some looks spend nothing."""
    if looks.efficacy_at is None:
        return looks.spending, looks.parameter
    _known(looks.efficacy_at, len(looks.information), "efficacy_at")
    if looks.spending not in SPENDING:
        raise UsageError(f"efficacy_at needs a spending function, not '{looks.spending}'")
    spent, errors = 0.0, []
    cumulative = spent_by(looks.spending, np.array(looks.information), level.one_sided, looks.parameter)
    for look, error in enumerate(cumulative, 1):
        spent = float(error) if look in (*looks.efficacy_at, len(cumulative)) else spent
        errors.append(level.sides * spent)
    return tuple(errors), None


def _known(numbers: tuple[int, ...], looks: int, key: str) -> None:
    if not numbers or max(numbers) > looks:
        raise UsageError(f"looks.{key} = {list(numbers)} names no look; number them from 1 to {looks}")


def _bounds_of_power(rule: FutilityRule, free: Boundaries) -> tuple[float, ...]:
    """Return the z of each interim look at which conditional or predictive power is the stated one."""
    time, last = free.information[:-1], float(free.z[-1])
    if rule.conditional_power is not None:
        return tuple(np.sqrt(time) * (last + np.sqrt(1.0 - time) * ndtri(rule.conditional_power)))
    return tuple(last * np.sqrt(time) + np.sqrt(1.0 - time) * ndtri(rule.predictive_power))


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
