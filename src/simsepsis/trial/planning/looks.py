"""What every look means: patients, deaths, the effect at the boundary, and what it would say of the end."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from simsepsis.trial.planning.size import PlannedSize
from simsepsis.trial.sequential import (
    Boundaries,
    SequentialDesign,
    conditional_power,
    look_table,
    predictive_power,
)

_ROUNDING = 1e-9


def boundary_table(size: PlannedSize) -> pd.DataFrame:
    """Return the looks of a trial with what they mean; no rows for a trial without looks.

    Parameters
    ----------
    size
        As returned by `plan_size`.

    Returns
    -------
    DataFrame
        The columns of `look_table`, and: randomized (patients whose outcome is known or lost), whole deaths
        in each arm at the boundary (deaths_control, deaths_treated: a trial with these deaths stops),
        stop_null and stop_planned (probability of stopping at this look), and, at the futility boundary or
        at z = 0 without one, conditional power under the plan and under the trend, and predictive power.
    """
    trial = size.trial.design
    if not isinstance(trial, SequentialDesign):
        return pd.DataFrame()
    planned = trial.drift_at(trial.effect)
    table = look_table(trial)
    return table.assign(
        randomized=table["n_cum"] / size.trial.counted,
        deaths_control=_whole(table["events_control_at_bound"], np.floor),
        deaths_treated=_whole(table["events_treated_at_bound"], np.floor),
        stop_null=np.diff(table["cumulative_stop_null"], prepend=0.0),
        stop_planned=np.diff(table["cumulative_stop_planned"], prepend=0.0),
        **_at_interim(trial.boundaries, planned),
    )


def _whole(events: pd.Series, towards: np.ufunc) -> pd.Series:
    return towards(events + _ROUNDING)


def _at_interim(plan: Boundaries, planned: float) -> dict[str, list[float]]:
    """Return conditional and predictive power at the futility boundary of each look but the last."""
    columns: dict[str, list[float]] = {"z_judged": [], "cp_planned": [], "cp_trend": [], "predictive": []}
    for look in range(plan.looks):
        values = [math.nan] * 4
        if look < plan.looks - 1:
            z = 0.0 if plan.futility_z is None else float(plan.futility_z[look])
            time = float(plan.information[look])
            values = [
                z,
                conditional_power(plan, z, time, drift=planned),
                conditional_power(plan, z, time),
                predictive_power(plan, z, time),
            ]
        for name, value in zip(columns, values, strict=True):
            columns[name].append(value)
    return columns


def expected_sizes(size: PlannedSize) -> dict[str, float]:
    """Return the randomized patients whose outcome is known or lost when the trial stops, on average.

    Parameters
    ----------
    size
        As returned by `plan_size`.

    Returns
    -------
    dict
        ``null`` and ``planned``; patients randomized while outcomes mature are not counted.
    """
    trial = size.trial.design
    if not isinstance(trial, SequentialDesign):
        return {"null": float(size.n_randomized), "planned": float(size.n_randomized)}
    planned = trial.drift_at(trial.effect)
    return {
        name: size.n_randomized * trial.boundaries.expected_information(drift)
        for name, drift in (("null", 0.0), ("planned", planned))
    }
