"""Weighting by the propensity score, with standard errors that know the score was estimated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from simsepsis.analysis.estimates import Estimate, normal_estimate
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.analysis.methods.rows import risk_rows, risks_of
from simsepsis.analysis.methods.shared import known
from simsepsis.analysis.propensity import Propensity
from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.errors import ConvergenceError

Weighting = Callable[[FloatArray, BoolArray], tuple[FloatArray, FloatArray]]
"""Score e and arms → weights, and their derivatives by the linear predictor of the score."""

STACKED = "sandwich over patients of all estimating equations, score estimated"


def inverse_probability(score: FloatArray, treated: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Weights 1/e and 1/(1 − e): everybody."""
    own = np.where(treated, score, 1 - score)
    certain = int(((score <= 0) | (score >= 1)).sum())
    if certain:
        raise ConvergenceError(
            f"the score is 0 or 1 in {certain} of {score.size} patients (separation), so weights are endless"
        )
    return 1 / own, np.where(treated, -1.0, 1.0) * (1 - own) / own


def overlap(score: FloatArray, treated: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Weights 1 − e and e: those who might have been in either arm."""
    return np.where(treated, 1 - score, score), np.where(treated, -1.0, 1.0) * score * (1 - score)


def weighted_rows(task: Task, *, weighting: Weighting, truth: str) -> Iterator[Estimate]:
    r"""Yield the risks compared after weighting (Hájek: weights normalized in each arm).

    Notes
    -----
    A patient's influence on :math:`p = \sum wy / \sum w` is
    :math:`w(y-p)/\sum w + g' V s`, with s the patient's score (a − e)x in the logistic regression, V its
    inverse information and :math:`g = \sum w'(\eta)(y-p)x / \sum w`: the stacked estimating equations.

    References
    ----------
    Lunceford JK, Davidian M. Stat Med 2004;23:2937. Li F, Morgan KL, Zaslavsky AM. JASA 2018;113:390.
    """
    cohort, propensity = known(task.shared.cohort), known(task.shared.propensity)
    score = propensity.probability
    weights, slopes = weighting(score, cohort.treated)
    arms = np.column_stack([cohort.treated, ~cohort.treated])
    total = weights @ arms
    X = known(task.shared.design)
    for outcome in task.spec.all_outcomes:
        dead = cohort.column(outcome)
        risks = (weights * dead) @ arms / total
        deviation = arms * (dead[:, None] - risks) / total
        influence = weights[:, None] * deviation
        gradient = X.T @ (slopes[:, None] * deviation)
        influence += score_influence(X, cohort.treated - score, propensity, gradient)
        found = risks_of(float(risks[0]), float(risks[1]), influence, int((weights > 0).sum()))
        if outcome in task.spec.numeric_outcomes:
            name = f"md_{outcome}_{truth}"
            yield normal_estimate(task.method, name, *found.difference, n_used=found.n_used)
        else:
            yield from risk_rows(task.method, outcome, truth, found)


def score_influence(
    X: FloatArray, residual: FloatArray, propensity: Propensity, gradient: FloatArray
) -> FloatArray:
    """Return how far each patient moves an estimate by moving the propensity score."""
    fixed = propensity.fit.estimated
    pull = propensity.fit.covariance[np.ix_(fixed, fixed)] @ gradient[fixed]
    moved: FloatArray = residual[:, None] * (X[:, fixed] @ pull)
    return moved


def _weighted(name: str, label: str, weighting: Weighting, truth: str, reference: str) -> Method:
    return Method(
        name=name,
        label=label,
        group="adjustment",
        estimands=tuple(f"{scale}_{{outcome}}_{truth}" for scale in ("log_or", "log_rr", "rd")),
        std_error=STACKED,
        reference=reference,
        function=partial(weighted_rows, weighting=weighting, truth=truth),
        uses=("cohort", "design", "propensity"),
        numeric=(f"md_{{outcome}}_{truth}",),
    )


WEIGHTING_METHODS = (
    _weighted(
        "iptw",
        "Inverse probability of treatment weights",
        inverse_probability,
        "ate",
        "Lunceford JK, Davidian M. Stat Med 2004;23:2937.",
    ),
    _weighted(
        "overlap_weights",
        "Overlap weights",
        overlap,
        "ato",
        "Li F, Morgan KL, Zaslavsky AM. JASA 2018;113:390.",
    ),
)
"""Weighting by the score."""
