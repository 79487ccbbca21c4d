"""A world that was learned, and the knobs that every such world has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from simsepsis.errors import ScenarioError
from simsepsis.world import scenario as world
from simsepsis.world.fitted.profile import Profile, read_profile
from simsepsis.world.fitted.rows import Rows, read_rows, rows_hash
from simsepsis.world.section import Coefficient, OpenProbability, Ratio, Section

if TYPE_CHECKING:
    from simsepsis.world.candidates import Candidates, Draws
    from simsepsis.world.cohort import Assignment, Cohort
    from simsepsis.world.potential import Outcomes

Measure = Literal["risk_difference", "risk_ratio", "odds_ratio", "hazard_ratio", "mean_difference"]
Factor = Annotated[float, Field(ge=0.0, le=10.0)]
"""Multiplies what was found: 1 leaves it, 0 removes it."""


class Treatment(Section):
    """Who is treated."""

    prevalence: OpenProbability | None = None
    """Share of the treated; absent: as it was found."""
    overlap: Annotated[float, Field(gt=0.0, le=10.0)] = 1.0
    """The larger, the more alike are the arms: the spread of the log odds of treatment is divided by it."""
    confounding: Factor = 1.0
    """Factor on that part of the log odds of treatment that also predicts the outcome."""
    delay: Annotated[float, Field(gt=0.0, le=100.0)] = 1.0
    """Factor on the time to the start of treatment, where the cohort recorded it."""


class Modifier(Section):
    """Patients in whom the effect is another."""

    column: str
    """A covariate."""
    at_least: float | None = None
    """They have this value or more."""
    level: str | None = None
    """Or they have this level of a category."""
    factor: Coefficient = 1.0
    """Factor on the log ratio in them: 0 no effect, −1 the opposite."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.at_least is None) == (self.level is None):
            raise ValueError("give either at_least, for a number, or level, for a category")
        return self


class Effect(Section):
    """What the treatment does, stated as clinicians do or as the coefficient itself."""

    as_found: bool = False
    """Whether each outcome keeps the coefficient of the treatment that the fit found; an effect that
    is stated takes its place."""
    measure: Measure | None = None
    """Scale of `value`; absent: `log_ratio` is taken as it stands."""
    outcome: str = ""
    """Outcome of `value`; empty for the first of the study."""
    value: Annotated[float, Field(ge=-1e9, le=1e9)] | None = None
    """What the effect shall be, comparing the same patients with and without treatment."""
    population: Literal["treated", "all"] = "treated"
    """In whom `value` holds."""
    log_ratio: Coefficient = 0.0
    """Log hazard ratio of the event of the survival analysis and log odds ratio of every other event; of an
    outcome that is a number the change of its normal score. Solved where `measure` is given."""
    modifier: Modifier | None = None
    """Effect modification."""

    @model_validator(mode="before")
    @classmethod
    def _stated_is_not_found(cls, values: Any) -> Any:
        """Take an effect that is stated in place of the one that was found."""
        stated = isinstance(values, Mapping) and (values.get("measure") or values.get("log_ratio"))
        return {**values, "as_found": False} if stated else values

    @model_validator(mode="after")
    def _value_and_scale(self) -> Self:
        if (self.measure is None) != (self.value is None):
            raise ValueError("measure and value belong together; give both or neither")
        ratio = (self.measure or "").endswith("ratio")
        if ratio and not 0.01 <= (self.value or 0.0) <= 100.0:
            raise ValueError(f"a {self.measure} of {self.value:g} is beyond any treatment; give 0.01 to 100")
        if self.measure == "risk_difference" and not -1.0 < (self.value or 0.0) < 1.0:
            raise ValueError(f"a risk difference of {self.value:g} is impossible; it lies between -1 and 1")
        return self


class Unmeasured(Section):
    """A confounder u that the cohort does not record; what is measured keeps its margins whatever u does."""

    kind: Literal["none", "binary", "normal"] = "none"
    """Absent, 0/1, or standard normal."""
    prevalence: OpenProbability = 0.3
    """Share with u = 1 (binary)."""
    or_treatment: Ratio = 1.0
    """Odds ratio of treatment given the covariates, per SD for a normal u."""
    hr_outcome: Ratio = 1.0
    """Hazard or odds ratio of every event; of an outcome that is a number, e to the change of its normal
    score."""
    crude: Literal["free", "held"] = "free"
    """free: the effect is as stated, and the crude difference moves with u. held: the effect is solved so
    that the crude outcome of both arms stays what it was in the cohort."""


class Sites(Section):
    """Clusters."""

    number: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """How many; absent: as many as the cohort has."""
    sampled: bool = False
    """Whether each registry draws its clusters anew from those of the cohort."""
    spread: Factor = 1.0
    """Factor on all that differs between clusters."""


class Observation(Section):
    """What is recorded."""

    missing: Factor = 1.0
    """Factor on the share of missing values of each covariate."""


class Solved(Section):
    """What was solved for, once nothing is left to solve."""

    score_mean: Coefficient
    """Mean log odds of treatment, covariates only."""
    prognosis_mean: Coefficient
    """Mean predictor of the outcome."""
    prognosis_slope: Coefficient
    """Slope of the log odds of treatment on that predictor."""
    intercept: Coefficient
    """Log odds of treatment at these means."""
    shift: Coefficient = 0.0
    """Added to the predictor of every outcome."""


