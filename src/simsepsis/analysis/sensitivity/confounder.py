"""What a confounder of stated strength does to a risk ratio, and what it would take to undo one."""

from __future__ import annotations

import math

from simsepsis.errors import UsageError


def bounding_factor(with_treatment: float, with_outcome: float) -> float:
    """Greatest factor by which confounding can move a risk ratio: RR_EU·RR_UD/(RR_EU + RR_UD − 1).

    Parameters
    ----------
    with_treatment
        Greatest ratio between the arms of the probability of a level of the confounder, ≥ 1.
    with_outcome
        Greatest ratio of the risk between levels of the confounder, ≥ 1.

    Raises
    ------
    UsageError
        If one is less than 1.

    References
    ----------
    Ding P, VanderWeele TJ. Epidemiology 2016;27:368.
    """
    for name, value in (("with_treatment", with_treatment), ("with_outcome", with_outcome)):
        if not value >= 1.0:
            raise UsageError(f"{name} = {value}: give a ratio of 1 or more; invert one that is below 1")
    return with_treatment * with_outcome / (with_treatment + with_outcome - 1.0)


def binary_confounder_bias(effect: float, treated: float, control: float) -> float:
    """Observed over adjusted risk ratio with a binary confounder: (Γp₁ + 1 − p₁)/(Γp₀ + 1 − p₀).

    Exact for risk ratios that are the same with and without the confounder; for odds and hazard ratios it
    holds when the outcome is rare.

    Parameters
    ----------
    effect
        Risk ratio Γ of the confounder.
    treated, control
        Its prevalence p₁ and p₀ in the arms.

    Raises
    ------
    UsageError
        If the effect is not positive or a prevalence is outside [0, 1].

    References
    ----------
    Lin DY, Psaty BM, Kronmal RA. Biometrics 1998;54:948.
    """
    _check_effect(effect)
    for name, value in (("treated", treated), ("control", control)):
        if not 0.0 <= value <= 1.0:
            raise UsageError(f"{name} = {value}: a prevalence lies between 0 and 1")
    return (effect * treated + 1.0 - treated) / (effect * control + 1.0 - control)


def normal_confounder_bias(effect: float, difference: float) -> float:
    """Observed over adjusted risk ratio with a normal confounder of equal variance in both arms: Γ^Δ.

    Parameters
    ----------
    effect
        Risk ratio Γ per unit of the confounder.
    difference
        Its mean in the treated minus that in the controls, Δ.

    Raises
    ------
    UsageError
        If the effect is not positive.

    References
    ----------
    Lin DY, Psaty BM, Kronmal RA. Biometrics 1998;54:948.
    """
    _check_effect(effect)
    return math.exp(math.log(effect) * difference)


def tipping_effect(limit: float, difference: float) -> float:
    """Risk ratio per unit that a normal confounder needs to bring a limit to 1: b^(1/Δ).

    Parameters
    ----------
    limit
        Limit b of the confidence interval nearest to 1.
    difference
        Mean of the confounder in the treated minus that in the controls, Δ ≠ 0.

    Raises
    ------
    UsageError
        If the limit is not positive or the difference is 0.

    References
    ----------
    D'Agostino McGowan L. J Open Source Softw 2022;7:4495 (R: ``tipr::tip``).
    """
    _check_effect(limit)
    if difference == 0.0:
        raise UsageError("difference = 0: a confounder that is the same in both arms moves nothing")
    return math.exp(math.log(limit) / difference)


def tipping_number(limit: float, effect: float, difference: float) -> float:
    """Independent confounders of one strength that bring a limit to 1: log b/(Δ log g).

    Parameters
    ----------
    limit
        Limit b of the confidence interval nearest to 1.
    effect, difference
        Risk ratio g per unit of each confounder, and the difference Δ of its means.

    Returns
    -------
    float
        Negative where these confounders move the limit away from 1.

    Raises
    ------
    UsageError
        If one confounder moves nothing.
    """
    _check_effect(limit)
    _check_effect(effect)
    pull = difference * math.log(effect)
    if pull == 0.0:
        raise UsageError("a confounder of effect 1 or difference 0 moves nothing, however many there are")
    return math.log(limit) / pull


def _check_effect(ratio: float) -> None:
    if not 0.0 < ratio < math.inf:
        raise UsageError(f"{ratio}: a ratio is positive and finite")
