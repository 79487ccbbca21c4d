"""What the world says of a trial's patients before any of them is randomized."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simsepsis.trial.cluster import inverse_size, size_variation
from simsepsis.trial.designs.design import RankedDeaths
from simsepsis.trial.effect import Effect, effect_between
from simsepsis.trial.endpoints import design_ventilator_free_days, design_win_ratio_ordinal
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.simulation.outcomes import died
from simsepsis.trial.simulation.pool import Pool, world_icc
from simsepsis.trial.simulation.precision import Precision, precision_of
from simsepsis.trial.simulation.setting import Setting, unsized
from simsepsis.trial.simulation.truth import distributions, effect_error, risks, true_effects


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Screened:
    """What the world says of its patients under the protocol."""

    p_control: float
    p_control_mcse: float
    effect_error: float
    given: bool
    effect: Effect
    eligible: float
    open_label: float
    icc: float
    size_cv: float
    size_inverse: float
    averaging: float
    ranked: RankedDeaths | None
    precision: Precision


def screen(protocol: TrialProtocol, pool: Pool, *, as_found: bool = False) -> Screened:
    """Return what a population means for the size of a trial."""
    setting = unsized(protocol, pool)
    stated = None if as_found else protocol.endpoint.control_risk
    deaths = [died(course, protocol.outcome) for course in pool.courses]
    taken = [float(setting.weights @ dead) for dead in deaths]
    spread = math.sqrt(taken[0] * (1.0 - taken[0]) * float(setting.weights @ setting.weights))
    cv, inverse = size_spread(protocol, pool)
    return Screened(
        p_control=taken[0] if stated is None else stated,
        p_control_mcse=spread if stated is None else 0.0,
        effect_error=effect_error(setting) if _brought(protocol) else 0.0,
        given=stated is not None,
        effect=_found(protocol, taken) if as_found or _of_ranks(protocol) else protocol.planned,
        eligible=pool.eligible_share,
        open_label=_part(taken, protocol.effect_arm, pool.arms),
        icc=world_icc(protocol, pool),
        size_cv=cv,
        size_inverse=inverse,
        averaging=_averaging(setting),
        ranked=_ranked(setting),
        precision=precision_of(setting),
    )


def _of_ranks(protocol: TrialProtocol) -> bool:
    return protocol.planned.name == protocol.outcome.rank_scale


def _brought(protocol: TrialProtocol) -> bool:
    """Return whether the sample size is about an effect that the planned one brings with it in the world."""
    return protocol.outcome.kind != "event" and not _of_ranks(protocol)


def _found(protocol: TrialProtocol, taken: list[float]) -> Effect:
    """Return the effect of the population, as a risk ratio where the plan's scale is not one of risks."""
    scale = "risk_ratio" if _of_ranks(protocol) else protocol.planned.name
    arms = taken[0], taken[1 + protocol.effect_arm]
    return effect_between(*arms, scale, horizon=protocol.planned.horizon)


def _part(taken: list[float], arm: int, arms: int) -> float:
    """Return the risk difference under open-label treatment as a part of that in the arm of the plan."""
    planned = taken[1 + arm] - taken[0]
    if len(taken) == 1 + arms or planned == 0.0:
        return 1.0
    return (taken[-1] - taken[0]) / planned


def _averaging(setting: Setting) -> float:
    if setting.protocol.outcome.kind != "time":
        return 1.0
    arm = setting.protocol.effect_arm
    control, treated = (float(risk) for risk in risks(setting)[[0, arm + 1]])
    if control == treated:
        return 1.0
    at_end = math.log(math.log1p(-treated) / math.log1p(-control))
    return float(true_effects(setting.unstratified())[0, arm]) / at_end


def _ranked(setting: Setting) -> RankedDeaths | None:
    """Return what a patient tells by ranks, unstratified, departures from the arms included."""
    protocol, arm = setting.protocol, setting.protocol.effect_arm + 1
    if protocol.outcome.rank_scale is None:
        return None
    shares = distributions(setting.unstratified())[0, 0]
    control, treated = (float(risk) for risk in risks(setting)[[0, arm]])
    alone = protocol.support_alone
    if np.array_equal(shares[0], shares[arm]) or (control == treated and not alone):
        return None
    sized = {"free_days": design_ventilator_free_days, "win_ratio": design_win_ratio_ordinal}
    design = sized[protocol.outcome.kind](shares[0], shares[arm], ratio=float(setting.ratio[arm]))
    told = design.endpoint.signal(design.effect)
    return RankedDeaths(
        scale=design.effect.name,
        slope=0.0 if alone else told.delta / (control - treated),
        base=told.delta / protocol.conduct.adhering if alone else 0.0,
        sd_null=told.sd_null,
        sd_true=told.sd_true,
        reference=design.reference,
        p_control=control,
    )


def size_spread(protocol: TrialProtocol, pool: Pool) -> tuple[float, float]:
    """Return what unequal ICUs are to the analysis: `cv` and `inverse` of `cluster_design_effect`."""
    sizes = pool.rates[pool.rates > 0.0]
    if protocol.allocation.unit == "stepped_wedge":
        return 0.0, 1.0
    if protocol.test.analysis == "gee":
        return size_variation(sizes)[1], 1.0
    return 0.0, inverse_size(sizes)
