"""Time to death by Cox regression, with and without the immortal time before treatment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from simsepsis.analysis.estimates import Estimate
from simsepsis.analysis.methods.method import Method, Need, Task
from simsepsis.analysis.methods.rows import coefficient_row
from simsepsis.analysis.methods.shared import known
from simsepsis.analysis.methods.start_times import course_of, times_to_death
from simsepsis.analysis.survival import fit_cox
from simsepsis.arrays import BoolArray, FloatArray, IntArray

LANDMARK = 3.0
"""Day at which the landmark analysis begins, and until which a death counts as early."""

BEFORE_ANYTHING = -1.0
"""Entry of those who are there from the start: a death at time 0 comes after it."""

LOG_HR = ("log_hr_{event}_twin",)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Intervals:
    """Rows of a Cox regression, (m,) each: who, from when to when, dead or not, treated or not."""

    patient: IntArray
    duration: FloatArray
    event: BoolArray
    treated: BoolArray
    entry: FloatArray | None = None


Layout = Callable[[Task], Intervals]


def cox_rows(task: Task, *, layout: Layout) -> Iterator[Estimate]:
    """Yield the treatment's log hazard ratio of death, given the score's covariates."""
    rows = layout(task)
    covariates = known(task.shared.design)[rows.patient, 1:]
    fit = fit_cox(np.column_stack([rows.treated, covariates]), rows.duration, rows.event, entry=rows.entry)
    n_used = int(np.unique(rows.patient).size)
    yield coefficient_row(task.method, f"log_hr_{task.spec.survival_event}_twin", fit, 0, n_used)


def time_fixed(task: Task) -> Intervals:
    """Ever treated against never, from admission: the wait for treatment counts as treated."""
    duration, event = times_to_death(task)
    cohort = known(task.shared.cohort)
    return Intervals(patient=np.arange(cohort.n), duration=duration, event=event, treated=cohort.treated)


def early_deaths_excluded(task: Task) -> Intervals:
    """Ever treated against never, from admission, without those who died by the landmark."""
    rows = time_fixed(task)
    keep = np.flatnonzero(~(rows.event & (rows.duration <= LANDMARK)))
    return Intervals(
        patient=keep, duration=rows.duration[keep], event=rows.event[keep], treated=rows.treated[keep]
    )


def from_landmark(task: Task) -> Intervals:
    """Treated by the landmark against not yet treated, from the landmark on, in those still followed."""
    course = course_of(task)
    keep = np.flatnonzero(course.duration > LANDMARK)
    return Intervals(
        patient=keep,
        duration=course.duration[keep],
        event=course.event[keep],
        treated=course.since[keep] <= LANDMARK,
    )


def time_varying(task: Task) -> Intervals:
    """Untreated until treatment starts, treated afterwards."""
    course = course_of(task)
    everybody = np.arange(course.duration.size)
    switch = np.flatnonzero(np.isfinite(course.since))
    before = Intervals(
        patient=everybody,
        entry=np.full(everybody.size, BEFORE_ANYTHING),
        duration=np.minimum(course.duration, course.since),
        event=course.event & np.isinf(course.since),
        treated=np.zeros(everybody.size, np.bool_),
    )
    return Intervals(
        patient=np.concatenate([before.patient, switch]),
        entry=np.concatenate([before.entry, course.since[switch]]),
        duration=np.concatenate([before.duration, course.duration[switch]]),
        event=np.concatenate([before.event, course.event[switch]]),
        treated=np.concatenate([before.treated, np.ones(switch.size, np.bool_)]),
    )


def _cox(name: str, label: str, layout: Layout, reference: str, *needs: Need) -> Method:
    return Method(
        name=name,
        label=label,
        group="time",
        estimands=LOG_HR,
        std_error="inverse information, patients independent",
        reference=reference,
        function=partial(cox_rows, layout=layout),
        uses=("cohort", "design"),
        needs=("survival", *needs),
    )


SUISSA = "Suissa S. Am J Epidemiol 2008;167:492."
COX_METHODS = (
    _cox("cox_time_fixed", "Cox, ever against never treated, from admission", time_fixed, SUISSA),
    _cox(
        "cox_time_varying",
        "Cox, treated from the start of treatment on",
        time_varying,
        "Shintani AK et al. Crit Care Med 2009;37:2939.",
        "start_times",
    ),
    _cox(
        "landmark_day3",
        "Cox from day 3, treated by then against not yet",
        from_landmark,
        "Anderson JR, Cain KC, Gelber RD. J Clin Oncol 1983;1:710.",
        "start_times",
    ),
    _cox(
        "exclude_early_deaths",
        "Cox from admission, without deaths of the first three days",
        early_deaths_excluded,
        SUISSA,
    ),
)
"""Cox regressions that differ in what they make of the time before treatment."""
