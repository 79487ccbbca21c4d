"""Death by day 28 with discharge as a competing event."""

from __future__ import annotations

from collections.abc import Iterator

from simsepsis.analysis.estimates import Estimate
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.analysis.methods.rows import coefficient_row
from simsepsis.analysis.methods.shared import known
from simsepsis.analysis.methods.start_times import recorded_times
from simsepsis.analysis.survival import fit_cox
from simsepsis.analysis.time_to_death import follow_up
from simsepsis.errors import ConvergenceError


def subdistribution_rows(task: Task) -> Iterator[Estimate]:
    """Yield the log subdistribution hazard ratio of death in hospital by day 28 in matched patients.

    Parameters
    ----------
    task
        The registry.

    Raises
    ------
    ConvergenceError
        If the spec knows no discharge.

    Notes
    -----
    Everybody's death or discharge is known, so that Fine and Gray's censoring weights are all 1: patients who
    leave alive stay in the risk sets until day 28. Efron ties, sandwich over pairs. R:
    ``coxph(Surv(ifelse(dead, days, 28), dead) ~ treated, cluster = pair)``.

    References
    ----------
    Fine JP, Gray RJ. JASA 1999;94:496.
    """
    matched = known(known(task.shared.thesis).matched)
    cohort, spec = matched.cohort, task.spec
    if spec.censoring == "administrative":
        raise ConvergenceError("the spec says that nobody leaves alive, so that nothing competes with death")
    times = follow_up(*recorded_times(cohort, spec), cohort.treated, "day28_alive")
    fit = fit_cox(times.treated, times.duration, times.event, cluster=matched.pair)
    yield coefficient_row(task.method, "log_hr_death_28d_matched", fit, 0, cohort.n)


FINE_GRAY = Method(
    name="fine_gray",
    label="Matched, subdistribution hazard of death by day 28",
    group="time",
    estimands=("log_hr_death_28d_matched",),
    std_error="sandwich over pairs, score taken as known",
    reference="Fine JP, Gray RJ. JASA 1999;94:496.",
    function=subdistribution_rows,
    uses=("thesis",),
    needs=("survival",),
)
"""Fine and Gray's regression."""
