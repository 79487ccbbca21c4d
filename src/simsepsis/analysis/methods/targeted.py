"""Targeted maximum likelihood: outcome models moved so that the score's equation is solved too."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import scipy.special

from simsepsis.analysis.estimates import Estimate
from simsepsis.analysis.logistic import fit_logistic
from simsepsis.analysis.methods.doubly_robust import ESTIMANDS, fitted_risk
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.analysis.methods.rows import each_outcome, risk_rows, risks_of
from simsepsis.analysis.methods.shared import known
from simsepsis.analysis.methods.weighting import inverse_probability
from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.errors import ConvergenceError

STEPS = 100
LEAST = 1e-9
"""Fitted risks stay so far from 0 and 1, where no shift would move them."""


def targeted_rows(task: Task) -> Iterator[Estimate]:
    """Yield the risks of everybody with and without treatment by targeted outcome models."""
    return each_outcome(task, ESTIMANDS, partial(_outcome_rows, task))


def _outcome_rows(task: Task, outcome: str) -> Iterator[Estimate]:
    cohort, X = known(task.shared.cohort), known(task.shared.design)
    weights, _ = inverse_probability(known(task.shared.propensity).probability, cohort.treated)
    dead = cohort.column(outcome)
    arms = [targeted_risk(X, dead, cohort.treated == side, weights) for side in (True, False)]
    influence = np.column_stack([moved for _, moved in arms])
    return risk_rows(task.method, outcome, "ate", risks_of(arms[0][0], arms[1][0], influence, cohort.n))


def targeted_risk(
    X: FloatArray, dead: FloatArray, inside: BoolArray, weights: FloatArray
) -> tuple[float, FloatArray]:
    r"""Return everybody's risk in one arm and each patient's influence on it.

    Notes
    -----
    The fitted log odds of all patients are shifted by ε, which solves :math:`\sum w\{y - m(\varepsilon)\} =
    0` over the arm; the risk is the mean of m. Influence: the efficient :math:`\{w(y - m) + m - \hat\mu\}/n`.
    """
    fitted = fitted_risk(X, fit_logistic(X[inside], dead[inside]))
    odds = scipy.special.logit(np.clip(fitted, LEAST, 1 - LEAST))
    weight = np.where(inside, weights, 0.0)
    shift = 0.0
    for _ in range(STEPS):
        risk = scipy.special.expit(odds + shift)
        score, slope = float(weight @ (dead - risk)), float(weight @ (risk * (1 - risk)))
        if abs(score) <= 1e-10 * weight.sum():
            mean = float(risk.mean())
            return mean, (weight * (dead - risk) + risk - mean) / dead.size
        shift += float(np.clip(score / max(slope, 1e-12), -1.0, 1.0))
    raise ConvergenceError("the outcome model could not be targeted: deaths and survivors are separated")


METHOD = Method(
    name="tmle",
    label="Targeted maximum likelihood",
    group="adjustment",
    estimands=ESTIMANDS,
    std_error="efficient influence function, patients independent",
    reference="van der Laan MJ, Rubin D. Int J Biostat 2006;2:11. R: tmle::tmle.",
    function=targeted_rows,
    uses=("cohort", "design", "propensity"),
)
