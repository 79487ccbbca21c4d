"""Patients of a learned world as candidates of a randomized trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import ExperimentError
from simsepsis.streams import streams
from simsepsis.world import candidates
from simsepsis.world.candidates import NEVER, Course, Draws
from simsepsis.world.fitted.covariates import Covariates
from simsepsis.world.fitted.resolve import resolve
from simsepsis.world.fitted.scenario import FittedScenario
from simsepsis.world.fitted.simulate import (
    Luck,
    People,
    draw_people,
    fate_of,
    place_patients,
    prognosis,
    roster_of,
)

BLOCK = 16_384
SAMPLED_SITES = 200
"""Sites that trials with sampled sites draw from, or as many as they have if that is more."""

LIMIT_DAYS = 28
"""Days of which those alive are counted."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidates(candidates.Candidates):
    """Patients with all that no treatment changes.

    Attributes
    ----------
    world
        Their world, whose effect is the trial's.
    people
        Covariates and luck.
    """

    world: FittedScenario
    people: People

    def course(
        self,
        treatment: int | None,
        *,
        log_hazard_ratio: float,
        delay: float,
        hazard_factor: float,
        support_ratio: float = 1.0,
        discharge_ratio: float = 1.0,
    ) -> Course:
        """Return everybody's course under a treatment, None for control."""
        if support_ratio != 1.0:
            raise ExperimentError(
                f"effect.support_hazard_ratio = {support_ratio:g}, but a world learned from a file has no "
                "days of organ support; remove it"
            )
        survival = self.world.learned.survival
        if discharge_ratio != 1.0 and (survival is None or not any(survival.leaving)):
            raise ExperimentError(
                f"effect.discharge_hazard_ratio = {discharge_ratio:g}, but in this world, learned from a "
                "file, nobody leaves before the end of follow-up; remove it"
            )
        row = np.zeros(self.icu.size) if treatment is None else self.log_hazard_ratio[treatment]
        solved = self.world.solved
        assert solved is not None
        harder = solved.model_copy(update={"shift": solved.shift + float(np.log(hazard_factor))})
        effect = self.world.effect.model_copy(update={"log_ratio": 1.0})
        world = self.world.model_copy(update={"solved": harder, "effect": effect})
        leaving = 0.0 if treatment is None else float(np.log(discharge_ratio))
        fate = fate_of(world, self.people, log_hazard_ratio * row, leaving=leaving)
        event = {name: fate.outcomes[name] == 1.0 for name in world.learned.outcomes}
        if fate.time is None or fate.event is None:
            dead = event[world.outcome] if world.outcome in event else np.zeros(self.icu.size, np.bool_)
            day, eligible = np.where(dead, 1, NEVER), np.ones(self.icu.size, np.bool_)
        else:
            passed = np.minimum(np.ceil(np.maximum(fate.lifetime - delay, 1.0)), NEVER)
            day, eligible = np.where(np.isfinite(fate.lifetime), passed, NEVER), fate.time > delay
            if survival is not None:
                event = {survival.event: fate.event} | event
        alive = np.where(day <= LIMIT_DAYS, 0, LIMIT_DAYS)
        return Course(
            eligible=eligible,
            event=event,
            death_day=day.astype(np.int16),
            free_days=alive.astype(np.int16),
        )

    def subset(self, rows: IntArray) -> Self:
        """Return some of the candidates."""
        return replace(super().subset(rows), people=_subset(self.people, rows))


def _subset(people: People, rows: IntArray) -> People:
    luck = people.luck
    return People(
        covariates=people.covariates.subset(rows),
        hidden=people.hidden[rows],
        before={name: values[rows] for name, values in people.before.items()},
        log_odds=people.log_odds[rows],
        luck=Luck(
            treatment=luck.treatment[rows],
            event=luck.event[rows],
            leaving=luck.leaving[rows],
            later={name: values[rows] for name, values in luck.later.items()},
            absent={name: values[rows] for name, values in luck.absent.items()},
        ),
    )


