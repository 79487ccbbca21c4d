"""Non-inferiority of a risk: differences and ratios against a margin, by the restricted likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simsepsis.arrays import FloatArray
from simsepsis.errors import UsageError
from simsepsis.trial.designs.design import Design, Signal, fixed_design
from simsepsis.trial.effect import Effect, with_scale
from simsepsis.trial.inputs import Level, chosen, positive, probability

REFERENCE = "Farrington CP, Manning G. Stat Med 1990;9:1447"
BISECTIONS = 60
_EDGE = 1e-12

_TREATED: dict[str, Callable[[FloatArray, float], tuple[FloatArray, FloatArray]]] = {
    "risk_difference": lambda p, m: (p + m, np.ones_like(p)),
    "risk_ratio": lambda p, m: (p * m, np.full_like(p, m)),
    "odds_ratio": lambda p, m: (m * p / (1.0 - p + m * p), m / (1.0 - p + m * p) ** 2),
}
"""Scale → treated risk at the margin for a control risk, and its slope."""
_ENDS: dict[str, Callable[[float], tuple[float, float]]] = {
    "risk_difference": lambda m: (max(0.0, -m), min(1.0, 1.0 - m)),
    "risk_ratio": lambda m: (0.0, min(1.0, 1.0 / m)),
    "odds_ratio": lambda m: (0.0, 1.0),
}


def restricted_risks(
    n0: FloatArray, d0: FloatArray, n1: FloatArray, d1: FloatArray, margin: Effect
) -> tuple[FloatArray, FloatArray]:
    """Return the likeliest risks of both arms, control first, among those whose effect is the margin."""
    low, high = (np.full(np.shape(d0), end) for end in _ENDS[margin.name](margin.value))
    low, high = low + _EDGE, high - _EDGE
    for _ in range(BISECTIONS):
        p0 = 0.5 * (low + high)
        p1, slope = _TREATED[margin.name](p0, margin.value)
        p1 = np.clip(p1, _EDGE, 1.0 - _EDGE)
        score = d0 / p0 - (n0 - d0) / (1.0 - p0) + slope * (d1 / p1 - (n1 - d1) / (1.0 - p1))
        low, high = np.where(score > 0.0, p0, low), np.where(score > 0.0, high, p0)
    p0 = 0.5 * (low + high)
    return p0, _TREATED[margin.name](p0, margin.value)[0]


def distance_and_variance(
    risks: tuple[FloatArray, FloatArray], spread: tuple[FloatArray, FloatArray], margin: Effect
) -> tuple[FloatArray, tuple[FloatArray, FloatArray]]:
    """Return how far risks are on the good side of the margin, and one patient's variance in each arm."""
    (p0, p1), (s0, s1), m = risks, spread, margin.value
    if margin.name == "odds_ratio":
        logits = np.log(p1 / (1.0 - p1)) - np.log(p0 / (1.0 - p0))
        return math.log(m) - logits, (1.0 / (s0 * (1.0 - s0)), 1.0 / (s1 * (1.0 - s1)))
    factor, shift = (m, 0.0) if margin.name == "risk_ratio" else (1.0, m)
    return shift + factor * p0 - p1, (factor**2 * s0 * (1.0 - s0), s1 * (1.0 - s1))


def farrington_manning(
    n0: FloatArray, d0: FloatArray, n1: FloatArray, d1: FloatArray, margin: Effect
) -> FloatArray:
    """Return z of non-inferiority of many trials, positive where treatment is better than the margin."""
    spread = restricted_risks(n0, d0, n1, d1, margin)
    far, (v0, v1) = distance_and_variance((d0 / n0, d1 / n1), spread, margin)
    return np.asarray(far / np.sqrt(v0 / n0 + v1 / n1))


@dataclass(frozen=True, slots=True, kw_only=True)
class NonInferiority:
    """Comparison of two risks with a margin; the planned side is better than the margin."""

    p_control: float
    ratio: float
    margin: Effect
    name: str = "noninferiority"

    def signal(self, effect: Effect) -> Signal:
        """Return what one patient tells of an effect; positive where treatment is better than the margin."""
        risks = np.array(self.p_control), np.array(effect.treated_risk(self.p_control))
        shares = 1.0 / (1.0 + self.ratio), self.ratio / (1.0 + self.ratio)
        n0, n1 = (np.array(share) for share in shares)
        restricted = restricted_risks(n0, n0 * risks[0], n1, n1 * risks[1], self.margin)
        far, _ = distance_and_variance(risks, risks, self.margin)
        spreads = (distance_and_variance(risks, spread, self.margin)[1] for spread in (restricted, risks))
        null, true = (math.sqrt(float(v0) / shares[0] + float(v1) / shares[1]) for v0, v1 in spreads)
        return Signal(delta=float(far), sd_null=null, sd_true=true)

    def event_probability(self, effect: Effect) -> float:
        """Return the mean risk over both arms."""
        return (self.p_control + self.ratio * effect.treated_risk(self.p_control)) / (1.0 + self.ratio)


def design_noninferiority(
    p_control: float,
    effect: Effect,
    margin: float,
    *,
    alpha: float = 0.025,
    sides: int = 1,
    power: float = 0.9,
    ratio: float = 1.0,
) -> Design:
    """Sample size to show that a risk under treatment is not higher by a margin.

    Parameters
    ----------
    p_control
        Risk under control, in (0, 1).
    effect
        True effect: a risk difference, risk ratio or odds ratio; none is 0 or 1.
    margin
        Largest effect to the disadvantage of treatment that is acceptable, on the same scale.
    alpha, sides, power, ratio
        As in `design_two_proportions`; one side of a two-sided test is used.

    Returns
    -------
    Design
        `n_total` is not rounded.

    Raises
    ------
    UsageError
        When the margin is on the wrong side, or the true effect is as bad.

    Notes
    -----
    N = (1 + r)[z_α·σ₀ + z_β·σ₁]²/(distance from the margin)², σ₀ at the likeliest risks whose effect is the
    margin. R: ``gsDesign::nBinomial(delta0 = )``.

    References
    ----------
    Farrington CP, Manning G. Stat Med 1990;9:1447.

    Examples
    --------
    >>> same = Effect(value=0.0, scale="risk_difference")
    >>> round(design_noninferiority(0.3, same, 0.05, power=0.8).n_total, 1)
    2635.9
    """
    planned = with_scale(effect)
    worst = margin_of(planned, margin)
    endpoint = NonInferiority(
        p_control=probability(p_control, "p_control"), ratio=positive(ratio, "ratio"), margin=worst
    )
    if endpoint.signal(planned).delta <= 0.0:
        raise UsageError(
            f"{planned.name}={planned.value:g} is as bad as the margin {margin:g} or worse, so that no trial "
            "shows non-inferiority; plan for a better effect or a wider margin"
        )
    return fixed_design(
        endpoint,
        planned,
        Level(alpha=alpha, sides=sides),
        power,
        ratio=ratio,
        formula="farrington_manning",
        reference=REFERENCE,
        p_control=p_control,
        horizon=planned.horizon,
    )


def margin_of(effect: Effect, margin: float) -> Effect:
    """Return a margin on the scale of an effect, and refuse one that asks for a benefit."""
    chosen(effect.name, _TREATED, "scale of a margin")
    worst = Effect(value=margin, scale=effect.name)
    if worst.coefficient <= 0.0:
        least = "above 0, such as 0.05" if effect.name == "risk_difference" else "above 1, such as 1.2"
        raise UsageError(f"margin={margin:g} of a {effect.name} asks for a benefit; give a margin {least}")
    return worst
