"""The thesis's own words: blocks and tables, quantities that are no columns, named analyses."""

from __future__ import annotations

from simsepsis.studies.jseptic_ivigg.columns import COLUMNS
from simsepsis.words.labels import PHASES, STATISTICS, Wording

GROUPS = {
    "icu": "ICU characteristics",
    "patient": "Patient characteristics",
    "sirs": "Severity",
    "severity": "Severity",
    "sofa_day1": "SOFA score day 1",
    "sofa_day3": "SOFA score day 3",
    "sofa_day7": "SOFA score day 7",
    "lab": "Laboratory data day 1",
    "comorbidity": "Comorbidity",
    "coagulopathy": "Preexisting coagulopathy",
    "infection": "Infection",
    "treatment": "Adjunctive treatment of sepsis",
    "adjunct": "Adjunctive treatment of sepsis",
    "transfusion": "Transfusion (units)",
    "outcome": "Mortality",
    "duration": "Duration to day 28 and length of stay (days)",
}
TABLES = {
    "table1": "Table 1",
    "table2": "Table 2",
    "table3": "Table 3",
    "table4": "Table 4",
    "table5": "Table 5",
    "table6": "Table 6",
    "text": "Text and Figure 1",
}
SHORT_ARMS = {"ivigg": "IVIgG", "control": "control"}
PRINTED_ARMS = {"ivigg": "IVIgG(+)", "control": "IVIgG(-)"}
QUANTITIES = {
    "n": "Patients",
    "matched_pairs": "Matched pairs",
    "sofa_missing": "Matched patients without SOFA of day 3 or 7",
    "icus": "ICUs",
    "institutions": "Institutions",
}
"""Numbers of the text that belong to no column."""
ANALYSES = {
    "registered": "registered",
    "analysed": "analysed",
    "severe": "limit of the severest quarter",
    "unadjusted": "unadjusted",
    "adjusted": "adjusted by GEE",
    "cox": "Cox",
    "breslow_day_apache2": "interaction with APACHE II",
    "breslow_day_immunocompromised": "interaction with immunocompromise",
    "adjuncts": "score with adjuncts",
    "adjuncts_crude": "score with adjuncts, crude",
    "adjuncts_gee": "score with adjuncts, GEE",
    "adjuncts_gee_sofa": "score with adjuncts, GEE with SOFA of days 3 and 7",
}
"""Levels of the text and of Table 4, which are no levels of a column."""
THESIS_WORDING = Wording(columns=COLUMNS, printed={**QUANTITIES, **ANALYSES}, groups=GROUPS)


def number_label(
    variable: str, level: str, statistic: str, phase: str = "", arm: str = "", longest: int = 10_000
) -> str:
    """Return the full name of one printed number, such as ``Age, median, IVIgG before matching``.

    Parameters
    ----------
    variable, level, statistic, phase, arm
        The number's key.
    longest
        Characters; the row's label is cut with an ellipsis where the name is longer.
    """
    place = " ".join(part for part in (SHORT_ARMS.get(arm, ""), PHASES.get(phase, "")) if part)
    tail = "".join(f", {part}" for part in (STATISTICS.get(statistic, statistic), place) if part)
    label = THESIS_WORDING.row(variable, level)
    room = longest - len(tail)
    return (label if len(label) <= room else f"{label[: room - 1].rstrip(' ,:')}…") + tail
