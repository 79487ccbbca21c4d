"""Death by a horizon in matched patients, with discharge alive as a competing event."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simsepsis.analysis.estimates import Estimate, normal_estimate
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.analysis.methods.shared import known
from simsepsis.analysis.methods.start_times import recorded_times
from simsepsis.analysis.survival import cumulative_incidence
from simsepsis.arrays import FloatArray


def incidence_by(day: float, duration: FloatArray, cause: FloatArray) -> tuple[float, float]:
    """Return the cumulative incidence of cause 1 by a day and its standard error.

    R: ``summary(survfit(Surv(duration, factor(cause)) ~ 1), times = day)``, whose variance is that of the
    infinitesimal jackknife.
    """
    table = cumulative_incidence(duration, cause)
    until = table[(table["cause"] == 1) & (table["time"] <= day)]
    return tuple(until[["incidence", "std_error"]].iloc[-1]) if len(until) else (0.0, 0.0)


def incidence_rows(task: Task) -> Iterator[Estimate]:
    """Yield the difference of the cumulative incidence of death by the spec's horizon, matched.

    Notes
    -----
    Those who leave alive are no longer at risk of the recorded death; where the spec says that nobody leaves
    alive they are censored.
    """
    cohort = known(known(task.shared.thesis).matched).cohort
    days, dead = recorded_times(cohort, task.spec)
    cause = np.where(dead == 1, 1.0, 0.0 if task.spec.censoring == "administrative" else 2.0)
    horizon = task.spec.rmst_horizon
    treated, control = (
        incidence_by(horizon, days[arm], cause[arm]) for arm in (cohort.treated, ~cohort.treated)
    )
    name = f"cid_{task.spec.survival_event}_{horizon:g}_matched"
    error = float(np.hypot(treated[1], control[1]))
    yield normal_estimate(task.method, name, treated[0] - control[0], error, n_used=cohort.n)


METHOD = Method(
    name="aalen_johansen",
    label="Matched, cumulative incidence of death by the spec's horizon",
    group="time",
    estimands=("cid_{event}_{horizon}_matched",),
    std_error="of Aalen and Johansen's estimator, arms independent, score taken as known",
    reference="Aalen OO, Johansen S. Scand J Stat 1978;5:141.",
    function=incidence_rows,
    uses=("thesis",),
    needs=("survival",),
)
