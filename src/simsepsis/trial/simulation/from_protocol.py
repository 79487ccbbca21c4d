"""The protocol as the formulas see it, and how many patients they ask for."""

from __future__ import annotations

import math
from dataclasses import replace

from simsepsis.errors import UsageError
from simsepsis.threads import one_thread
from simsepsis.trial.designs.design import Design
from simsepsis.trial.effect import effect_between
from simsepsis.trial.expected_power import design_for_assurance
from simsepsis.trial.inputs import Level
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.simulation.clusters import degrees_of_freedom
from simsepsis.trial.simulation.multiplicity import dunnett_critical_value
from simsepsis.trial.simulation.pool import Pool, build_pool
from simsepsis.trial.simulation.screen import Screened, screen
from simsepsis.trial.sizing.assumptions import Assumptions, Clusters
from simsepsis.trial.sizing.size import PlannedSize, detectable, plan_size, single_look

TESTS = {"event": "two_proportions", "time": "log_rank", "free_days": "ranks", "win_ratio": "ranks"}
"""Kind of outcome → test whose formula sizes the trial."""

FORMULAS = {"log_rank": "schoenfeld", "ranks": "u_statistic"}
"""Test → its formula; pooled for two proportions."""


def assumptions_of(protocol: TrialProtocol, screened: Screened) -> Assumptions:
    """Return what the sample size of a protocol rests on."""
    test, compared = TESTS[protocol.outcome.kind], protocol.arms[protocol.effect_arm]
    days = protocol.outcome.days
    every = 1.0 + sum(arm.ratio for arm in protocol.arms)
    return Assumptions(
        test=test,
        p_control=screened.p_control,
        effect=screened.effect,
        alpha=level_per_comparison(protocol).alpha,
        sides=protocol.test.sides,
        power=protocol.test.power,
        ratio=compared.ratio,
        formula=FORMULAS.get(test, "pooled") if protocol.effect.margin is None else "farrington_manning",
        boundaries=protocol.boundaries if len(protocol.looks.information) > 1 else None,
        nonadherence=protocol.conduct.nonadherence.share,
        contamination=protocol.conduct.contamination.share,
        loss=protocol.conduct.loss.share,
        open_label=screened.open_label,
        compared=(1.0 + compared.ratio) / every,
        randomization=protocol.allocation.unit,
        clusters=_clusters(protocol, screened),
        horizon=days if days != float("inf") else None,
        averaging=screened.averaging,
        ranked=screened.ranked,
        margin=protocol.effect.margin,
    )


def _clusters(protocol: TrialProtocol, screened: Screened) -> Clusters | None:
    allocation = protocol.allocation
    if not allocation.clustered:
        return None
    return Clusters(
        icc=screened.icc,
        cac=None if allocation.unit == "parallel_cluster" else allocation.cac,
        number=protocol.sites.number,
        cv=screened.size_cv,
        inverse=screened.size_inverse,
        df=degrees_of_freedom(protocol),
        size=None if allocation.cluster_size is None else _known(protocol, allocation.cluster_size),
        steps=allocation.steps,
    )


def _known(protocol: TrialProtocol, patients: float) -> float:
    """Return of randomized patients those whose outcome will be known."""
    return patients * (1.0 - protocol.conduct.loss.share)


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
    size = _size_with_strata(assumptions_of(protocol, screened), screened, protocol.stated_total)
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


def _size_with_strata(assumptions: Assumptions, screened: Screened, stated: int | None) -> PlannedSize:
    """Return a size with what sparse strata of the analysis cost, which depends on the size itself."""
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
    return single_look(assumptions_of(protocol, screen(protocol, pool or build_pool(protocol))))


def planned_total(protocol: TrialProtocol, pool: Pool | None = None) -> int:
    """Return how many patients are randomized: the stated number, or what power and assurance need."""
    if protocol.stated_total is not None:
        return protocol.stated_total
    return planned_size(protocol, screen(protocol, pool or build_pool(protocol))).n_randomized
