"""Sequential trials in a registry: one begins on every day, among those in the unit and not yet treated."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simsepsis.analysis.estimates import Estimate
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.analysis.methods.patient_days import PatientDays, patient_days, until_each_day
from simsepsis.analysis.methods.rows import coefficient_row
from simsepsis.analysis.methods.timing import LOG_HR
from simsepsis.analysis.survival import fit_cox
from simsepsis.arrays import FloatArray, IntArray


def trial_rows(task: Task) -> Iterator[Estimate]:
    """Yield the log hazard ratio of death after a start on some day, against no start that day or later.

    Whoever is in the unit at the end of a day and was not treated before it enters that day's trial, in the
    arm of those who started that day or of those who did not; the latter are censored when they start later.
    A Cox model stratified by trial, patients weighted by the day's chance of their arm, and those who go on
    untreated for those who do not, by the chances of later days.
    """
    return rows_of(task, patient_days(task))


def rows_of(task: Task, days: PatientDays) -> Iterator[Estimate]:
    """Yield the same given the days on which treatment may start."""
    trial, entry, until, weight = followed(days)
    patient = days.patient[trial]
    fit = fit_cox(
        days.starts[trial],
        until,
        days.event[patient] & (until == days.duration[patient]),
        entry=entry,
        weights=weight,
        strata=days.day[trial],
        cluster=patient,
    )
    n_used = int(np.unique(patient).size)
    yield coefficient_row(task.method, f"log_hr_{task.spec.survival_event}_twin", fit, 0, n_used)


def followed(days: PatientDays) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
    """Return the follow-up of all trials in pieces: place of the trial among the days, from, to, weight."""
    share = (np.bincount(days.day, days.starts) / np.maximum(np.bincount(days.day), 1))[days.day]
    entered = days.weight(share)
    product = until_each_day(np.where(days.starts, 1.0, entered), days.patient)
    last = np.searchsorted(days.patient, days.patient, side="right") - 1
    trials = np.flatnonzero(days.stays)
    length = np.where(days.starts[trials], 0, last[trials] - trials)
    trial = np.repeat(trials, length)
    later = trial + 1 + np.arange(trial.size) - np.repeat(np.cumsum(length) - length, length)
    # After the last day in the unit; who started on it is no longer followed as untreated.
    rest = trials[days.starts[trials] | ~days.starts[last[trials]]]
    end = np.where(days.starts[rest], rest, last[rest])
    since, until = days.day[end].astype(np.float64), days.duration[days.patient[rest]]
    kept = until > since
    return (
        np.concatenate([trial, rest[kept]]),
        np.concatenate([days.day[later] - 1.0, since[kept]]),
        np.concatenate([np.minimum(days.day[later], days.duration[days.patient[later]]), until[kept]]),
        np.concatenate(
            [
                entered[trial] * product[later - 1] / product[trial],
                (entered[rest] * product[end] / product[rest])[kept],
            ]
        ),
    )


METHOD = Method(
    name="sequential_trials",
    label="A trial from every day, treatment that day against none then or later",
    group="time",
    estimands=LOG_HR,
    std_error="sandwich over patients, weights taken as known",
    reference="Hernán MA et al. Epidemiology 2008;19:766. Gran JM et al. Stat Med 2010;29:2757.",
    function=trial_rows,
    uses=("cohort", "design"),
    needs=("survival", "start_times", "daily"),
)
