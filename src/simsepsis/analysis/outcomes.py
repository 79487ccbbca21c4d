"""Outcomes of the arms compared: crude, adjusted by GEE, and within subgroups."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import scipy.special

from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.fit import Fit
from simsepsis.analysis.gee import ClusteredDesign, clustered_design, fit_clustered
from simsepsis.analysis.linear import fit_linear
from simsepsis.analysis.logistic import fit_logistic, sandwich_covariance
from simsepsis.analysis.matched import MatchedSet
from simsepsis.analysis.propensity import INTERCEPT, Term, fit_note
from simsepsis.analysis.risks import Risks, compared_risks
from simsepsis.analysis.spec import AnalysisSpec, Subgroup
from simsepsis.analysis.spec_types import ChiSquare, Fisher
from simsepsis.analysis.two_by_two import (
    BreslowDay,
    breslow_day,
    fisher,
    odds_ratio,
)
from simsepsis.analysis.values import label
from simsepsis.arrays import BoolArray, FloatArray, IntArray, stable_order
from simsepsis.errors import NotEstimableError

LEAST_EXPECTED = 5.0
"""Below this expected count Fisher's exact test replaces the chi-square test."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CrudeComparison:
    """One death in both arms.

    Attributes
    ----------
    table
        (2, 2): rows treated and control, columns dead and alive. Effects are `odds_ratio`, `risk_ratio` and
        `risk_difference` of it. Where controls carry weights, their sums.
    p_value
        Chi-square test, or Fisher's where an expected count is below 5. Where controls carry weights, the
        Wald test of the risk difference.
    risks
        Where controls carry weights, the risks with the covariance that respects these.
    """

    table: FloatArray
    p_value: float
    risks: Risks | None = None


def compare_crude(
    cohort: CohortArrays, outcome: str, *, chi_square: ChiSquare = "plain", sides: Fisher = "two-sided"
) -> CrudeComparison:
    """Count one outcome in both arms and test whether it is associated with the arm."""
    table = _tables(cohort, outcome)[0]
    p_values = association_p_values(table[None], chi_square=chi_square, sides=sides)
    return CrudeComparison(table=table, p_value=float(p_values[0]))


def compare_matched(matched: MatchedSet, outcome: str, spec: AnalysisSpec) -> CrudeComparison:
    """Count one outcome in both matched arms, arms as independent, and test whether it goes with the arm."""
    cohort, weights = matched.cohort, matched.weights
    if weights is None:
        return compare_crude(cohort, outcome, chi_square=spec.chi_square, sides=spec.fisher)
    dead = cohort.column(outcome)
    risks = compared_risks(cohort.treated, dead, weights=weights)
    place = 2 * ~cohort.treated + (dead != 1.0)
    return CrudeComparison(
        table=np.bincount(place, weights=weights, minlength=4).astype(np.float64).reshape(2, 2),
        p_value=risks.p_value,
        risks=risks,
    )


def _tables(cohort: CohortArrays, outcome: str, stratum: IntArray | int = 0, strata: int = 1) -> FloatArray:
    """Count deaths in both arms of each stratum, (strata, 2, 2); complete cases have 0 or 1 there."""
    place = 4 * stratum + 2 * ~cohort.treated + (cohort.column(outcome) != 1.0)
    return np.bincount(place, minlength=4 * strata).reshape(strata, 2, 2).astype(np.float64)


def association_p_values(
    tables: FloatArray, *, chi_square: ChiSquare = "plain", sides: Fisher = "two-sided"
) -> FloatArray:
    """Test association in many 2 × 2 tables: chi-square, or Fisher's exact test where counts are small.

    Notes
    -----
    n(ad − bc)²/(product of the margins) on one degree of freedom; Yates takes n/2 off |ad − bc|, to no less
    than 0. Fisher's test where the least expected count is below 5, as the custom is.
    """
    a, b, c, d = tables.reshape(-1, 4).T
    rows, columns, total = (a + b) * (c + d), (a + c) * (b + d), a + b + c + d
    margins = rows * columns
    distance = np.abs(a * d - b * c)
    if chi_square == "yates":
        distance = np.maximum(distance - total / 2, 0.0)
    square = np.divide(total * distance**2, margins, out=np.full(a.shape, np.nan), where=margins > 0)
    p_values: FloatArray = scipy.special.chdtrc(1.0, square)
    least = np.minimum(a + b, c + d) * np.minimum(a + c, b + d)
    tails = ("two-sided",) if sides == "two-sided" else ("less", "greater")
    for q in np.flatnonzero((margins > 0) & (least < LEAST_EXPECTED * total)):
        p_values[q] = min(fisher(tables[q], sides=tail).p_value for tail in tails)
    return p_values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelData:
    """The patients and terms of one model.

    Attributes
    ----------
    cohort
        Patients with all terms, by cluster; with the outcomes only.
    X
        (n, p): intercept, treatment, adjuncts, transfusions and, in the extended model, later scores.
    design
        The same by cluster, checked for all outcomes at once; None where the spec names no cluster.
    terms
        Columns of `X`.
    left_out
        Adjuncts that too few matched patients received.
    excluded
        Matched patients without the later scores.
    weights
        (n,): matching weights; None where all are 1.
    """

    cohort: CohortArrays
    X: FloatArray
    design: ClusteredDesign | None
    terms: tuple[Term, ...]
    left_out: tuple[str, ...]
    excluded: int
    weights: FloatArray | None = None


