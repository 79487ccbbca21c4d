"""Augmented inverse probability weights with models fitted to other patients: cross-fitting."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import scipy.special

from simsepsis.analysis.estimates import Estimate
from simsepsis.analysis.logistic import fit_logistic, linear_predictor
from simsepsis.analysis.methods.doubly_robust import ESTIMANDS
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.analysis.methods.rows import each_outcome, risk_rows, risks_of
from simsepsis.analysis.methods.shared import known
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import ConvergenceError

FOLDS = 5
TRIMMED = 0.01
"""Scores are moved to at least this, and at most 1 less it."""


def crossfit_rows(task: Task) -> Iterator[Estimate]:
    """Yield the risks of everybody with and without treatment, each patient predicted by models of others."""
    cohort, X = known(task.shared.cohort), known(task.shared.design)
    fold = folds_of(cohort.treated, task.shared.matching_rng())
    score = np.clip(predicted_elsewhere(X, cohort.treated.astype(np.float64), fold), TRIMMED, 1 - TRIMMED)
    return each_outcome(task, ESTIMANDS, partial(_outcome_rows, task, X, fold, score))


def folds_of(treated: BoolArray, rng: np.random.Generator) -> IntArray:
    """Deal the patients of each arm into folds at random, (n,)."""
    fold = np.empty(treated.size, np.int64)
    for arm in (treated, ~treated):
        fold[arm] = rng.permutation(np.arange(int(arm.sum())) % FOLDS)
    return fold


def predicted_elsewhere(
    X: FloatArray, y: FloatArray, fold: IntArray, inside: BoolArray | None = None
) -> FloatArray:
    """Return everybody's chance by a logistic regression of the other folds, or of some patients of these."""
    chance = np.empty(y.size)
    for number in range(FOLDS):
        here = fold == number
        there = ~here if inside is None else ~here & inside
        predictor = linear_predictor(X[here], fit := fit_logistic(X[there], y[there], errors=False))
        if np.isnan(predictor).any():
            raise ConvergenceError(f"a model without fold {number + 1} of {FOLDS} failed: {fit.failure}")
        chance[here] = scipy.special.expit(predictor)
    return chance


def _outcome_rows(
    task: Task, X: FloatArray, fold: IntArray, score: FloatArray, outcome: str
) -> Iterator[Estimate]:
    cohort = known(task.shared.cohort)
    dead = cohort.column(outcome)
    values = []
    for arm, chance in ((cohort.treated, score), (~cohort.treated, 1 - score)):
        risk = predicted_elsewhere(X, dead, fold, arm)
        values.append(risk + np.where(arm, (dead - risk) / chance, 0.0))
    value = np.column_stack(values)
    means = value.mean(axis=0)
    found = risks_of(float(means[0]), float(means[1]), (value - means) / cohort.n, cohort.n)
    return risk_rows(task.method, outcome, "ate", found)


METHOD = Method(
    name="aipw_crossfit",
    label="Augmented inverse probability weights, cross-fitted",
    group="adjustment",
    estimands=ESTIMANDS,
    std_error="influence function, patients independent",
    reference="Chernozhukov V et al. Econom J 2018;21:C1. R: DoubleML::DoubleMLIRM.",
    function=crossfit_rows,
    uses=("cohort", "design"),
)
