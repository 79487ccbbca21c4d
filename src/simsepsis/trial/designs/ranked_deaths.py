"""An endpoint of ranks that contains death: what one patient tells of an effect that is stated on deaths."""

from __future__ import annotations

from dataclasses import dataclass

from simsepsis.trial.designs.design import Signal
from simsepsis.trial.effect import Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedDeaths:
    """A rank statistic whose effect follows the risk of death."""

    scale: str
    slope: float
    sd_null: float
    sd_true: float
    reference: str
    p_control: float

    @property
    def name(self) -> str:
        """Name of the test."""
        return "ranks"

    def signal(self, effect: Effect) -> Signal:
        """Return what one patient tells of an effect; positive where treatment lowers the risk."""
        saved = self.p_control - effect.treated_risk(self.p_control)
        return Signal(delta=self.slope * saved, sd_null=self.sd_null, sd_true=self.sd_true)

    def event_probability(self, effect: Effect) -> float:
        """Return the mean risk of death over both arms of one size."""
        return 0.5 * (self.p_control + effect.treated_risk(self.p_control))
