"""What was decided when a cohort was read, in sentences: who is treated, what counts as the event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.analysis.values import Values, toml
from simsepsis.arrays import BoolArray

_MOST = 8
"""Names that one sentence lists."""


def reading_notes(cohort: CohortArrays, spec: AnalysisSpec, words: Mapping[str, Values]) -> tuple[str, ...]:
    """Return what was decided when the cohort was read, one sentence each."""
    return (
        *_arms(cohort, spec, words[spec.treatment]),
        *(_event(cohort, name, cells) for name, cells in words.items() if name != spec.treatment),
        *_time(cohort, spec),
    )


def values_where(cells: Values, where: BoolArray) -> list[Any]:
    """Return the different values of some patients, as the file has them."""
    some = cells[where]
    values = np.unique(some) if isinstance(some, np.ndarray) else pd.unique(pd.Series(some))
    return [value for value in values if not pd.isna(value)][:_MOST]


def _values_of(cells: Values, where: BoolArray) -> str:
    return " or ".join(map(toml, values_where(cells, where))) or "nothing"


def _arms(cohort: CohortArrays, spec: AnalysisSpec, cells: Values) -> Iterator[str]:
    treated = int(cohort.treated.sum())
    yield (
        f"Treated are the {treated} patients with {spec.treatment} = {_values_of(cells, cohort.treated)}, "
        f"controls the {cohort.n - treated} with {_values_of(cells, ~cohort.treated)}."
    )
    if cohort.elsewhere:
        yield f"Patients with other values of {spec.treatment}, who are in neither arm: {cohort.elsewhere}."


def _event(cohort: CohortArrays, name: str, cells: Values) -> str:
    event = cohort.column(name) == 1
    known = int((~np.isnan(cohort.column(name))).sum())
    if not event.any():
        return f"Nobody has the event {name}: it is {_values_of(cells, ~event)} in all {known} patients."
    return f"The event {name} is {_values_of(cells, event)}: {int(event.sum())} of {known} patients."


def _time(cohort: CohortArrays, spec: AnalysisSpec) -> Iterator[str]:
    if spec.survival_time is None:
        return
    known = spec.variables.get(spec.survival_time)
    if known is None or not known.unit:
        yield f"Times are in {spec.time_unit} (time_unit)."
    at_start = int((cohort.column(spec.survival_time) == 0).sum())
    if at_start:
        yield f"Patients with {spec.survival_time} = 0, who are at risk at the start only: {at_start}."
