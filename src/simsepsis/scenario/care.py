"""What is done to patients: IVIgG, adjuncts, blood, organ support."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from simsepsis.scenario.section import Coefficients, OpenProbability, Positive, Section


class Treatment(Section):
    """Who is given IVIgG and when: log hazard of the start while in the ICU, days 1 to 7."""

    intercept: float
    """Log hazard per day at zero of everything. Solved for the number treated."""
    numbers: dict[str, list[float]]
    """Number or 0/1 column → coefficients of its functions. Solved for Table 1's IVIgG column."""
    levels: dict[str, Coefficients]
    """Category → level → log hazard against the first level. Solved for Table 1's IVIgG column."""
    care: float
    """Log hazard per SD of the intensity of care, shared with adjuncts. Judgement."""
    severity: float
    """Log hazard per SD of the current day's severity: confounding after day 1. Judgement."""
    decay: float
    """Fall of the log hazard per day: how early treatment starts. Judgement."""
    late_share: OpenProbability | None = None
    """Share of starts after 48 hours; if given, `decay` is solved for it."""
    solved_for: str = ""
    """Mark of the parts of the scenario that the coefficients were solved for; empty: solve them again."""


class Support(Section):
    """Days of organ support: who is ever on it (probit) and, if so, for how long (lognormal)."""

    ever: Coefficients
    """Coefficients of the probit of ever being supported."""
    days: Coefficients
    """Coefficients of the mean log number of days."""
    log_sd: Positive
    """Standard deviation of the log number of days."""


class Adjunct(Section):
    """Log hazard of an adjunct's start while in the ICU, days 1 to 7."""

    intercept: float
    """Log hazard per day at zero of everything. Solved for Table 2."""
    care: float
    """Log hazard per SD of the intensity of care. Solved for Table 2."""
    icu: float
    """Log hazard per unit of the ICU's habit of giving adjuncts. Judgement."""
    severity: float
    """Log hazard per SD of the current day's severity. Judgement."""
    decay: float = 0.5
    """Fall of the log hazard per day, whatever the timing of IVIgG. Judgement."""
    effects: Coefficients = Field(default_factory=dict)
    """Term → log hazard. Judgement."""
    after_ivigg: float = 0.0
    """Change of the log hazard once IVIgG has started: what makes an adjunct a mediator. Judgement."""


class Transfusion(Section):
    """Units given: whether any (probit), and how many packs (lognormal, rounded up)."""

    ever: Coefficients
    """Coefficients of the probit of any unit."""
    units: Coefficients
    """Coefficients of the mean log number of packs."""
    log_sd: Positive
    """Standard deviation of the log number of packs."""
    pack: Annotated[float, Field(ge=1.0)]
    """Units in a pack."""
