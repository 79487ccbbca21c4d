"""What the tables show of each arm before and after matching: counts, quartiles, tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simsepsis.analysis.balance import pooled_sd, standardized
from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.matching import Matches
from simsepsis.analysis.propensity import Term
from simsepsis.analysis.tallies import (
    Members,
    Tally,
    level_counts,
    members_of,
    moments_of,
    quartiles_of,
    tally,
)
from simsepsis.arrays import FloatArray, IntArray

PHASES = ("before", "after")
QUARTILES = ("q1", "median", "q3")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Groups:
    """The four groups that the tables compare: the arms before, and the arms after matching.

    Attributes
    ----------
    rows
        Row indices of each group, in the order of `PHASES` × `ARMS`.
    member
        (n, 4): 1 where the patient belongs to the group, else 0; the weight where there are weights.
    copies
        Where controls carry weights: how often `rows` has each treated patient after matching. Controls stand
        there in proportion to their weights, so that whatever is counted over the copies is weighted. 0 of
        pairs, whose patients stand there once.
    """

    rows: tuple[IntArray, IntArray, IntArray, IntArray]
    member: FloatArray
    copies: int = 0

    @property
    def each(self) -> FloatArray:
        """Return how often a patient of full weight stands in the rows of each group, (4,)."""
        return np.array([1.0, 1.0, *[max(self.copies, 1.0)] * 2])

    @property
    def sizes(self) -> FloatArray:
        """Return patients per group, or the sum of their weights, (2 phases, 2 arms)."""
        sizes = np.array([float(rows.size) for rows in self.rows])
        return (sizes / self.each if self.copies else sizes).reshape(2, 2)


def phase_groups(cohort: CohortArrays, matches: Matches | None) -> Groups:
    """Return the four groups; those after matching are empty where there are no matches."""
    nobody = np.empty(0, np.int64)
    treated, control = (nobody, nobody) if matches is None else (matches.treated, matches.control)
    copies = 0
    if np.bincount(treated).max(initial=0) > 1 or np.bincount(control).max(initial=0) > 1:
        treated, control, copies = _in_proportion(treated, control)
    rows = (np.flatnonzero(cohort.treated), np.flatnonzero(~cohort.treated), treated, control)
    member = np.zeros((cohort.n, 4))
    for group, index in enumerate(rows):
        member[index, group] = 1.0
    if copies:
        member[:, 3] = np.bincount(control, minlength=cohort.n) / copies
    return Groups(rows=rows, member=member, copies=copies)


def _in_proportion(treated: IntArray, control: IntArray) -> tuple[IntArray, IntArray, int]:
    """Return the rows of both arms in proportion to matching weights, and the copies of a treated patient."""
    partners = np.bincount(treated)
    copies = int(np.lcm.reduce(np.unique(partners[treated])))
    return np.repeat(np.unique(treated), copies), np.repeat(control, copies // partners[treated]), copies


def quartiles(values: FloatArray) -> FloatArray:
    """Estimate first quartile, median and third quartile, the weighted average at X₍₍ₙ₊₁₎ₚ₎.

    Notes
    -----
    SPSS's default (HAVERAGE), which is Hyndman and Fan's type 6: the value at rank p(n + 1), between the
    neighbours by linear interpolation, and the extremes outside. R: ``quantile(x, type = 6)``.

    References
    ----------
    Hyndman RJ, Fan Y. Am Stat 1996;50:361.
    """
    everybody = members_of([np.arange(values.shape[1])])
    tallies = [tally(column, everybody) for column in values]
    return np.array([quartiles_of(one.value, one.count)[0] for one in tallies]).reshape(-1, 3)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Description:
    """Some columns in each of the four groups.

    Attributes
    ----------
    terms
        Binary columns and levels of categories, q of them.
    counts, fractions
        (q, 2 phases, 2 arms): patients with the level; NaN in an empty group.
    numeric
        Numbers, k of them, as terms.
    tallies
        How often each of their values occurs in each group, k of them.
    quartiles
        (k, 2 phases, 2 arms, 3).
    mean, variance
        (k, 2 phases, 2 arms), the variance with divisor n − 1.
    """

    terms: tuple[Term, ...]
    counts: FloatArray
    fractions: FloatArray
    numeric: tuple[Term, ...]
    tallies: tuple[Tally, ...]
    quartiles: FloatArray
    mean: FloatArray
    variance: FloatArray


def describe(cohort: CohortArrays, names: Sequence[str], groups: Groups) -> Description:
    """Count levels and take quartiles and moments of some columns in each group."""
    members, sizes = members_of(groups.rows), groups.sizes
    numeric = tuple(name for name in names if cohort.kinds[name] in ("number", "ordinal"))
    tallies = tuple(tally(cohort.column(name), members) for name in numeric)
    found = np.array([quartiles_of(one.value, one.count) for one in tallies])
    moments = np.array([moments_of(one.value, one.count) for one in tallies]).reshape(-1, 2, 2, 2)
    counted, terms = _counted_levels(cohort, names, groups, members)
    counts = np.where(sizes > 0, counted.reshape(-1, 2, 2), np.nan)
    return Description(
        terms=terms,
        counts=counts,
        fractions=counts / np.maximum(sizes, 1.0),
        numeric=tuple((name, "") for name in numeric),
        tallies=tallies,
        quartiles=found.reshape(-1, 2, 2, 3),
        mean=moments[..., 0],
        variance=moments[..., 1],
    )


def _counted_levels(
    cohort: CohortArrays, names: Sequence[str], groups: Groups, members: Members
) -> tuple[FloatArray, tuple[Term, ...]]:
    """Return the members of each group that have a binary property or a level, (q, groups), and the terms."""
    binary = [name for name in names if cohort.kinds[name] == "binary"]
    having = dict(zip(binary, cohort.block(binary) @ groups.member, strict=True))
    parts: list[FloatArray | IntArray] = [np.empty((0, members.groups))]
    terms: list[Term] = []
    for name in names:
        if name in having:
            parts.append(having[name][None])
            terms.append((name, ""))
        elif cohort.kinds[name] == "category":
            levels = cohort.levels[name]
            counts = level_counts(cohort.column(name), members, len(levels)).T
            parts.append(counts / groups.each if groups.copies else counts)
            terms.extend((name, level) for level in levels)
    return np.concatenate(parts, dtype=np.float64), tuple(terms)


def differences(mean: FloatArray, variance: FloatArray) -> FloatArray:
    """Return the standardized difference of each term in each phase by the phase's pooled SD."""
    return standardized(mean[..., 0] - mean[..., 1], pooled_sd(variance[..., 0], variance[..., 1]))
