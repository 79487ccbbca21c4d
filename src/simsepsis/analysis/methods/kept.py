"""Whom a method matched: the population that its matched effects are about."""

from __future__ import annotations

import numpy as np

from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.matched import MatchedSet
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.analysis.methods.shared import OracleView, Shared, known
from simsepsis.analysis.methods.thesis import TWIN
from simsepsis.arrays import FloatArray
from simsepsis.errors import NotEstimableError

SECOND = "psm_adjuncts"
"""How the names of methods begin that use the matched set of the thesis's second score."""


def kept_patients(method: Method, shared: Shared, oracle: OracleView | None) -> FloatArray:
    """Return how much each patient of the registry counts among the treated whom a method matched, (n,)."""
    of_twin = method.group == TWIN
    kept = np.zeros(len(shared.randomized if of_twin and shared.randomized is not None else shared.registry))

    def note(cohort: CohortArrays, weights: FloatArray) -> None:
        chosen = np.flatnonzero(cohort.treated & (weights > 0))
        kept[cohort.record[chosen]] += weights[chosen]

    if {"thesis", "twin"} & set(method.uses):
        matched = matched_set_of(method, shared)
        note(matched.cohort, np.ones(matched.cohort.n) if matched.weights is None else matched.weights)
    else:
        for _ in method.function(Task(method=method.name, shared=shared, oracle=oracle, note=note)):
            pass
    return kept


def matched_set_of(method: Method, shared: Shared) -> MatchedSet:
    """Return the thesis's matched set that a method rests on."""
    run = known(shared.twin if method.group == TWIN else shared.thesis)
    step = run.second if method.name.removeprefix(f"{TWIN}_").startswith(SECOND) else run.matched
    if step is None:
        raise NotEstimableError("the spec names no second score")
    return known(step)
