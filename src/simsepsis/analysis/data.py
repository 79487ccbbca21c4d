"""The patients of one analysis as arrays, where they come from and who is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import DataError
from simsepsis.study.variables import Kind


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CohortArrays:
    """The patients of one analysis as arrays.

    Attributes
    ----------
    source
        Name of the file, or ``registry``, for messages.
    values
        (columns, patients): one row per column; levels of categories as their number; NaN is missing.
    rows
        Column → its row in `values`.
    kinds
        Column → ``continuous``, ``ordinal``, ``binary`` or ``category``.
    levels
        Category column → its levels, reference first.
    treated
        (patients,): True where the treatment is 1.
    cluster
        (patients,): number of the ICU from 0, or None where the file names no ICU.
    patient
        (patients,): identifiers as in the file.
    record
        (patients,): row in the file, from 0.
    elsewhere
        Patients of the file who are in neither arm.
    excluded
        Reason → patients of the file who were excluded for it.
    notes
        What was decided when the file was read, and what is doubtful, one sentence each.
    arm_values
        The values of the treatment's column that made the treated and the control arm, as the file writes
        them; empty where they are not known.
    """

    source: str
    values: FloatArray
    rows: Mapping[str, int]
    kinds: Mapping[str, Kind]
    levels: Mapping[str, tuple[str, ...]]
    treated: BoolArray
    cluster: IntArray | None
    patient: NDArray[Any]
    record: IntArray
    elsewhere: int = 0
    excluded: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()
    arm_values: tuple[tuple[str, ...], tuple[str, ...]] | tuple[()] = ()

    @property
    def n(self) -> int:
        """Return the number of patients."""
        return int(self.treated.size)

    def column(self, name: str) -> FloatArray:
        """Return one column, (patients,)."""
        column: FloatArray = self.values[self.rows[name]]
        return column

    def block(self, names: Sequence[str]) -> FloatArray:
        """Return some columns, (len(names), patients)."""
        return self.values[[self.rows[name] for name in names]]

    def subset(self, keep: BoolArray | IntArray, names: Sequence[str] = ()) -> CohortArrays:
        """Return the patients for whom `keep` is True, or those in these rows; with some columns, or all."""
        keep = np.flatnonzero(keep) if keep.dtype == np.bool_ else keep
        values = self.block(names) if names else self.values
        return CohortArrays(
            source=self.source,
            values=np.take(values, keep, axis=1),
            rows={name: row for row, name in enumerate(names)} if names else self.rows,
            kinds=self.kinds,
            levels=self.levels,
            treated=self.treated[keep],
            cluster=None if self.cluster is None else self.cluster[keep],
            patient=self.patient[keep],
            record=self.record[keep],
            elsewhere=self.elsewhere,
            excluded=self.excluded,
            notes=self.notes,
            arm_values=self.arm_values,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """How many patients each step of the analysis had.

    Attributes
    ----------
    registered
        Rows of the cohort.
    missing_day1
        Patients without one of the score's covariates.
    missing_later
        Further patients without an outcome or an adjunct.
    analysed, analysed_treated
        Patients left, and those of them who were treated.
    elsewhere
        Patients of the cohort in neither of the arms that are compared.
    excluded
        Reason → patients excluded for it, before anything else.
    """

    registered: int
    missing_day1: int
    missing_later: int
    analysed: int
    analysed_treated: int
    elsewhere: int = 0
    excluded: tuple[tuple[str, int], ...] = ()


def complete_cases(cohort: CohortArrays, spec: AnalysisSpec) -> tuple[CohortArrays, Flow]:
    """Return the patients with all covariates of day 1 and all outcomes and adjuncts, and the flow."""
    covariates = (*spec.covariates, *spec.score, *spec.exact)
    needed = [name for name in covariates if spec.missing.get(name, "complete") == "complete"]
    empty = np.isnan(cohort.values)
    day1 = _complete(cohort, needed, empty)
    survival = tuple(name for name in (spec.survival_time, spec.survival_event) if name)
    subgroups = tuple(subgroup.column for subgroup in spec.subgroups)
    later = (*spec.all_outcomes, *spec.adjusters, *survival, *subgroups)
    keep: BoolArray = np.logical_and(day1, _complete(cohort, later, empty))
    if not keep.any():
        gaps = empty.sum(axis=1)
        worst = max(spec.numbers_used, key=lambda name: int(gaps[cohort.rows[name]]))
        raise DataError(
            f"{cohort.source}: no patient has complete data; '{worst}' is empty in "
            f"{gaps[cohort.rows[worst]]} of {cohort.n} rows, fill it or take it out of the spec"
        )
    kept = cohort if keep.all() else cohort.subset(keep)
    flow = Flow(
        registered=cohort.n + cohort.elsewhere + sum(patients for _, patients in cohort.excluded),
        missing_day1=int(cohort.n - day1.sum()),
        missing_later=int(day1.sum() - keep.sum()),
        analysed=kept.n,
        analysed_treated=int(kept.treated.sum()),
        elsewhere=cohort.elsewhere,
        excluded=cohort.excluded,
    )
    return kept, flow


def _complete(cohort: CohortArrays, names: Sequence[str], empty: BoolArray) -> BoolArray:
    rows = list(dict.fromkeys(cohort.rows[name] for name in names))
    complete: BoolArray = ~np.logical_or.reduce(empty[rows], axis=0)
    return complete
