"""Effects that say on which scale they are.

A ratio without its scale is the commonest way to plan the wrong trial: at a control risk of 33 %, a risk
ratio of 0.81 is a hazard ratio of 0.777, and taking one for the other changes the sample size by 28 to 42
%.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from simsepsis.errors import UsageError
from simsepsis.trial.inputs import chosen, number, positive, probability, within


def _odds(risk: float) -> float:
    return risk / (1.0 - risk)


_TREATED_RISK: dict[str, Callable[[float, float], float]] = {
    "risk_difference": lambda risk, effect: risk + effect,
    "risk_ratio": lambda risk, effect: risk * effect,
    "odds_ratio": lambda risk, effect: _odds(risk) * effect / (1.0 + _odds(risk) * effect),
    "hazard_ratio": lambda risk, effect: -math.expm1(effect * math.log1p(-risk)),
}
_BETWEEN: dict[str, Callable[[float, float], float]] = {
    "risk_difference": lambda control, treated: treated - control,
    "risk_ratio": lambda control, treated: treated / control,
    "odds_ratio": lambda control, treated: _odds(treated) / _odds(control),
    "hazard_ratio": lambda control, treated: math.log1p(-treated) / math.log1p(-control),
}
RISK_SCALES = tuple(_TREATED_RISK)
RATIOS = ("risk_ratio", "odds_ratio", "hazard_ratio", "win_ratio")
_NULL = {scale: 1.0 for scale in RATIOS} | {"risk_difference": 0.0, "probability_index": 0.5}
SCALES = tuple(_NULL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A treatment effect, treated against control, on a named scale.

    `scale` is risk_difference, risk_ratio, odds_ratio, hazard_ratio, win_ratio or probability_index (the
    probability that a treated patient does better than a control, ties counted half). A hazard ratio needs
    the `horizon` in days at which everybody is censored.
    """

    value: float
    scale: str | None = None
    horizon: float | None = None

    def __post_init__(self) -> None:
        if self.scale is None:
            raise UsageError(
                f"effect {self.value!r} has no scale; write Effect(value={self.value!r}, scale='risk_ratio') "
                f"or another of {', '.join(SCALES)}"
            )
        chosen(self.scale, SCALES, "scale")
        number(self.value, "effect")
        if self.scale in RATIOS:
            positive(self.value, self.scale)
        if self.scale == "hazard_ratio" and self.horizon is None:
            raise UsageError(
                f"hazard ratio {self.value:g} has no horizon; give the day at which every patient is "
                "censored, such as horizon=28"
            )
        if self.horizon is not None:
            positive(self.horizon, "horizon")

    @property
    def name(self) -> str:
        """The scale, which every effect has."""
        return str(self.scale)

    @property
    def null(self) -> float:
        """Value of no effect: 1 for ratios, 0 for differences, ½ for the probability index."""
        return _NULL[self.name]

    @property
    def coefficient(self) -> float:
        """The effect where no effect is 0: the log of a ratio, otherwise the distance from no effect."""
        return math.log(self.value) if self.scale in RATIOS else self.value - self.null

    def treated_risk(self, p_control: float) -> float:
        """Return the risk under treatment."""
        if self.scale not in RISK_SCALES:
            raise UsageError(
                f"a {self.name} of {self.value:g} does not give a risk; use one of {', '.join(RISK_SCALES)}"
            )
        treated = _TREATED_RISK[self.name](probability(p_control, "p_control"), self.value)
        if not 0.0 < treated < 1.0:
            raise UsageError(
                f"{self.name}={self.value:g} on a control risk of {p_control:g} gives a treated risk of "
                f"{treated:g}; choose an effect that keeps it between 0 and 1"
            )
        return treated

    def on(self, scale: str, p_control: float, *, horizon: float | None = None) -> Effect:
        """Return the same effect on another scale of risks."""
        days = self.horizon if horizon is None else horizon
        if scale == self.scale:
            return Effect(value=self.value, scale=scale, horizon=days)
        return effect_between(p_control, self.treated_risk(p_control), scale, horizon=days)


def effect_between(p_control: float, p_treated: float, scale: str, *, horizon: float | None = None) -> Effect:
    """Return the effect between two risks on a named scale."""
    chosen(scale, RISK_SCALES, "scale")
    risks = probability(p_control, "p_control"), probability(p_treated, "p_treated")
    return Effect(value=_BETWEEN[scale](*risks), scale=scale, horizon=horizon)


def effect_from_coefficient(coefficient: float, scale: str, *, horizon: float | None = None) -> Effect:
    """Return the effect whose `coefficient` this is."""
    chosen(scale, SCALES, "scale")
    value = math.exp(coefficient) if scale in RATIOS else coefficient + _NULL[scale]
    return Effect(value=value, scale=scale, horizon=horizon)


def with_scale(effect: object) -> Effect:
    """Return an effect, and refuse a bare number."""
    if isinstance(effect, Effect):
        return effect
    raise UsageError(
        f"effect {effect!r} has no scale; write Effect(value={effect!r}, scale='risk_ratio') or another of "
        f"{', '.join(SCALES)}"
    )


def diluted_risks(
    p_control: float, p_treated: float, *, nonadherence: float = 0.0, contamination: float = 0.0
) -> tuple[float, float]:
    """Return the risks of the two arms as randomized when some patients get the other arm's treatment."""
    # Who departs from the arm is taken to be like the others. With nonadherence a and no contamination, the
    # risk ratio is a + (1 − a)RR.
    missed = within(nonadherence, "nonadherence", 0.0, 1.0, closed=True)
    gained = within(contamination, "contamination", 0.0, 1.0, closed=True)
    gap = probability(p_treated, "p_treated") - probability(p_control, "p_control")
    return p_control + gained * gap, p_treated - missed * gap


def inflated_for_loss(n_total: float, loss: float) -> float:
    """Return how many patients to randomize so that enough outcomes remain."""
    # N/(1 − loss). For patients who are followed but not treated, see `diluted_risks`: that is another
    # event, with another effect on N.
    return positive(n_total, "n_total") / (1.0 - (0.0 if loss == 0 else probability(loss, "loss")))
