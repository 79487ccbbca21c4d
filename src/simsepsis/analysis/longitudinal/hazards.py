"""Hazards of death within each visit: additive by Aalen's regression, or pooled logistic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.special

from simsepsis.analysis.logistic import fit_logistic, predicted
from simsepsis.analysis.longitudinal.additive import aalen_increments
from simsepsis.analysis.longitudinal.choices import Weights
from simsepsis.analysis.longitudinal.visits import Visits
from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import ConvergenceError, UsageError

HazardName = Literal["additive", "logistic"]
HAZARDS: tuple[HazardName, ...] = ("additive", "logistic")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AtRisk:
    """Rows at risk in one period of follow-up, as a regression takes them, r rows.

    Attributes
    ----------
    rows
        (r,): their places among all rows.
    terms
        (r, p): what the hazard depends on, without the constant.
    stop, event, weight
        (r,): time at risk within the period, death, weight.
    """

    rows: IntArray
    terms: FloatArray
    stop: FloatArray
    event: FloatArray
    weight: FloatArray


def at_risk(data: Visits, weights: Weights, rows: IntArray, visits: IntArray, terms: FloatArray) -> AtRisk:
    """Return some rows of the weights, which are these visits, with what the hazard depends on there."""
    return AtRisk(
        rows=rows,
        terms=terms,
        stop=data.stop[visits],
        event=data.event[visits],
        weight=weights.value[rows],
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hazard:
    """A fitted hazard.

    Attributes
    ----------
    kind, continuous
        Which regression; whether times within a period are recorded.
    coefficients, squares
        Of each period, the constant first: (1 + p,); and (additive) their steps squared, (1 + p, 1 + p).
    moved
        Of each period: its rows, and how far they move its coefficients, (r, 1 + p); of a pooled regression
        once, all rows, and how far they move the constants of all periods and the common coefficients.
    """

    kind: HazardName
    continuous: bool
    coefficients: Sequence[FloatArray]
    squares: Sequence[FloatArray]
    moved: Sequence[tuple[IntArray, FloatArray]]

    def survive(self, period: int, design: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the chance of living through a period, and the slope of its logarithm, (r,) each."""
        linear = design @ self.coefficients[period]
        if self.kind == "logistic":
            return scipy.special.expit(-linear), -scipy.special.expit(linear)
        if self.continuous:
            second = 0.5 * np.einsum("ij,ij->i", design @ self.squares[period], design)
            return np.exp(-linear - second), np.full(linear.shape, -1.0)
        return 1 - linear, -1 / (1 - linear)

    def influence(self, gradients: Sequence[FloatArray], rows: int) -> FloatArray:
        """Return how far each row moves some targets, (rows, t)."""
        found = np.zeros((rows, gradients[0].shape[1]))
        if self.kind == "additive":
            for (where, by_row), gradient in zip(self.moved, gradients, strict=True):
                found[where] = by_row @ gradient
            return found
        pooled = np.vstack(
            [np.vstack([gradient[:1] for gradient in gradients]), sum(g[1:] for g in gradients)]
        )
        ((where, by_row),) = self.moved
        found[where] = by_row @ pooled
        return found


def fit_hazard(kind: str, periods: Sequence[AtRisk], *, continuous: bool) -> Hazard:
    """Fit the hazard of all periods."""
    if kind == "additive":
        fits = [_aalen(period) for period in periods]
        return Hazard(
            kind="additive",
            continuous=continuous,
            coefficients=[increments for increments, _, _ in fits],
            squares=[square for _, square, _ in fits],
            moved=[(period.rows, moved) for period, (_, _, moved) in zip(periods, fits, strict=True)],
        )
    if kind == "logistic":
        return _pooled_logistic(periods)
    raise UsageError(f"hazard is {kind!r}; write hazard=" + " or hazard=".join(map(repr, HAZARDS)))


def _pooled_logistic(periods: Sequence[AtRisk]) -> Hazard:
    """Fit one logistic regression with a constant for each period; each row is a trial of one death."""
    constants = np.repeat(np.eye(len(periods)), [period.rows.size for period in periods], axis=0)
    X = np.hstack([constants, np.vstack([period.terms for period in periods])])
    event, weight = (np.concatenate([getattr(one, name) for one in periods]) for name in ("event", "weight"))
    fit = fit_logistic(X, event, weights=weight)
    # A visit in which nobody dies has a hazard of 0.
    if fit.failure is not None and not (fit.separated and max(fit.separated) < len(periods)):
        raise ConvergenceError(f"the hazard of death could not be modelled: {fit.failure}")
    params = np.where(np.isnan(fit.params), 0.0, fit.params)
    score = X * (weight * (event - scipy.special.expit(predicted(X, fit))))[:, None]
    moved = score @ np.where(np.isfinite(fit.covariance), fit.covariance, 0.0)
    return Hazard(
        kind="logistic",
        continuous=False,
        squares=[],
        coefficients=[np.r_[params[k], params[len(periods) :]] for k in range(len(periods))],
        moved=[(np.concatenate([period.rows for period in periods]), moved)],
    )


def _aalen(period: AtRisk) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the sum of Aalen's steps over a period, their square, and how far its rows move them."""
    X = np.column_stack([np.ones(period.rows.size), period.terms])
    total, square, moved = aalen_increments(X, period.weight, period.stop, period.event)
    return total, square, moved
