"""The words of the study that stands where none is named, for what shows no other one."""

from __future__ import annotations

from simsepsis.study.published import open_study
from simsepsis.words.labels import PHASES, STATISTICS

_STUDY = open_study()
THESIS_WORDING = _STUDY.wording
TABLES = {table: _STUDY.layout.label(table) for table in _STUDY.layout.tables}


def number_label(
    variable: str, level: str, statistic: str, phase: str = "", arm: str = "", longest: int = 10_000
) -> str:
    """Return the full name of one printed number, such as ``Age, median, IVIgG before matching``."""
    short = _STUDY.layout.short_arms.get(arm, "")
    place = " ".join(part for part in (short, PHASES.get(phase, "")) if part)
    tail = "".join(f", {part}" for part in (STATISTICS.get(statistic, statistic), place) if part)
    label = THESIS_WORDING.row(variable, level)
    room = longest - len(tail)
    return (label if len(label) <= room else f"{label[: room - 1].rstrip(' ,:')}…") + tail