class FittedScenario(world.Scenario):
    """A world that was learned from a cohort or from printed tables."""

    effect_key = "log_ratio"

    kind: Literal["cohort", "tables"] = "cohort"
    """What it was learned from."""
    study: str  # type: ignore[misc]  # here a world says whose it is
    """The study: its name, or the path of its folder."""
    profile: str
    """Path of what was learned, beside the scenario."""
    profile_hash: str
    """Hash of its content, which must not change under a world."""
    rows: str = ""
    """Path of patients' own covariates, which are then drawn in place of the copula's; empty for none."""
    rows_hash: str = ""
    """Hash of what it holds."""
    treatment: Treatment = Treatment()
    """Who is treated."""
    effect: Effect = Effect()
    """What treatment does."""
    unmeasured: Unmeasured = Unmeasured()
    """What confounds and is not recorded."""
    sites: Sites = Sites()
    """Clusters."""
    observation: Observation = Observation()
    """What is recorded."""
    solved: Solved | None = None
    """Set by solving; leave it out."""

    @model_validator(mode="after")
    def _held_solves_the_effect(self) -> Self:
        if self.unmeasured.crude == "held" and self.effect.measure is not None:
            raise ValueError(
                'unmeasured.crude = "held" solves the effect from the crude outcome; remove effect.measure'
            )
        return self

    @cached_property
    def learned(self) -> Profile:
        """Return what was learned."""
        profile, found = read_profile(Path(self.profile))
        if found != self.profile_hash:
            raise ScenarioError(
                f"scenario '{self.name}': {self.profile} was changed since (hash {found}, not "
                f'{self.profile_hash}); fit again, or write profile_hash = "{found}" if the change is meant'
            )
        return profile

    @cached_property
    def own_rows(self) -> Rows | None:
        """Return patients' own covariates, None where the copula draws them."""
        return read_rows(Path(self.rows), self.rows_hash) if self.rows_hash else None

    @cached_property
    def hash(self) -> str:
        """Return 16 hexadecimal digits that change with any parameter, but not with names and places."""
        return self.digest(exclude={"name", "label", "profile", "study", "rows"})

    @property
    def outcome(self) -> str:
        """Return the outcome that effect and confounding are stated for."""
        profile = self.learned
        known = (*profile.outcomes, *profile.numeric_outcomes)
        name = self.effect.outcome or next(iter(known), "")
        if name not in known:
            raise ScenarioError(
                f"scenario '{self.name}': effect.outcome = '{name}' is no outcome; known are "
                f"{', '.join(known)}"
            )
        return name

    @property
    def is_null(self) -> bool:
        """Return whether treatment does nothing to anybody."""
        return not self.effect.as_found and self.effect.measure is None and self.effect.log_ratio == 0.0

    @property
    def hazard_ratio(self) -> float:
        """Return what treatment does to the hazard, or odds, of an event of a patient without modifiers."""
        return math.exp(self.effect.log_ratio)

    @property
    def site_count(self) -> int:
        """Return the number of clusters; 0 where patients are not grouped."""
        clusters = self.learned.clusters
        return 0 if clusters is None else self.sites.number or len(clusters.shares)

    def model_copy(self, *, update: Any = None, deep: bool = False) -> Self:
        """Return a copy with some fields replaced."""
        copied = super().model_copy(update=update, deep=deep)
        if {"profile", "profile_hash"} & set(update or ()):
            copied.__dict__.pop("learned", None)
        return copied

    # The generator is built from scenarios, so its modules are opened when they are needed.

    def resolved(self) -> FittedScenario:
        """Return the world with nothing left to solve."""
        from simsepsis.world.fitted.resolve import resolve

        return resolve(self)

    def generate(
        self, *, seed: int, n: int | None, replicate: int, oracle: bool, assignment: Assignment
    ) -> Cohort:
        """Return one registry."""
        from simsepsis.world.fitted.generate import generate

        return generate(self, seed=seed, n=n, replicate=replicate, oracle=oracle, assignment=assignment)

    def potential_outcomes(self, *, population: int, seed: int) -> Outcomes:
        """Return the potential outcomes of a large population."""
        from simsepsis.world.fitted.generate import potential_outcomes

        return potential_outcomes(self, population=population, seed=seed)

    def for_trial(self, *, sites: int, sampled: bool, place: str) -> FittedScenario:
        """Return the world of a trial, whose effect is the trial's own."""
        from simsepsis.world.fitted.trial import trial_world

        return trial_world(self, sites=sites, sampled=sampled, place=place)

    def candidates(self, draws: Draws, *, seed: int, n: int) -> Candidates:
        """Return those of `n` patients whom a trial could randomize."""
        from simsepsis.world.fitted.trial import draw_candidates

        return draw_candidates(self, draws, seed=seed, n=n)


def in_memory(profile: Profile, *, rows: Rows | None = None, **fields: Any) -> FittedScenario:
    """Return the world of a profile that stands in no file; `fields` are those of a scenario.

    Without fields it is the world as it was found.
    """
    given: dict[str, Any] = {
        "name": "base",
        "label": f"As found in {profile.source}",
        "n": profile.patients,
        "study": profile.study,
        "profile": "",
        "profile_hash": profile.digest,
        "rows_hash": "" if rows is None else rows_hash(rows),
        "effect": Effect(as_found=True),
    } | fields
    scenario = FittedScenario(**given)
    scenario.__dict__["learned"] = profile
    if rows is not None:
        scenario.__dict__["own_rows"] = rows
    return scenario
