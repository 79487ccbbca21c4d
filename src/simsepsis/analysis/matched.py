"""A matched set: score, pairs and the patients in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.matching import Matches, match_pairs
from simsepsis.analysis.propensity import Propensity, fit_propensity
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.arrays import BoolArray, IntArray
from simsepsis.errors import ConvergenceError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MatchedSet:
    """Patients matched on one propensity score.

    Attributes
    ----------
    names
        Columns of the score.
    propensity
        The score of all analysed patients; without standard errors, unless it was given with them.
    matches
        The pairs, as rows of the analysed cohort.
    cohort
        The matched patients, all treated first and then their controls in the order of the pairs.
    """

    names: tuple[str, ...]
    propensity: Propensity
    matches: Matches
    cohort: CohortArrays

    @property
    def pair(self) -> IntArray:
        """Return the number of the pair of each patient in `cohort`, (2 × pairs,)."""
        return np.tile(np.arange(self.matches.n_pairs), 2)


def match_on_score(
    cohort: CohortArrays,
    names: Sequence[str],
    spec: AnalysisSpec,
    rng: np.random.Generator,
    propensity: Propensity | None = None,
    near: Propensity | None = None,
) -> MatchedSet:
    """Fit the propensity score and match each treated patient to one control.

    Parameters
    ----------
    cohort
        The analysed patients.
    names
        Columns of the score.
    spec
        Scale, caliper, order and choice.
    rng
        For a random order or choice.
    propensity
        The score of these columns, where it has been fitted already.
    near
        As in `fit_propensity`.

    Raises
    ------
    ConvergenceError
        If no score or no pair could be found.

    Notes
    -----
    Patients whose treatment the model is certain of (separation) have no counterpart and are not matched.
    """
    # matching needs the fitted values alone
    propensity = propensity or fit_propensity(cohort, names, spec.score_categories, near, errors=False)
    if np.isnan(propensity.logit).any():
        raise ConvergenceError(f"the propensity score could not be estimated: {propensity.note}")
    score = propensity.logit if spec.scale == "logit" else propensity.probability
    usable = propensity.usable
    arms = cohort.treated[usable]
    if not arms.any() or arms.all():
        raise ConvergenceError(f"the propensity score decides a whole arm: {propensity.note}")
    found = match_pairs(
        score[usable],
        arms,
        caliper=spec.caliper,
        caliper_sd=spec.caliper_sd,
        order=spec.order,
        select=spec.select,
        rng=rng,
    )
    if found.n_pairs == 0:
        raise ConvergenceError(f"no pair within the caliper of {found.caliper:.3g}")
    matches = found if usable.all() else _in_all_rows(found, usable)
    rows = np.concatenate([matches.treated, matches.control])
    return MatchedSet(names=tuple(names), propensity=propensity, matches=matches, cohort=cohort.subset(rows))


def _in_all_rows(matches: Matches, usable: BoolArray) -> Matches:
    row = np.flatnonzero(usable)
    return replace(
        matches,
        treated=row[matches.treated],
        control=row[matches.control],
        unmatched_treated=row[matches.unmatched_treated],
    )
