"""The protocol as the formulas see it: what its world says of its patients, and how many they ask for."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from simsepsis.errors import UsageError
from simsepsis.threads import one_thread
from simsepsis.trial.cluster import inverse_size, size_variation
from simsepsis.trial.designs.design import Design, RankedDeaths
from simsepsis.trial.effect import Effect, effect_between
from simsepsis.trial.endpoints import design_ventilator_free_days, design_win_ratio_ordinal
from simsepsis.trial.expected_power import design_for_assurance
from simsepsis.trial.inputs import Level
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.simulation.clusters import degrees_of_freedom
from simsepsis.trial.simulation.multiplicity import dunnett_critical_value
from simsepsis.trial.simulation.outcomes import died
from simsepsis.trial.simulation.pool import Pool, build_pool, world_icc
from simsepsis.trial.simulation.precision import Precision, precision_of
from simsepsis.trial.simulation.setting import Setting, unsized
from simsepsis.trial.simulation.truth import distributions, effect_error, risks, true_effects
from simsepsis.trial.sizing.assumptions import Assumptions, Clusters
from simsepsis.trial.sizing.size import PlannedSize, detectable, plan_size, single_look

TESTS = {"event": "two_proportions", "time": "log_rank", "free_days": "ranks", "win_ratio": "ranks"}
"""Kind of outcome → test whose formula sizes the trial."""

FORMULAS = {"log_rank": "schoenfeld", "ranks": "u_statistic"}
"""Test → its formula; pooled for two proportions."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Screened:
    """What the world says of its patients under the protocol, and what the sample size rests on with it."""

    assumptions: Assumptions
    p_control_mcse: float
    effect_error: float
    eligible: float
    icc: float
    precision: Precision


def screen(protocol: TrialProtocol, pool: Pool, *, as_found: bool = False) -> Screened:
    """Return what a population means for the size of a trial."""
    setting = unsized(protocol, pool)
    stated = None if as_found else protocol.endpoint.control_risk
    taken = [float(setting.weights @ died(course, protocol.outcome)) for course in pool.courses]
    spread = math.sqrt(taken[0] * (1.0 - taken[0]) * float(setting.weights @ setting.weights))
    icc, test, days = world_icc(protocol, pool), TESTS[protocol.outcome.kind], protocol.outcome.days
    compared = protocol.arms[protocol.effect_arm]
    every = 1.0 + sum(arm.ratio for arm in protocol.arms)
    assumptions = Assumptions(
        test=test,
        p_control=taken[0] if stated is None else stated,
        effect=_found(protocol, taken) if as_found or _of_ranks(protocol) else protocol.planned,
        alpha=level_per_comparison(protocol).alpha,
        sides=protocol.test.sides,
        power=protocol.test.power,
        ratio=compared.ratio,
        formula=FORMULAS.get(test, "pooled") if protocol.effect.margin is None else "farrington_manning",
        boundaries=protocol.boundaries if len(protocol.looks.information) > 1 else None,
        nonadherence=protocol.conduct.nonadherence.share,
        contamination=protocol.conduct.contamination.share,
        loss=protocol.conduct.loss.share,
        open_label=_part(taken, protocol.effect_arm, pool.arms),
        compared=(1.0 + compared.ratio) / every,
        randomization=protocol.allocation.unit,
        clusters=_clusters(protocol, pool, icc),
        horizon=days if days != float("inf") else None,
        averaging=_averaging(setting),
        ranked=_ranked(setting),
        margin=protocol.effect.margin,
    )
    return Screened(
        assumptions=assumptions,
        p_control_mcse=spread if stated is None else 0.0,
        effect_error=effect_error(setting) if _brought(protocol) else 0.0,
        eligible=pool.eligible_share,
        icc=icc,
        precision=precision_of(setting),
    )


