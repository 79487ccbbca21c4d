"""When a therapy of the first week starts: hazards while in the ICU, inverted exactly."""

from __future__ import annotations

import numba
import numpy as np

from simsepsis.arrays import FloatArray

WINDOW_DAYS = 7
"""The registry records what was started within seven days of ICU admission."""


@numba.njit(cache=True)
def _exposure(path: FloatArray, icu_time: FloatArray, severity: float, decay: float) -> FloatArray:
    exposed = np.empty((len(path), WINDOW_DAYS))
    for i in range(len(path)):
        gathered = 0.0
        for day in range(WINDOW_DAYS):
            share = min(max(icu_time[i] - day, 0.0), 1.0)
            if share > 0.0:
                gathered += share * np.exp(severity * path[i, day] - decay * day)
            exposed[i, day] = gathered
    return exposed


def exposure(path: FloatArray, icu_time: FloatArray, *, severity: float, decay: float) -> FloatArray:
    r"""Return the cumulative exposure to a start by the end of each of the first seven days.

    .. math:: R_i(t) = \sum_{s \le t} e^{\gamma L_{is} - \delta (s-1)} a_{is},

    with :math:`a_{is}` the share of day s that is spent in the ICU.

    Everything that time does to treatment is in this one number: a patient's probability of ever
    starting is :math:`1 - \exp(-e^{\eta_i} R_i(7))`, and immortal time, late starts and dependence on
    current severity enter through it.
    """
    return np.asarray(_exposure(path, icu_time, severity, decay))


@numba.njit(cache=True)
def start_times(exposed: FloatArray, icu_time: FloatArray, needed: FloatArray) -> FloatArray:
    """Return days from ICU admission to the start, inf if it does not start."""
    times = np.full(needed.size, np.inf)
    for i in range(needed.size):
        if not needed[i] < exposed[i, -1]:
            continue
        day = 0
        while exposed[i, day] <= needed[i]:
            day += 1
        before = exposed[i, day - 1] if day > 0 else 0.0
        within = (needed[i] - before) / (exposed[i, day] - before)
        times[i] = day + within * min(icu_time[i] - day, 1.0)
    return times


def exposure_until(exposed: FloatArray, icu_time: FloatArray, times: FloatArray) -> FloatArray:
    """Return the exposure gathered by a time within the first week, shape (n,)."""
    n, rows = times.size, np.arange(times.size)
    ends = np.minimum(np.minimum(times, icu_time), float(WINDOW_DAYS))
    day = np.minimum(ends.astype(np.int64), WINDOW_DAYS - 1)
    padded = np.concatenate([np.zeros((n, 1)), exposed], axis=1)
    length = np.clip(icu_time - day, 1e-12, 1.0)
    share = np.clip((ends - day) / length, 0.0, 1.0)
    return np.asarray(padded[rows, day] + share * (padded[rows, day + 1] - padded[rows, day]))
