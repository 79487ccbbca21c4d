"""What becomes of patients: the severity path, hazards, later scores."""

from __future__ import annotations

from simsepsis.world.section import Coefficient, Coefficients, NonNegative, Probability, Section


class Hazard(Section):
    """Daily log hazard of leaving one way, on day t with severity L, risk r, ICU effect b and care c.

    ``intercept + early·exp(1 - t) + log_day·log(t) + severity·L + risk·r + icu·b + care·c``
    """

    intercept: Coefficient
    """Log hazard per day at zero of everything. Fitted to Table 3."""
    early: Coefficient = 0.0
    """Excess on the first days. Fitted to Table 3."""
    log_day: Coefficient = 0.0
    """Slope on the log of the day. Fitted to Table 3."""
    severity: Coefficient = 0.0
    """Log hazard per SD of the day's severity. Fitted to Table 3."""
    risk: Coefficient = 0.0
    """Weight of the risk factors. Judgement."""
    icu: Coefficient = 0.0
    """Weight of the ICU's effect on death. Judgement."""
    care: Coefficient = 0.0
    """Log hazard per SD of the intensity of care. Fitted to Table 3."""


class Course(Section):
    """The severity path, and the daily hazards of death and discharge that it drives."""

    persistence: Probability
    """Share of day-1 severity kept from day to day. Judgement."""
    drift_sd: NonNegative
    """Spread of the change of severity over the first week, in SDs. Judgement."""
    noise_sd: NonNegative
    """Spread of day-to-day noise, in SDs. Judgement."""
    noise_correlation: Probability
    """Correlation of the noise from day to day. Judgement."""
    icu_death: Hazard
    """Death in the ICU."""
    icu_discharge: Hazard
    """Leaving the ICU alive."""
    ward_death: Hazard
    """Death in hospital after the ICU."""
    hospital_discharge: Hazard
    """Leaving the hospital alive."""
    risk: Coefficients
    """Term → log hazard ratio of death beyond the path. Other papers of the registry, shrunk."""


class Scores(Section):
    """SOFA organs and SIRS after day 1: how they follow the severity path, in latent SDs."""

    slope: Coefficient
    """Change of a latent organ score per SD of change in severity. Judgement."""
    noise_sd: NonNegative
    """Spread of an organ's own change. Judgement."""
    noise_correlation: Probability
    """Correlation of an organ's own change between days 3 and 7. Judgement."""
    recovery_per_day: Coefficient
    """Mean fall per day. Judgement."""
