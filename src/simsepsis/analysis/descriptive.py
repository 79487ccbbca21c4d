"""What the tables show of each arm before and after matching: counts, quartiles, tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simsepsis.analysis.balance import group_moments, pooled_sd, standardized
from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.matching import Matches
from simsepsis.analysis.propensity import Term, indicators
from simsepsis.arrays import FloatArray, IntArray

PHASES = ("before", "after")
ARMS = ("ivigg", "control")
QUARTILES = ("q1", "median", "q3")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Groups:
    """The four groups that the tables compare: the arms before, and the arms after matching.

    Attributes
    ----------
    rows
        Row indices of each group, in the order of `PHASES` × `ARMS`.
    member
        (n, 4): 1 where the patient belongs to the group, else 0.
    """

    rows: tuple[IntArray, IntArray, IntArray, IntArray]
    member: FloatArray

    @property
    def sizes(self) -> FloatArray:
        """Return patients per group, (2 phases, 2 arms)."""
        return np.array([float(rows.size) for rows in self.rows]).reshape(2, 2)


def phase_groups(cohort: CohortArrays, matches: Matches | None) -> Groups:
    """Return the four groups; those after matching are empty where there are no matches.

    Parameters
    ----------
    cohort
        The analysed patients.
    matches
        The matched pairs.
    """
    nobody = np.empty(0, np.int64)
    treated, control = (nobody, nobody) if matches is None else (matches.treated, matches.control)
    rows = (np.flatnonzero(cohort.treated), np.flatnonzero(~cohort.treated), treated, control)
    member = np.zeros((cohort.n, 4))
    for group, index in enumerate(rows):
        member[index, group] = 1.0
    return Groups(rows=rows, member=member)


def quartiles(values: FloatArray) -> FloatArray:
    """Estimate first quartile, median and third quartile, the weighted average at X₍₍ₙ₊₁₎ₚ₎.

    Parameters
    ----------
    values
        (k, n): covariates; NaN is left out.

    Returns
    -------
    FloatArray
        (k, 3); NaN where there is no value.

    Notes
    -----
    SPSS's default (HAVERAGE), which is Hyndman and Fan's type 6: the value at rank p(n + 1), between the
    neighbours by linear interpolation, and the extremes outside. R: ``quantile(x, type = 6)``.

    References
    ----------
    Hyndman RJ, Fan Y. Am Stat 1996;50:361.
    """
    ranked = np.sort(values, axis=1)
    if ranked.shape[1] == 0:
        return np.full((ranked.shape[0], 3), np.nan)
    size = ranked.shape[1] - np.isnan(ranked).sum(axis=1, keepdims=True)
    last = np.maximum(size - 1, 0)
    position = np.minimum(np.maximum(np.array([0.25, 0.5, 0.75]) * (size + 1) - 1, 0), last)
    below = position.astype(np.int64)
    share = position - below
    row = np.arange(len(ranked))[:, None]
    low, high = ranked[row, below], ranked[row, np.minimum(below + 1, last)]
    between: FloatArray = low + share * (high - low)
    return between


def group_quartiles(values: FloatArray, groups: Groups) -> FloatArray:
    """Return the quartiles of each group, (k, 2 phases, 2 arms, 3)."""
    parts = [quartiles(values[:, rows]) for rows in groups.rows]
    return np.stack(parts, axis=1).reshape(len(values), 2, 2, 3)


def level_indicators(cohort: CohortArrays, names: Sequence[str]) -> tuple[FloatArray, tuple[Term, ...]]:
    """Return binary columns and every level of the categories as 0/1, (q, n), and their terms.

    Parameters
    ----------
    cohort
        The analysed patients.
    names
        Columns; numbers among them are left out.
    """
    rows: list[FloatArray] = []
    terms: list[Term] = []
    for name in names:
        if cohort.kinds[name] == "binary":
            rows.append(cohort.column(name))
            terms.append((name, ""))
        elif cohort.kinds[name] == "category":
            levels = cohort.levels[name]
            rows.extend(indicators(cohort.column(name), len(levels)))
            terms.extend((name, level) for level in levels)
    return np.array(rows).reshape(len(terms), cohort.n), tuple(terms)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Description:
    """Some columns in each of the four groups.

    Attributes
    ----------
    terms
        Binary columns and levels of categories, q of them.
    shown
        (q, n): 1 where the patient has the level, else 0.
    counts, fractions
        (q, 2 phases, 2 arms): patients with the level; NaN in an empty group.
    numeric
        Numbers, k of them, as terms.
    values
        (k, n): the numbers.
    quartiles
        (k, 2 phases, 2 arms, 3).
    """

    terms: tuple[Term, ...]
    shown: FloatArray
    counts: FloatArray
    fractions: FloatArray
    numeric: tuple[Term, ...]
    values: FloatArray
    quartiles: FloatArray


def describe(cohort: CohortArrays, names: Sequence[str], groups: Groups) -> Description:
    """Count levels and take quartiles of some columns in each group.

    Parameters
    ----------
    cohort
        The analysed patients.
    names
        Columns of any kind.
    groups
        The four groups.
    """
    shown, terms = level_indicators(cohort, names)
    numeric = tuple(name for name in names if cohort.kinds[name] in ("continuous", "ordinal"))
    values = cohort.block(numeric)
    sizes = groups.sizes
    counts = np.where(sizes > 0, (shown @ groups.member).reshape(-1, 2, 2), np.nan)
    return Description(
        terms=terms,
        shown=shown,
        counts=counts,
        fractions=counts / np.maximum(sizes, 1.0),
        numeric=tuple((name, "") for name in numeric),
        values=values,
        quartiles=group_quartiles(values, groups),
    )


def level_differences(fractions: FloatArray) -> FloatArray:
    """Return the standardized difference of each level in each phase, (q, 2), by the phase's pooled SD."""
    variance = fractions * (1 - fractions)
    return standardized(fractions[..., 0] - fractions[..., 1], pooled_sd(variance[..., 0], variance[..., 1]))


def numeric_differences(values: FloatArray, groups: Groups) -> FloatArray:
    """Return the standardized difference of each number in each phase, (k, 2), by the phase's pooled SD."""
    with np.errstate(invalid="ignore"):
        mean, variance = group_moments(values, groups.member)
        mean, variance = mean.reshape(-1, 2, 2), variance.reshape(-1, 2, 2)
    return standardized(mean[..., 0] - mean[..., 1], pooled_sd(variance[..., 0], variance[..., 1]))
