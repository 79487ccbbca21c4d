"""The propensity score: its design matrix, its logistic model, how well it separates the arms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.special

from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.fit import Fit
from simsepsis.analysis.logistic import fit_logistic, predicted
from simsepsis.analysis.ranks import average_ranks
from simsepsis.analysis.spec import missing_indicator
from simsepsis.arrays import BoolArray, FloatArray

Term = tuple[str, str]
"""A column of a design matrix: variable and level; the level is empty unless it is a category's."""

INTERCEPT: Term = ("intercept", "")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Propensity:
    """A fitted propensity score.

    Attributes
    ----------
    terms
        Columns of the model, intercept first, p of them.
    fit
        The logistic regression, in the order of `terms`.
    logit
        (n,): linear predictor; ±inf for patients whose treatment the model is certain of (separation).
    note
        Which terms were dropped as repeating others, or separate the arms; empty where nothing was.
    """

    terms: tuple[Term, ...]
    fit: Fit
    logit: FloatArray
    note: str

    @property
    def probability(self) -> FloatArray:
        """Return the probability of treatment, (n,)."""
        probability: FloatArray = scipy.special.expit(self.logit)
        return probability

    @property
    def usable(self) -> BoolArray:
        """Return the patients with a finite linear predictor, (n,)."""
        usable: BoolArray = np.isfinite(self.logit)
        return usable


def fit_propensity(
    cohort: CohortArrays,
    names: Sequence[str],
    categories: Sequence[str] = (),
    near: Propensity | None = None,
    *,
    errors: bool = True,
) -> Propensity:
    """Estimate the probability of treatment given covariates by logistic regression.

    Notes
    -----
    Terms that repeat others are dropped in the order of `names`, as R's `glm` does, and named in the
    note. Where a term separates the arms, the patients that it decides get ±inf, the others their limit.

    References
    ----------
    Rosenbaum PR, Rubin DB. Biometrika 1983;70:41.
    """
    X, terms = design(cohort, names, categories)
    start, heading = (None, None) if near is None else _known(near, terms)
    fit = fit_logistic(X, cohort.treated, start=start, heading=heading, errors=errors)
    return Propensity(terms=terms, fit=fit, logit=predicted(X, fit), note=fit_note(fit, terms))


def _known(near: Propensity, terms: Sequence[Term]) -> tuple[FloatArray, FloatArray | None]:
    """Return another score's coefficients of these terms, and the direction in which it is separated."""
    place = {term: j for j, term in enumerate(near.terms)}
    at = np.array([place.get(term, -1) for term in terms])
    start, heading = (
        None if values is None else np.where(at >= 0, values[at], 0.0)
        for values in (near.fit.params, near.fit.direction)
    )
    assert start is not None
    return np.where(np.isfinite(start), start, 0.0), heading


def design(
    cohort: CohortArrays, names: Sequence[str], categories: Sequence[str] = ()
) -> tuple[FloatArray, tuple[Term, ...]]:
    """Return the design matrix (n, p) with intercept, and its terms."""
    codes = {name: _level_codes(cohort, name, name in categories) for name in names}
    terms = [
        (name, level) for name, levels in codes.items() for level in (list(levels)[1:] if levels else [""])
    ]
    # Filled row by row, which is how the cohort holds its columns; the transpose costs nothing.
    rows = np.empty((1 + len(terms), cohort.n))
    rows[0] = 1.0
    for row, (name, level) in zip(rows[1:], terms, strict=True):
        values = cohort.column(name)
        row[:] = values == codes[name][level] if level else values
        if missing_indicator(name) in cohort.rows:
            row[np.isnan(row)] = np.nanmean(row)
    return rows.T, (INTERCEPT, *terms)


def _level_codes(cohort: CohortArrays, name: str, as_category: bool) -> dict[str, float]:
    """Return the levels of a column with the values that stand for them; none of a number."""
    if as_category:
        return {f"{value:g}": float(value) for value in np.unique(cohort.column(name))}
    return {level: float(code) for code, level in enumerate(cohort.levels.get(name, ()))}


def fit_note(fit: Fit, terms: Sequence[Term]) -> str:
    """Say in words which terms a fit dropped or could not estimate, or why it failed; else empty."""
    parts = []
    if fit.dropped:
        parts.append(f"dropped as repeating other terms: {_named(fit.dropped, terms)}")
    if fit.separated:
        parts.append(f"no finite estimate because of separation: {_named(fit.separated, terms)}")
    elif fit.failure:
        parts.append(fit.failure)
    return "; ".join(parts)


def _named(columns: Sequence[int], terms: Sequence[Term]) -> str:
    return ", ".join(f"{terms[j][0]} = {terms[j][1]}" if terms[j][1] else terms[j][0] for j in columns)


def c_statistic(score: FloatArray, treated: BoolArray) -> float:
    """Estimate the probability that a treated patient's score exceeds an untreated one's (AUC).

    Notes
    -----
    The Mann–Whitney statistic over the number of pairs. R: ``pROC::auc``.
    """
    ranks = average_ranks(score)
    n1 = int(treated.sum())
    n0 = treated.size - n1
    if n1 == 0 or n0 == 0:
        return float("nan")
    return float((ranks[treated].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


def overlap_summary(propensity: Propensity, treated: BoolArray) -> dict[str, float]:
    """Describe how far the arms' propensity scores overlap.

    Returns
    -------
    dict
        C-statistic; least and greatest probability in each arm; patients outside the range that both
        arms share; patients whose treatment the model is certain of.
    """
    probability = propensity.probability
    given, control = probability[treated], probability[~treated]
    low, high = max(given.min(), control.min()), min(given.max(), control.max())
    return {
        "c_statistic": c_statistic(propensity.logit, treated),
        "min_treated": float(given.min()),
        "max_treated": float(given.max()),
        "min_control": float(control.min()),
        "max_control": float(control.max()),
        "outside_treated": float(((given < low) | (given > high)).sum()),
        "outside_control": float(((control < low) | (control > high)).sum()),
        "certain": float((~propensity.usable).sum()),
    }
