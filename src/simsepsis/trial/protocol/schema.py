"""The protocol of a trial: everything that decides its size and its simulated course."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from simsepsis.documents import sentence
from simsepsis.errors import ExperimentError, UsageError, did_you_mean
from simsepsis.study.published import DEFAULT
from simsepsis.trial.designs.noninferiority import margin_of
from simsepsis.trial.effect import RISK_SCALES, Effect
from simsepsis.trial.priors import Prior, mix_priors
from simsepsis.trial.protocol.condition import Condition, check_column, parse_condition
from simsepsis.trial.protocol.conduct import Allocation, Conduct, Sites
from simsepsis.trial.protocol.offer import Offer, Outcome, offer_of
from simsepsis.trial.protocol.parts import (
    Arm,
    Endpoint,
    Looks,
    PlannedEffect,
    Population,
    PriorWeight,
    Run,
    Test,
    boundaries_of,
    refusing,
)
from simsepsis.trial.protocol.words import Published, Words
from simsepsis.trial.sequential import Boundaries
from simsepsis.world.changes import Changes, WorldChoice, with_changed
from simsepsis.world.files import load_scenario
from simsepsis.world.kinds import regimen_of
from simsepsis.world.section import Name, Section

CLUSTER_ANALYSES = ("cluster_means", "gee")
SITE = "icu"
"""Factor that is the site itself."""
LONG_LAG_DAYS = 60.0
"""Days by which nearly all stays have ended; deaths in hospital have no fixed day. Judgement."""


class TrialProtocol(Section):
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

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        with refusing():
            self._check_endpoint()
            self._check_columns()
            self._check_treatments()
            self._check_arms()
            self._check_effect()
            self._check_departures()
            self._check_analysis()
            self._check_stated_size()
            self._check_looks()
            self._check_assurance()
        return self

    def _check_endpoint(self) -> None:
        name, horizon, offered = self.endpoint.name, self.endpoint.horizon, self.offer.outcomes
        if name not in offered:
            near = did_you_mean(name, offered) or f"; the study has {', '.join(offered)}"
            raise UsageError(f"endpoint.name = '{name}' is unknown{near}")
        timed = offered[name].kind == "time"
        if timed and horizon is None:
            raise UsageError(
                f"{name} has no horizon; give the day at which every patient is censored, such as "
                f"horizon = {self.offer.horizon}"
            )
        if not timed and horizon is not None:
            raise UsageError(f"horizon = {horizon} has no meaning for {name}; remove it")
        days = any(told.quantity.startswith("days") for told in self.published)
        if days and not any(outcome.kind == "free_days" for outcome in offered.values()):
            raise UsageError("published: the study has no days without organ support; give risks only")

    def _check_columns(self) -> None:
        _ = self.condition
        for factor in (*self.allocation.factors, *self.test.strata):
            if factor != SITE:
                self.parsed(factor)
        for column in self.test.covariates:
            check_column(column, self.offer.known)
        if self.test.analysis == "adjusted" and not self.test.covariates:
            raise UsageError("test.analysis = 'adjusted' has no covariates; name some in test.covariates")

    def _check_treatments(self) -> None:
        regimen = regimen_of(self.study)
        given = {f"arms.{number}": arm.treatment for number, arm in enumerate(self.arms)}
        if self.conduct.contamination.share > 0.0 or self.conduct.contamination.treatment:
            given["conduct.contamination"] = self.open_label
        for place, treatment in given.items():
            try:
                regimen.model_validate(treatment)
            except ValidationError as error:
                raise UsageError(sentence(error, regimen, within=place)) from error

    def _check_arms(self) -> None:
        names = [arm.name for arm in self.arms]
        if len({self.control, *names}) <= len(names):
            told = ", ".join([self.control, *names])
            raise UsageError(f"arms: two of {told} have one name; name each arm differently")
        if self.effect.arm is not None and self.effect.arm not in names:
            raise UsageError(f"effect.arm = '{self.effect.arm}' is none of the arms {', '.join(names)}")
        block = [self.allocation.block * arm.ratio for arm in self.arms]
        if self.allocation.method == "blocks" and any(abs(size - round(size)) > 1e-9 for size in block):
            raise UsageError(
                f"allocation.block = {self.allocation.block} leaves parts of patients in the arms; choose a "
                "multiple that makes the ratios whole"
            )
        if self.allocation.clustered and (len(names) > 1 or self.arms[0].ratio != 1.0):
            raise UsageError(
                f"allocation.unit = '{self.allocation.unit}' is for one treated arm of ratio 1; change the "
                "arms or randomize patients"
            )

    def _check_effect(self) -> None:
        scale, horizon, days = self.effect.scale, self.effect.horizon, self.outcome.days
        own = self.outcome.rank_scale
        if scale not in (*RISK_SCALES, own):
            others = f" or {own}" if own else ""
            raise UsageError(
                f"effect.scale = '{scale}' does not fit {self.endpoint.name}; use one of "
                f"{', '.join(RISK_SCALES)}{others}"
            )
        if scale == "hazard_ratio" and horizon != days:
            raise UsageError(
                f"effect.horizon = {horizon:g} is not the day by which {self.endpoint.name} counts deaths "
                f"({days:g}); state the effect for that day or on another scale"
            )
        if self.endpoint.control_risk is not None and scale in RISK_SCALES:
            self.planned.treated_risk(self.endpoint.control_risk)
        if self.effect.support_hazard_ratio != 1.0 and self.planned.coefficient == 0.0:
            raise UsageError(
                "effect.support_hazard_ratio: sizes follow the effect on deaths; state one that is not none"
            )
        if self.effect.margin is not None:
            self._check_margin(self.effect.margin)
        elif self.planned.coefficient and self.benefit != (self.effect.aim == "benefit"):
            does, other = ("worse", "harm") if self.effect.aim == "benefit" else ("better", "benefit")
            raise UsageError(
                f"effect.value = {self.effect.value:g}: a {scale} of {self.effect.value:g} makes patients "
                f"{does}, but the trial is to show {self.effect.aim}; correct the value, or write "
                f'aim = "{other}"'
            )

    def _check_margin(self, margin: float) -> None:
        worst = margin_of(self.planned, margin)
        if not self.outcome.binary or self.allocation.clustered or len(self.arms) > 1 or self.priors:
            raise UsageError(
                f"effect.margin = {margin:g} is for one treated arm, patients randomized one by one, an "
                f"event "
                "endpoint and no priors; change the plan, or remove the margin"
            )
        if self.planned.coefficient >= worst.coefficient:
            raise UsageError(
                f"effect.value = {self.effect.value:g} is as bad as effect.margin = {margin:g} or worse; "
                f"plan "
                "for a better effect or a wider margin"
            )
        if self.effect.aim == "harm" or self.test.estimate not in (None, self.effect.scale):
            raise UsageError(
                "effect.margin: remove effect.aim and test.estimate, which do not go with a margin"
            )

    def _check_departures(self) -> None:
        missed, gained = self.conduct.nonadherence.share, self.conduct.contamination.share
        if missed + gained >= 1.0:
            raise UsageError(
                f"conduct.nonadherence.share = {missed:g} and conduct.contamination.share = {gained:g} leave "
                "no more treated patients in the treated arm than among controls; make their sum less than 1"
            )

    def _check_analysis(self) -> None:
        analysis, unit = self.test.analysis, self.allocation.unit
        if (analysis in CLUSTER_ANALYSES) != self.allocation.clustered:
            fit = CLUSTER_ANALYSES if self.allocation.clustered else ("unadjusted", "stratified", "adjusted")
            raise UsageError(
                f"test.analysis = '{analysis}' does not fit allocation.unit = '{unit}'; use one of "
                f"{', '.join(fit)}"
            )
        if analysis == "cluster_means" and unit == "stepped_wedge":
            raise UsageError(
                "test.analysis = 'cluster_means' cannot tell treatment from time in a stepped wedge; use gee"
            )
        if analysis == "gee" and self.test.estimate not in (None, "odds_ratio"):
            raise UsageError(
                f"test.estimate = '{self.test.estimate}' with gee, which estimates an odds ratio; remove it"
            )
        if analysis in ("adjusted", *CLUSTER_ANALYSES) and not self.outcome.binary:
            raise UsageError(
                f"test.analysis = '{analysis}' is for deaths counted by a day or in hospital, not for "
                f"{self.endpoint.name}; use unadjusted or stratified, with patients randomized"
            )

    def _check_stated_size(self) -> None:
        each, cells = self.allocation.cluster_size, self.sites.number * self.allocation.periods
        if each is not None and self.n_total not in (None, each * cells):
            raise UsageError(
                f"n_total = {self.n_total}, but allocation.cluster_size = {each} in {self.sites.number} ICUs "
                f"and {self.allocation.periods} periods makes {each * cells}; state one of the two"
            )
        periods = self.allocation.periods
        if self.n_total is not None and self.allocation.clustered and self.n_total % periods:
            raise UsageError(
                f"n_total = {self.n_total} does not divide among {periods} periods; write "
                f"n_total = {self.n_total + periods - self.n_total % periods}"
            )

    def _check_looks(self) -> None:
        many = len(self.looks.information) > 1
        _ = self.boundaries
        if many and self.allocation.clustered:
            raise UsageError(
                f"looks.information = {list(self.looks.information)} with ICUs randomized: few ICUs make no "
                "interim analysis; use information = [1.0]"
            )
        if many and len(self.arms) > 1 and self.test.multiplicity != "bonferroni":
            raise UsageError(
                f"test.multiplicity = '{self.test.multiplicity}' has no bounds for several looks; use "
                "bonferroni, or information = [1.0]"
            )

    def _check_assurance(self) -> None:
        if not self.priors:
            if self.test.assurance is not None:
                raise UsageError(f"test.assurance = {self.test.assurance:g} needs priors; give them")
            return
        total = sum(part.weight for part in self.priors)
        if abs(total - 1.0) > 1e-9:
            raise UsageError(f"priors: their weights sum to {total:g}; make them sum to 1")
        ceiling = self.assurance_ceiling
        if self.test.assurance is not None and self.test.assurance >= ceiling:
            raise UsageError(
                f"test.assurance = {self.test.assurance:g} is above the ceiling {ceiling:.3f} of the priors, "
                "the probability of an effect on the planned side; no sample size reaches it, so aim below"
            )

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