def _clusters(protocol: TrialProtocol, pool: Pool, icc: float) -> Clusters | None:
    allocation, sizes = protocol.allocation, pool.rates[pool.rates > 0.0]
    if not allocation.clustered:
        return None
    by_gee, wedge = protocol.test.analysis == "gee", allocation.unit == "stepped_wedge"
    known = 1.0 - protocol.conduct.loss.share
    return Clusters(
        icc=icc,
        cac=None if allocation.unit == "parallel_cluster" else allocation.cac,
        number=protocol.sites.number,
        cv=size_variation(sizes)[1] if by_gee and not wedge else 0.0,
        inverse=1.0 if by_gee or wedge else inverse_size(sizes),
        df=degrees_of_freedom(protocol),
        size=None if allocation.cluster_size is None else allocation.cluster_size * known,
        steps=allocation.steps,
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


def level_per_comparison(protocol: TrialProtocol) -> Level:
    """Return the level of one comparison; among several, that of the smallest p-value."""
    level, arms = protocol.test.level, protocol.arms
    if len(arms) == 1:
        return level
    if protocol.test.multiplicity == "bonferroni":
        return Level(alpha=level.alpha / len(arms), sides=level.sides)
    critical = dunnett_critical_value(tuple(arm.ratio for arm in arms), level.alpha, level.sides)
    return Level(alpha=level.sides * 0.5 * math.erfc(critical / math.sqrt(2.0)), sides=level.sides)


def planned_size(protocol: TrialProtocol, screened: Screened) -> PlannedSize:
    """Return the patients that power and assurance need by formula, or the stated ones."""
    size = _size_with_strata(screened, protocol.stated_total)
    assumptions = size.assumptions
    if protocol.stated_total is not None:
        return size
    if size.n_randomized > protocol.n_max:
        raise UsageError(f"{protocol.name}: {_too_many(protocol, assumptions, size.n_randomized)}")
    if protocol.test.assurance is None:
        return size
    assured = design_for_assurance(size, protocol.prior, protocol.test.assurance)
    blocks = math.ceil(assured.n_total / size.n_randomized * size.arms[0])
    return plan_size(
        assumptions, n_randomized=max(size.n_randomized, blocks * round(size.n_randomized / size.arms[0]))
    )


def size_error(size: PlannedSize, screened: Screened) -> float:
    """Return the Monte Carlo error that a population leaves a solved number of patients, as a part of it."""
    given = size.assumptions
    if given.ranked is not None and screened.effect_error == 0.0:
        return 0.0
    risk = given.p_control + screened.p_control_mcse
    moved = replace(given, p_control=risk, ranked=given.ranked and replace(given.ranked, p_control=risk))
    by_risk = math.log(plan_size(moved).n_sequential / plan_size(given).n_sequential)
    return math.hypot(by_risk, 2.0 * screened.effect_error)


ROUNDS, CLOSE = 50, 1e-4


def _size_with_strata(screened: Screened, stated: int | None) -> PlannedSize:
    """Return a size with what sparse strata of the analysis cost, which depends on the size itself."""
    assumptions = screened.assumptions
    size = plan_size(assumptions, n_randomized=stated)
    for _ in range(ROUNDS):
        left = screened.precision.left(size.n_analysed)
        if math.isinf(left):
            raise UsageError(
                f"{size.n_randomized} patients leave no stratum of the analysis with both arms; take fewer"
            )
        sparse = max(left, 1.0) if left == left else 1.0
        if abs(sparse - size.assumptions.sparse) < CLOSE:
            break
        size = plan_size(replace(assumptions, sparse=sparse), n_randomized=stated)
    return size


def _too_many(protocol: TrialProtocol, assumptions: Assumptions, needed: int) -> str:
    """Return what would have to change for a trial of at most `n_max` patients."""
    told = f"{needed:,} patients would be needed, more than n_max = {protocol.n_max:,}"
    try:
        change = detectable(plan_size(assumptions, n_randomized=protocol.n_max))
    except UsageError:
        return f"{told}, and no effect is large enough for so few; change the design, or raise n_max"
    effect = assumptions.effect
    treated = assumptions.p_control + math.copysign(change, assumptions.p_treated - assumptions.p_control)
    least = effect_between(assumptions.p_control, treated, effect.name, horizon=effect.horizon)
    return f"{told}; plan for a {effect.name} as far from none as {least.value:.4g}, or raise n_max"


@one_thread()
def design_fixed(protocol: TrialProtocol, pool: Pool | None = None) -> Design:
    """Return the analytic design with one analysis, for the comparison that the effect is planned for.

    Departures from the arms are in it, and randomized ICUs; loss and looks are not, see `planned_total`.

    Parameters
    ----------
    protocol
        The trial.
    pool
        Its population; None to build it.

    Raises
    ------
    UsageError
        If the planned effect is none.

    Notes
    -----
    Deaths: two proportions, pooled; time to death: log-rank at the hazard ratio that the partial likelihood
    averages over the follow-up, since hazards are not quite proportional here; days without support and win
    ratio: variance of the U-statistic; ICUs randomized: design effect of the stated ICC or that of the
    population.
    """
    return single_look(screen(protocol, pool or build_pool(protocol)).assumptions)


def planned_total(protocol: TrialProtocol, pool: Pool | None = None) -> int:
    """Return how many patients are randomized: the stated number, or what power and assurance need."""
    if protocol.stated_total is not None:
        return protocol.stated_total
    return planned_size(protocol, screen(protocol, pool or build_pool(protocol))).n_randomized
