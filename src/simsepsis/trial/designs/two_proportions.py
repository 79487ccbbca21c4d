"""Two independent proportions: deaths by a given day in two arms."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from simsepsis.trial.designs.design import Design, Signal, fixed_design
from simsepsis.trial.effect import Effect, effect_between, with_scale
from simsepsis.trial.inputs import Level, chosen, positive, probability


def _differences(control: float, treated: float, ratio: float) -> float:
    """Return N times the variance of the risk difference."""
    return (1.0 + ratio) * (control * (1.0 - control) + treated * (1.0 - treated) / ratio)


def _pooled(control: float, treated: float, ratio: float) -> Signal:
    mean = (control + ratio * treated) / (1.0 + ratio)
    return Signal(
        delta=control - treated,
        sd_null=(1.0 + ratio) * math.sqrt(mean * (1.0 - mean) / ratio),
        sd_true=math.sqrt(_differences(control, treated, ratio)),
    )


def _unpooled(control: float, treated: float, ratio: float) -> Signal:
    spread = math.sqrt(_differences(control, treated, ratio))
    return Signal(delta=control - treated, sd_null=spread, sd_true=spread)


def _continuity(control: float, treated: float, ratio: float) -> Signal:
    plain = _pooled(control, treated, ratio)
    shift = (1.0 + ratio) ** 2 / (2.0 * ratio)
    return Signal(delta=plain.delta, sd_null=plain.sd_null, sd_true=plain.sd_true, shift=shift)


def _arcsine(control: float, treated: float, ratio: float) -> Signal:
    delta = 2.0 * (math.asin(math.sqrt(control)) - math.asin(math.sqrt(treated)))
    spread = (1.0 + ratio) / math.sqrt(ratio)
    return Signal(delta=delta, sd_null=spread, sd_true=spread)


def _log_risk_ratio(control: float, treated: float, ratio: float) -> Signal:
    variance = (1.0 + ratio) * ((1.0 - control) / control + (1.0 - treated) / (ratio * treated))
    return _wald(math.log(control / treated), variance)


def _log_odds_ratio(control: float, treated: float, ratio: float) -> Signal:
    variance = 1.0 / (control * (1.0 - control)) + 1.0 / (ratio * treated * (1.0 - treated))
    logits = math.log(control / (1.0 - control)), math.log(treated / (1.0 - treated))
    return _wald(logits[0] - logits[1], (1.0 + ratio) * variance)


def _wald(delta: float, variance: float) -> Signal:
    return Signal(delta=delta, sd_null=math.sqrt(variance), sd_true=math.sqrt(variance))


FORMULAS: dict[str, tuple[Callable[[float, float, float], Signal], str]] = {
    "pooled": (
        _pooled,
        "Fleiss JL, Levin B, Paik MC. Statistical Methods for Rates and Proportions, 3rd ed. Wiley 2003, "
        "chapter 4",
    ),
    "unpooled": (
        _unpooled,
        "Chow SC, Shao J, Wang H. Sample Size Calculations in Clinical Research, 2nd ed. 2008, section 4.2",
    ),
    "arcsine": (
        _arcsine,
        "Cohen J. Statistical Power Analysis for the Behavioral Sciences, 2nd ed. 1988, chapter 6",
    ),
    "continuity": (_continuity, "Fleiss JL, Tytun A, Ury HK. Biometrics 1980;36:343"),
    "log_risk_ratio": (
        _log_risk_ratio,
        "Wald test of the log risk ratio; variance of Katz. Biometrics 1978;34:469",
    ),
    "log_odds_ratio": (
        _log_odds_ratio,
        "Wald test of the log odds ratio; variance of Woolf. Ann Hum Genet 1955;19:251",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoProportions:
    """Comparison of two proportions by the test that belongs to a formula."""

    p_control: float
    ratio: float
    formula: str
    name: str = "two_proportions"

    def signal(self, effect: Effect) -> Signal:
        """Return what one patient tells of an effect; positive where treatment lowers the risk."""
        return FORMULAS[self.formula][0](self.p_control, effect.treated_risk(self.p_control), self.ratio)

    def event_probability(self, effect: Effect) -> float:
        """Return the mean risk over both arms."""
        return (self.p_control + self.ratio * effect.treated_risk(self.p_control)) / (1.0 + self.ratio)


def design_two_proportions(
    p_control: float,
    p_treated: float,
    *,
    alpha: float = 0.05,
    sides: int = 2,
    power: float = 0.9,
    ratio: float = 1.0,
    formula: str = "pooled",
    scale: str = "risk_difference",
) -> Design:
    """Sample size for comparing two proportions.

    Parameters
    ----------
    p_control, p_treated
        Risks of the event, in (0, 1).
    alpha, sides
        Type I error and sides of the test.
    power
        Probability of rejecting in the planned direction.
    ratio
        Treated patients for each control.
    formula
        ``"pooled"``: null variance pooled, true variance not; ``"unpooled"``; ``"continuity"``: pooled with
        continuity correction; ``"arcsine"``; ``"log_risk_ratio"``, ``"log_odds_ratio"``: Wald tests on
        these scales.
    scale
        Scale on which the effect is reported: risk_difference, risk_ratio or odds_ratio.

    Returns
    -------
    Design
        `n_total` is not rounded.

    Raises
    ------
    UsageError
        When a number is out of range, the risks are equal, or a name is unknown.

    Notes
    -----
    Pooled, equal arms: n per arm = [z_α√(2p̄q̄) + z_β√(p₀q₀ + p₁q₁)]²/(p₀ − p₁)². 0.33 against 0.27 with a
    two-sided level of 5 % and 90 % power gives N = 2,447.6. R: ``power.prop.test`` gives the same n per
    arm.
    """
    effect = effect_between(p_control, p_treated, chosen(scale, _REPORTED, "scale"))
    return design_binary(
        p_control, effect, alpha=alpha, sides=sides, power=power, ratio=ratio, formula=formula
    )


_REPORTED = ("risk_difference", "risk_ratio", "odds_ratio")


def design_binary(
    p_control: float,
    effect: Effect,
    *,
    alpha: float = 0.05,
    sides: int = 2,
    power: float = 0.9,
    ratio: float = 1.0,
    formula: str = "pooled",
) -> Design:
    """Sample size for a binary endpoint with an effect on a named scale."""
    planned = with_scale(effect)
    endpoint = TwoProportions(
        p_control=probability(p_control, "p_control"),
        ratio=positive(ratio, "ratio"),
        formula=chosen(formula, FORMULAS, "formula"),
    )
    return fixed_design(
        endpoint,
        planned,
        Level(alpha=alpha, sides=sides),
        power,
        ratio=ratio,
        formula=formula,
        reference=FORMULAS[formula][1],
        p_control=p_control,
        horizon=planned.horizon,
    )


def power_two_proportions(
    p_control: float,
    p_treated: float,
    n_total: float,
    *,
    alpha: float = 0.05,
    sides: int = 2,
    ratio: float = 1.0,
    formula: str = "pooled",
) -> float:
    """Power of a comparison of two proportions with a given number of patients."""
    effect = effect_between(p_control, p_treated, "risk_difference")
    chosen(formula, FORMULAS, "formula")
    endpoint = TwoProportions(p_control=p_control, ratio=positive(ratio, "ratio"), formula=formula)
    told = endpoint.signal(effect)
    facing = Signal(delta=abs(told.delta), sd_null=told.sd_null, sd_true=told.sd_true, shift=told.shift)
    return facing.power(positive(n_total, "n_total"), Level(alpha=alpha, sides=sides).z)
