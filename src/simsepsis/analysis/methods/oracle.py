"""Matching with what only the simulator knows: the upper rungs of the ladder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import scipy.special

from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.estimates import Estimate
from simsepsis.analysis.methods.matcher_variants import SE, by_options, matched_rows
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.analysis.methods.shared import checked_propensity, known
from simsepsis.analysis.methods.thesis import RISKS_MATCHED
from simsepsis.arrays import FloatArray

UNMEASURED = "unmeasured"


def true_score_rows(task: Task) -> Iterator[Estimate]:
    """Yield the risks compared after matching on the true probability of treatment."""
    cohort = known(task.shared.cohort)
    chance = np.asarray(task.known_oracle().propensity, dtype=np.float64)[cohort.record]
    return matched_rows(task, cohort, scipy.special.logit(chance), by_options)


def with_unmeasured_rows(task: Task) -> Iterator[Estimate]:
    """Yield the risks compared after matching on a score that knows the unmeasured confounder too."""
    cohort = known(task.shared.cohort)
    unmeasured = np.asarray(task.known_oracle().unmeasured, dtype=np.float64)[cohort.record]
    seen = with_column(cohort, UNMEASURED, unmeasured)
    propensity = checked_propensity(seen, task.spec, (UNMEASURED,))
    return matched_rows(task, cohort, propensity.logit, by_options)


def with_column(cohort: CohortArrays, name: str, values: FloatArray) -> CohortArrays:
    """Return the patients with one more column."""
    return replace(
        cohort,
        values=np.vstack([cohort.values, values]),
        rows={**cohort.rows, name: len(cohort.values)},
        kinds={**cohort.kinds, name: "number"},
    )


ORACLE_METHODS = (
    Method(
        name="oracle_ps",
        label="Matched on the true score",
        group="oracle",
        estimands=RISKS_MATCHED,
        std_error=SE,
        function=true_score_rows,
        needs=("oracle",),
    ),
    Method(
        name="psm_with_u",
        label="Matched on a score with the unmeasured confounder",
        group="oracle",
        estimands=RISKS_MATCHED,
        std_error=SE,
        function=with_unmeasured_rows,
        needs=("oracle",),
    ),
)
"""What matching gives that knows more than a registry can."""
