"""Patients who cannot be: what two columns say of them contradicts itself, by the rules of a study."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.doubts import Doubt
from simsepsis.arrays import BoolArray
from simsepsis.study.published import open_study

ROWS_TOLD = 5
"""Rows that a sentence names."""


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

    @property
    def doubt(self) -> Doubt:
        """Return it as what is doubtful in a cohort."""
        return Doubt(
            column=" and ".join(self.rule.columns),
            what=self.sentence,
            count=len(self.rows),
            rows=self.rows,
            remedy="correct them in the file",
        )


def rules_of(study: str) -> tuple[Rule, ...]:
    """Return what a study says that no patient can be; nothing where it says nothing."""
    code = open_study(study).module("contradictions")
    return () if code is None else code.RULES


def find_contradictions(cohort: CohortArrays, rules: Iterable[Rule]) -> tuple[Contradiction, ...]:
    """Return the rules that patients break."""
    found = []
    for rule in rules:
        if not set(rule.columns) <= set(cohort.rows):
            continue
        broken = np.asarray(rule.broken(*map(cohort.column, rule.columns)))
        if broken.any():
            rows = tuple((cohort.record[broken] + 1).tolist())
            found.append(Contradiction(rule=rule, rows=rows, share=len(rows) / cohort.n))
    return tuple(found)
