"""Words for the keys of a printed number, for axes, tables and texts alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simsepsis.studies.jseptic_ivigg.columns import COLUMNS
from simsepsis.study.variables import Variable

if TYPE_CHECKING:
    from simsepsis.analysis.spec import AnalysisSpec

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wording:
    """Words for the columns of one study.

    Attributes
    ----------
    columns
        The study's data dictionary: column → label, unit, levels and block.
    own
        Column → its name, where the analysis gives one; it goes before the dictionary's.
    printed
        Words for keys of printed numbers that are no columns, and for named analyses in place of levels.
    """

    columns: Mapping[str, Variable] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)
    printed: Mapping[str, str] = field(default_factory=dict)

    def group(self, variable: str) -> str:
        """Return the dictionary's block of a column, or an empty string where it has none."""
        return self.columns[variable].group if variable in self.columns else ""

    def heading(self, variable: str) -> str:
        """Return the heading of the block of a column, or an empty string where it has none."""
        return group_label(self.group(variable))

    def variable(self, variable: str) -> str:
        """Return a column's label under the heading of its block; unknown columns go by their name.

        The organ alone is said under the heading of a SOFA block, so that the block's rows stay short.
        """
        if variable in self.own:
            return self.own[variable]
        if self.group(variable).startswith("sofa_day"):
            return self.columns[variable].label.split()[1].capitalize()
        return self._full(variable)

    def level(self, variable: str, level: str) -> str:
        """Return the label of a category's level or of a named analysis."""
        levels = dict(self.columns[variable].levels) if variable in self.columns else {}
        return levels.get(level) or self.printed.get(level, level)

    def row(self, variable: str, level: str = "") -> str:
        """Return variable and level as one name, complete without any heading above it."""
        label = self.own.get(variable) or self._full(variable)
        return f"{label}: {self.level(variable, level)}" if level else label

    def said(self, variable: str) -> str:
        """Return the name of a column as it stands inside a sentence; a bare name keeps its letters."""
        label = self.row(variable)
        return label if label == variable else in_a_sentence(label)

    def _full(self, variable: str) -> str:
        if variable in self.columns:
            return self.columns[variable].label
        return self.printed.get(variable, variable)


THESIS_WORDING = Wording(columns=COLUMNS, printed={**_OTHER_VARIABLES, **_OTHER_LEVELS})


def wording_of(spec: AnalysisSpec) -> Wording:
    """Return the words for the columns of an analysis: the study's dictionary, and the spec's own labels.

    Parameters
    ----------
    spec
        Names the study and labels.
    """
    printed = THESIS_WORDING.printed if spec.study == "jseptic-ivigg" else {}
    return Wording(columns=spec.variables, own=spec.labels, printed=printed)


def group_label(group: str) -> str:
    """Return the heading of a group of columns, empty where the group has none."""
    return GROUP_LABELS.get(group, "")


def unit_of(variable: str) -> str:
    """Return the unit of a column of the thesis, empty where it has none."""
    return COLUMNS[variable].unit if variable in COLUMNS else ""


def level_label(variable: str, level: str) -> str:
    """Return `Wording.level` in the words of the thesis."""
    return THESIS_WORDING.level(variable, level)


def row_label(variable: str, level: str = "") -> str:
    """Return `Wording.row` in the words of the thesis."""
    return THESIS_WORDING.row(variable, level)


def in_a_sentence(label: str) -> str:
    """Return a label as it stands inside a sentence: in small letters unless it begins with an acronym."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


_DEATH = re.compile(
    r"(?<![a-z])(death|deaths|dead|died|mortality|deceased|tod|décès|muerte|morte|смерть)(?![a-z])|死亡|사망"
)
_NOT_DEATH_ALONE = re.compile(
    r"(?<![a-z])(no|non|not|without|free|freedom|or|and|until|alive|survived)(?![a-z])|[/+]"
)


def is_death(label: str) -> bool:
    """Return whether an outcome is death and nothing else, by its label or name.

    Parameters
    ----------
    label
        Such as ``Death within 30 days``, ``in_hospital_death``, ``Death or dialysis`` (which is not).
    """
    words = label.casefold()
    return bool(_DEATH.search(words)) and not _NOT_DEATH_ALONE.search(words)


def axis_label(label: str, unit: str) -> str:
    """Return the name of an axis of time with its unit, once.

    Parameters
    ----------
    label
        Name of the time's column.
    unit
        Unit of time.
    """
    if label.casefold() == unit:
        return f"Time ({unit})"
    return label if label.endswith(f"({unit})") else f"{label} ({unit})"


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
