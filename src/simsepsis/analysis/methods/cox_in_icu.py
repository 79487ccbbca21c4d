"""Time-varying Cox regression that compares patients with those who could be treated too."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simsepsis.analysis.estimates import Estimate
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.analysis.methods.rows import coefficient_row
from simsepsis.analysis.methods.shared import known
from simsepsis.analysis.methods.start_times import days_of_stay
from simsepsis.analysis.methods.timing import LOG_HR, time_varying
from simsepsis.analysis.survival import fit_cox
from simsepsis.errors import NotEstimableError


def stratified_rows(task: Task) -> Iterator[Estimate]:
    """Yield the log hazard ratio of death from the start of treatment on, within being in the unit or not.

    Only who is in the unit can begin treatment, and whoever is there is sicker than who has left: without the
    strata the treated are compared with patients who have long recovered.
    """
    cohort = known(task.shared.cohort)
    stay = days_of_stay(task, cohort)
    if stay is None:
        raise NotEstimableError("needs the days of stay during which treatment starts; the registry has none")
    rows = time_varying(task)
    entry = np.zeros(rows.patient.size) if rows.entry is None else rows.entry
    left = np.clip(stay[rows.patient], entry, rows.duration)
    inside, outside = np.flatnonzero(left > entry), np.flatnonzero(left < rows.duration)
    place = np.concatenate([inside, outside])
    until = np.concatenate([left[inside], rows.duration[outside]])
    covariates = known(task.shared.design)[rows.patient, 1:]
    fit = fit_cox(
        np.column_stack([rows.treated, covariates])[place],
        until,
        rows.event[place] & (until == rows.duration[place]),
        entry=np.concatenate([entry[inside], left[outside]]),
        strata=np.repeat([1, 0], [inside.size, outside.size]),
    )
    yield coefficient_row(task.method, f"log_hr_{task.spec.survival_event}_twin", fit, 0, cohort.n)


METHOD = Method(
    name="cox_in_icu",
    label="Cox, treated from the start of treatment on, by being in the unit or not",
    group="time",
    estimands=LOG_HR,
    std_error="inverse information, patients independent",
    reference="Kalbfleisch JD, Prentice RL. Failure Time Data, 2nd ed., 2002, chapters 4 and 6.",
    function=stratified_rows,
    uses=("cohort", "design"),
    needs=("survival", "start_times"),
)
