"""What is done to patients: IVIgG, adjuncts, blood, organ support."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from simsepsis.studies.jseptic_ivigg.world.tables import CATEGORIES, FUNCTIONS, TERMS, check_keys, levels_of
from simsepsis.world.section import Coefficient, Coefficients, OpenProbability, Section, Spread


def _of_terms(predictor: Coefficients) -> Coefficients:
    check_keys(predictor, TERMS, "terms", whole=False)
    return predictor


def _with_intercept(predictor: Coefficients) -> Coefficients:
    if "intercept" not in predictor:
        raise ValueError("intercept is missing; give it, 0.0 if none is meant")
    return predictor


Terms = Annotated[Coefficients, AfterValidator(_of_terms)]
"""Term → coefficient."""
Predictor = Annotated[Terms, AfterValidator(_with_intercept)]
"""A constant and terms."""


class Treatment(Section):
    """Who is given IVIgG and when: log hazard of the start while in the ICU, days 1 to 7."""

    intercept: Coefficient
    """Log hazard per day at zero of everything. Solved for the number treated."""
    numbers: dict[str, list[Coefficient]]
    """Number or 0/1 column → coefficients of its functions. Solved for Table 1's IVIgG column."""
    levels: dict[str, Coefficients]
    """Category → level → log hazard against the first level. Solved for Table 1's IVIgG column."""
    care: Coefficient
    """Log hazard per SD of the intensity of care, shared with adjuncts. Judgement."""
    severity: Coefficient
    """Log hazard per SD of the current day's severity: confounding after day 1. Judgement."""
    decay: Coefficient
    """Fall of the log hazard per day: how early treatment starts. Judgement."""
    late_share: OpenProbability | None = None
    """Share of starts after 48 hours; if given, `decay` is solved for it."""
    solved_for: str = ""
    """Mark of the parts of the scenario that the coefficients were solved for; empty: solve them again."""

    @model_validator(mode="after")
    def _of_the_registry(self) -> Self:
        check_keys(self.numbers, FUNCTIONS, "numbers", whole=False)
        for name, coefficients in self.numbers.items():
            if len(coefficients) != FUNCTIONS[name]:
                raise ValueError(
                    f"numbers.{name}: has {len(coefficients)} coefficients, not {FUNCTIONS[name]}"
                )
        check_keys(self.levels, CATEGORIES, "levels", whole=False)
        for name, effects in self.levels.items():
            check_keys(effects, levels_of(name), f"levels.{name}", whole=False)
        return self


class Support(Section):
    """Days of organ support: who is ever on it (probit) and, if so, for how long (lognormal)."""

    ever: Predictor
    """Coefficients of the probit of ever being supported."""
    days: Predictor
    """Coefficients of the mean log number of days."""
    log_sd: Spread
    """Standard deviation of the log number of days."""


class Adjunct(Section):
    """Log hazard of an adjunct's start while in the ICU, days 1 to 7."""

    intercept: Coefficient
    """Log hazard per day at zero of everything. Solved for Table 2."""
    care: Coefficient
    """Log hazard per SD of the intensity of care. Solved for Table 2."""
    icu: Coefficient
    """Log hazard per unit of the ICU's habit of giving adjuncts. Judgement."""
    severity: Coefficient
    """Log hazard per SD of the current day's severity. Judgement."""
    decay: Coefficient = 0.5
    """Fall of the log hazard per day, whatever the timing of IVIgG. Judgement."""
    effects: Terms = Field(default_factory=dict)
    """Term → log hazard. Judgement."""
    after_ivigg: Coefficient = 0.0
    """Change of the log hazard once IVIgG has started: what makes an adjunct a mediator. Judgement."""


class Transfusion(Section):
    """Units given: whether any (probit), and how many packs (lognormal, rounded up)."""

    ever: Predictor
    """Coefficients of the probit of any unit."""
    units: Predictor
    """Coefficients of the mean log number of packs."""
    log_sd: Spread
    """Standard deviation of the log number of packs."""
    pack: Annotated[float, Field(ge=1.0, le=1_000.0)]
    """Units in a pack."""
