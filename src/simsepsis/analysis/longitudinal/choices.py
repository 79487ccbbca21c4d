"""Logistic models of what happened at each visit, and weights by them that know they were estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.special

from simsepsis.analysis.logistic import fit_logistic, predicted
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import ConvergenceError, UsageError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice:
    """A fitted logistic regression of some rows.

    Attributes
    ----------
    rows
        (r,): which rows of a longer frame it was fitted to.
    log_probability
        (r,): of what happened.
    score
        (r, q): derivatives of `log_probability` by the coefficients.
    covariance, params
        (q, q), (q,): inverse information and coefficients, of `columns` of the design.
    columns
        (q,): columns with an estimate.
    """

    rows: IntArray
    log_probability: FloatArray
    score: FloatArray
    covariance: FloatArray
    params: FloatArray
    columns: IntArray

    def influence(self, person: IntArray, n: int) -> FloatArray:
        """Return how far n persons move the coefficients, (n, q); `person` is of the longer frame."""
        return sums_by_person(self.score, person[self.rows], n) @ self.covariance


def fit_choice(what: str, rows: IntArray, X: FloatArray, y: FloatArray, *, free: int) -> Choice:
    """Fit what happened, y of 0 or 1, to a design of the same rows.

    The first `free` columns (visits) may decide what happens: no choice was made at such a visit.
    """
    fit = fit_logistic(X, y)
    if fit.failure is not None and not (fit.separated and max(fit.separated) < free):
        raise ConvergenceError(f"{what} could not be modelled: {fit.failure}")
    columns = np.flatnonzero(fit.estimated)
    linear = predicted(X, fit)
    return Choice(
        rows=rows,
        log_probability=-np.logaddexp(0.0, np.where(y == 1, -linear, linear)),
        score=X[:, columns] * (y - scipy.special.expit(linear))[:, None],
        covariance=fit.covariance[np.ix_(columns, columns)],
        params=fit.params[columns],
        columns=columns,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Factor:
    """What one model multiplies into the weights: its probability, to the power of `sign`, at some rows.

    Attributes
    ----------
    sign
        1 above the bar, −1 below it.
    rows, places
        (r,) each: rows of the weights, and the places of the same visits in the model; a slice of all.
    influence
        (n, q): how far each of n persons moves the model's coefficients.
    """

    choice: Choice
    sign: int
    rows: IntArray
    places: IntArray | slice
    influence: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weights:
    """Products of factors up to each row of a course.

    Attributes
    ----------
    value
        (m,).
    factors
        What is multiplied.
    start
        (m,): the first row of the course that a row belongs to; courses stand one after another.
    cut
        (m,): where the weight was cut to a limit, and depends on no model.
    """

    value: FloatArray
    factors: Sequence[Factor]
    start: IntArray
    cut: BoolArray

    def influence(self, by_row: FloatArray) -> FloatArray | float:
        """Return how far persons move some targets by moving the models behind the weights, (n, t)."""
        if not self.factors:
            return 0.0
        from_here = np.zeros((by_row.shape[0] + 1, by_row.shape[1]))
        free = np.where(self.cut[:, None], 0.0, by_row) if self.cut.any() else by_row
        np.cumsum(free[::-1], axis=0, out=from_here[-2::-1])
        end = self.start + np.bincount(self.start)[self.start]
        later = from_here[:-1] - from_here[end]
        moved = np.zeros((self.factors[0].influence.shape[0], by_row.shape[1]))
        for one in self.factors:
            moved += one.influence @ (one.sign * one.choice.score[one.places].T @ later[one.rows])
        return moved


def weights_of(factors: Sequence[Factor], start: IntArray, truncate: float | None) -> Weights:
    """Return weights; with `truncate` none exceeds that quantile of them, which is taken as known."""
    ratio = np.zeros(start.size)
    for factor in factors:
        ratio[factor.rows] += factor.sign * factor.choice.log_probability[factor.places]
    total = np.cumsum(ratio)
    value = np.exp(total - (total - ratio)[start])
    if truncate is None:
        return Weights(value=value, factors=factors, start=start, cut=np.zeros(value.size, bool))
    if not 0.5 <= truncate < 1:
        raise UsageError(
            f"truncate is {truncate:g}; write a quantile such as 0.99, or None to leave weights alone"
        )
    most = float(np.quantile(value, truncate))
    return Weights(value=np.minimum(value, most), factors=factors, start=start, cut=value > most)


def sums_by_person(values: FloatArray, person: IntArray, n: int) -> FloatArray:
    """Return the sums of rows over each of n persons, (n, q)."""
    return np.column_stack([np.bincount(person, values[:, j], minlength=n) for j in range(values.shape[1])])


def fit_line(X: FloatArray, y: FloatArray, person: IntArray, n: int) -> tuple[FloatArray, float, FloatArray]:
    """Fit a linear regression by least squares, in the least-norm way where columns repeat others.

    Returns coefficients, the standard deviation of residuals, and how far each of n persons moves them all.
    """
    bread = np.linalg.pinv(X.T @ X, hermitian=True)
    params = bread @ (X.T @ y)
    residual = y - X @ params
    sd = float(np.sqrt(np.mean(residual**2))) if y.size else 0.0
    sd = max(sd, float(np.finfo(np.float64).tiny))
    spread = (residual**2 - sd**2) / (2 * sd * max(y.size, 1))
    by_row = np.column_stack([(X * residual[:, None]) @ bread, spread])
    return params, sd, sums_by_person(by_row, person, n)
