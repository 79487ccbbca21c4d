"""How the hypothesis of a plan is tested, and when."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from simsepsis.trial.inputs import Level
from simsepsis.trial.protocol.sections import Checked
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
