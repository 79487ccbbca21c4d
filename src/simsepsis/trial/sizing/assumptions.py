"""What a sample size rests on, without the words around it: the protocol as the formulas see it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from simsepsis.errors import UsageError
from simsepsis.trial.designs.design import RankedDeaths
from simsepsis.trial.effect import Effect, diluted_risks, effect_between
from simsepsis.trial.inputs import Level, probability
from simsepsis.trial.sequential.boundaries import Boundaries
from simsepsis.trial.sequential.spending import Futility


@dataclass(frozen=True, slots=True, kw_only=True)
class Clusters:
    """How ICUs are randomized."""

    icc: float
    number: int
    cac: float | None = None
    cv: float = 0.0
    inverse: float = 1.0
    df: float = math.inf
    steps: int | None = None
    size: float | None = None

    @property
    def periods(self) -> int:
        """Periods of the trial."""
        return 1 + self.steps if self.steps is not None else 1 if self.cac is None else 2

    @property
    def cells(self) -> int:
        """ICUs times periods."""
        return self.number * self.periods

    @property
    def correlated(self) -> dict[str, Any]:
        """What formulas of clusters take beside their size."""
        return {"icc": self.icc, "cv": self.cv, "inverse": self.inverse, "df": self.df}


_OF_CLUSTERS = ("icc", "cac")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """The numbers behind a sample size."""

    test: str
    p_control: float
    effect: Effect
    alpha: float = 0.05
    sides: int = 2
    power: float = 0.9
    ratio: float = 1.0
    formula: str = "pooled"
    boundaries: Boundaries | None = None
    nonadherence: float = 0.0
    contamination: float = 0.0
    loss: float = 0.0
    open_label: float = 1.0
    compared: float = 1.0
    randomization: str = "individual"
    clusters: Clusters | None = None
    horizon: float | None = None
    averaging: float = 1.0
    ranked: RankedDeaths | None = None
    margin: float | None = None
    sparse: float = 1.0

    def __post_init__(self) -> None:
        probability(self.p_control, "p_control")
        if self.clusters is not None and self.randomization == "individual":
            raise UsageError(
                f"icc={self.clusters.icc:g} with randomization='individual' asks for a design effect that "
                "does not exist: patients of one ICU are in both arms; leave it out and stratify by ICU"
            )
        if self.clusters is None and self.randomization != "individual":
            raise UsageError(
                f"randomization={self.randomization!r} has no ICC; give the correlation within an ICU"
            )

    @property
    def counted(self) -> float:
        """Share of all randomized who have an outcome in one of the two arms compared."""
        return self.compared * (1.0 - self.loss)

    @property
    def level(self) -> Level:
        """Type I error and sides."""
        return Level(alpha=self.alpha, sides=self.sides)

    @property
    def futility(self) -> Futility | None:
        """Rule of futility, if there is one."""
        return None if self.boundaries is None else self.boundaries.futility

    @property
    def deathless(self) -> bool:
        """Whether the planned effect is on time without support alone."""
        return self.ranked is not None and self.ranked.base != 0.0

    @property
    def p_treated(self) -> float:
        """Risk of patients who are treated."""
        return self.effect.treated_risk(self.p_control)

    @property
    def risks(self) -> tuple[float, float]:
        """Risks of the two arms as randomized, control first."""
        return diluted_risks(
            self.p_control,
            self.p_treated,
            nonadherence=self.nonadherence,
            contamination=self.contamination * self.open_label,
        )

    @property
    def diluted_effect(self) -> Effect:
        """Effect between the arms as randomized, on the scale of the plan."""
        return effect_between(*self.risks, self.effect.name, horizon=self.effect.horizon)

    def altered(self, name: str, value: float) -> Assumptions:
        """Return the trial planned with another number in one place."""
        changed: dict[str, Any] = {name: value}
        if name in _OF_CLUSTERS and self.clusters is not None:
            return replace(self, clusters=replace(self.clusters, **changed))
        return replace(self, **changed)

    def valued(self, name: str) -> float:
        """Return the number that `altered` would change; parameter: which."""
        return float(getattr(self.clusters if name in _OF_CLUSTERS else self, name))

    def attenuated(self, share: float) -> Assumptions:
        """Return the trial planned for a part of the effect."""
        treated = self.p_control + share * (self.p_treated - self.p_control)
        effect = effect_between(self.p_control, treated, self.effect.name, horizon=self.effect.horizon)
        ranked = self.ranked and replace(self.ranked, base=share * self.ranked.base)
        return replace(self, effect=effect, ranked=ranked)
