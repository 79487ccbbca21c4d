"""Regression instead of matching: conditional odds ratios in all patients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from simsepsis.analysis.conditional_logistic import fit_conditional_logistic
from simsepsis.analysis.estimates import Estimate
from simsepsis.analysis.fit import Fit
from simsepsis.analysis.gee import fit_gee
from simsepsis.analysis.logistic import fit_logistic
from simsepsis.analysis.methods.method import Method, Need, Task
from simsepsis.analysis.methods.rows import coefficient_row, each_outcome
from simsepsis.analysis.methods.shared import known, with_treatment
from simsepsis.analysis.methods.thesis import LIANG_ZEGER, LOG_OR_TWIN
from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import NotEstimableError

Model = Callable[[Task, FloatArray, FloatArray], Fit]
"""From intercept, treatment and covariates (n, 2 + p) and an outcome (n,) to a fit over these columns."""


def clusters(task: Task) -> IntArray:
    """Return the number of each patient's ICU, (n,)."""
    cluster = known(task.shared.cohort).cluster
    if cluster is None:
        raise NotEstimableError("the spec names no column for the clusters")
    return cluster


def regression_rows(task: Task, *, model: Model) -> Iterator[Estimate]:
    """Yield the treatment's conditional log odds ratio of each outcome, given the score's covariates."""
    cohort = known(task.shared.cohort)
    X = with_treatment(known(task.shared.design), cohort.treated)

    def rows(outcome: str) -> Iterator[Estimate]:
        fit = model(task, X, cohort.column(outcome))
        yield coefficient_row(task.method, f"log_or_{outcome}_twin", fit, 1, cohort.n)

    return each_outcome(task, LOG_OR_TWIN, rows)


def logistic(task: Task, X: FloatArray, y: FloatArray) -> Fit:
    """Logistic regression."""
    return fit_logistic(X, y)


def full_gee(task: Task, X: FloatArray, y: FloatArray) -> Fit:
    """GEE over ICUs, adjusting for adjuncts and transfusions too, as in the thesis's matched patients."""
    cohort, spec = known(task.shared.cohort), task.spec
    used = [name for name in spec.adjuncts if cohort.column(name).sum() >= spec.min_adjunct_users]
    adjusters = cohort.block([*used, *spec.transfusions]).T
    return fit_gee(
        np.hstack([X, adjusters]),
        y,
        clusters(task),
        correlation=spec.correlation,
        moment=spec.moment,
    )


def conditional_on_icu(task: Task, X: FloatArray, y: FloatArray) -> Fit:
    """Conditional logistic regression within ICUs: whatever differs between ICUs cancels.

    The intercept is dropped like everything else that is the same for all patients of an ICU.
    """
    return fit_conditional_logistic(X, y, clusters(task))


def _regression(
    name: str, label: str, model: Model, std_error: str, reference: str, needs: tuple[Need, ...] = ()
) -> Method:
    return Method(
        name=name,
        label=label,
        group="adjustment",
        estimands=LOG_OR_TWIN,
        std_error=std_error,
        reference=reference,
        function=partial(regression_rows, model=model),
        uses=("cohort", "design"),
        needs=needs,
    )


REGRESSION_METHODS = (
    _regression(
        "logistic",
        "Logistic regression on treatment and covariates",
        logistic,
        "inverse information, patients independent",
        "McCullagh P, Nelder JA. Generalized Linear Models, 2nd ed., 1989.",
    ),
    _regression(
        "gee_full",
        "GEE of all patients on treatment, covariates and adjuncts",
        full_gee,
        "sandwich over ICUs",
        LIANG_ZEGER,
        ("clusters",),
    ),
    _regression(
        "conditional_logistic_icu",
        "Conditional logistic regression within ICUs",
        conditional_on_icu,
        "inverse information, patients independent within ICUs",
        "Breslow NE, Day NE. Statistical Methods in Cancer Research, vol. 1, 1980.",
        ("clusters",),
    ),
)
"""Regressions on treatment and the covariates of the score."""
