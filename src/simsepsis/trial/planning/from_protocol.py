"""The protocol as the formulas see it."""

from __future__ import annotations

from simsepsis.trial.planning.assumptions import Assumptions, Clusters
from simsepsis.trial.planning.record import Screened
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.sequential.schedule import Futility
from simsepsis.trial.simulation.clusters import degrees_of_freedom
from simsepsis.trial.simulation.sizing import level_per_comparison

TESTS = {"time_to_death": "log_rank"}
"""Endpoint → test whose formula sizes the trial; two proportions for the others. Endpoints that are compared
by ranks are sized by the deaths that they contain, and their own power is simulated."""

LOG_RANK_FORMULA = "schoenfeld"


def assumptions_of(protocol: TrialProtocol, screened: Screened) -> Assumptions:
    """Return what the sample size of a protocol rests on.

    Parameters
    ----------
    protocol
        The trial.
    screened
        Control risk and what else the world decides.
    """
    test, compared = TESTS.get(protocol.endpoint.name, "two_proportions"), protocol.arms[protocol.effect_arm]
    days = protocol.endpoint.days
    every = 1.0 + sum(arm.ratio for arm in protocol.arms)
    return Assumptions(
        test=test,
        p_control=screened.p_control,
        effect=protocol.planned,
        alpha=level_per_comparison(protocol).alpha,
        sides=protocol.test.sides,
        power=protocol.test.power,
        ratio=compared.ratio,
        formula=LOG_RANK_FORMULA if test == "log_rank" else "pooled",
        looks=protocol.looks.information,
        spending=protocol.looks.spending,
        parameter=protocol.looks.parameter,
        futility=_futility(protocol),
        nonadherence=protocol.conduct.nonadherence.share,
        contamination=protocol.conduct.contamination.share,
        loss=protocol.conduct.loss.share,
        open_label=screened.open_label,
        compared=(1.0 + compared.ratio) / every,
        randomization=protocol.allocation.unit,
        clusters=_clusters(protocol, screened),
        horizon=days if days != float("inf") else None,
    )


def _futility(protocol: TrialProtocol) -> Futility | None:
    return protocol.boundaries.futility


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
        size=allocation.cluster_size,
        steps=allocation.steps,
    )
