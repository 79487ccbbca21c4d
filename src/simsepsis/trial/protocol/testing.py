"""How the hypothesis of a plan is tested, when, and by which boundaries it is stopped."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field
from scipy.special import ndtri

from simsepsis.errors import UsageError
from simsepsis.trial.inputs import Level
from simsepsis.trial.protocol.sections import Checked
from simsepsis.trial.sequential.boundaries import Boundaries
from simsepsis.trial.sequential.planning import design_group_sequential
from simsepsis.trial.sequential.spending import SPENDING, Futility, spent_by
from simsepsis.world.section import OpenProbability, Section


class Test(Checked):
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

    def check(self) -> None:
        """Raise where there is no such level."""
        _ = self.level

    @property
    def level(self) -> Level:
        """Type I error and sides."""
        return Level(alpha=self.alpha, sides=self.sides)


class FutilityRule(Checked):
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

    def check(self) -> None:
        """Raise where there are two rules."""
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
