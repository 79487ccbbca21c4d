"""Survival under policies, with standard errors over persons, as a frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from simsepsis.analysis.longitudinal.choices import Weights
from simsepsis.analysis.longitudinal.hazards import Hazard
from simsepsis.analysis.numeric import normal_quantile
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import UsageError

STATIC = {"always": 1.0, "never": 0.0}
"""Policies that fix the treatment of every visit."""
MINUS = " - "


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """Survival at the end of each visit under one policy.

    Attributes
    ----------
    survival
        (h,).
    gradients
        Of each period: derivatives of `survival` by the coefficients of the hazard, (1 + p, h).
    own
        How far each person moves `survival` by being there, (n, h).
    """

    survival: FloatArray
    gradients: Sequence[FloatArray]
    own: FloatArray


def standardized(hazard: Hazard, terms: Sequence[FloatArray]) -> Curve:
    """Return the mean survival of a population whose terms in each period are given, (r, p) each."""
    size, horizon = terms[0].shape[0], len(terms)
    designs = [np.hstack([np.ones((size, 1)), one]) for one in terms]
    chance, slope = zip(*(hazard.survive(k, design) for k, design in enumerate(designs)), strict=True)
    alive = np.cumprod(np.column_stack(chance), axis=1)
    survival = alive.mean(axis=0)
    gradients = [np.zeros((design.shape[1], horizon)) for design in designs]
    for k, design in enumerate(designs):
        gradients[k][:, k:] = design.T @ (alive[:, k:] * slope[k][:, None]) / size
    return Curve(survival=survival, gradients=gradients, own=(alive - survival) / size)


def curves_of(
    curves: dict[str, Curve],
    *,
    policies: Sequence[str],
    hazard: Hazard,
    weights: Weights,
    person: IntArray,
) -> pd.DataFrame:
    """Return survival under each policy with a sandwich over persons, by whom the rows stand in order."""
    names = list(curves)
    horizon = curves[names[0]].survival.size
    gradients = [np.hstack(parts) for parts in zip(*(curves[name].gradients for name in names), strict=True)]
    by_row = hazard.influence(gradients, person.size)
    first = np.flatnonzero(np.r_[True, person[1:] != person[:-1]])
    moved = np.add.reduceat(by_row, first, axis=0) + weights.influence(by_row)
    moved += np.hstack([curves[name].own for name in names])
    influence = {name: moved[:, k * horizon : (k + 1) * horizon] for k, name in enumerate(names)}
    return policy_frame(policies, {name: curves[name].survival for name in names}, influence)


def policy_frame(
    policies: Sequence[str], survival: dict[str, FloatArray], influence: dict[str, FloatArray]
) -> pd.DataFrame:
    """Return one row for each policy, or difference of two, and time."""
    value, error = [], []
    for name in policies:
        first, *second = name.split(MINUS)
        value.append(survival[first] - sum(survival[other] for other in second))
        moved = influence[first] - sum(influence[other] for other in second)
        error.append(np.sqrt(np.einsum("ij,ij->j", moved, moved)))
    found, errors = np.concatenate(value), np.concatenate(error)
    horizon = value[0].size
    low, high = _interval(found, errors, np.repeat([MINUS in name for name in policies], horizon))
    return pd.DataFrame(
        {
            "policy": np.repeat(np.array(policies, dtype=object), horizon),
            "time": np.tile(np.arange(1, horizon + 1), len(policies)),
            "survival": found,
            "std_error": errors,
            "ci_low": low,
            "ci_high": high,
        }
    )


def _interval(value: FloatArray, error: FloatArray, difference: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Return 95% intervals, symmetric on the log(−log) scale; plain ones of differences and beyond 0 to 1."""
    half = normal_quantile(0.95) * error
    least = np.where(difference, -1.0, 0.0)
    low, high = np.clip(value - half, least, 1.0), np.clip(value + half, least, 1.0)
    usual = ~difference & (value > 0) & (value < 1)
    hazard = -np.log(value[usual])
    factor = np.exp(half[usual] / (value[usual] * hazard))
    low[usual], high[usual] = np.exp(-hazard * factor), np.exp(-hazard / factor)
    return low, high


def asked_policies(policies: Sequence[str] | str, known: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the rows that are asked for, and the policies behind them."""
    asked = [policies] if isinstance(policies, str) else [*policies]
    for name in asked:
        parts = str(name).split(MINUS)
        if len(parts) > 2 or not set(parts) <= set(known):
            raise UsageError(
                f"policy {name!r} is unknown; write one of {', '.join(known)}, or a difference such as "
                "'always - never'"
            )
    if not asked:
        raise UsageError("policies is empty; write policies=('always', 'never')")
    return asked, list(dict.fromkeys(part for name in asked for part in name.split(MINUS)))
