"""What Cox regression works on: checked data, and their rows sorted into risk sets."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from simsepsis.analysis.inputs import binary_vector, case_weights, column_units, design_matrix, label_codes
from simsepsis.analysis.survival.partial_likelihood import PartialLikelihood, changes, risk_sets
from simsepsis.analysis.survival.times import intervals
from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import UsageError

TIES = ("efron", "breslow")
_CONSTANT = 1e-11


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CoxData:
    """Checked data of a Cox regression in their own order.

    Attributes
    ----------
    X, duration, event, weights
        Covariates (n, p), times, events 0 or 1 and case weights, shape (n,). Near ties are ties.
    units
        By which the columns were divided, (p,); None for 1.
    entry
        Entry times, shape (n,); None when everybody is there from the start.
    strata
        Stratum codes from 0, shape (n,).
    ties
        ``"efron"`` or ``"breslow"``.
    """

    X: FloatArray
    units: FloatArray | None
    duration: FloatArray
    event: FloatArray
    entry: FloatArray | None
    weights: FloatArray
    strata: IntArray
    ties: str


def cox_data(
    X: ArrayLike,
    duration: ArrayLike,
    event: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    ties: str = "efron",
    weights: ArrayLike | None = None,
    strata: ArrayLike | None = None,
) -> CoxData:
    """Check the data of a Cox regression."""
    if ties not in TIES:
        raise UsageError(f"ties '{ties}' is unknown; choose one of {', '.join(TIES)}")
    dead = binary_vector(event, "event")
    begin, times = intervals(entry, duration, dead.size)
    design = design_matrix(X, dead.size)
    units = column_units(design)
    return CoxData(
        X=design if units is None else design / units,
        units=units,
        duration=times,
        event=dead,
        entry=begin,
        weights=np.ones(dead.size) if weights is None else case_weights(weights, dead.size),
        strata=np.zeros(dead.size, np.int64) if strata is None else label_codes(strata, "strata", dead.size),
        ties=ties,
    )


def sorted_likelihood(data: CoxData) -> tuple[PartialLikelihood, IntArray]:
    """Sort rows by stratum and descending time, and index the risk sets."""
    used = np.flatnonzero(data.weights > 0)
    strata = data.strata[used]
    by_time = -data.duration[used]
    order = used[np.lexsort((by_time, strata)) if strata.any() else np.argsort(by_time, kind="stable")]
    stratum = np.cumsum(changes(data.strata[order])) - 1
    times = data.duration[order]
    time_code, entry_code = _time_codes(times, stratum, None if data.entry is None else data.entry[order])
    likelihood = PartialLikelihood(
        X=_centred(data.X[order]),
        weights=data.weights[order],
        stratum=stratum,
        stratum_begin=np.flatnonzero(changes(stratum)),
        sets=risk_sets(time_code, data.event[order], stratum, entry_code, data.ties),
    )
    return likelihood, order


def with_columns(likelihood: PartialLikelihood, kept: IntArray | BoolArray) -> PartialLikelihood:
    """Return the partial likelihood of some of the columns."""
    return replace(likelihood, X=np.ascontiguousarray(likelihood.X[:, kept]))


def _centred(X: FloatArray) -> FloatArray:
    """Centre columns, which changes no estimate; a constant becomes exactly zero in spite of rounding."""
    if len(X) == 0:
        return X
    centred = X - X.mean(axis=0)
    constant = np.abs(centred).max(axis=0) <= _CONSTANT * np.abs(X).max(axis=0)
    return np.where(constant, 0.0, centred)


def _time_codes(
    times: FloatArray, stratum: IntArray, entry: FloatArray | None
) -> tuple[IntArray, IntArray | None]:
    """Replace the times of sorted rows by integers in the same order within each stratum."""
    if entry is None:
        steps = np.cumsum(changes(times) | changes(stratum))
        return steps[-1:] - steps, None
    codes = np.unique(np.concatenate((times, entry)), return_inverse=True)[1]
    return codes[: times.size], codes[times.size :]
