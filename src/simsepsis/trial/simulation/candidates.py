"""Patients whom a trial could randomize, before anything is done to them."""

from __future__ import annotations

import math

from simsepsis.errors import ExperimentError
from simsepsis.study.published import open_study
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.world.candidates import Candidates, Draws
from simsepsis.world.changes import changed_scenario

PROBE = 20_000
"""Patients among whom the eligible are counted, to know how many to draw."""


def draws_of(protocol: TrialProtocol) -> Draws:
    """Return whom a trial draws and what they may get: that of its arms, then that of open-label use."""
    arms = [arm.treatment for arm in protocol.arms]
    others = [protocol.open_label] if protocol.conduct.contamination.share > 0.0 else []
    return Draws(
        treatments=(*arms, *others), columns=tuple(protocol.offer.known), holds=protocol.condition.holds
    )


def draw_candidates(protocol: TrialProtocol) -> Candidates:
    """Return about as many eligible patients as the protocol's pool has, from the protocol's seed."""
    choice, sites, place = protocol.world, protocol.sites, protocol.name
    asked = changed_scenario(choice.base, choice.set, place=place, label=protocol.label)
    if open_study(asked.study).name != open_study(protocol.study).name:
        raise ExperimentError(
            f"{place}: world.base = '{choice.base}' is a world of study '{asked.study}', not of "
            f"'{protocol.study}'; write study = \"{asked.study}\", or another world"
        )
    world = asked.for_trial(sites=sites.number, sampled=sites.sampled, place=place)
    draws, seed = draws_of(protocol), protocol.run.seed
    share = 1.0
    if protocol.condition.groups:
        share = world.candidates(draws, seed=seed, n=PROBE).icu.size / PROBE
        if share < 0.01:
            raise ExperimentError(
                f"{place}: population.where = '{protocol.population.where}' holds for {share:.1%} of "
                "patients; a trial needs at least 1%"
            )
    return world.candidates(draws, seed=seed, n=math.ceil(protocol.run.pool / share))
