"""The analytic design of a protocol at the risks of its population, and how many patients that asks for."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from simsepsis.errors import UsageError
from simsepsis.trial.cluster import cluster_size_for, design_cluster, inverse_size, size_variation
from simsepsis.trial.designs import Design, design_log_rank, design_two_proportions
from simsepsis.trial.effect import Effect
from simsepsis.trial.endpoints import design_ventilator_free_days, design_win_ratio_ordinal
from simsepsis.trial.inputs import Level
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.sensitivity import inflated_for_loss
from simsepsis.trial.simulation.clusters import degrees_of_freedom
from simsepsis.trial.simulation.multiplicity import dunnett_critical_value
from simsepsis.trial.simulation.outcomes import died
from simsepsis.trial.simulation.pool import Pool, build_pool
from simsepsis.trial.simulation.setting import Setting, prepare
from simsepsis.trial.simulation.truth import distributions, icu_correlation, risks, true_effects

UNSIZED = 1_000_000
"""Size of a trial of which only the population is asked."""


def design_fixed(protocol: TrialProtocol, pool: Pool | None = None) -> Design:
    """Return the analytic design with one analysis, for the comparison that the effect is planned for.

    Departures from the arms are in it: the risks are those of the arms as randomized. Loss and looks are not;
    see `planned_total`.

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
    averages over the follow-up, since hazards are not quite proportional here; ventilator-free days and win
    ratio: variance of the U-statistic; ICUs randomized: design effect of the stated ICC or that of the
    population.
    """
    there = pool or build_pool(protocol)
    setting = prepare(protocol, there, UNSIZED)
    arm = protocol.effect_arm + 1
    level = level_per_comparison(protocol)
    options: dict[str, Any] = {"alpha": level.alpha, "sides": level.sides, "power": protocol.test.power}
    ratio = float(setting.ratio[arm])
    if protocol.endpoint.name in ("ventilator_free_days", "win_ratio"):
        shares = distributions(_unstratified(setting))[0, 0, [0, arm]]
        sized = {"ventilator_free_days": design_ventilator_free_days, "win_ratio": design_win_ratio_ordinal}
        return sized[protocol.endpoint.name](shares[0], shares[1], ratio=ratio, **options)
    control, treated = (float(risk) for risk in risks(setting)[[0, arm]])
    if control == treated:
        raise UsageError(f"{protocol.name}: a planned effect of none needs no sample size; state n_total")
    if protocol.endpoint.name == "time_to_death":
        days = protocol.endpoint.days
        averaged = float(np.exp(true_effects(_unstratified(setting))[0, arm - 1]))
        effect = Effect(value=averaged, scale="hazard_ratio", horizon=days)
        return design_log_rank(effect, control, horizon=days, ratio=ratio, **options)
    design = design_two_proportions(control, treated, ratio=ratio, scale=protocol.scale, **options)
    return _clustered(protocol, design, there) if protocol.allocation.clustered else design


def _unstratified(setting: Setting) -> Setting:
    return replace(setting, strata=replace(setting.strata, by_icu=False, codes=setting.strata.codes[:0]))


def level_per_comparison(protocol: TrialProtocol) -> Level:
    """Return the level of one comparison; among several, that of the smallest p-value.

    Parameters
    ----------
    protocol
        The trial.
    """
    level, arms = protocol.test.level, protocol.arms
    if len(arms) == 1:
        return level
    if protocol.test.multiplicity == "bonferroni":
        return Level(alpha=level.alpha / len(arms), sides=level.sides)
    critical = dunnett_critical_value(tuple(arm.ratio for arm in arms), level.alpha, level.sides)
    return Level(alpha=level.sides * 0.5 * math.erfc(critical / math.sqrt(2.0)), sides=level.sides)


def world_icc(protocol: TrialProtocol, pool: Pool) -> float:
    """Return the stated ICC, or that of the population under control.

    Parameters
    ----------
    protocol, pool
        The trial and its population.
    """
    if protocol.allocation.icc is not None:
        return protocol.allocation.icc
    return icu_correlation(pool, died(pool.courses[0], protocol.endpoint).astype(np.float64))


def size_spread(protocol: TrialProtocol, pool: Pool) -> tuple[float, float]:
    """Return what unequal ICUs are to the analysis: `cv` and `inverse` of `cluster_design_effect`.

    Parameters
    ----------
    protocol, pool
        The trial and its population.
    """
    sizes = pool.rates[pool.rates > 0.0]
    if protocol.allocation.unit == "stepped_wedge":
        return 0.0, 1.0
    if protocol.test.analysis == "gee":
        return size_variation(sizes)[1], 1.0
    return 0.0, inverse_size(sizes)


def _clustered(protocol: TrialProtocol, design: Design, pool: Pool) -> Design:
    allocation, icc = protocol.allocation, world_icc(protocol, pool)
    cv, inverse = size_spread(protocol, pool)
    shared: dict[str, Any] = {
        "randomization": allocation.unit,
        "icc": icc,
        "cv": cv,
        "inverse": inverse,
        "df": degrees_of_freedom(protocol),
    }
    size = allocation.cluster_size
    if size is None and allocation.unit == "stepped_wedge":
        raise UsageError(
            f"{protocol.name}: a stepped wedge needs allocation.cluster_size; give patients per ICU and "
            "period"
        )
    if size is None:
        size = math.ceil(cluster_size_for(design, protocol.sites.number, cac=_cac(protocol), **shared))
    return design_cluster(
        design,
        cluster_size=size,
        cac=None if allocation.unit == "parallel_cluster" else allocation.cac,
        steps=allocation.steps,
        **shared,
    )


def _cac(protocol: TrialProtocol) -> float:
    return 0.0 if protocol.allocation.unit == "parallel_cluster" else protocol.allocation.cac


def planned_total(protocol: TrialProtocol, pool: Pool | None = None) -> int:
    """Return how many patients are randomized: the stated number, or what the planned power needs.

    Parameters
    ----------
    protocol, pool
        As in `design_fixed`.

    Notes
    -----
    N of the fixed design × inflation by the looks/(1 − loss), for all arms, in whole blocks of one control.
    """
    if protocol.n_total is not None:
        return protocol.n_total
    allocation, sites = protocol.allocation, protocol.sites
    if allocation.cluster_size is not None:
        return sites.number * allocation.periods * allocation.cluster_size
    design = design_fixed(protocol, pool)
    if allocation.clustered:
        size = design.n_total / float(design.clusters or 1.0) / allocation.periods
        lost = inflated_for_loss(size, protocol.conduct.loss.share)
        return sites.number * allocation.periods * math.ceil(lost - 1e-9)
    grown = design.n_control * protocol.boundaries.inflation(design.power)
    controls = inflated_for_loss(grown, protocol.conduct.loss.share)
    everybody = 1.0 + sum(arm.ratio for arm in protocol.arms)
    return math.ceil(math.ceil(controls - 1e-9) * everybody - 1e-9)
