"""Words for the keys of a printed number, for axes, tables and texts alike."""

from __future__ import annotations

from simsepsis.thesis.dictionary import COLUMNS

GROUP_LABELS = {
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
PHASE_LABELS = {"before": "before matching", "after": "after matching"}
STATISTIC_LABELS = {
    "count": "patients",
    "percent": "%",
    "median": "median",
    "q1": "lower quartile",
    "q3": "upper quartile",
    "smd_percent": "standardized difference",
    "p_value": "p value",
    "odds_ratio": "odds ratio",
    "hazard_ratio": "hazard ratio",
    "ci_low": "lower 95% limit",
    "ci_high": "upper 95% limit",
}
TABLE_LABELS = {
    "table1": "Table 1",
    "table2": "Table 2",
    "table3": "Table 3",
    "table4": "Table 4",
    "table5": "Table 5",
    "table6": "Table 6",
    "text": "Text and Figure 1",
}
_SHORT_ARMS = {"ivigg": "IVIgG", "control": "control"}
_OTHER_VARIABLES = {
    "n": "Patients",
    "matched_pairs": "Matched pairs",
    "sofa_missing": "Without later SOFA",
    "icus": "ICUs",
    "institutions": "Institutions",
}
_OTHER_LEVELS = {
    "registered": "registered",
    "analysed": "analysed",
    "severe": "third quartile",
    "unadjusted": "unadjusted",
    "adjusted": "adjusted (GEE)",
    "cox": "Cox",
    "breslow_day_apache2": "Breslow–Day, APACHE II ≥ 29",
    "breslow_day_immunocompromised": "Breslow–Day, immunocompromised",
    "adjuncts": "adjuncts in the score",
    "adjuncts_crude": "adjuncts in the score, crude",
    "adjuncts_gee": "adjuncts in the score, GEE",
    "adjuncts_gee_sofa": "adjuncts in the score, GEE with SOFA of days 3 and 7",
}


def group_of(variable: str) -> str:
    """Return the dictionary's group of a column, or an empty string for other keys."""
    column = COLUMNS.get(variable)
    return column.group if column else ""


def group_label(group: str) -> str:
    """Return the heading of a group of columns, empty where the group has none."""
    return GROUP_LABELS.get(group, "")


def variable_label(variable: str) -> str:
    """Return a variable's label; a name that the dictionary does not know is its own label.

    The organ alone is said under the heading of a SOFA block, so that block's rows stay short.
    """
    if group_of(variable).startswith("sofa_day"):
        return COLUMNS[variable].label.split()[1].capitalize()
    if variable in COLUMNS:
        return COLUMNS[variable].label
    return _OTHER_VARIABLES.get(variable, variable)


def unit_of(variable: str) -> str:
    """Return a column's unit, empty where it has none."""
    return COLUMNS[variable].unit if variable in COLUMNS else ""


def level_label(variable: str, level: str) -> str:
    """Return the label of a category's level or of a named analysis."""
    levels = dict(COLUMNS[variable].levels) if variable in COLUMNS else {}
    return levels.get(level) or _OTHER_LEVELS.get(level, level)


def row_label(variable: str, level: str = "") -> str:
    """Return variable and level as one name, complete without any heading above it."""
    label = COLUMNS[variable].label if variable in COLUMNS else variable_label(variable)
    return f"{label}: {level_label(variable, level)}" if level else label


def in_a_sentence(label: str) -> str:
    """Return a label as it stands inside a sentence: in small letters unless it begins with an acronym."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


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
    place = " ".join(part for part in (_SHORT_ARMS.get(arm, ""), PHASE_LABELS.get(phase, "")) if part)
    tail = "".join(f", {part}" for part in (STATISTIC_LABELS.get(statistic, statistic), place) if part)
    label = row_label(variable, level)
    room = longest - len(tail)
    return (label if len(label) <= room else f"{label[: room - 1].rstrip(' ,:')}…") + tail
