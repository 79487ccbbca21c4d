"""What is recorded beside covariates, treatment and survival, each from what came before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import ndtri

from simsepsis.analysis.data import CohortArrays
from simsepsis.arrays import FloatArray
from simsepsis.fitting.learning import Learning, columns_of, fit_model, known_rows
from simsepsis.fitting.margins import decimals_of, quantile_function
from simsepsis.world.fitted.profile import Column, Derived, Later, Model, Survival


def fit_before(state: Learning, minimum: int) -> dict[str, Later]:
    """Fit what was given beside the treatment, each from covariates and what came before it."""
    found: dict[str, Later] = {}
    for name in state.spec.adjusters:
        found[name] = _fit_later(
            state, name, "before", minimum, treated=False, after=columns_of(state, found)
        )
    return found


def _fit_later(
    state: Learning,
    name: str,
    role: str,
    minimum: int,
    *,
    treated: bool,
    after: Mapping[str, FloatArray],
    within: Sequence[str] = (),
    implied_by: Sequence[str] = (),
) -> Later:
    values, kind = state.cohort.column(name), str(state.cohort.kinds[name])
    rows = known_rows(state, name)
    for earlier in within:
        rows &= state.cohort.column(earlier) == 1
    for earlier in implied_by:
        rows &= state.cohort.column(earlier) == 0
    binary = kind == "binary"
    column = learn_later(values, binary=binary, minimum=minimum)
    y = values if binary else normal_scores(values)
    if rows.sum() < minimum or np.ptp(y[rows]) == 0.0:
        state.models[name] = Model(
            kind="logistic" if binary else "number", intercept=-20.0 if binary else 0.0
        )
    else:
        fit_model(state, name, y, rows, kind="logistic" if binary else "number", treated=treated, after=after)
    return Later(
        role=role,  # type: ignore[arg-type]
        model=name,
        column=column,
        within=tuple(within),
        implied_by=tuple(implied_by),
    )


def learn_later(values: FloatArray, *, binary: bool, minimum: int) -> Column:
    """Return the margin of what is recorded later: a number's quantiles, its frequent values among them."""
    known = values[~np.isnan(values)]
    gaps = float(np.mean(np.isnan(values))) if np.isnan(values).sum() >= minimum else 0.0
    if binary:
        share = float(known.mean())
        return Column(kind="binary", values=(0.0, 1.0), shares=(1.0 - share, share), missing=gaps)
    return Column(
        kind="number",
        values=tuple(quantile_function(known, minimum)),
        decimals=decimals_of(known),
        missing=gaps,
        center=float(known.mean()),
        spread=float(known.std()) or 1.0,
    )


def normal_scores(values: FloatArray) -> FloatArray:
    """Return normal scores of the ranks, equal values with their mean rank; NaN stays."""
    from scipy.stats import rankdata

    known = ~np.isnan(values)
    scores = np.full(values.size, np.nan)
    scores[known] = ndtri((rankdata(values[known]) - 0.5) / known.sum())
    return scores


def fit_outcomes(
    state: Learning,
    survival: Survival | None,
    derived: Mapping[str, Derived],
    before: Mapping[str, Later],
    minimum: int,
) -> dict[str, Later]:
    """Fit the outcomes that no follow-up decides, each from what came before it."""
    events = [survival.event] if survival else []
    events += [name for name in derived if name not in events]
    found: dict[str, Later] = {}
    for name in state.spec.all_outcomes:
        if name in derived or (survival is not None and name == survival.event):
            continue
        within, implied = (
            _nested(state.cohort, name, events) if state.cohort.kinds[name] == "binary" else ((), ())
        )
        loose = [event for event in events if event not in (*within, *implied)]
        after = columns_of(state, [*before, *loose])
        found[name] = _fit_later(
            state, name, "outcome", minimum, treated=True, after=after, within=within, implied_by=implied
        )
        if state.cohort.kinds[name] == "binary":
            events.append(name)
    return found


def _nested(
    cohort: CohortArrays, name: str, events: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the events within which an outcome happens only, and those that bring it about."""
    values = cohort.column(name)
    within, implied = [], []
    for event in events:
        other = cohort.column(event)
        if not ((values == 1) & (other == 0)).any():
            within.append(event)
        elif not ((values == 0) & (other == 1)).any():
            implied.append(event)
    return tuple(within[-1:]), tuple(implied)


def fit_after(
    state: Learning,
    survival: Survival | None,
    derived: Mapping[str, Derived],
    known: Mapping[str, Later],
    minimum: int,
) -> dict[str, Later]:
    """Fit what is recorded only: spans and later scores, from all that came before."""
    events = [*([survival.event] if survival else []), *derived, *known]
    binary = [name for name in events if state.cohort.kinds.get(name) == "binary"]
    done = {*known, *derived, *((survival.time, survival.event) if survival else ())}
    found: dict[str, Later] = {}
    for name in (*state.spec.durations, *state.spec.later_scores):
        if name in done or name in state.columns or name in found:
            continue
        after = columns_of(state, [*dict.fromkeys(binary)])
        found[name] = _fit_later(state, name, "after", minimum, treated=True, after=after)
    return found
