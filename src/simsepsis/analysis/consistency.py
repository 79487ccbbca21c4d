"""Patients of the thesis's registry who cannot be: what two columns say of them contradicts itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simsepsis.analysis.data import CohortArrays
from simsepsis.arrays import BoolArray
from simsepsis.errors import DataError

ROWS_TOLD = 5
"""Rows that a sentence names."""

TOLERATED = 0.05
"""Share of rows up to which a contradiction is a slip of the pen; beyond, a column is not what it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What cannot be true of a patient.

    Attributes
    ----------
    columns
        The columns that say it.
    words
        What the patient would have done, after "patients who".
    broken
        Given the columns in this order, (patients,) each, in whom it is so; NaN compares false.
    """

    columns: tuple[str, ...]
    words: str
    broken: Callable[..., BoolArray]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """A rule that patients break.

    Attributes
    ----------
    rule
        The rule.
    rows
        Their rows in the file, counted from 1 without the header.
    share
        Their share of all rows.
    """

    rule: Rule
    rows: tuple[int, ...]
    share: float

    @property
    def sentence(self) -> str:
        """Return what was found, with the first rows."""
        told = ", ".join(map(str, self.rows[:ROWS_TOLD]))
        more = f" and {len(self.rows) - ROWS_TOLD:,} more" if len(self.rows) > ROWS_TOLD else ""
        one = len(self.rows) == 1
        patients = "patient" if one else "patients"
        return (
            f"{len(self.rows):,} {patients} {self.rule.words} ({' and '.join(self.rule.columns)}, "
            f"{'row' if one else 'rows'} {told}{more})"
        )


def find_contradictions(cohort: CohortArrays) -> tuple[Contradiction, ...]:
    """Return the rules that patients of the thesis's registry break.

    Parameters
    ----------
    cohort
        The patients, before anybody leaves the analysis. Rules about columns that it lacks are skipped.
    """
    found = []
    for rule in RULES:
        if not set(rule.columns) <= set(cohort.rows):
            continue
        broken = np.asarray(rule.broken(*map(cohort.column, rule.columns)))
        if broken.any():
            rows = tuple((cohort.record[broken] + 1).tolist())
            found.append(Contradiction(rule=rule, rows=rows, share=len(rows) / cohort.n))
    return tuple(found)


def check_consistency(cohort: CohortArrays) -> tuple[str, ...]:
    """Return a sentence on each contradiction of a few rows; refuse a cohort with one of many.

    Parameters
    ----------
    cohort
        As of `find_contradictions`.

    Returns
    -------
    tuple
        Sentences for the report and the terminal; none where nothing is contradicted.

    Raises
    ------
    DataError
        If more than `TOLERATED` of all rows contradict themselves in one way, which no slip of the pen does.
    """
    found = find_contradictions(cohort)
    worst = max(found, key=lambda one: one.share, default=None)
    if worst is not None and worst.share > TOLERATED:
        names = " and ".join(f"'{name}'" for name in worst.rule.columns)
        raise DataError(f"{cohort.source}: {worst.sentence}; correct {names} in the file")
    return tuple(f"{one.sentence}; correct them in the file, or trust neither" for one in found)
