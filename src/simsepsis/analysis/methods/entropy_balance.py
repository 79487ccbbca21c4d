"""Entropy balancing: controls weighted so that their means are exactly those of the treated."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.special

from simsepsis.analysis.estimates import Estimate, normal_estimate
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.analysis.methods.rows import risk_rows, risks_of
from simsepsis.analysis.methods.shared import known
from simsepsis.analysis.rank import independent_columns
from simsepsis.arrays import FloatArray
from simsepsis.errors import ConvergenceError, NotEstimableError

BALANCED = 1e-9
"""Standard deviations by which the means of a balanced covariate may differ."""
STEPS = 200


def balancing_weights(X: FloatArray, target: FloatArray) -> FloatArray:
    r"""Return the weights closest to equal ones under which the columns have given means.

    Notes
    -----
    :math:`w_i \propto e^{\lambda'(x_i - t)}`, with λ the minimum of the dual
    :math:`\log \sum e^{\lambda'(x_i - t)}`, by Newton's method: the least change of equal weights, in
    Kullback–Leibler divergence. R:
    ``WeightIt::weightit(method = "ebal", estimand = "ATT")``.
    """
    varies = np.ptp(X, axis=0) > 0
    if not np.allclose(X[0, ~varies], target[~varies]):
        raise ConvergenceError(
            "controls are all alike where the treated are not, so that no weights balance them"
        )
    away = (X[:, varies] - target[varies]) / X[:, varies].std(axis=0)
    away = away[:, independent_columns(away)]
    tilt = np.zeros(away.shape[1])
    value = _dual(away, tilt)
    for _ in range(STEPS):
        weights = scipy.special.softmax(away @ tilt)
        mean = weights @ away
        if np.abs(mean).max(initial=0.0) < BALANCED:
            return np.asarray(weights)
        step = np.linalg.pinv((away.T * weights) @ away - np.outer(mean, mean), hermitian=True) @ mean
        size = 1.0
        while size > 1e-9 and _dual(away, tilt - size * step) > value - 1e-4 * size * (mean @ step):
            size /= 2
        tilt = tilt - size * step
        value = _dual(away, tilt)
    raise ConvergenceError("no weights of the controls give them the means of the treated")


def _dual(away: FloatArray, tilt: FloatArray) -> float:
    return float(scipy.special.logsumexp(away @ tilt))


def balanced_rows(task: Task) -> Iterator[Estimate]:
    r"""Yield the risks of the treated compared with those of the weighted controls.

    Notes
    -----
    The influence of a control is :math:`w_i\{y_i - \hat\mu_0 - \beta'(x_i - \bar x_1)\}`, of a treated
    patient :math:`\beta'(x_i - \bar x_1)/n_1`, with β the weighted regression of outcome on covariates among
    controls: the stacked estimating equations of weights and mean.
    """
    cohort, X = known(task.shared.cohort), known(task.shared.design)[:, 1:]
    inside, outside = np.flatnonzero(cohort.treated), np.flatnonzero(~cohort.treated)
    if inside.size == 0 or outside.size == 0:
        raise NotEstimableError("only one arm has patients with all covariates")
    away = X - X[inside].mean(axis=0)
    weights = balancing_weights(X[outside], X[inside].mean(axis=0))
    spread = np.linalg.pinv((away[outside].T * weights) @ away[outside], hermitian=True)
    for outcome in task.spec.all_outcomes:
        y = cohort.column(outcome)
        treated, control = float(y[inside].mean()), float(weights @ y[outside])
        slope = spread @ (away[outside].T @ (weights * (y[outside] - control)))
        influence = np.zeros((cohort.n, 2))
        influence[inside, 0] = (y[inside] - treated) / inside.size
        influence[inside, 1] = away[inside] @ slope / inside.size
        influence[outside, 1] = weights * (y[outside] - control - away[outside] @ slope)
        found = risks_of(treated, control, influence, cohort.n)
        if outcome in task.spec.numeric_outcomes:
            name = f"md_{outcome}_att"
            yield normal_estimate(task.method, name, *found.difference, n_used=found.n_used)
        else:
            yield from risk_rows(task.method, outcome, "att", found)


METHOD = Method(
    name="entropy_balance",
    label="Entropy balancing of the controls",
    group="adjustment",
    estimands=("log_or_{outcome}_att", "log_rr_{outcome}_att", "rd_{outcome}_att"),
    std_error="sandwich over patients of all estimating equations, weights estimated",
    reference="Hainmueller J. Polit Anal 2012;20:25. Zhao Q, Percival D. J Causal Inference 2017;5:20160010.",
    function=balanced_rows,
    uses=("cohort", "design"),
    numeric=("md_{outcome}_att",),
)
