"""Odds ratios averaged over a normal covariate: smaller than conditional ones without any confounding."""

from __future__ import annotations

import math

import numpy as np
import scipy.special

from simsepsis.analysis.numeric import expressible, finite_number

_WIDEST = 100.0
_REACH = 12.0
_STEP = 0.5
"""Steps of the trapezoidal rule in units of 1/σ, at which its error is below rounding."""


def marginal_log_odds_ratio(intercept: float, log_odds_ratio: float, sd: float) -> float:
    r"""Log odds ratio averaged over a normal covariate that both arms share.

    Parameters
    ----------
    intercept, log_odds_ratio
        α and β of the conditional model logit p = α + β·arm + σz.
    sd
        Standard deviation σ of the covariate's contribution, from 0 to 100.

    Raises
    ------
    UsageError
        If the standard deviation is outside this range, or an argument is no finite number.

    Notes
    -----
    :math:`\operatorname{logit} E\,\operatorname{expit}(\alpha + \beta + \sigma z) -
    \operatorname{logit} E\,\operatorname{expit}(\alpha + \sigma z)`, z standard normal, by the
    trapezoidal rule, which for such smooth functions is exact to rounding.

    References
    ----------
    Neuhaus JM, Kalbfleisch JD, Hauck WW. Int Stat Rev 1991;59:25.
    """
    spread = finite_number(sd, "sd", least=0.0, most=_WIDEST)
    control = finite_number(intercept, "intercept")
    treated = expressible(control + finite_number(log_odds_ratio, "log_odds_ratio"), "the log odds")
    return expressible(_marginal(treated, spread) - _marginal(control, spread), "the marginal log odds ratio")


def _marginal(mean: float, sd: float) -> float:
    """Return logit E expit(mean + sd·z), however near its probability is to 0 or 1."""
    if sd == 0.0:
        return mean
    reach = _REACH + min(sd, abs(mean) / sd)
    z = np.linspace(-reach, reach, 2 * math.ceil(reach * max(sd, 1.0) / _STEP) + 1)
    yes, no = (
        scipy.special.logsumexp(scipy.special.log_expit(sign * (mean + sd * z)) - z * z / 2)
        for sign in (1.0, -1.0)
    )
    return float(yes - no)


def attenuated_log_odds_ratio(log_odds_ratio: float, sd: float) -> float:
    r"""Approximate marginal log odds ratio, :math:`\beta/\sqrt{1 + (16\sqrt 3/(15\pi))^2 \sigma^2}`.

    Parameters
    ----------
    log_odds_ratio, sd
        As in `marginal_log_odds_ratio`, to which this is the usual shortcut, a few percent off.

    Raises
    ------
    UsageError
        If the standard deviation is negative, or an argument is no finite number.

    References
    ----------
    Zeger SL, Liang KY, Albert PS. Biometrics 1988;44:1049.
    """
    shrink = 16.0 * math.sqrt(3.0) / (15.0 * math.pi)
    spread = finite_number(sd, "sd", least=0.0)
    return finite_number(log_odds_ratio, "log_odds_ratio") / math.hypot(1.0, shrink * spread)
