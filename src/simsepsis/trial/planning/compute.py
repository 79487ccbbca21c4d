"""From a protocol to its plan: every part, in the order in which one needs the other."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd

from simsepsis.errors import UsageError
from simsepsis.trial.planning.accrual import accrual_curve, accrual_table, patient_flow
from simsepsis.trial.planning.belief import assurance_curve, prior_table
from simsepsis.trial.planning.from_protocol import assumptions_of
from simsepsis.trial.planning.grids import (
    detectable,
    power_lines,
    sensitivity_map,
    sensitivity_table,
    size_grid,
)
from simsepsis.trial.planning.looks import boundary_table, expected_sizes
from simsepsis.trial.planning.record import Screened, TrialPlan
from simsepsis.trial.planning.size import PlannedSize, plan_size
from simsepsis.trial.protocol import TrialProtocol


def compute_plan(protocol: TrialProtocol, screened: Screened) -> TrialPlan:
    """Return the plan of a trial by formulas alone, nothing simulated yet.

    Parameters
    ----------
    protocol
        The trial.
    screened
        Control risk and eligibility.
    """
    seconds: dict[str, float] = {}
    with _timed(seconds, "formulas"):
        size = plan_size(assumptions_of(protocol, screened), n_randomized=protocol.n_total)
        return TrialPlan(
            protocol=protocol,
            screened=screened,
            size=size,
            looks=boundary_table(size),
            expected=expected_sizes(size),
            grid=size_grid(size.assumptions),
            power=power_lines(size),
            sensitivity=sensitivity_table(size),
            attenuation=sensitivity_map(size),
            **_believed(protocol, size),
            accrual=accrual_curve(size, protocol.sites, screened.eligible),
            pace=accrual_table(size, protocol.sites, screened.eligible, protocol.outcome_lag_days),
            flow=patient_flow(size, protocol.sites, screened.eligible),
            operating=pd.DataFrame(columns=["truth", "measure", "value", "mcse"]),
            simulated_trials=0,
            detectable=_detectable(size),
            tables={},
            seconds=seconds,
        )


def _believed(protocol: TrialProtocol, size: PlannedSize) -> dict[str, pd.DataFrame]:
    weighted = [(part.weight, part.prior) for part in protocol.priors]
    return {"priors": prior_table(size, weighted), "assurance": assurance_curve(size, weighted)}


def _detectable(size: PlannedSize) -> float:
    try:
        return detectable(size)
    except UsageError:
        return math.nan


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    seconds[part] = time.perf_counter() - begun
