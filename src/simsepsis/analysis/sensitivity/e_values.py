"""E-values, and risk ratios that stand for other measures of effect."""

from __future__ import annotations

import math

from simsepsis.errors import UsageError


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
        If a ratio is not positive and finite.

    Notes
    -----
    RR + √(RR(RR − 1)), with RR or 1/RR, whichever is above 1. R: ``EValue::evalues.RR``.

    References
    ----------
    VanderWeele TJ, Ding P. Ann Intern Med 2017;167:268.
    """
    distance = _positive(rr, "rr") / _positive(target, "target")
    if limit is None:
        return _e_value(distance), math.nan
    nearest = _positive(limit, "limit") / target
    crossed = (nearest - 1.0) * (distance - 1.0) <= 0.0
    return _e_value(distance), 1.0 if crossed else _e_value(nearest)


def _e_value(ratio: float) -> float:
    away = max(ratio, 1.0 / ratio)
    return away + math.sqrt(away * (away - 1.0))


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
    return math.sqrt(_positive(odds_ratio, "odds_ratio"))


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
    root = math.sqrt(_positive(hazard_ratio, "hazard_ratio"))
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

    References
    ----------
    VanderWeele TJ, Ding P. Ann Intern Med 2017;167:268. Chinn S. Stat Med 2000;19:3127.
    """
    middle, half = 0.91 * difference, 1.78 * std_error
    return math.exp(middle), math.exp(middle - half), math.exp(middle + half)


def _positive(value: float, name: str) -> float:
    if not 0.0 < value < math.inf:
        raise UsageError(f"{name} = {value}: a ratio is positive and finite")
    return float(value)
