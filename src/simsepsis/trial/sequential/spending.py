"""Spending functions: how much of an error may have been spent by an information fraction."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from simsepsis.arrays import FloatArray
from simsepsis.errors import UsageError
from simsepsis.trial.inputs import chosen, within


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
