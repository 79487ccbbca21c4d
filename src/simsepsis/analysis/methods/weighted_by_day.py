"""A marginal structural Cox model in a registry that records each day."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simsepsis.analysis.estimates import Estimate
from simsepsis.analysis.methods.method import Method, Task
from simsepsis.analysis.methods.patient_days import PatientDays, patient_days, until_each_day
from simsepsis.analysis.methods.rows import coefficient_row
from simsepsis.analysis.methods.shared import known
from simsepsis.analysis.methods.timing import BEFORE_ANYTHING, LOG_HR
from simsepsis.analysis.survival import fit_cox
from simsepsis.arrays import BoolArray, FloatArray, IntArray


def weighted_rows(task: Task) -> Iterator[Estimate]:
    """Yield the log hazard ratio of death from the start of treatment on, patients weighted by their history.

    Notes
    -----
    Weights: the chance of each day's start, or of none, given the first day's covariates and the day, over
    that given the day's records too. After leaving the unit nobody starts, and weights stay as they are.
    There the untreated have no counterpart who might have started (no positivity), as sequential trials have.
    """
    days = patient_days(task)
    patient, entry, until, treated, weight = pieces(days, known(task.shared.cohort).n)
    fit = fit_cox(
        np.column_stack([treated, known(task.shared.design)[patient, 1:]]),
        until,
        days.event[patient] & (until == days.duration[patient]),
        entry=entry,
        weights=weight,
        cluster=patient,
    )
    yield coefficient_row(task.method, f"log_hr_{task.spec.survival_event}_twin", fit, 0, days.duration.size)


def pieces(days: PatientDays, n: int) -> tuple[IntArray, FloatArray, FloatArray, BoolArray, FloatArray]:
    """Return everybody's follow-up in pieces of one weight: patient, from, to, treated, weight."""
    product = until_each_day(days.weight(days.steady), days.patient)
    first = np.r_[True, days.patient[1:] != days.patient[:-1]]
    last = np.r_[first[1:], True]
    before = np.where(first, 1.0, np.roll(product, 1))
    end, started, weight = np.zeros(n), np.zeros(n, bool), np.ones(n)
    end[days.patient[last]], started[days.patient[last]] = days.day[last], days.starts[last]
    weight[days.patient[last]] = product[last]
    day = days.day.astype(np.float64)
    rest = np.flatnonzero((end < days.duration) | (end == 0))
    return (
        np.concatenate([days.patient, rest]),
        np.concatenate([_since(day - 1), _since(end[rest])]),
        np.concatenate([np.minimum(day, days.duration[days.patient]), days.duration[rest]]),
        np.concatenate([np.zeros(day.size, bool), started[rest]]),
        np.concatenate([before, weight[rest]]),
    )


def _since(day: FloatArray) -> FloatArray:
    """Return from when a piece counts: the first from before anything."""
    return np.where(day == 0, BEFORE_ANYTHING, day)


METHOD = Method(
    name="msm",
    label="Marginal structural Cox model, weights by the records of each day",
    group="time",
    estimands=LOG_HR,
    std_error="sandwich over patients, weights taken as known",
    reference="Hernán MA, Brumback B, Robins JM. Epidemiology 2000;11:561.",
    function=weighted_rows,
    uses=("cohort", "design"),
    needs=("survival", "start_times", "daily"),
)
