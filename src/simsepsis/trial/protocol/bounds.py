"""From the looks and the test of a protocol to the boundaries that the trial is stopped by."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri

from simsepsis.errors import UsageError
from simsepsis.trial.inputs import Level
from simsepsis.trial.sequential.boundaries import Boundaries
from simsepsis.trial.sequential.planning import design_group_sequential
from simsepsis.trial.sequential.spending import SPENDING, Futility, spent_by

if TYPE_CHECKING:
    from simsepsis.trial.protocol.testing import FutilityRule, Looks, Test


@lru_cache(maxsize=64)
def boundaries_of(looks: Looks, test: Test, comparisons: int = 1) -> Boundaries:
    """Return the boundaries of a test."""
    shared: dict[str, Any] = {"alpha": test.alpha / comparisons, "sides": test.sides}
    spending, parameter = _efficacy(looks, Level(**shared))
    rule, times = looks.futility, looks.information

    def bounded(futility: Futility | None) -> Boundaries:
        return design_group_sequential(
            times, spending=spending, parameter=parameter, futility=futility, **shared
        )

    if rule is None:
        return bounded(None)
    stated = rule.z
    if rule.conditional_power is not None or rule.predictive_power is not None:
        stated = _bounds_of_power(rule, bounded(None))
    kept = Futility(
        spending=rule.spending, parameter=rule.parameter, z=stated, binding=rule.binding, power=test.power
    )
    found = bounded(kept)
    if rule.at is None or found.futility_z is None:
        return found
    _known(rule.at, len(times) - 1, "futility.at")
    bounds = [float(z) if look in rule.at else -math.inf for look, z in enumerate(found.futility_z[:-1], 1)]
    return bounded(replace(kept, z=tuple(bounds)))


def _efficacy(looks: Looks, level: Level) -> tuple[str | tuple[float, ...], float | None]:
    """Return the spending of α and its parameter: as it is, or by look where some looks spend nothing."""
    if looks.efficacy_at is None:
        return looks.spending, looks.parameter
    _known(looks.efficacy_at, len(looks.information), "efficacy_at")
    if looks.spending not in SPENDING:
        raise UsageError(f"efficacy_at needs a spending function, not '{looks.spending}'")
    spent, errors = 0.0, []
    cumulative = spent_by(looks.spending, np.array(looks.information), level.one_sided, looks.parameter)
    for look, error in enumerate(cumulative, 1):
        spent = float(error) if look in (*looks.efficacy_at, len(cumulative)) else spent
        errors.append(level.sides * spent)
    return tuple(errors), None


def _known(numbers: tuple[int, ...], looks: int, key: str) -> None:
    if not numbers or max(numbers) > looks:
        raise UsageError(f"looks.{key} = {list(numbers)} names no look; number them from 1 to {looks}")


def _bounds_of_power(rule: FutilityRule, free: Boundaries) -> tuple[float, ...]:
    """Return the z of each interim look at which conditional or predictive power is the stated one."""
    time, last = free.information[:-1], float(free.z[-1])
    if rule.conditional_power is not None:
        return tuple(np.sqrt(time) * (last + np.sqrt(1.0 - time) * ndtri(rule.conditional_power)))
    return tuple(last * np.sqrt(time) + np.sqrt(1.0 - time) * ndtri(rule.predictive_power))
