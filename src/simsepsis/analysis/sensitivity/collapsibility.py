"""Odds ratios averaged over a normal covariate: smaller than conditional ones without any confounding."""

from __future__ import annotations

import math

import numpy as np
import scipy.special

from simsepsis.errors import UsageError

NODES = 200
"""Nodes of the Gauss–Hermite quadrature."""


def marginal_log_odds_ratio(intercept: float, log_odds_ratio: float, sd: float) -> float:
    r"""Log odds ratio averaged over a normal covariate that both arms share.

    Parameters
    ----------
    intercept, log_odds_ratio
        α and β of the conditional model logit p = α + β·arm + σz.
    sd
        Standard deviation σ ≥ 0 of the covariate's contribution.

    Raises
    ------
    UsageError
        If the standard deviation is negative.

    Notes
    -----
    :math:`\operatorname{logit} E\,\operatorname{expit}(\alpha + \beta + \sigma z) -
    \operatorname{logit} E\,\operatorname{expit}(\alpha + \sigma z)`, z standard normal, by Gauss–Hermite
    quadrature.

    References
    ----------
    Neuhaus JM, Kalbfleisch JD, Hauck WW. Int Stat Rev 1991;59:25.
    """
    if not sd >= 0.0:
        raise UsageError(f"sd = {sd}: a standard deviation is 0 or more")
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    share = weights / weights.sum()
    treated, control = (
        float(share @ scipy.special.expit(mean + sd * nodes))
        for mean in (intercept + log_odds_ratio, intercept)
    )
    return float(scipy.special.logit(treated) - scipy.special.logit(control))


def attenuated_log_odds_ratio(log_odds_ratio: float, sd: float) -> float:
    r"""Approximate marginal log odds ratio, :math:`\beta/\sqrt{1 + (16\sqrt 3/(15\pi))^2 \sigma^2}`.

    Parameters
    ----------
    log_odds_ratio, sd
        As in `marginal_log_odds_ratio`, to which this is the usual shortcut, a few percent off.

    References
    ----------
    Zeger SL, Liang KY, Albert PS. Biometrics 1988;44:1049.
    """
    shrink = 16.0 * math.sqrt(3.0) / (15.0 * math.pi)
    return log_odds_ratio / math.sqrt(1.0 + (shrink * sd) ** 2)
