"""A matched set: score, pairs and the patients in them, with weights where they are no pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.matching import Matches, match_pairs, match_weights
from simsepsis.analysis.propensity import Propensity, fit_propensity
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.arrays import BoolArray, FloatArray, IntArray
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
        The matched patients, once each: all treated first and then their controls. Of pairs, the controls are
        in the order of the treated.
    pair
        (n,): number of the set to which each patient in `cohort` belongs; where controls serve several
        treated patients, each patient's own number.
    weights
        (n,): 1 for a treated patient; for a control, the sum of its shares in the controls of each treated
        patient. None where matching made pairs, so that all are 1.
    reused
        Whether controls may serve several treated patients.
    """

    names: tuple[str, ...]
    propensity: Propensity
    matches: Matches
    cohort: CohortArrays
    pair: IntArray
    weights: FloatArray | None = None
    reused: bool = False

    @property
    def n_treated(self) -> int:
        """Return the number of treated patients with a control."""
        return int(self.cohort.treated.sum())


def match_on_score(
    cohort: CohortArrays,
    names: Sequence[str],
    spec: AnalysisSpec,
    rng: np.random.Generator,
    propensity: Propensity | None = None,
    near: Propensity | None = None,
) -> MatchedSet:
    """Fit the propensity score and match each treated patient to one control, or to several.

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
        ratio=spec.ratio,
        replace=spec.replace,
        exact=exact_strata(cohort, spec.exact)[usable] if spec.exact else None,
        rng=rng,
    )
    if found.n_pairs == 0:
        raise ConvergenceError(f"no pair within the caliper of {found.caliper:.3g}")
    matches = found if usable.all() else _in_all_rows(found, usable)
    return matched_set(cohort, names, propensity, matches, spec)


def matched_set(
    cohort: CohortArrays,
    names: Sequence[str],
    propensity: Propensity,
    matches: Matches,
    spec: AnalysisSpec,
) -> MatchedSet:
    """Return the matched patients, with weights where matching made no pairs."""
    treated, control = matches.treated, matches.control
    if spec.one_to_one:
        pair, weights = np.tile(np.arange(matches.n_pairs), 2), None
    else:
        treated, control = np.unique(treated), np.unique(control) if spec.replace else control
        pair = np.concatenate([np.arange(treated.size), np.searchsorted(treated, matches.treated)])
        weights = match_weights(matches, cohort.n)[np.concatenate([treated, control])]
    return MatchedSet(
        names=tuple(names),
        propensity=propensity,
        matches=matches,
        cohort=cohort.subset(np.concatenate([treated, control])),
        pair=np.arange(treated.size + control.size) if spec.replace else pair,
        weights=weights,
        reused=spec.replace,
    )


def exact_strata(cohort: CohortArrays, names: Sequence[str]) -> IntArray:
    """Return the number of the stratum in which a patient may be matched, (n,)."""
    codes = np.unique(cohort.block(names), axis=1, return_inverse=True)[1]
    return np.asarray(codes, np.int64).ravel()


def _in_all_rows(matches: Matches, usable: BoolArray) -> Matches:
    row = np.flatnonzero(usable)
    return replace(
        matches,
        treated=row[matches.treated],
        control=row[matches.control],
        unmatched_treated=row[matches.unmatched_treated],
    )
