"""A fixed design: how many patients, by which formula, for which effect, and its power at any other."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Protocol

from scipy.special import ndtr

from simsepsis.errors import UsageError
from simsepsis.trial.effect import Effect
from simsepsis.trial.inputs import Level, chosen, positive

RANDOMIZATIONS = ("individual", "parallel_cluster", "cluster_crossover", "stepped_wedge")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What one patient tells about an effect."""

    delta: float
    sd_null: float
    sd_true: float
    shift: float = 0.0

    def total(self, z_alpha: float, z_beta: float) -> float:
        """Return the number of patients that gives a power: N with δ√N − shift/√N = z_α·sd₀ + z_β·sd₁."""
        needed = z_alpha * self.sd_null + z_beta * self.sd_true
        root = needed + math.sqrt(needed * needed + 4.0 * self.delta * self.shift)
        return (root / (2.0 * self.delta)) ** 2

    def power(self, n_total: float, z_alpha: float) -> float:
        """Return the probability of rejecting in the planned direction."""
        root = math.sqrt(n_total)
        reached = self.delta * root - self.shift / root - z_alpha * self.sd_null
        return float(ndtr(reached / self.sd_true))


class Endpoint(Protocol):
    """An endpoint with its test: knows what each patient tells about an effect."""

    @property
    def name(self) -> str:
        """Name of the test."""

    def signal(self, effect: Effect) -> Signal:
        """Return what one patient tells, `delta` positive where treated patients have more or do better."""

    def event_probability(self, effect: Effect) -> float | None:
        """Return the mean probability of an event over both arms, or None where there are no events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """A trial with one analysis at the end.

    `n_total` is not rounded; `rounded` gives whole patients and the power that they have. `power` is the
    probability of rejecting in the planned direction. `design_effect` is variance over that of individual
    randomization, and `clusters` the number of clusters, both only where clusters are randomized. `notes` are
    sentences that belong beside the number.
    """

    endpoint: Endpoint
    formula: str
    reference: str
    effect: Effect
    alpha: float
    sides: int
    power: float
    ratio: float
    n_total: float
    p_control: float | None = None
    horizon: float | None = None
    randomization: str = "individual"
    design_effect: float = 1.0
    clusters: float | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        chosen(self.randomization, RANDOMIZATIONS, "randomization")
        positive(self.n_total, "n_total")
        if self.randomization == "individual" and self.design_effect != 1.0:
            raise UsageError(
                f"design_effect={self.design_effect:g} on an individually randomized trial is wrong: "
                "patients of one ICU are in both arms; leave it out and stratify the analysis by ICU"
            )

    @property
    def level(self) -> Level:
        """Type I error and sides."""
        return Level(alpha=self.alpha, sides=self.sides)

    @property
    def n_control(self) -> float:
        """Patients in the control arm, not rounded."""
        return self.n_total / (1.0 + self.ratio)

    @property
    def n_treated(self) -> float:
        """Patients in the treated arm, not rounded."""
        return self.n_total - self.n_control

    @property
    def events(self) -> float | None:
        """Expected events in both arms at the planned effect, or None where the endpoint has none."""
        share = self.endpoint.event_probability(self.effect)
        return None if share is None else share * self.n_total

    @property
    def p_treated(self) -> float | None:
        """Risk under treatment at the planned effect, or None where the endpoint has no risk."""
        return None if self.p_control is None else self.effect.treated_risk(self.p_control)

    @property
    def direction(self) -> float:
        """1 where the planned effect makes the outcome measure larger, −1 where smaller."""
        return math.copysign(1.0, self.effect.coefficient)

    def signal_at(self, effect: Effect) -> Signal:
        """Return what one patient tells of an effect, positive in the planned direction."""
        told = self.endpoint.signal(effect)
        planned = self.endpoint.signal(self.effect)
        return replace(told, delta=math.copysign(1.0, planned.delta) * told.delta)

    def power_at(self, effect: Effect, *, n_total: float | None = None) -> float:
        """Return the probability of rejecting in the planned direction at another true effect."""
        given = self.n_total if n_total is None else positive(n_total, "n_total")
        return self.signal_at(effect).power(given / self.design_effect, self.level.z)

    def with_total(self, n_total: float) -> Design:
        """Return the design with another number of patients, and the power that it then has."""
        grown = positive(n_total, "n_total") / self.n_total
        return replace(
            self,
            n_total=n_total,
            power=self.power_at(self.effect, n_total=n_total),
            clusters=None if self.clusters is None else self.clusters * grown,
        )

    def with_power(self, power: float) -> Design:
        """Return the design with the patients that another power needs."""
        z_power = self.level.z_power(power)
        needed = self.signal_at(self.effect).total(self.level.z, z_power) * self.design_effect
        return replace(self.with_total(needed), power=power)

    def rounded(self) -> Design:
        """Return the design with whole patients in each arm, rounded up, and the power that they have."""
        arms = math.ceil(self.n_control - 1e-9), math.ceil(self.n_treated - 1e-9)
        return replace(self.with_total(float(sum(arms))), ratio=arms[1] / arms[0])


def fixed_design(endpoint: Endpoint, effect: Effect, level: Level, power: float, **told: Any) -> Design:
    """Return the design that has a power at an effect; `told` are further fields of it."""
    found = endpoint.signal(effect)
    if found.delta == 0:
        raise UsageError(
            f"{effect.name}={effect.value:g} is no effect, so no sample size detects it; plan for an effect"
        )
    needed = replace(found, delta=abs(found.delta)).total(level.z, level.z_power(power))
    return Design(
        endpoint=endpoint,
        effect=effect,
        n_total=needed,
        alpha=level.alpha,
        sides=level.sides,
        power=power,
        **told,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedDeaths:
    """A rank statistic whose effect follows the risk of death, or is there without one (`base`)."""

    scale: str
    slope: float
    sd_null: float
    sd_true: float
    reference: str
    p_control: float
    base: float = 0.0
    name: str = "ranks"

    def signal(self, effect: Effect) -> Signal:
        """Return what one patient tells of an effect; positive where treatment lowers the risk."""
        saved = self.p_control - effect.treated_risk(self.p_control)
        return Signal(delta=self.base + self.slope * saved, sd_null=self.sd_null, sd_true=self.sd_true)

    def event_probability(self, effect: Effect) -> float:
        """Return the mean risk of death over both arms of one size."""
        return 0.5 * (self.p_control + effect.treated_risk(self.p_control))
