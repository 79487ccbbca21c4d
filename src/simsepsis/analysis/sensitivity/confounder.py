"""What a confounder of stated strength does to a risk ratio, and what it would take to undo one."""

from __future__ import annotations

import math
import sys

from simsepsis.analysis.numeric import expressible, finite_number
from simsepsis.errors import UsageError

_LARGEST = math.log(sys.float_info.max)


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
        If one is less than 1 or no finite number; invert a ratio below 1.

    References
    ----------
    Ding P, VanderWeele TJ. Epidemiology 2016;27:368.
    """
    treatment = finite_number(with_treatment, "with_treatment", least=1.0)
    outcome = finite_number(with_outcome, "with_outcome", least=1.0)
    # RR·RR would overflow before their quotient does
    return treatment / (1.0 + (treatment - 1.0) / outcome)


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
        If the effect is not positive, a prevalence is outside [0, 1], or the result is beyond any number.

    References
    ----------
    Lin DY, Psaty BM, Kronmal RA. Biometrics 1998;54:948.
    """
    ratio = positive_ratio(effect, "effect")
    p1, p0 = (
        finite_number(value, name, least=0.0, most=1.0)
        for name, value in (("treated", treated), ("control", control))
    )
    return expressible((ratio * p1 + (1.0 - p1)) / (ratio * p0 + (1.0 - p0)), "the bias")


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
        If the effect is not positive, the difference no finite number, or the result beyond any number.

    References
    ----------
    Lin DY, Psaty BM, Kronmal RA. Biometrics 1998;54:948.
    """
    exponent = math.log(positive_ratio(effect, "effect")) * finite_number(difference, "difference")
    return exponential(exponent, "the bias")


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
        If the limit is not positive, the difference 0, or the result beyond any number.

    References
    ----------
    D'Agostino McGowan L. J Open Source Softw 2022;7:4495 (R: ``tipr::tip``).
    """
    distance, gap = math.log(positive_ratio(limit, "limit")), finite_number(difference, "difference")
    if gap == 0.0:
        raise UsageError("difference = 0: a confounder that is the same in both arms moves nothing")
    return exponential(distance / gap, "the risk ratio")


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
        If one confounder moves nothing, or a ratio is not positive.
    """
    distance = math.log(positive_ratio(limit, "limit"))
    pull = finite_number(difference, "difference") * math.log(positive_ratio(effect, "effect"))
    if pull == 0.0:
        raise UsageError("a confounder of effect 1 or difference 0 moves nothing, however many there are")
    return expressible(distance / pull, "the number of confounders")


def positive_ratio(value: object, name: str) -> float:
    """Return a ratio, positive and finite."""
    return finite_number(value, name, above=0.0)


def exponential(exponent: float, what: str) -> float:
    """Return exp(exponent)."""
    return expressible(math.exp(exponent) if exponent < _LARGEST else math.inf, what)