def used_adjusters(matched: CohortArrays, spec: AnalysisSpec) -> tuple[str, ...]:
    """Return the transfusions and the adjuncts that enough matched patients received."""
    users = matched.block(spec.adjuncts).sum(axis=1)
    enough = (name for name, n in zip(spec.adjuncts, users, strict=True) if n >= spec.min_adjunct_users)
    return (*enough, *spec.transfusions)


def model_data(
    matched: CohortArrays, spec: AnalysisSpec, *, extended: bool, weights: FloatArray | None = None
) -> ModelData:
    """Return what the GEE of the matched patients adjusts for."""
    adjusters = used_adjusters(matched, spec)
    names = [spec.treatment, *adjusters]
    # In the order of the clusters, which the estimating equations would otherwise make for every outcome.
    rows = np.arange(matched.n) if matched.cluster is None else stable_order(matched.cluster)
    if extended:
        names.extend(spec.later_scores)
        known: BoolArray = np.logical_and.reduce(np.isfinite(matched.block(spec.later_scores)))
        rows = rows[known[rows]]
    kept = matched.subset(rows, spec.all_outcomes)
    columns = np.empty((1 + len(names), kept.n))
    columns[0] = 1.0
    for column, name in zip(columns[1:], names, strict=True):
        np.take(matched.column(name), rows, out=column, mode="clip")
    X = columns.T
    return ModelData(
        cohort=kept,
        X=X,
        design=None if kept.cluster is None else clustered_design(X, kept.cluster),
        terms=(INTERCEPT, *((name, "") for name in names)),
        left_out=tuple(name for name in spec.adjusters if name not in adjusters),
        excluded=matched.n - kept.n,
        weights=None if weights is None else weights[rows],
    )


def model_data_of(matched: MatchedSet, spec: AnalysisSpec, *, extended: bool) -> ModelData:
    """Return `model_data` of a matched set, with its weights."""
    return model_data(matched.cohort, spec, extended=extended, weights=matched.weights)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AdjustedModel:
    """Conditional odds ratios by GEE in matched patients.

    Attributes
    ----------
    data
        Patients and terms.
    fit
        Coefficients in the order of ``data.terms``.
    note
        Terms without an estimate, and why; empty where there are none.
    """

    data: ModelData
    fit: Fit
    note: str

    @property
    def terms(self) -> tuple[Term, ...]:
        """Return the terms of the model."""
        return self.data.terms

    def position(self, name: str) -> int:
        """Return the place of a column among the terms."""
        return self.terms.index((name, ""))


def fit_adjusted(data: ModelData, outcome: str, spec: AnalysisSpec) -> AdjustedModel:
    """Estimate conditional log odds ratios by GEE over clusters with robust standard errors."""
    if data.design is None:
        raise NotEstimableError("the spec names no column for the clusters")
    y = data.cohort.column(outcome)
    if outcome in spec.numeric_outcomes:
        fit = _fit_mean(data, y, spec)
    elif data.weights is not None:
        fit = _fit_weighted(data, y)
    else:
        fit = fit_clustered(data.design, y, correlation=spec.correlation, moment=spec.moment)
    return AdjustedModel(data=data, fit=fit, note=fit_note(fit, data.terms))


def _fit_mean(data: ModelData, y: FloatArray, spec: AnalysisSpec) -> Fit:
    correlation = spec.correlation if data.weights is None else "independence"
    return fit_linear(
        data.X,
        y,
        weights=data.weights,
        cluster=data.cohort.cluster,
        correlation=correlation,
        moment=spec.moment,
    )


def _fit_weighted(data: ModelData, y: FloatArray) -> Fit:
    """Estimating equations with independence: weighted logistic regression, sandwich over clusters."""
    fit = fit_logistic(data.X, y, weights=data.weights)
    covariance = sandwich_covariance(data.X, y, fit, weights=data.weights, cluster=data.cohort.cluster)
    return replace(fit, covariance=covariance, std_errors=np.sqrt(np.diag(covariance)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Interaction:
    """Whether the odds ratio differs between the two strata of a subgroup.

    Attributes
    ----------
    tables
        (2, 2, 2): lower and upper stratum; rows treated and control, columns dead and alive.
    test
        Breslow–Day and Tarone.
    """

    tables: FloatArray
    test: BreslowDay


def compare_strata(matched: MatchedSet, outcome: str, subgroup: Subgroup) -> Interaction:
    """Test whether the odds ratio of one outcome is the same in both strata (Breslow–Day)."""
    if matched.weights is not None:
        raise NotEstimableError("the Breslow–Day test counts patients, and controls carry weights here")
    cohort = matched.cohort
    upper = upper_stratum(cohort, subgroup)
    tables = _tables(cohort, outcome, upper.astype(np.int64), 2)
    return Interaction(tables=tables, test=breslow_day(tables))


def upper_stratum(cohort: CohortArrays, subgroup: Subgroup) -> BoolArray:
    """Return which patients belong to the upper stratum of a subgroup, (n,)."""
    values = cohort.column(subgroup.column)
    if subgroup.at_least is not None:
        return np.asarray(values >= subgroup.at_least)
    return np.asarray(values == cohort.levels[subgroup.column].index(label(subgroup.value)))


def log_odds_ratio_difference(tables: FloatArray) -> tuple[float, float]:
    """Estimate the upper stratum's log odds ratio minus the lower one's, and its SE; NaN with a zero cell."""
    lower, upper = (odds_ratio(table) for table in tables)
    if lower.failure or upper.failure:
        return math.nan, math.nan
    return math.log(upper.estimate / lower.estimate), math.hypot(lower.std_error, upper.std_error)
