"""What the settings that experiments vary are called in figures and answers."""

from __future__ import annotations

SETTING_NAMES = {
    "n": "patients",
    "effect.value": "true effect",
    "effect.modifier.severe": "effect × in the severe",
    "effect.modifier.immunocompromised": "effect × in the immunocompromised",
    "unmeasured.or_treatment": "hidden odds ratio of treatment",
    "unmeasured.hr_death": "hidden hazard ratio of death",
    "dose.regimens.0.grams_per_kg": "dose (g/kg)",
    "dose.response": "dose–response",
    "treatment.late_share": "share of starts after 48 h",
    "treatment.severity": "pull of severity on starts (log hazard per SD)",
    "treatment.decay": "fall of starts per day (log hazard)",
    "adjuncts.*.after_ivigg": "log hazard of adjuncts after IVIgG",
    "icus.number": "number of ICUs",
    "icus.spread": "spread between ICUs (1: as fitted)",
    "observation.incomplete_day1": "share lacking an item of day 1",
    "observation.by_severity": "log odds of a gap per SD",
}
"""Dotted key → words, with the unit where there is one."""
