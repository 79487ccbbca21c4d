"""Spending functions: how much of an error may have been spent by an information fraction."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from simsepsis.arrays import FloatArray
from simsepsis.errors import UsageError
from simsepsis.trial.inputs import chosen, within

_CLOSEST = 1e-3


def information_fractions(information: ArrayLike) -> FloatArray:
    """Return the information fractions of the looks."""
    times = listed(information, "information")
    written = ", ".join(f"{time:g}" for time in times)
    steps = np.diff(times, prepend=0.0)
    if not np.all(np.isfinite(times)) or np.any(steps <= 0) or abs(times[-1] - 1.0) > 1e-9:
        raise UsageError(
            f"information=[{written}] does not increase to 1; give the fraction of the maximum information "
            "at each look, such as [0.5, 0.75, 1]"
        )
    if np.any(steps < _CLOSEST):
        raise UsageError(
            f"information=[{written}] has looks closer than {_CLOSEST:g} of the information; make one of them"
        )
    times[-1] = 1.0
    return times


def listed(fractions: ArrayLike, name: str) -> FloatArray:
    """Return fractions as an array, or say that they are no list of numbers."""
    try:
        numbers = np.array(fractions, dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.zeros(0)
    if numbers.ndim != 1 or numbers.size == 0:
        raise UsageError(
            f"{name}={fractions!r} is not a list of fractions; give one for each look, such as [0.5, 1]"
        )
    return numbers


def cumulative_errors(spent: Iterable[float], looks: int, name: str) -> FloatArray:
    """Return the error that a user wants spent by each look."""
    errors = np.array(list(spent), dtype=np.float64)
    steps = np.diff(errors, prepend=0.0)
    wrong = errors.size != looks or not np.all(np.isfinite(errors)) or np.any(steps < 0)
    if wrong or errors[-1] >= 1 or steps[-1] <= 0:
        written = ", ".join(f"{error:g}" for error in errors)
        raise UsageError(
            f"{name}=[{written}] is not the cumulative error at {looks} looks; give {looks} numbers that do "
            "not fall and rise at the last look"
        )
    return errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Futility:
    """When a trial without promise stops: by β spending, or at stated bounds.

    `spending` is the name of a spending function or the cumulative β at each look; `power` fixes β. `z` are
    the bounds of all looks but the last instead. A `binding` rule lowers the efficacy bounds, and must then
    be obeyed; a non-binding one leaves them as they are.
    """

    spending: str | tuple[float, ...] = "hsd"
    parameter: float | None = None
    power: float = 0.9
    z: tuple[float, ...] | None = None
    binding: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendingFunction:
    """f(t, error, parameter) with f(0) = 0 and f(1) = error; `default` and `limits` are of the parameter."""

    spent: Callable[[FloatArray, float, float], FloatArray]
    default: float | None
    limits: tuple[float, float]
    reference: str


def _obrien_fleming(time: FloatArray, error: float, _: float) -> FloatArray:
    with np.errstate(divide="ignore"):
        return np.asarray(2.0 * ndtr(ndtri(error / 2.0) / np.sqrt(time)))


def _pocock(time: FloatArray, error: float, _: float) -> FloatArray:
    return np.asarray(error * np.log1p((math.e - 1.0) * time))


def _hwang_shih_decani(time: FloatArray, error: float, gamma: float) -> FloatArray:
    if abs(gamma) < 1e-12:
        return error * time
    return np.asarray(error * np.expm1(-gamma * time) / math.expm1(-gamma))


def _kim_demets(time: FloatArray, error: float, rho: float) -> FloatArray:
    return np.asarray(error * time**rho)


_NONE = (-math.inf, math.inf)
SPENDING: dict[str, SpendingFunction] = {
    "ld_obrien_fleming": SpendingFunction(
        spent=_obrien_fleming,
        default=None,
        limits=_NONE,
        reference="Lan KKG, DeMets DL. Biometrika 1983;70:659",
    ),
    "ld_pocock": SpendingFunction(
        spent=_pocock, default=None, limits=_NONE, reference="Lan KKG, DeMets DL. Biometrika 1983;70:659"
    ),
    "hsd": SpendingFunction(
        spent=_hwang_shih_decani,
        default=-4.0,
        limits=(-40.0, 40.0),
        reference="Hwang IK, Shih WJ, DeCani JS. Stat Med 1990;9:1439",
    ),
    "kim_demets": SpendingFunction(
        spent=_kim_demets,
        default=3.0,
        limits=(0.0, 50.0),
        reference="Kim K, DeMets DL. Biometrika 1987;74:149; Jennison and Turnbull 2000, section 7.2",
    ),
}


def spending_parameter(name: str, parameter: float | None) -> float | None:
    """Return the parameter of a spending function: the one given, or its default."""
    function = SPENDING[chosen(name, SPENDING, "spending")]
    if parameter is None:
        return function.default
    if function.default is None:
        raise UsageError(
            f"parameter={parameter!r} has no meaning for {name}; leave it out, or use hsd or kim_demets"
        )
    return within(parameter, f"parameter of {name}", *function.limits)


def spent_by(name: str, time: FloatArray, error: float, parameter: float | None = None) -> FloatArray:
    """Return the error that may have been spent by each information fraction."""
    value = spending_parameter(name, parameter)
    return SPENDING[name].spent(np.asarray(time, np.float64), error, 0.0 if value is None else value)
