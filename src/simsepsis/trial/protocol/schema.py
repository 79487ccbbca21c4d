"""The protocol of a trial: every key of a plan file, and what follows from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError, model_validator

from simsepsis.documents import sentence
from simsepsis.errors import ExperimentError, UsageError
from simsepsis.study.published import DEFAULT
from simsepsis.trial.designs.noninferiority import margin_of
from simsepsis.trial.effect import Effect
from simsepsis.trial.priors import Prior, mix_priors
from simsepsis.trial.protocol.checks import check
from simsepsis.trial.protocol.condition import Condition, parse_condition
from simsepsis.trial.protocol.offer import Offer, Outcome, offer_of
from simsepsis.trial.protocol.other_designs import Adaptive, Borrowing, FollowUp, Ordinal
from simsepsis.trial.protocol.prior_weight import PriorWeight
from simsepsis.trial.protocol.sections import (
    Allocation,
    Arm,
    Checked,
    Conduct,
    Endpoint,
    PlannedEffect,
    Population,
    Published,
    Run,
    Sites,
    Words,
    refusing,
)
from simsepsis.trial.protocol.testing import Looks, Test, boundaries_of
from simsepsis.trial.sequential.boundaries import Boundaries
from simsepsis.world.changes import Changes, WorldChoice, with_changed
from simsepsis.world.files import load_scenario
from simsepsis.world.section import Name

LONG_LAG_DAYS = 60.0
"""Days by which nearly all stays have ended; deaths in hospital have no fixed day. Judgement."""


class TrialProtocol(Checked):
    """A trial as it is planned, before anything is computed."""

    name: Name
    """Short name, as in file names."""
    label: str
    """One line for people."""
    question: str
    """What the trial asks."""
    study: str = DEFAULT
    """Name or folder of the study that it is about."""
    world: WorldChoice
    """The cohort that its patients come from."""
    control: str = "placebo"
    """What the control arm is given."""
    population: Population = Population()
    """Who is randomized."""
    arms: Annotated[tuple[Arm, ...], Field(min_length=1)]
    """Treated arms."""
    endpoint: Endpoint
    """What is compared."""
    effect: PlannedEffect
    """What the trial is planned for."""
    test: Test = Test()
    """How it is tested."""
    n_total: Annotated[int, Field(ge=10, le=1_000_000)] | None = None
    """Patients randomized, all arms; absent: what the power needs."""
    n_max: Annotated[int, Field(ge=10)] = 1_000_000
    """Most patients that a solved size may have: more is no trial that could be held."""
    allocation: Allocation = Allocation()
    """Patients or ICUs, and how."""
    sites: Sites = Sites()
    """Where, and how fast."""
    conduct: Conduct = Conduct()
    """What goes otherwise than planned."""
    looks: Looks = Looks()
    """Interim analyses."""
    priors: tuple[PriorWeight, ...] = ()
    """Beliefs about the effect, for the assurance; weights sum to 1."""
    words: Words = Words()
    """What the texts say in the protocol's own words."""
    published: tuple[Published, ...] = ()
    """Results of a trial that has been held as this one is planned."""
    run: Run = Run()
    """How much is simulated."""
    adaptive: Adaptive | None = None
    """The same arms in a Bayesian adaptive trial."""
    borrowing: Borrowing | None = None
    """The same trial with borrowed controls."""
    ordinal: Ordinal | None = None
    """The same trial of ordered categories."""
    follow_up: FollowUp | None = None
    """The same trial with everybody followed to its end."""

    @model_validator(mode="before")
    @classmethod
    def _as_the_study_has_it(cls, values: Any) -> Any:
        """Fill in what the study's plans say where a file does not."""
        if not isinstance(values, Mapping):
            return values
        told = _as_said(values)
        with refusing():
            told = _filled(told, offer_of(str(told.get("study", DEFAULT))).plan)
        sites, world = told.setdefault("sites", {}), told.get("world")
        if isinstance(sites, dict) and "number" not in sites and isinstance(world, dict) and "base" in world:
            found = load_scenario(str(world["base"])).site_count
            told["sites"] = {**({"number": found} if found else {}), **sites}
        return told

    def check(self) -> None:
        """Raise where parts contradict each other."""
        check(self)

    @property
    def offer(self) -> Offer:
        """What the study offers its trials."""
        return offer_of(self.study)

    @property
    def outcome(self) -> Outcome:
        """The endpoint as the study has it, with its day."""
        return self.outcome_of(self.endpoint.name, self.endpoint.horizon)

    def outcome_of(self, name: str, horizon: int | None = None) -> Outcome:
        """Return one of the study's outcomes, a time with the day of its censoring."""
        outcome = self.offer.outcomes[name]
        return outcome if horizon is None else outcome.model_copy(update={"day": horizon})

    @property
    def risk(self) -> Outcome:
        """The outcome that effects on scales of risks are about."""
        return self.offer.outcomes[self.outcome.after] if self.outcome.after else self.outcome

    @property
    def condition(self) -> Condition:
        """Who is randomized."""
        return self.parsed(self.population.where)

    def parsed(self, condition: str) -> Condition:
        """Return a condition on what is known before randomization."""
        return parse_condition(condition, self.offer.known)

    @property
    def open_label(self) -> dict[str, Any]:
        """What controls get who are given the treatment all the same."""
        return self.conduct.contamination.treatment or self.offer.usual

    @property
    def planned(self) -> Effect:
        """The planned effect on its scale."""
        return self.effect.stated

    @property
    def margin(self) -> Effect | None:
        """The margin of non-inferiority, if that is the question."""
        return None if self.effect.margin is None else margin_of(self.planned, self.effect.margin)

    @property
    def support_alone(self) -> bool:
        """Whether treatment is planned to shorten organ support and to save nobody."""
        return self.planned.coefficient == 0.0 and self.effect.support_hazard_ratio != 1.0

    @property
    def benefit(self) -> bool:
        """Whether the planned effect makes patients better."""
        higher_is_better = self.planned.name in ("win_ratio", "probability_index")
        return (self.planned.coefficient > 0.0) == higher_is_better

    @property
    def stated_total(self) -> int | None:
        """Patients randomized if the file says how many, in all or in each ICU and period; else None."""
        if self.n_total is None and self.allocation.cluster_size is not None:
            return self.allocation.cluster_size * self.sites.number * self.allocation.periods
        return self.n_total

    @property
    def effect_arm(self) -> int:
        """Index among the treated arms of the one in which the planned effect holds."""
        names = [arm.name for arm in self.arms]
        return len(names) - 1 if self.effect.arm is None else names.index(self.effect.arm)

    @property
    def scale(self) -> str:
        """Scale on which the effect is estimated."""
        if self.outcome.kind == "time":
            return "hazard_ratio"
        if self.outcome.rank_scale is not None:
            return self.outcome.rank_scale
        if self.test.analysis == "gee":
            return "odds_ratio"
        usable = self.effect.scale in ("risk_difference", "risk_ratio", "odds_ratio")
        return self.test.estimate or (str(self.effect.scale) if usable else "risk_difference")

    @property
    def boundaries(self) -> Boundaries:
        """Boundaries of one comparison; α is shared out among several by bonferroni only."""
        shared = self.test.multiplicity == "bonferroni"
        return boundaries_of(self.looks, self.test, len(self.arms) if shared else 1)

    @property
    def weighted(self) -> list[tuple[float, Prior]]:
        """The priors with their weights."""
        found = []
        for number, part in enumerate(self.priors):
            try:
                found.append((part.weight, part.prior(self.study)))
            except UsageError as error:
                raise UsageError(f"priors.{number}: {error}") from error
        return found

    @property
    def prior(self) -> Prior:
        """Mixture of the priors."""
        return mix_priors(self.weighted)

    @property
    def assurance_ceiling(self) -> float:
        """Probability of an effect on the planned side, which no assurance exceeds."""
        side = 1.0 if self.planned.coefficient > 0.0 else -1.0
        return sum(part.weight * part.beyond(0.0, side) for part in self.prior.components)

    @property
    def outcome_lag_days(self) -> float:
        """Days from randomization until an outcome is known."""
        stated, days = self.conduct.outcome_lag_days, self.outcome.days
        return stated if stated is not None else min(days, LONG_LAG_DAYS)

    @property
    def hash(self) -> str:
        """16 hexadecimal digits that change with anything the protocol says."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def __hash__(self) -> int:
        """Return a hash by content, so that what is built for a protocol can be kept."""
        return hash(self.hash)

    def changed(self, changes: Changes) -> TrialProtocol:
        """Return the protocol with some of its values replaced, and checked again."""
        values: Mapping[str, Any] = self.model_dump()
        for key, value in changes.items():
            values = with_changed(values, key.split("."), value, f"{self.name}: {key}")
        try:
            return TrialProtocol.model_validate(values)
        except ValidationError as error:
            raise ExperimentError(f"{self.name}: {sentence(error, TrialProtocol)}") from error


def _as_said(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested values as a file would say them: of a section what was said, without defaults."""
    said = {}
    for key, value in values.items():
        inner = value.model_dump(exclude_unset=True) if isinstance(value, BaseModel) else value
        said[key] = _as_said(inner) if isinstance(inner, Mapping) else inner
    return said


def _filled(values: Any, usual: Mapping[str, Any]) -> Any:
    """Return nested values with those that are lacking; what is no table stays for the check of its kind."""
    if not isinstance(values, Mapping):
        return values
    filled = {
        key: _filled(values.get(key, {}), value) if isinstance(value, Mapping) else value
        for key, value in usual.items()
        if isinstance(value, Mapping) or key not in values
    }
    return {**values, **filled}
