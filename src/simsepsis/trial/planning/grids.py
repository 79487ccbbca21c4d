"""What if: sample size and power over the assumptions that planners get wrong."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd

from simsepsis.errors import UsageError
from simsepsis.trial.sizing.assumptions import Assumptions
from simsepsis.trial.sizing.size import PlannedSize, plan_size

CONTROL_RISKS = (0.20, 0.25, 0.30, 0.35, 0.40)
EFFECTS = {
    "risk_ratio": (0.75, 0.80, 0.85, 0.90, 0.95),
    "odds_ratio": (0.70, 0.75, 0.80, 0.85, 0.90),
    "hazard_ratio": (0.70, 0.75, 0.80, 0.85, 0.90),
    "risk_difference": (-0.08, -0.07, -0.06, -0.05, -0.04, -0.03),
}
POWERS = (0.80, 0.90)


def size_grid(
    assumptions: Assumptions,
    *,
    control_risks: Iterable[float] = CONTROL_RISKS,
    effects: Iterable[float] | None = None,
    powers: Iterable[float] = POWERS,
) -> pd.DataFrame:
    """Sample size over control risk × effect × power, all else as planned."""
    risks = _with(control_risks, assumptions.p_control)
    own_only = assumptions.margin is not None or assumptions.deathless
    usual = () if own_only else EFFECTS[assumptions.effect.name]
    values = _with(usual if effects is None else effects, assumptions.effect.value)
    rows = []
    for risk, value, power in product(risks, values, powers):
        effect = replace(assumptions.effect, value=value)
        cell = {"p_control": risk, "scale": effect.name, "effect": value, "power": power}
        rows.append(cell | _cell(replace(assumptions, p_control=risk, effect=effect, power=power)))
    return pd.DataFrame(rows)


def _with(values: Iterable[float], planned: float) -> list[float]:
    """Return the values with the planned one among them."""
    return sorted({*values, planned} if all(abs(value - planned) > 1e-9 for value in values) else values)


def _cell(assumptions: Assumptions) -> dict[str, object]:
    try:
        size = plan_size(assumptions)
    except UsageError as error:
        return dict.fromkeys(("p_treated", "n_randomized", "power_reached"), math.nan) | {
            "failure": str(error)
        }
    return {
        "p_treated": assumptions.p_treated,
        "n_randomized": size.n_randomized,
        "power_reached": size.power,
        "failure": "",
    }


def power_lines(
    size: PlannedSize, *, shares: Sequence[float] = (1.0, 0.75, 0.5), points: int = 46
) -> pd.DataFrame:
    """Power over randomized patients, for the planned effect and parts of it."""
    totals = np.unique(np.round(np.linspace(0.2, 2.0, points) * size.n_randomized))
    rows = [
        {
            "share": share,
            "effect": effect.value,
            "n_randomized": int(total),
            "power": size.of(total).power_at(effect),
        }
        for share in shares
        for effect in (size.assumptions.attenuated(share).effect,)
        for total in totals
    ]
    return pd.DataFrame(rows)


SENSITIVITY: dict[str, tuple[float, ...]] = {
    "p_control": (0.20, 0.25, 0.30, 0.35, 0.40),
    "attenuation": (1.0, 0.9, 0.75, 0.5),
    "nonadherence": (0.0, 0.05, 0.10, 0.20),
    "contamination": (0.0, 0.05, 0.10),
    "loss": (0.0, 0.02, 0.05, 0.10),
}
"""Assumption → values it is set to, one assumption at a time."""

CLUSTERS: dict[str, tuple[float, ...]] = {"icc": (0.005, 0.02, 0.038), "cac": (0.5, 0.7, 0.9, 1.0)}
"""The same of randomized ICUs, up to the correlation of 27 ICUs of Australia and New Zealand (Arnup SJ et al.
Trials 2017;18:381); the second where they have more than one period."""


def sensitivity_table(
    size: PlannedSize, *, values: dict[str, tuple[float, ...]] | None = None, practice: float | None = None
) -> pd.DataFrame:
    """Power of the planned patients, and the patients needed, if one assumption is wrong."""
    rows = []
    for assumption, levels in (_supposed(size, practice) if values is None else values).items():
        here = 1.0 if assumption == "attenuation" else size.assumptions.valued(assumption)
        for level in _with(levels, here):
            row = {"assumption": assumption, "value": level, "planned": math.isclose(level, here)}
            rows.append(row | _if_so(size, assumption, level))
    return pd.DataFrame(rows)


def _supposed(size: PlannedSize, practice: float | None) -> dict[str, tuple[float, ...]]:
    clusters = size.assumptions.clusters
    there = () if practice is None else (practice,)
    supposed = SENSITIVITY | {"contamination": (*SENSITIVITY["contamination"], *there)}
    return supposed | {
        name: values for name, values in CLUSTERS.items() if getattr(clusters, name, None) is not None
    }


def _if_so(size: PlannedSize, assumption: str, level: float) -> dict[str, object]:
    try:
        changed = (
            size.assumptions.attenuated(level)
            if assumption == "attenuation"
            else size.assumptions.altered(assumption, level)
        )
        held = plan_size(changed, n_randomized=size.n_randomized)
        needed = plan_size(changed).n_randomized
    except UsageError as error:
        nothing = ("p_control", "p_treated", "power", "n_needed")
        return dict.fromkeys(nothing, math.nan) | {"failure": str(error)}
    return {
        "p_control": changed.p_control,
        "p_treated": changed.p_treated,
        "power": held.power,
        "n_needed": needed,
        "failure": "",
    }


def sensitivity_map(
    size: PlannedSize,
    *,
    control_risks: Iterable[float] = (0.20, 0.24, 0.28, 0.32, 0.36, 0.40),
    shares: Iterable[float] = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5),
) -> pd.DataFrame:
    """Power of the planned patients over control risk × attenuation of the effect."""
    rows = []
    for risk, share in product(_with(control_risks, size.assumptions.p_control), shares):
        there = replace(size.assumptions, p_control=risk).attenuated(share)
        rows.append(
            {
                "p_control": risk,
                "share": share,
                "power": plan_size(there, n_randomized=size.n_randomized).power,
            }
        )
    return pd.DataFrame(rows)
