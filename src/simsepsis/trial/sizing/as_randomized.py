"""A trial as it is randomized: some patients depart from their arm, some are lost."""

from __future__ import annotations

from dataclasses import dataclass, replace

from simsepsis.trial.designs import Design
from simsepsis.trial.effect import Effect, effect_between
from simsepsis.trial.inputs import Level
from simsepsis.trial.sensitivity import diluted_risks
from simsepsis.trial.sequential import SequentialDesign


@dataclass(frozen=True, slots=True, kw_only=True)
class AsRandomized:
    """A design of patients with outcome, told in randomized patients and in effects of treatment taken."""

    design: Design | SequentialDesign
    p_control: float
    effect: Effect
    nonadherence: float = 0.0
    contamination: float = 0.0
    counted: float = 1.0

    @property
    def level(self) -> Level:
        """Type I error and sides."""
        return self.design.level

    @property
    def n_total(self) -> float:
        """Patients randomized, all arms."""
        return self.design.n_total / self.counted

    @property
    def power(self) -> float:
        """Power at the planned effect."""
        return self.power_at(self.effect)

    @property
    def direction(self) -> float:
        """Side of the planned effect."""
        return self.design.direction

    @property
    def horizon(self) -> float | None:
        """Day by which events count, or None."""
        return self.design.horizon

    def diluted(self, effect: Effect) -> Effect:
        """Return the effect between the arms as randomized; parameter: that of treatment taken."""
        arms = diluted_risks(
            self.p_control,
            effect.treated_risk(self.p_control),
            nonadherence=self.nonadherence,
            contamination=self.contamination,
        )
        return effect_between(*arms, effect.name, horizon=effect.horizon)

    def power_at(self, effect: Effect) -> float:
        """Return the power at another effect of treatment taken."""
        return self.design.power_at(self.diluted(effect))

    def with_total(self, n_total: float) -> AsRandomized:
        """Return the trial with another number of randomized patients; parameter: all arms."""
        return replace(self, design=self.design.with_total(n_total * self.counted))
