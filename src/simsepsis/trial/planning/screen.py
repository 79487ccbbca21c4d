"""What the world says of a trial's patients before any of them is randomized."""

from __future__ import annotations

import math

from simsepsis.trial.planning.record import Screened
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.simulation.outcomes import died
from simsepsis.trial.simulation.pool import Pool
from simsepsis.trial.simulation.setting import prepare
from simsepsis.trial.simulation.sizing import UNSIZED, size_spread, world_icc


def screen(protocol: TrialProtocol, pool: Pool) -> Screened:
    """Return control risk, eligibility, what open-label treatment does, and the ICC.

    Parameters
    ----------
    protocol
        The trial.
    pool
        Its population.
    """
    deaths = [died(course, protocol.endpoint) for course in pool.courses]
    weights, stated = prepare(protocol, pool, UNSIZED).weights, protocol.endpoint.control_risk
    risks = [float(weights @ dead) for dead in deaths]
    spread = math.sqrt(risks[0] * (1.0 - risks[0]) * float(weights @ weights))
    cv, inverse = size_spread(protocol, pool)
    return Screened(
        p_control=risks[0] if stated is None else stated,
        p_control_mcse=spread if stated is None else 0.0,
        given=stated is not None,
        eligible=pool.eligible_share,
        open_label=_part(risks, protocol.effect_arm, pool.arms),
        icc=world_icc(protocol, pool),
        size_cv=cv,
        size_inverse=inverse,
    )


def _part(risks: list[float], arm: int, arms: int) -> float:
    """Return the risk difference under open-label treatment as a part of that in the arm of the plan."""
    planned = risks[1 + arm] - risks[0]
    if len(risks) == 1 + arms or planned == 0.0:
        return 1.0
    return (risks[-1] - risks[0]) / planned
