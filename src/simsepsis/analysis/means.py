"""Numeric outcomes: means of both arms and their difference, crude, within pairs and adjusted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.fit import Fit
from simsepsis.analysis.linear import fit_linear
from simsepsis.analysis.matched import MatchedSet
from simsepsis.analysis.propensity import design
from simsepsis.analysis.risks import compared_risks
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.errors import ConvergenceError

TREATMENT = 1
"""Place of the treatment among the terms, after the intercept."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeanComparison:
    """A numeric outcome in both arms.

    Attributes
    ----------
    mean, sd
        (2,): treated and control; the SD with divisor n − 1, NaN of a single patient.
    difference, std_error
        Treated minus control.
    df
        Degrees of freedom of t; None for the normal distribution.
    n_used
        Patients compared.
    """

    mean: FloatArray
    sd: FloatArray
    difference: float
    std_error: float
    df: float | None
    n_used: int


def compare_means(cohort: CohortArrays, outcome: str) -> MeanComparison:
    """Compare the means of independent arms (Welch).

    Notes
    -----
    Standard error √(s₁²/n₁ + s₀²/n₀), t with Satterthwaite's degrees of freedom. R: ``t.test(y ~ arm)``.

    References
    ----------
    Welch BL. Biometrika 1947;34:28.
    """
    arms = _arms(cohort.column(outcome), cohort.treated)
    sizes = np.array([arm.size for arm in arms])
    if sizes.min() < 2:
        raise ConvergenceError("an arm has a single patient, so there is no standard deviation")
    mean, sd = np.array([arm.mean() for arm in arms]), np.array([arm.std(ddof=1) for arm in arms])
    parts = sd**2 / sizes
    total = float(parts.sum())
    return MeanComparison(
        mean=mean,
        sd=sd,
        difference=float(mean[0] - mean[1]),
        std_error=math.sqrt(total),
        df=total**2 / float((parts**2 / (sizes - 1)).sum()) if total > 0 else None,
        n_used=cohort.n,
    )


def compare_matched_means(matched: MatchedSet, outcome: str) -> MeanComparison:
    """Compare the means of matched arms, arms as independent.

    Notes
    -----
    Welch's test; where controls carry weights, weighted means with the sandwich over patients.
    """
    cohort, weights = matched.cohort, matched.weights
    if weights is None:
        return compare_means(cohort, outcome)
    values = cohort.column(outcome)
    means = compared_risks(cohort.treated, values, weights=weights)
    difference, error = means.difference
    mean = np.array([means.treated, means.control])
    return MeanComparison(
        mean=mean,
        sd=np.array(
            [
                math.sqrt(max(float(np.average((values[arm] - centre) ** 2, weights=weights[arm])), 0.0))
                for arm, centre in zip((cohort.treated, ~cohort.treated), mean, strict=True)
            ]
        ),
        difference=difference,
        std_error=error,
        df=None,
        n_used=cohort.n,
    )


def paired_difference(matched: MatchedSet, outcome: str) -> tuple[float, float, float | None]:
    """Estimate the difference of means with a standard error that respects pairs, or matched sets.

    Notes
    -----
    Pairs: the paired t test. Sets of several controls: weighted means, sandwich over the sets.
    """
    values = matched.cohort.column(outcome)
    if matched.reused:
        raise ConvergenceError("controls serve several treated patients, so there are no separate pairs")
    if matched.weights is not None:
        found = compared_risks(matched.cohort.treated, values, weights=matched.weights, cluster=matched.pair)
        return (*found.difference, None)
    apart = np.subtract(*values.reshape(2, -1))
    if apart.size < 2:
        raise ConvergenceError("there is a single pair, so there is no standard deviation")
    return float(apart.mean()), float(apart.std(ddof=1) / math.sqrt(apart.size)), apart.size - 1.0


def adjusted_difference(cohort: CohortArrays, outcome: str, spec: AnalysisSpec) -> Fit:
    """Estimate the difference of means in all patients by linear regression on the score's covariates."""
    covariates, _ = design(cohort, spec.score_columns, spec.score_categories)
    X = np.column_stack([covariates[:, 0], cohort.treated, covariates[:, 1:]])
    return fit_linear(X, cohort.column(outcome), cluster=cohort.cluster)


def _arms(values: FloatArray, treated: BoolArray) -> tuple[FloatArray, FloatArray]:
    return values[treated], values[~treated]
