"""What no patient of the registry can be."""

from __future__ import annotations

from simsepsis.analysis.consistency import Rule

RULES = (
    Rule(
        columns=("icu_death", "hospital_death"),
        words="died in the ICU but not in hospital",
        broken=lambda icu, hospital: (icu == 1) & (hospital == 0),
    ),
    Rule(
        columns=("icu_days", "hospital_days"),
        words="stayed longer in the ICU than in hospital",
        broken=lambda icu, hospital: icu > hospital,
    ),
    Rule(
        columns=("icu_death", "icu_days", "hospital_days"),
        words="died in the ICU but left the hospital days later",
        broken=lambda died, icu, hospital: (died == 1) & (hospital > icu + 1),
    ),
    *(
        Rule(
            columns=(name, "hospital_days"),
            words=f"were on {support} for longer than they were in hospital",
            broken=lambda days, hospital: days > hospital + 1,
        )
        for name, support in (
            ("ventilator_days", "the ventilator"),
            ("vasopressor_days", "vasoactive drugs"),
            ("rrt_days", "renal replacement"),
        )
    ),
    Rule(
        columns=("death_28d", "hospital_death", "hospital_days"),
        words="died in hospital by day 28 but are not counted as dead by day 28",
        broken=lambda early, died, days: (early == 0) & (died == 1) & (days < 28),
    ),
    Rule(
        columns=("death_28d", "hospital_death", "hospital_days"),
        words="are counted as dead by day 28 but died in hospital later",
        broken=lambda early, died, days: (early == 1) & (died == 1) & (days > 29),
    ),
)
"""Contradictions; a day of grace where one count begins on another hour than the other."""
