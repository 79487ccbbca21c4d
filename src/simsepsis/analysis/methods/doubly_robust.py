"""Augmented inverse probability weighting: right if the score or the outcome model is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import scipy.special

from simsepsis.analysis.estimates import Estimate
from simsepsis.analysis.fit import Fit
from simsepsis.analysis.logistic import fit_logistic, linear_predictor
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.analysis.methods.rows import each_outcome, risk_rows, risks_of
from simsepsis.analysis.methods.shared import known
from simsepsis.analysis.methods.weighting import STACKED, inverse_probability, score_influence
from simsepsis.analysis.propensity import Propensity
from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.errors import ConvergenceError

ESTIMANDS = ("log_or_{outcome}_ate", "log_rr_{outcome}_ate", "rd_{outcome}_ate")
MOST_DECIDED = 0.1
"""Share of patients whose risk an outcome model may call 0 or 1 before it is refused."""


def augmented_rows(task: Task) -> Iterator[Estimate]:
    """Yield the risks of everybody with and without treatment, doubly robust.

    References
    ----------
    Robins JM, Rotnitzky A, Zhao LP. JASA 1994;89:846. Funk MJ et al. Am J Epidemiol 2011;173:761.
    """
    return each_outcome(task, ESTIMANDS, partial(_outcome_rows, task))


def _outcome_rows(task: Task, outcome: str) -> Iterator[Estimate]:
    cohort, propensity, X = (
        known(task.shared.cohort),
        known(task.shared.propensity),
        known(task.shared.design),
    )
    weights, _ = inverse_probability(propensity.probability, cohort.treated)
    dead = cohort.column(outcome)
    (risk1, moved1), (risk0, moved0) = (
        _arm(X, dead, cohort.treated, weights, propensity, side) for side in (True, False)
    )
    found = risks_of(risk1, risk0, np.column_stack([moved1, moved0]), cohort.n)
    return risk_rows(task.method, outcome, "ate", found)


def _arm(
    X: FloatArray,
    dead: FloatArray,
    treated: BoolArray,
    weights: FloatArray,
    propensity: Propensity,
    side: bool,
) -> tuple[float, FloatArray]:
    r"""Return the risk in one arm and each patient's influence on it.

    :math:`\hat\mu = n^{-1} \sum \{ m + \tilde w (y - m) \}`, with m the fitted risk in the arm and
    :math:`\tilde w` the inverse probability weight there and 0 in the other arm. The influence adds what a
    patient moves through the score and through the outcome model.
    """
    n = dead.size
    inside = treated == side
    model = fit_logistic(X[inside], dead[inside])
    fitted = fitted_risk(X, model)
    weight = np.where(inside, weights, 0.0)
    value = fitted + weight * (dead - fitted)
    slope = np.where(inside, (-1.0 if side else 1.0) * (weights - 1.0), 0.0)
    gradient = X.T @ (slope * (dead - fitted)) / n
    by_score = score_influence(X, treated - propensity.probability, propensity, gradient[:, None])[:, 0]
    known_terms = model.estimated
    pull = X[:, known_terms].T @ ((1 - weight) * fitted * (1 - fitted)) / n
    pull = model.covariance[np.ix_(known_terms, known_terms)] @ pull
    by_model = np.where(inside, dead - fitted, 0.0) * (X[:, known_terms] @ pull)
    risk = float(value.mean())
    return risk, (value - risk) / n + by_score + by_model


def fitted_risk(X: FloatArray, model: Fit) -> FloatArray:
    """Return the fitted risk of everybody; refuse a model that decides too many patients."""
    predictor = linear_predictor(X, model)
    if np.isnan(predictor).any():
        raise ConvergenceError(f"the outcome model could not be estimated: {model.failure}")
    decided = float(np.isinf(predictor).mean())
    if decided > MOST_DECIDED:
        raise ConvergenceError(
            f"the outcome model calls the risk of {100 * decided:.0f}% of patients 0 or 1 (separation)"
        )
    risk: FloatArray = scipy.special.expit(predictor)
    return risk


AIPW = Method(
    name="aipw",
    label="Augmented inverse probability weights",
    group="adjustment",
    estimands=ESTIMANDS,
    std_error=f"{STACKED}, outcome models too",
    reference="Funk MJ et al. Am J Epidemiol 2011;173:761.",
    function=augmented_rows,
    uses=("cohort", "design", "propensity"),
)
"""Doubly robust weighting, one logistic outcome model in each arm."""
