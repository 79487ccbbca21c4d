"""A fixed design with looks: its size, its power at any effect, and what each look means in deaths."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from simsepsis.errors import UsageError
from simsepsis.trial.designs.design import Design
from simsepsis.trial.effect import Effect
from simsepsis.trial.inputs import Level, positive
from simsepsis.trial.sequential.boundaries import Boundaries

_SMALLEST_RISK = 1e-9
_SCALES_AT_BOUND = {"two_proportions": "risk_ratio", "log_rank": "hazard_ratio"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialDesign:
    """A trial with looks. `fixed` is the design without them, `n_total` the patients at the last look."""

    fixed: Design
    boundaries: Boundaries
    n_total: float

    @property
    def level(self) -> Level:
        """Type I error and sides."""
        return self.boundaries.level

    @property
    def effect(self) -> Effect:
        """Planned effect."""
        return self.fixed.effect

    @property
    def direction(self) -> float:
        """1 where the planned effect makes the outcome measure larger, −1 where smaller."""
        return self.fixed.direction

    @property
    def p_control(self) -> float | None:
        """Risk under control, or None where the endpoint has no risk."""
        return self.fixed.p_control

    @property
    def horizon(self) -> float | None:
        """Day by which the risks count, or None."""
        return self.fixed.horizon

    @property
    def power(self) -> float:
        """Probability of stopping for efficacy at the planned effect."""
        return self.power_at(self.effect)

    def drift_at(self, effect: Effect) -> float:
        """Return the expectation of Z at the last look; positive for an effect in the planned direction."""
        told = self.fixed.signal_at(effect)
        z_alpha, z_beta = self.fixed.level.z, self.fixed.level.z_power(self.fixed.power)
        spread = (z_alpha * told.sd_null + z_beta * told.sd_true) / (z_alpha + z_beta)
        root = math.sqrt(self.n_total / self.fixed.design_effect)
        return (told.delta * root - told.shift / root) / spread

    def power_at(self, effect: Effect) -> float:
        """Return the probability of stopping for efficacy at a true effect."""
        return self.boundaries.power(self.drift_at(effect))

    def expected_n(self, effect: Effect) -> float:
        """Return the expected number of patients whose outcome is known when the trial stops."""
        return self.n_total * self.boundaries.expected_information(self.drift_at(effect))

    def with_total(self, n_total: float) -> SequentialDesign:
        """Return the design with another number of patients at the last look."""
        return replace(self, n_total=positive(n_total, "n_total"))


def sequential_design(design: Design, boundaries: Boundaries) -> SequentialDesign:
    """Add looks to a fixed design, with as many patients more as keep its power."""
    # N at the last look is N of the fixed design times the inflation factor.
    if abs(design.level.one_sided - boundaries.level.one_sided) > 1e-12:
        raise UsageError(
            f"design has a one-sided type I error of {design.level.one_sided:g}, boundaries have "
            f"{boundaries.level.one_sided:g}; give both the same alpha and sides"
        )
    grown = design.n_total * boundaries.inflation(design.power)
    return SequentialDesign(fixed=design, boundaries=boundaries, n_total=grown)


def look_table(trial: SequentialDesign) -> pd.DataFrame:
    """What each look means: patients, deaths, the effect at the boundary, and how likely the trial stops."""
    plan, fixed = trial.boundaries, trial.fixed
    patients = trial.n_total * plan.information
    shares = _event_shares(fixed)
    planned = trial.drift_at(fixed.effect)
    columns = {
        "look": np.arange(1, plan.looks + 1),
        "information_fraction": plan.information,
        "n_cum": patients,
        "cum_events_null": patients * shares[0],
        "cum_events_planned": patients * shares[1],
        "z": plan.z,
        "nominal_p": plan.nominal_p,
        "futility_z": np.nan if plan.futility_z is None else plan.futility_z,
        **_at_bounds(fixed, patients, plan),
        "cumulative_alpha": plan.cumulative_alpha,
        "cumulative_stop_null": plan.stopping_probabilities(0.0)["cumulative_stop"].to_numpy(),
        "cumulative_stop_planned": plan.stopping_probabilities(planned)["cumulative_stop"].to_numpy(),
        "cumulative_power": np.cumsum(plan.exits(planned).upper),
    }
    return pd.DataFrame(columns)


def _event_shares(fixed: Design) -> tuple[float, float]:
    """Return the mean event probability under no effect and under the planned one."""
    planned = fixed.endpoint.event_probability(fixed.effect)
    if planned is None or fixed.p_control is None:
        return math.nan, math.nan
    return fixed.p_control, planned


def _at_bounds(fixed: Design, patients: np.ndarray, plan: Boundaries) -> dict[str, object]:
    """Return the effect at each efficacy bound, and the events that it stands for."""
    scale = _SCALES_AT_BOUND.get(fixed.endpoint.name, "")
    names = ("effect_at_bound", "events_control_at_bound", "events_treated_at_bound")
    rows = [_at_bound(fixed, float(n), float(z)) for n, z in zip(patients, plan.z, strict=True)]
    return {"scale_at_bound": scale} | dict(zip(names, np.array(rows).T, strict=True))


def _at_bound(fixed: Design, patients: float, z: float) -> tuple[float, float, float]:
    nothing = (math.nan, math.nan, math.nan)
    if fixed.p_control is None or fixed.endpoint.name not in _SCALES_AT_BOUND or not math.isfinite(z):
        return nothing
    if fixed.endpoint.name == "log_rank":
        events = patients * _event_shares(fixed)[1]
        log_ratio = fixed.direction * z * (1.0 + fixed.ratio) / math.sqrt(fixed.ratio * events)
        return math.exp(log_ratio), math.nan, math.nan
    return _risks_at_bound(fixed, fixed.p_control, patients / fixed.design_effect, z) or nothing


def _risks_at_bound(
    fixed: Design, control: float, counted: float, z: float
) -> tuple[float, float, float] | None:
    """Return the risk ratio and the events at which the pooled test reaches z, controls dying as planned."""
    arms = counted / (1.0 + fixed.ratio), counted * fixed.ratio / (1.0 + fixed.ratio)

    def excess(treated: float) -> float:
        mean = (arms[0] * control + arms[1] * treated) / counted
        spread = math.sqrt(mean * (1.0 - mean) * (1.0 / arms[0] + 1.0 / arms[1]))
        return fixed.direction * (treated - control) / spread - z

    limit = _SMALLEST_RISK if fixed.direction < 0 else 1.0 - _SMALLEST_RISK
    if excess(limit) < 0:
        return None
    treated = float(brentq(excess, *sorted((limit, control))))
    scale = fixed.design_effect
    return treated / control, arms[0] * control * scale, arms[1] * treated * scale
