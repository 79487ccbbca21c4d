"""What every look means: patients, deaths, the effect at the boundary, and what it would say of the end."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from simsepsis.arrays import FloatArray
from simsepsis.trial.sequential.boundaries import Boundaries
from simsepsis.trial.sequential.design import SequentialDesign, look_table
from simsepsis.trial.sequential.interim import conditional_power, predictive_power
from simsepsis.trial.sizing.size import PlannedSize


def boundary_table(size: PlannedSize) -> pd.DataFrame:
    """Return the looks of a trial with what they mean; no rows for a trial without looks."""
    trial = size.design
    if not isinstance(trial, SequentialDesign):
        return pd.DataFrame()
    planned = trial.drift_at(trial.effect)
    table = look_table(trial)
    return table.assign(
        randomized=table["n_cum"] / size.counted,
        **_whole_deaths(trial, table),
        stop_null=np.diff(table["cumulative_stop_null"], prepend=0.0),
        stop_planned=np.diff(table["cumulative_stop_planned"], prepend=0.0),
        **_at_interim(trial.boundaries, planned),
    )


def _whole_deaths(trial: SequentialDesign, table: pd.DataFrame) -> dict[str, FloatArray]:
    """Return the deaths of controls as planned, and the most deaths of the treated with which it stops."""
    control = np.round(table["events_control_at_bound"].to_numpy(np.float64))
    patients = table["n_cum"].to_numpy(np.float64)
    arms = patients / (1.0 + trial.fixed.ratio), patients * trial.fixed.ratio / (1.0 + trial.fixed.ratio)
    treated = np.floor(table["events_treated_at_bound"].to_numpy(np.float64)) + 2.0
    # Rounding the controls moves the boundary by less than two deaths.
    for _ in range(4):
        mean = (control + treated) / patients
        spread = np.sqrt(mean * (1.0 - mean) * (1.0 / arms[0] + 1.0 / arms[1]))
        z = trial.direction * (treated / arms[1] - control / arms[0]) / spread
        treated = np.where(z < table["z"].to_numpy(np.float64), treated - 1.0, treated)
    return {"deaths_control": control, "deaths_treated": treated}


def _at_interim(plan: Boundaries, planned: float) -> dict[str, list[float]]:
    """Return conditional and predictive power at the futility boundary of each look but the last."""
    columns: dict[str, list[float]] = {
        name: [] for name in ("z_judged", "cp_planned", "cp_all", "cp_trend", "predictive")
    }
    for look in range(plan.looks):
        values = [math.nan] * 5
        if look < plan.looks - 1:
            bounded = plan.futility_z is not None and math.isfinite(plan.futility_z[look])
            z = float(plan.futility_z[look]) if plan.futility_z is not None and bounded else 0.0
            time = float(plan.information[look])
            values = [
                z,
                conditional_power(plan, z, time, drift=planned),
                conditional_power(plan, z, time, drift=planned, looks="all"),
                conditional_power(plan, z, time),
                predictive_power(plan, z, time),
            ]
        for name, value in zip(columns, values, strict=True):
            columns[name].append(value)
    return columns


def expected_sizes(size: PlannedSize) -> dict[str, float]:
    """Return the randomized patients whose outcome is known or lost when the trial stops, on average."""
    trial = size.design
    if not isinstance(trial, SequentialDesign):
        return {"null": float(size.n_randomized), "planned": float(size.n_randomized)}
    planned = trial.drift_at(trial.effect)
    return {
        name: size.n_randomized * trial.boundaries.expected_information(drift)
        for name, drift in (("null", 0.0), ("planned", planned))
    }
