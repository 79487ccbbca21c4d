"""What is doubtful in a cohort that can be analysed all the same, one sentence each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.analysis.values import label
from simsepsis.arrays import BoolArray, IntArray

MANY_LEVELS = 30
"""A category of more levels than this is warned of."""
FEW_PATIENTS = 10
"""A level of fewer patients than this is warned of."""
FEW_CLUSTERS = 30
"""With fewer clusters than this, standard errors by cluster tend to be too small (Angrist, Pischke 2009)."""
_MOST = 4
"""Levels that one sentence lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """What is doubtful, though the cohort can be analysed.

    Attributes
    ----------
    column
        The column, or the columns, that it is about; empty for the whole file.
    what
        In words.
    count
        Patients, levels or clusters that it is about.
    rows
        Rows of the file, counted from 1 without the header, where it is about some patients.
    remedy
        What to do, in words; empty where nothing helps.
    """

    column: str
    what: str
    count: int = 0
    rows: tuple[int, ...] = ()
    remedy: str = ""

    @property
    def sentence(self) -> str:
        """Return it in one sentence."""
        return f"{'; '.join(filter(None, (self.what, self.remedy)))}."


def spelling_doubts(cohort: CohortArrays) -> Iterator[Doubt]:
    """Yield levels that differ by case only, which may be one."""
    for name, levels in cohort.levels.items():
        folded: dict[str, list[str]] = {}
        for level in levels:
            folded.setdefault(level.casefold(), []).append(label(level))
        for alike in folded.values():
            if len(alike) > 1:
                spelled = ", ".join(f"'{level}'" for level in alike)
                what = f"Levels of {name} differ in case only: {spelled}"
                yield Doubt(column=name, what=what, count=len(alike), remedy="recode them if they are one")


def category_doubts(cohort: CohortArrays, spec: AnalysisSpec) -> Iterator[Doubt]:
    """Yield each category of the score that has many levels, or rare ones.

    Notes
    -----
    Each level but one is a term of the score. A level that only one arm has decides the treatment of its
    patients, who then find no partner; rare levels make coefficients, and with them the score, unstable.
    """
    for name in dict.fromkeys(spec.score_columns):
        yield from _category_doubt(cohort, name, spec)


def _category_doubt(cohort: CohortArrays, name: str, spec: AnalysisSpec) -> Iterator[Doubt]:
    codes = cohort.column(name)
    known = ~np.isnan(codes)
    if name in cohort.levels:
        levels = cohort.levels[name]
        place = codes[known].astype(np.int64)
    elif name in spec.score_categories:
        values, place = np.unique(codes[known], return_inverse=True)
        levels = tuple(f"{value:g}" for value in values)
    else:
        return
    treated = np.bincount(place[cohort.treated[known]], minlength=len(levels))
    patients = np.bincount(place, minlength=len(levels))
    rare = (patients > 0) & (patients < FEW_PATIENTS)
    used = int((patients > 0).sum())
    if used <= MANY_LEVELS and not rare.any():
        return
    terms = f"'{name}' has {used} levels{_rarely(levels, rare)}: the score has {used - 1} terms for it"
    yield Doubt(
        column=name,
        what=f"{terms}{_alone(treated, patients)}",
        count=used,
        remedy=f"group the levels in recode.{name}, or leave the column out",
    )


def _rarely(levels: tuple[str, ...], rare: BoolArray) -> str:
    """Say how many levels are rare, and which, where these are few."""
    count = int(rare.sum())
    if count == 0:
        return ""
    chosen = [f"'{level}'" for level, is_rare in zip(levels, rare, strict=True) if is_rare]
    named = f" ({', '.join(chosen)})" if count <= _MOST else ""
    return f", {count} of them with fewer than {FEW_PATIENTS} patients{named}"


def _alone(treated: IntArray, patients: IntArray) -> str:
    """Say how many patients are in levels that only one arm has."""
    alone = (patients > 0) & ((treated == 0) | (treated == patients))
    if not alone.any():
        return ", and rare levels make it unstable"
    return (
        f", and the {int(patients[alone].sum())} patients of {int(alone.sum())} levels that only one arm has "
        "find no partner"
    )


def cluster_doubts(cohort: CohortArrays, spec: AnalysisSpec) -> Iterator[Doubt]:
    """Yield that there are too few clusters for standard errors by cluster."""
    if cohort.cluster is None:
        return
    clusters = int(np.unique(cohort.cluster).size)
    if clusters < FEW_CLUSTERS:
        what = (
            f"There are {clusters} clusters in '{spec.cluster}': with fewer than about {FEW_CLUSTERS} of "
            "them "
            "standard errors by cluster tend to be too small"
        )
        yield Doubt(column=str(spec.cluster), what=what, count=clusters)
