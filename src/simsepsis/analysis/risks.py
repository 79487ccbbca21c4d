"""Risks of both arms with their covariance, weighted or in clusters, and the effects drawn from them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from simsepsis.analysis.estimates import Estimate, normal_estimate, normal_tests
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import ConvergenceError

ROUNDING = 1e-12
"""Distance from 0 or 1 at which a risk is 0 or 1."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Risks:
    """Estimated risks with and without treatment.

    Attributes
    ----------
    treated, control
        The risks.
    covariance
        (2, 2): their covariance.
    n_used
        Patients that they rest on.
    """

    treated: float
    control: float
    covariance: FloatArray
    n_used: int

    @property
    def difference(self) -> tuple[float, float]:
        """Return the risk difference and its standard error."""
        slope = np.array([1.0, -1.0])
        return self.treated - self.control, math.sqrt(max(float(slope @ self.covariance @ slope), 0.0))

    @property
    def p_value(self) -> float:
        """Return the Wald test of the risk difference."""
        return float(normal_tests(*self.difference)[2])


def risks_of(
    treated: float, control: float, influence: FloatArray, n_used: int, cluster: IntArray | None = None
) -> Risks:
    """Return risks with the covariance that the patients' influences give.

    Notes
    -----
    Covariance Σ d d', with d summed within clusters (sandwich without small-sample factor).
    """
    moved = influence
    if cluster is not None:
        moved = np.column_stack([np.bincount(cluster, weights=column) for column in influence.T])
    return Risks(treated=treated, control=control, covariance=moved.T @ moved, n_used=n_used)


def compared_risks(
    treated: BoolArray,
    outcome: FloatArray,
    *,
    weights: FloatArray | None = None,
    cluster: IntArray | None = None,
) -> Risks:
    """Estimate both arms' risks, or means, with weights that are taken as known.

    Notes
    -----
    p = Σwy/Σw in each arm; covariance Σ d d', with d the sum of w(y − p)/Σw over a cluster.
    """
    share = np.column_stack([treated, ~treated]).astype(np.float64)
    if weights is not None:
        share *= weights[:, None]
    share /= share.sum(axis=0)
    risks = outcome @ share
    influence = share * (outcome[:, None] - risks)
    return risks_of(float(risks[0]), float(risks[1]), influence, treated.size, cluster)


def few_clusters(risks: Risks, clusters: int) -> tuple[Risks, float]:
    """Return risks with the covariance, and the degrees of freedom, that a number of clusters allows.

    Notes
    -----
    The factor K/(K − 1) and t on K − 1 degrees of freedom, as Stata's ``vce(cluster)`` does.
    """
    if clusters < 2:
        raise ConvergenceError("there is a single cluster among these patients, and a sandwich needs several")
    return replace(risks, covariance=risks.covariance * clusters / (clusters - 1)), clusters - 1.0


def risk_rows(
    method: str,
    outcome: str,
    truth: str,
    risks: Risks,
    *,
    df: float | None = None,
    seconds: float = 0.0,
) -> Iterator[Estimate]:
    """Yield log odds ratio, log risk ratio and risk difference of two risks.

    Notes
    -----
    Delta method. With independent patients and plain means the standard errors are those of Woolf, of Katz
    and of the difference of two proportions.
    """
    p1, p0 = risks.treated, risks.control
    # Weights sum to 1 but for rounding, and a risk of 1 − 1e-16 would have an odds ratio.
    inside = min(p1, p0) > ROUNDING and max(p1, p0) < 1.0 - ROUNDING
    slopes = {"rd": (1.0, -1.0)}
    values = {"rd": p1 - p0}
    if inside:
        values |= {"log_or": _logit(p1) - _logit(p0), "log_rr": math.log(p1 / p0)}
        slopes |= {"log_or": (1 / (p1 * (1 - p1)), -1 / (p0 * (1 - p0))), "log_rr": (1 / p1, -1 / p0)}
    for scale in ("log_or", "log_rr", "rd"):
        name = f"{scale}_{outcome}_{truth}"
        if scale not in values:
            reason = f"a risk is outside (0, 1): {p1:.3g} treated, {p0:.3g} control"
            yield Estimate(method=method, estimand=name, n_used=risks.n_used, failure=reason, seconds=seconds)
            continue
        slope = np.array(slopes[scale])
        error = math.sqrt(max(float(slope @ risks.covariance @ slope), 0.0))
        yield normal_estimate(method, name, values[scale], error, n_used=risks.n_used, df=df, seconds=seconds)


def _logit(risk: float) -> float:
    return math.log(risk / (1 - risk))
