"""Matching in risk sets: who starts on a day with who might have started that day, and did not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.special

from simsepsis.analysis.estimates import Estimate
from simsepsis.analysis.matching import match_pairs
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.analysis.methods.patient_days import patient_days
from simsepsis.analysis.methods.rows import coefficient_row
from simsepsis.analysis.methods.timing import LOG_HR
from simsepsis.analysis.survival import fit_cox
from simsepsis.errors import ConvergenceError


def matched_rows(task: Task) -> Iterator[Estimate]:
    """Yield the log hazard ratio of death after a start, against matched patients not treated by that day.

    Matched within the day on the logit of the day's chance of a start, by the spec's caliper, from the end of
    the day on. A control of one day may be one of another, or start later, and stays a control: the contrast
    is to start now against not now.
    """
    days = patient_days(task)
    units = np.flatnonzero(days.stays)
    score = scipy.special.logit(np.clip(days.hazard[units], 1e-12, 1 - 1e-12))
    matches = match_pairs(
        score,
        days.starts[units],
        caliper=task.spec.caliper,
        caliper_sd=task.spec.caliper_sd,
        order="random",
        exact=days.day[units],
        rng=task.shared.matching_rng(),
    )
    if matches.n_pairs == 0:
        raise ConvergenceError(f"no pair within the caliper of {matches.caliper:.3g}")
    place = units[np.concatenate([matches.treated, matches.control])]
    patient = days.patient[place]
    fit = fit_cox(
        days.starts[place],
        days.duration[patient],
        days.event[patient],
        entry=days.day[place].astype(np.float64),
        strata=days.day[place],
        cluster=patient,
    )
    n_used = int(np.unique(patient).size)
    yield coefficient_row(task.method, f"log_hr_{task.spec.survival_event}_twin", fit, 0, n_used)


METHOD = Method(
    name="risk_set_matching",
    label="Matched within each day's risk set on that day's score",
    group="time",
    estimands=LOG_HR,
    std_error="sandwich over patients, score taken as known",
    reference="Li YP, Propert KJ, Rosenbaum PR. JASA 2001;96:870. Lu B. Biometrics 2005;61:721.",
    function=matched_rows,
    uses=("cohort", "design"),
    needs=("survival", "start_times", "daily"),
)
