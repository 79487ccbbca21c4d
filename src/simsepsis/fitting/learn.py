"""Everything that a world needs to know of a cohort, learned from its arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from simsepsis.analysis.coded_columns import MISSING
from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.spec import AnalysisSpec, missing_indicator
from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.errors import DataError
from simsepsis.fitting.dependence import cluster_means, correlations, scores_of
from simsepsis.fitting.follow_up import derived_day, fit_hazards, survival_of
from simsepsis.fitting.later_columns import fit_after, fit_before, fit_outcomes
from simsepsis.fitting.learning import Learning, bounded, columns_of, hazard_score, known_rows
from simsepsis.fitting.level_order import levels_in_order
from simsepsis.fitting.margins import learn_column
from simsepsis.fitting.refine import lower_triangle, refined
from simsepsis.fitting.start_times import fit_starts, shown_starts
from simsepsis.fitting.treatment_score import draw_by_coin, fit_treatment, prognosis_model, temper_score
from simsepsis.world.fitted.profile import UNKNOWN, Clusters, Derived, Profile, Survival
from simsepsis.world.fitted.tabulated import basis

EVENTS_PER_TERM = 10
"""Patients in the smaller arm, and with and without the first outcome, for each term of a bent model."""


RANDOMIZED = 0.01
"""p value of the score above which a coin is taken to have treated."""


def learn(
    cohort: CohortArrays,
    spec: AnalysisSpec,
    *,
    study: str,
    minimum: int,
    begins: FloatArray | None = None,
    recorded: tuple[str, float] = ("", 1.0),
) -> tuple[Profile, list[str]]:
    """Return what was learned of a cohort, and what was decided, one sentence each."""
    _refuse_too_few(cohort, spec, minimum)
    state = _begun(cohort, spec, minimum)
    later = fit_before(state, minimum)
    earlier = dict.fromkeys(later, 1.0)
    if begins is None:
        fit, start = fit_treatment(state, earlier), None
    else:
        fit, start = fit_starts(state, earlier, begins, recorded)
    randomized = fit.p_value > RANDOMIZED
    survival, derived = _fit_survival(state, earlier, begins)
    later |= fit_outcomes(state, survival, derived, later, minimum)
    if randomized:
        draw_by_coin(state, fit)
    else:
        temper_score(state, fit.shrinkage, prognosis_model(spec, derived, later))
    later |= fit_after(state, survival, derived, later, minimum)
    scores = scores_of(state.columns, {name: cohort.column(name) for name in state.columns})
    profile = Profile(
        study=study,
        source=cohort.source,
        patients=cohort.n,
        minimum=minimum,
        treatment=spec.treatment,
        prevalence=float(cohort.treated.mean()),
        patient=spec.patient or "",
        columns=state.columns,
        correlation=lower_triangle(correlations(scores)),
        models=state.models,
        survival=survival,
        start=start,
        derived=derived,
        later=later,
        clusters=_clusters(state, scores, minimum),
        crude=_crude(cohort, spec),
        labels=_labels(spec),
    )
    return refined(profile, scores), state.notes


def _refuse_too_few(cohort: CohortArrays, spec: AnalysisSpec, minimum: int) -> None:
    for words, count in (("treated", int(cohort.treated.sum())), ("untreated", int((~cohort.treated).sum()))):
        if count < minimum:
            raise DataError(
                f"{cohort.source}: {count} patients are {words}; a world rests on {minimum} or more of "
                "each, so give a larger cohort or a smaller --minimum"
            )
    for name in spec.outcomes:
        values = cohort.column(name)
        for words, count in (("with", int((values == 1).sum())), ("without", int((values == 0).sum()))):
            if count < minimum:
                raise DataError(
                    f"{cohort.source}: {count} patients are {words} '{name}'; a world rests on {minimum} "
                    "or more, so leave the outcome out or give a smaller --minimum"
                )


def covariates_of(spec: AnalysisSpec) -> tuple[str, ...]:
    """Return the columns that are known before treatment and make a patient."""
    later = {*spec.all_outcomes, *spec.adjusters, *spec.durations, *spec.later_scores, spec.treatment}
    later |= {name for name in (spec.survival_time, spec.survival_event) if name}
    subgroups = (subgroup.column for subgroup in spec.subgroups)
    names = dict.fromkeys((*spec.covariates, *spec.score, *spec.exact, *subgroups))
    return tuple(name for name in names if name not in later and name != spec.cluster)


def _begun(cohort: CohortArrays, spec: AnalysisSpec, minimum: int) -> Learning:
    names = covariates_of(spec)
    bend = _may_bend(cohort, spec, names)
    columns = {
        name: learn_column(
            cohort.column(name),
            kind=str(cohort.kinds[name]),
            levels=[UNKNOWN if level == MISSING else level for level in cohort.levels.get(name, ())],
            minimum=minimum,
            bend=bend,
            constant=_is_constant(cohort, name),
        )
        for name in names
    }
    columns = levels_in_order(columns, {name: cohort.column(name) for name in columns})
    parts, spans, indicators, at = [], {}, {}, 0
    usable = np.ones(cohort.n, dtype=np.bool_)
    for name, column in columns.items():
        values = cohort.column(name)
        gone = np.isnan(values)
        terms = basis(column, np.where(gone, column.fill, values))
        spans[name] = slice(at, at + len(terms))
        parts.append(terms)
        at += len(terms)
        if column.missing > 0.0 and spec.missing.get(name) in ("indicator", "category"):
            indicators[name] = at
            parts.append(gone[None, :].astype(float))
            at += 1
        elif column.missing > 0.0:
            usable &= ~gone
    state = Learning(
        cohort=cohort,
        spec=spec,
        columns=columns,
        design=np.concatenate(parts).T,
        spans=spans,
        indicators=indicators,
        usable=usable,
    )
    if not usable.all():
        state.notes.append(
            f"Models were fitted on the {usable.sum():,} of {cohort.n:,} patients with complete covariates."
        )
    _note_pooled(state, cohort, minimum)
    return state


def _is_constant(cohort: CohortArrays, name: str) -> bool:
    """Return whether all patients of each cluster share a value of a column that differs between clusters."""
    if cohort.cluster is None:
        return False
    values, known = cohort.column(name), ~np.isnan(cohort.column(name))
    low = np.full(int(cohort.cluster.max()) + 1, np.inf)
    high = -low
    np.minimum.at(low, cohort.cluster[known], values[known])
    np.maximum.at(high, cohort.cluster[known], values[known])
    return bool((low >= high).all() and np.ptp(values[known]) > 0.0) if known.any() else False


def _constants(state: Learning) -> dict[str, tuple[int, ...]]:
    """Return which value each cluster has, for columns that all its patients share."""
    cohort, found = state.cohort, {}
    for name, column in state.columns.items():
        if cohort.cluster is None or not _is_constant(cohort, name):
            continue
        values = np.array(column.values)
        places = np.zeros(state.clusters, dtype=np.int64)
        known = ~np.isnan(cohort.column(name))
        nearest = np.abs(cohort.column(name)[known, None] - values).argmin(axis=1)
        places[cohort.cluster[known]] = nearest
        found[name] = tuple(map(int, places))
    return found


def _note_pooled(state: Learning, cohort: CohortArrays, minimum: int) -> None:
    for name, column in state.columns.items():
        rare = [level for level, share in zip(column.levels, column.shares, strict=False) if share == 0.0]
        if rare:
            state.notes.append(
                f"Of '{name}', {', '.join(rare)}: fewer than {minimum} patients; counted with the most "
                "frequent level."
            )


def _may_bend(cohort: CohortArrays, spec: AnalysisSpec, names: Sequence[str]) -> bool:
    """Return whether there are patients enough for curves: `EVENTS_PER_TERM` for each of their terms."""
    terms = sum(
        max(len(cohort.levels.get(name, ())) - 1, 3 if cohort.kinds[name] == "number" else 1)
        for name in names
    )
    sides = [cohort.treated, *(cohort.column(name) == 1 for name in spec.outcomes[:1])]
    return bool(all(min(side.sum(), (~side).sum()) >= EVENTS_PER_TERM * terms for side in sides))


def _fit_survival(
    state: Learning, earlier: Mapping[str, float], begins: FloatArray | None
) -> tuple[Survival | None, dict[str, Derived]]:
    """Fit the time to the event and to leaving without it, and find the outcomes that follow from them."""
    spec, cohort = state.spec, state.cohort
    if spec.survival_time is None or spec.survival_event is None:
        return None, {}
    rows = known_rows(state, spec.survival_time, spec.survival_event)
    time, event = cohort.column(spec.survival_time), cohort.column(spec.survival_event) == 1
    survival, shown = survival_of(time[rows], event[rows], spec)
    after = columns_of(state, earlier)
    since = None if begins is None else shown_starts(begins, survival)[rows]
    found = {}
    for name, ended in {"event": event, "leaving": ~event & (time < survival.cuts[-1])}.items():

        def score_given(offset: FloatArray, name: str = name, ended: BoolArray = ended) -> FloatArray:
            return hazard_score(state, name, ended, rows, after, offset, treated=begins is None)[1]

        found[name], change = fit_hazards(shown, ended[rows], np.array(survival.cuts), score_given, since)
        if begins is not None:
            state.models[name] = state.models[name].model_copy(update={"treatment": bounded(change)})
    survival = survival.model_copy(
        update={"hazards": tuple(found["event"]), "leaving": tuple(found["leaving"])}
    )
    derived = {}
    for name in spec.outcomes:
        same = derived_day(cohort.column(name), time, event)
        if same is not None:
            derived[name] = Derived(day=same if np.isfinite(same) else None)
    return survival, derived


def _clusters(state: Learning, scores: object, minimum: int) -> Clusters | None:
    cohort, spec = state.cohort, state.spec
    if cohort.cluster is None or spec.cluster is None or state.clusters < 2:
        return None
    counts = np.bincount(cohort.cluster, minlength=state.clusters)
    means = cluster_means(scores, cohort.cluster, state.clusters, minimum)  # type: ignore[arg-type]
    small = counts < minimum
    if small.any():
        state.notes.append(
            f"{small.sum()} clusters of fewer than {minimum} patients are taken to be like the average one."
        )
    return Clusters(
        column=spec.cluster,
        shares=tuple(map(float, counts / counts.sum())),
        latents=tuple(tuple(round(float(value), 4) for value in row) for row in means),
        models={
            name: tuple(round(float(value), 5) for value in np.where(small, 0.0, effects))
            for name, effects in state.effects.items()
        },
        constants=_constants(state),
    )


def _crude(cohort: CohortArrays, spec: AnalysisSpec) -> dict[str, tuple[float, float]]:
    def mean(name: str, arm: BoolArray) -> float:
        return float(np.nanmean(cohort.column(name)[arm]))

    return {name: (mean(name, cohort.treated), mean(name, ~cohort.treated)) for name in spec.all_outcomes}


def _labels(spec: AnalysisSpec) -> dict[str, str]:
    used = set(spec.numbers_used)
    indicators = {missing_indicator(name) for name in spec.missing}
    known = {name: variable.label for name, variable in spec.variables.items() if variable.label != name}
    own = {name: label for name, label in spec.labels.items() if name not in indicators}
    return {name: label for name, label in (known | own).items() if name in used}
