"""Effects on a risk, from the same patients with and without treatment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simsepsis.arrays import BoolArray, FloatArray

LARGEST_LOG_HAZARD_RATIO = 5.0
"""Largest absolute log hazard ratio that is tried where an effect is solved for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Risks:
    """Potential outcomes of the same patients.

    Attributes
    ----------
    treated, untreated
        (n,) whether the event happens with and without treatment.
    weights
        (n,) weights that make the patients the population meant: their probability of treatment for
        the effect in the treated, ones for the effect in all.
    """

    treated: BoolArray | FloatArray
    untreated: BoolArray | FloatArray
    weights: FloatArray

    def mean(self) -> tuple[float, float]:
        """Return the risks with and without treatment."""
        return (
            float(np.average(self.treated, weights=self.weights)),
            float(np.average(self.untreated, weights=self.weights)),
        )

    def standard_error(self, slope_treated: float, slope_untreated: float) -> float:
        r"""Return the Monte Carlo SE of a smooth function of the two risks.

        Delta method on the weighted means of paired outcomes:
        :math:`\sqrt{\sum_i w_i^2 (g_1 (y_{1i}-p_1) + g_0 (y_{0i}-p_0))^2} / \sum_i w_i`.
        """
        p1, p0 = self.mean()
        influence = slope_treated * (self.treated - p1) + slope_untreated * (self.untreated - p0)
        return float(np.sqrt(np.sum((self.weights * influence) ** 2)) / np.sum(self.weights))


Contrast = Callable[[Risks], tuple[float, float]]
"""Potential outcomes → value and Monte Carlo standard error."""


def risk_difference(risks: Risks) -> tuple[float, float]:
    """Return p₁ − p₀ and its MCSE."""
    p1, p0 = risks.mean()
    return p1 - p0, risks.standard_error(1.0, -1.0)


def log_risk_ratio(risks: Risks) -> tuple[float, float]:
    """Return log(p₁ / p₀) and its MCSE; NaN where a risk is 0."""
    p1, p0 = risks.mean()
    if min(p1, p0) <= 0.0:
        return float("nan"), float("nan")
    return float(np.log(p1 / p0)), risks.standard_error(1.0 / p1, -1.0 / p0)


def log_odds_ratio(risks: Risks) -> tuple[float, float]:
    """Return the marginal log odds ratio and its MCSE; NaN where a risk is 0 or 1."""
    p1, p0 = risks.mean()
    if min(p1, p0) <= 0.0 or max(p1, p0) >= 1.0:
        return float("nan"), float("nan")
    value = float(np.log(p1 / (1.0 - p1) * (1.0 - p0) / p0))
    return value, risks.standard_error(1.0 / (p1 * (1.0 - p1)), -1.0 / (p0 * (1.0 - p0)))


def log_cumulative_hazard_ratio(risks: Risks) -> tuple[float, float]:
    """Return log of log(1 − p₁) / log(1 − p₀): the constant hazard ratio that leads to these risks."""
    p1, p0 = risks.mean()
    if min(p1, p0) <= 0.0 or max(p1, p0) >= 1.0:
        return float("nan"), float("nan")
    h1, h0 = -np.log1p(-p1), -np.log1p(-p0)
    slopes = (1.0 / ((1.0 - p1) * h1), -1.0 / ((1.0 - p0) * h0))
    return float(np.log(h1 / h0)), risks.standard_error(*slopes)


def _exponentiated(contrast: Contrast) -> Contrast:
    def ratio(risks: Risks) -> tuple[float, float]:
        value, error = contrast(risks)
        return float(np.exp(value)), float(np.exp(value) * error)

    return ratio


CONTRASTS: dict[str, Contrast] = {
    "risk_difference": risk_difference,
    "risk_ratio": _exponentiated(log_risk_ratio),
    "odds_ratio": _exponentiated(log_odds_ratio),
    "hazard_ratio": _exponentiated(log_cumulative_hazard_ratio),
}
"""Measures in which an effect may be stated."""
