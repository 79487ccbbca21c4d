"""Days on the ventilator, on vasopressors and on renal replacement, to day 28."""

from __future__ import annotations

import numpy as np

from simsepsis.arrays import FloatArray
from simsepsis.studies.jseptic_ivigg.world.care import Support
from simsepsis.studies.jseptic_ivigg.world.course import Exits
from simsepsis.studies.jseptic_ivigg.world.patients import Patients
from simsepsis.studies.jseptic_ivigg.world.predictor import linear_predictor

LIMIT_DAYS = 28
"""The registry counts organ support to day 28."""

LATE_RENAL_DAY = 9.0
"""When renal replacement begins that did not begin in the first week. Judgement."""


def _wanted(support: Support, patients: Patients, trend: FloatArray, noise: FloatArray) -> FloatArray:
    """Return days of support if nothing else ends it, shape (n,)."""
    own = {key: value for key, value in support.days.items() if key != "trend"}
    log_days = linear_predictor(own, patients) + support.days.get("trend", 0.0) * trend
    return np.exp(np.minimum(log_days + support.log_sd * noise, 6.0))


def days_wanted(support: Support, patients: Patients, trend: FloatArray, noise: FloatArray) -> FloatArray:
    """Return days of an organ support from day 1 on if nothing else ends it, 0 for who never needs it."""
    ever = linear_predictor(support.ever, patients) + noise[0] > 0.0
    return np.where(ever, _wanted(support, patients, trend, noise[1]), 0.0)


def days_until_exit(wanted: FloatArray, exits: Exits) -> FloatArray:
    """Return the days of support that a stay leaves room for, shape (n,)."""
    stay = np.where(exits.icu_death, exits.icu_time, np.minimum(wanted, exits.icu_time))
    return np.where(wanted > 0.0, np.minimum(np.ceil(stay), LIMIT_DAYS), 0.0)


def support_days(
    support: Support, patients: Patients, trend: FloatArray, exits: Exits, noise: FloatArray
) -> FloatArray:
    """Return days of an organ support that starts on day 1, shape (n,).

    It ends when the organ recovers, or with the stay in the ICU; whoever dies in the ICU on support is
    supported to the end.
    """
    return days_until_exit(days_wanted(support, patients, trend, noise), exits)


def renal_support_days(
    support: Support,
    patients: Patients,
    trend: FloatArray,
    start: FloatArray,
    exits: Exits,
    noise: FloatArray,
) -> FloatArray:
    """Return days of renal replacement, shape (n,), from its start on, in or out of the ICU."""
    late = linear_predictor(support.ever, patients) + noise[0] > 0.0
    late &= exits.icu_time > LATE_RENAL_DAY
    begin = np.where(np.isfinite(start), start, np.where(late, LATE_RENAL_DAY, np.inf))
    wanted = _wanted(support, patients, trend, noise[1])
    end = np.minimum(np.minimum(begin + wanted, exits.hospital_time), LIMIT_DAYS)
    on = np.isfinite(begin)
    days = np.subtract(end, begin, out=np.zeros(end.size), where=on)
    return np.where(on, np.maximum(np.ceil(days), 1.0), 0.0)
