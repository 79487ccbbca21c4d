"""Death by a horizon with discharge as a competing event."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simsepsis.analysis.estimates import Estimate
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.analysis.methods.rows import coefficient_row
from simsepsis.analysis.methods.shared import known
from simsepsis.analysis.methods.start_times import recorded_times
from simsepsis.analysis.survival import fit_cox
from simsepsis.errors import NotEstimableError

ESTIMANDS = ("log_shr_{event}_{horizon}_matched",)


def subdistribution_rows(task: Task) -> Iterator[Estimate]:
    """Yield the log subdistribution hazard ratio of the spec's death by its horizon in matched patients.

    Notes
    -----
    Everybody's death or discharge is known, so that Fine and Gray's censoring weights are all 1: patients who
    leave alive stay in the risk sets until the horizon (day 28 in the thesis). Efron ties, sandwich over
    pairs. R: ``coxph(Surv(ifelse(dead, days, 28), dead) ~ treated, cluster = pair)``.

    References
    ----------
    Fine JP, Gray RJ. JASA 1999;94:496.
    """
    matched = known(known(task.shared.thesis).matched)
    cohort, spec = matched.cohort, task.spec
    if spec.censoring == "administrative":
        raise NotEstimableError("the spec says that nobody leaves alive, so that nothing competes with death")
    days, dead = recorded_times(cohort, spec)
    event = (dead == 1.0) & (days <= spec.rmst_horizon)
    duration = np.where(event, days, spec.rmst_horizon)
    fit = fit_cox(cohort.treated, duration, event, cluster=matched.pair)
    name = f"log_shr_{spec.survival_event}_{spec.rmst_horizon:g}_matched"
    yield coefficient_row(task.method, name, fit, 0, cohort.n)


FINE_GRAY = Method(
    name="fine_gray",
    label="Matched, subdistribution hazard of death by the spec's horizon",
    group="time",
    estimands=ESTIMANDS,
    std_error="sandwich over pairs, score taken as known",
    reference="Fine JP, Gray RJ. JASA 1999;94:496.",
    function=subdistribution_rows,
    uses=("thesis",),
    needs=("survival",),
)
"""Fine and Gray's regression."""