def trial_world(scenario: FittedScenario, *, sites: int, sampled: bool, place: str) -> FittedScenario:
    """Return the world of a trial, whose effect is the trial's own; parameters as of `Scenario.for_trial`.

    Nobody's treatment depends on what is not recorded, because a coin decides.
    """
    own = scenario.sites
    known = scenario.site_count
    if sampled:
        own = own.model_copy(update={"number": max(SAMPLED_SITES, sites), "sampled": True})
    elif known and sites != known:
        raise ExperimentError(
            f"{place}: sites.number = {sites}, but the world has {known}; add sampled = true for sites "
            "drawn from the same population"
        )
    effect = scenario.effect.model_copy(
        update={"as_found": False, "measure": None, "value": None, "log_ratio": 1.0}
    )
    hidden = scenario.unmeasured.model_copy(update={"crude": "free"})
    return resolve(
        scenario.model_copy(update={"effect": effect, "sites": own, "unmeasured": hidden, "solved": None})
    )


def draw_candidates(scenario: FittedScenario, draws: Draws, *, seed: int, n: int) -> Candidates:
    """Return those of `n` patients whom a trial could randomize."""
    roster = roster_of(scenario, streams(seed)("icus"))
    cluster = place_patients(roster, n)
    parts = []
    for number, first in enumerate(range(0, n, BLOCK)):
        draw = streams(seed, block=number)
        people = draw_people(scenario, roster, cluster[first : first + BLOCK], draw)
        parts.append(_block(scenario, people, draws))
    return replace(_joined(parts), screened=n)


def _block(scenario: FittedScenario, people: People, draws: Draws) -> Candidates:
    n, names = people.hidden.size, list(scenario.learned.columns)
    outlook = prognosis(scenario, people.covariates)
    columns = {
        name: np.where(people.covariates.missing[row], np.nan, people.covariates.values[row])
        for row, name in enumerate(names)
        if name in draws.columns
    }
    block = Candidates(
        icu=people.covariates.cluster,
        severity=_standard(outlook),
        columns=columns,
        log_hazard_ratio=np.ones((len(draws.treatments), n)),
        response="",
        screened=n,
        world=scenario,
        people=people,
    )
    return block.subset(np.flatnonzero(draws.holds(columns)))


def _standard(values: FloatArray) -> FloatArray:
    spread = float(values.std())
    return (values - values.mean()) / spread if spread > 0.0 else np.zeros(values.size)


def _joined(parts: Sequence[Candidates]) -> Candidates:
    peoples = [part.people for part in parts]
    covariates = [people.covariates for people in peoples]
    lucks = [people.luck for people in peoples]
    joined = People(
        covariates=Covariates(
            cluster=np.concatenate([one.cluster for one in covariates]),
            values=np.concatenate([one.values for one in covariates], axis=1),
            missing=np.concatenate([one.missing for one in covariates], axis=1),
            predictors=np.concatenate([one.predictors for one in covariates], axis=1),
        ),
        hidden=np.concatenate([people.hidden for people in peoples]),
        before={
            name: np.concatenate([people.before[name] for people in peoples]) for name in peoples[0].before
        },
        log_odds=np.concatenate([people.log_odds for people in peoples]),
        luck=Luck(
            treatment=np.concatenate([luck.treatment for luck in lucks]),
            event=np.concatenate([luck.event for luck in lucks]),
            leaving=np.concatenate([luck.leaving for luck in lucks]),
            later={name: np.concatenate([luck.later[name] for luck in lucks]) for name in lucks[0].later},
            absent={name: np.concatenate([luck.absent[name] for luck in lucks]) for name in lucks[0].absent},
        ),
    )
    return replace(
        parts[0],
        icu=joined.covariates.cluster,
        severity=np.concatenate([part.severity for part in parts]),
        columns={name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns},
        log_hazard_ratio=np.concatenate([part.log_hazard_ratio for part in parts], axis=1),
        people=joined,
    )
