"""Which numbers the table of readings shows."""

from __future__ import annotations

Place = tuple[str, str, str, str]
COUNTS: dict[str, Place] = {
    "Pairs": ("text", "matched_pairs", "", "count"),
    "Pairs, second score": ("text", "matched_pairs", "adjuncts", "count"),
    "Hazard ratio, hospital death": ("text", "hospital_death", "cox", "hazard_ratio"),
    "Its p value": ("text", "hospital_death", "cox", "p_value"),
}


def _places(outcome: str, table: str) -> dict[str, Place]:
    return {
        "Crude": ("table4", outcome, "unadjusted", "odds_ratio"),
        "GEE": ("table4", outcome, "adjusted", "odds_ratio"),
        "GEE, later SOFA": (table, "ivigg", "", "odds_ratio"),
        "Second score, GEE": ("text", outcome, "adjuncts_gee", "odds_ratio"),
        "Second score, GEE, later SOFA": ("text", outcome, "adjuncts_gee_sofa", "odds_ratio"),
    }


READING_TABLES: tuple[tuple[str, dict[str, Place]], ...] = (
    ("Matched pairs and survival by reading", COUNTS),
    ("Odds ratio of ICU death by reading", _places("icu_death", "table5")),
    ("Odds ratio of hospital death by reading", _places("hospital_death", "table6")),
)
"""Title of a table of readings → the numbers that it shows by their headings."""
