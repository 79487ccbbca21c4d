"""What a trial that has stopped says: p-value, estimate and interval that know of the looks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from scipy.optimize import brentq

from simsepsis.arrays import FloatArray
from simsepsis.errors import ConvergenceError, UsageError
from simsepsis.trial.inputs import number, positive, probability
from simsepsis.trial.sequential.boundaries import Boundaries
from simsepsis.trial.sequential.interim import observed_look
from simsepsis.trial.sequential.recursion import above, below

_WIDEST = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustedInference:
    """Stage-wise adjusted results; estimate and limits on the scale of the standard error given."""

    look: int
    estimate: float
    ci_low: float
    ci_high: float
    p_value: float
    level: float
    naive: float


def adjusted_inference(
    boundaries: Boundaries,
    *,
    look: int,
    information_fraction: float,
    z: float,
    std_error: float,
    level: float = 0.95,
) -> AdjustedInference:
    """Median-unbiased estimate, interval and p-value by the stage-wise ordering, after a trial has stopped.

    Parameters
    ----------
    boundaries
        Of the trial, at the information that was observed; see `update_boundaries`.
    look
        Number of the look at which it stopped, from 1.
    information_fraction
        Observed at that look.
    z
        Statistic at that look; benefit is positive.
    std_error
        Standard error of the estimate at that look.
    level
        Confidence level.

    Raises
    ------
    UsageError
        When a trial with these boundaries would not have stopped, or they are for another information
        fraction.

    Notes
    -----
    An earlier crossing of the upper bound is more extreme than a later one, and at the same look the larger
    Z. The ordering does not depend on looks after the stop. A futility rule that does not bind is left out
    of it.

    References
    ----------
    Tsiatis AA, Rosner GL, Mehta CR. Biometrics 1984;40:797. Fairbanks K, Madsen R. Biometrika 1982;69:69.
    R: ``rpact::getAnalysisResults``.
    """
    index = observed_look(boundaries, look, information_fraction)
    _stopped(boundaries, index, number(z, "z"))
    tail = 0.5 * (1.0 - probability(level, "level"))
    scale = positive(std_error, "std_error") * math.sqrt(float(boundaries.information[index]))
    low, middle, high = (_drift_at(boundaries, index, z, share) for share in (tail, 0.5, 1.0 - tail))
    extreme = exceedance(boundaries, look, z, 0.0)
    return AdjustedInference(
        look=look,
        estimate=middle * scale,
        ci_low=low * scale,
        ci_high=high * scale,
        p_value=extreme if boundaries.sides == 1 else 2.0 * min(extreme, 1.0 - extreme),
        level=level,
        naive=z * std_error,
    )


def exceedance(boundaries: Boundaries, look: int, z: float, drift: float) -> float:
    """Return the probability of a result at least as extreme upwards as stopping at a look with Z = z."""
    return float(next(islice(_exceeding(boundaries, np.array([z]), drift), look - 1, None))[0])


def exceedances(boundaries: Boundaries, z: FloatArray, drift: float) -> FloatArray:
    """Return `exceedance` at every look for many values of Z."""
    return np.array(list(_exceeding(boundaries, z, drift)))


def _exceeding(boundaries: Boundaries, z: FloatArray, drift: float) -> Iterator[FloatArray]:
    lower, passed, sunk = _relied(boundaries), 0.0, 0.0
    for index, paths in enumerate(boundaries.reaching(drift, lower)):
        time = float(boundaries.information[index])
        upward = passed + np.array([above(paths, time, float(value), drift) for value in z])
        downward = sunk + np.array([below(paths, time, float(value), drift) for value in z])
        yield np.where(z <= lower[index], 1.0 - downward, upward)
        passed += above(paths, time, float(boundaries.z[index]), drift)
        sunk += below(paths, time, float(lower[index]), drift)


def _relied(boundaries: Boundaries) -> FloatArray:
    """Return the lower bounds that the ordering knows of."""
    if boundaries.sides == 2 or boundaries.binding:
        return boundaries.lower()
    return np.full(boundaries.looks, -np.inf)


def _stopped(boundaries: Boundaries, index: int, z: float) -> None:
    low, high = float(boundaries.lower()[index]), float(boundaries.z[index])
    holes = boundaries.holes()
    futile = holes is not None and abs(z) <= float(holes[1][index])
    if index + 1 < boundaries.looks and low < z < high and not futile:
        raise UsageError(
            f"z={z:g} at look {index + 1} lies between {low:.4f} and {high:.4f}, so the trial goes on; use "
            "repeated_confidence_interval for an interval while it runs"
        )


def _drift_at(boundaries: Boundaries, index: int, z: float, share: float) -> float:
    """Return the drift at which results at least this extreme have a given probability."""
    naive = z / math.sqrt(float(boundaries.information[index]))

    def excess(drift: float) -> float:
        return exceedance(boundaries, index + 1, z, drift) - share

    reach = 2.0
    while excess(naive - reach) > 0 or excess(naive + reach) < 0:
        reach *= 2.0
        if reach > _WIDEST:
            raise ConvergenceError(
                f"z={z:g} at look {index + 1} has no drift within {_WIDEST:g} of {naive:g} with probability "
                f"{share:g}; check z"
            )
    return float(brentq(excess, naive - reach, naive + reach, xtol=1e-12, rtol=1e-14))
