"""E-values, and risk ratios that stand for other measures of effect."""

from __future__ import annotations

import math

from simsepsis.analysis.numeric import expressible, finite_number
from simsepsis.analysis.sensitivity.confounder import exponential, positive_ratio
from simsepsis.errors import UsageError

_ROUNDING = 1e-9


def e_value(rr: float, limit: float | None = None, *, target: float = 1.0) -> tuple[float, float]:
    """Least risk ratio that an unmeasured confounder must have with treatment and with death, both.

    Parameters
    ----------
    rr
        Observed risk ratio. Convert an odds or hazard ratio of a common outcome first.
    limit
        Limit of its confidence interval on the side of `target`; None for none.
    target
        True risk ratio that the confounder is to turn into the observed one; 1 for no effect.

    Returns
    -------
    tuple
        E-value of the estimate, and of the limit: 1 where the interval holds `target`, NaN without a limit.

    Raises
    ------
    UsageError
        If a ratio is not positive and finite, or the limit lies beyond the estimate: only the limit nearer to
        the target tells what it takes to move the interval.

    Notes
    -----
    RR + √(RR(RR − 1)), with RR or 1/RR, whichever is above 1. R: ``EValue::evalues.RR``.

    References
    ----------
    VanderWeele TJ, Ding P. Ann Intern Med 2017;167:268.
    """
    goal = positive_ratio(target, "target")
    distance = positive_ratio(rr, "rr") / goal
    if limit is None:
        return _e_value(distance), math.nan
    nearest = positive_ratio(limit, "limit") / goal
    point, at_limit = _e_value(distance), _e_value(nearest)
    if (nearest - 1.0) * (distance - 1.0) <= 0.0:
        return point, 1.0
    if at_limit > point * (1.0 + _ROUNDING):
        raise UsageError(
            f"limit = {limit:g} lies beyond rr = {rr:g}; give the limit of the interval that is nearer to "
            f"{goal:g}"
        )
    return point, at_limit


def _e_value(ratio: float) -> float:
    away = max(ratio, 1.0 / ratio) if ratio > 0 else math.inf
    return expressible(away + math.sqrt(away) * math.sqrt(away - 1.0), "the E-value")


def risk_ratio_of_odds_ratio(odds_ratio: float) -> float:
    """Risk ratio that an odds ratio of a common outcome (more than 15%) stands for: its square root.

    Parameters
    ----------
    odds_ratio
        Odds ratio. That of a rare outcome is a risk ratio as it stands.

    References
    ----------
    VanderWeele TJ. Biometrics 2020;76:746.
    """
    return math.sqrt(positive_ratio(odds_ratio, "odds_ratio"))


def risk_ratio_of_hazard_ratio(hazard_ratio: float) -> float:
    """Risk ratio that a hazard ratio of a common outcome stands for: (1 − ½^√HR)/(1 − ½^√(1/HR)).

    Parameters
    ----------
    hazard_ratio
        Hazard ratio. That of a rare outcome is a risk ratio as it stands.

    References
    ----------
    VanderWeele TJ. Epidemiology 2017;28:e51; Biometrics 2020;76:746.
    """
    root = math.sqrt(positive_ratio(hazard_ratio, "hazard_ratio"))
    return math.expm1(-math.log(2.0) * root) / math.expm1(-math.log(2.0) / root)


def risk_ratio_of_mean_difference(difference: float, std_error: float = 0.0) -> tuple[float, float, float]:
    """Risk ratio that a standardized mean difference stands for: exp(0.91 d), with exp(0.91 d ± 1.78 SE).

    Parameters
    ----------
    difference, std_error
        Difference in standard deviations, and its standard error.

    Returns
    -------
    tuple
        Risk ratio, lower and upper limit.

    Raises
    ------
    UsageError
        If the standard error is negative, an argument no finite number, or a result beyond any number.

    References
    ----------
    VanderWeele TJ, Ding P. Ann Intern Med 2017;167:268. Chinn S. Stat Med 2000;19:3127.
    """
    middle = 0.91 * finite_number(difference, "difference")
    half = 1.78 * finite_number(std_error, "std_error", least=0.0)
    ratio, low, high = (
        exponential(exponent, "the risk ratio") for exponent in (middle, middle - half, middle + half)
    )
    return ratio, low, high
