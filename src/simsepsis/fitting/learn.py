"""Everything that a world needs to know of a cohort, learned from its arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from scipy.special import ndtri

from simsepsis.analysis.coded_columns import MISSING
from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.spec import AnalysisSpec, missing_indicator
from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.errors import DataError
from simsepsis.fitting.dependence import cluster_means, correlations, scores_of
from simsepsis.fitting.follow_up import derived_day, fit_hazards, survival_of
from simsepsis.fitting.margins import decimals_of, learn_column, quantile_function
from simsepsis.fitting.refine import lower_triangle, refined
from simsepsis.fitting.regression import Fit, fit_regression
from simsepsis.world.fitted.profile import UNKNOWN, Clusters, Column, Derived, Later, Model, Profile, Survival
from simsepsis.world.fitted.tabulated import basis

EVENTS_PER_TERM = 10
"""Patients in the smaller arm, and with and without the first outcome, for each term of a bent model."""


RANDOMIZED = 0.01
"""p value of the score above which a coin is taken to have treated."""


@dataclass(slots=True, kw_only=True)
class Learning:
    """What is known so far of a cohort while it is learned.

    Attributes
    ----------
    cohort, spec
        The source.
    columns
        Covariates.
    design
        (n, terms) what models of covariates are fitted on; `spans`: covariate → its terms.
    usable
        (n,) patients with all covariates that must be there.
    models, effects
        Model → what was fitted; its effect of each cluster.
    notes
        What was decided, one sentence each.
    """

    cohort: CohortArrays
    spec: AnalysisSpec
    columns: dict[str, Column]
    design: FloatArray
    spans: dict[str, slice]
    indicators: dict[str, int]
    usable: BoolArray
    models: dict[str, Model] = field(default_factory=dict)
    effects: dict[str, FloatArray] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def clusters(self) -> int:
        """Return how many clusters there are."""
        return 0 if self.cohort.cluster is None else int(self.cohort.cluster.max()) + 1


def learn(cohort: CohortArrays, spec: AnalysisSpec, *, study: str, minimum: int) -> tuple[Profile, list[str]]:
    """Return what was learned of a cohort, and what was decided, one sentence each.

    Parameters
    ----------
    cohort
        Everybody who takes part, as `encode_cohort` gives them.
    spec
        Names the columns.
    study
        Name of the study.
    minimum
        Patients that every number rests on at least.

    Raises
    ------
    DataError
        If an arm, or those with or without an outcome, are fewer than `minimum`.
    """
    _refuse_too_few(cohort, spec, minimum)
    state = _begun(cohort, spec, minimum)
    later = _before(state, minimum)
    earlier = dict.fromkeys(later, 1.0)
    fit = _fit_treatment(state, earlier)
    randomized = fit.p_value > RANDOMIZED
    survival, derived = _fit_survival(state, earlier)
    later |= _fit_outcomes(state, survival, derived, later, minimum)
    if randomized:
        _draw_by_coin(state, fit)
    else:
        _temper_score(state, fit.shrinkage, _prognosis(spec, derived, later))
    later |= _fit_after(state, survival, derived, later, minimum)
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


def _model(
    state: Learning,
    name: str,
    y: FloatArray,
    rows: BoolArray,
    *,
    kind: str,
    treated: bool,
    after: Mapping[str, FloatArray],
    offset: FloatArray | None = None,
) -> Fit:
    """Fit a model, and keep it under its name."""
    cohort = state.cohort
    extra = {column: values for column, values in after.items() if np.ptp(values[rows]) > 0.0}
    parts = [state.design[rows], *(values[rows, None] for values in extra.values())]
    if treated:
        parts.append(cohort.treated[rows, None].astype(float))
    X = np.concatenate(parts, axis=1)
    family = {"logistic": "logistic", "hazard": "poisson", "number": "number"}[kind]
    fit = fit_regression(
        X,
        y[rows],
        family=family,
        cluster=None if cohort.cluster is None else cohort.cluster[rows],
        clusters=state.clusters,
        offset=None if offset is None else offset[rows],
    )
    count = state.design.shape[1]
    state.models[name] = Model(
        kind=kind,  # type: ignore[arg-type]
        intercept=_bounded(fit.intercept),
        coefficients={
            column: tuple(map(_bounded, fit.coefficients[span])) for column, span in state.spans.items()
        },
        missing={column: _bounded(fit.coefficients[place]) for column, place in state.indicators.items()},
        treatment=_bounded(fit.coefficients[-1]) if treated else 0.0,
        after={column: _bounded(fit.coefficients[count + place]) for place, column in enumerate(extra)},
        residual=min(fit.residual, 10.0) if kind == "number" else 1.0,
    )
    if state.clusters:
        state.effects[name] = fit.clusters
    return fit


def _bounded(value: float) -> float:
    return round(float(np.clip(value, -100.0, 100.0)), 6)


def _known(state: Learning, *names: str) -> BoolArray:
    rows = state.usable.copy()
    for name in names:
        rows &= ~np.isnan(state.cohort.column(name))
    return rows


def _before(state: Learning, minimum: int) -> dict[str, Later]:
    """Fit what was given beside the treatment, each from covariates and what came before it."""
    found: dict[str, Later] = {}
    for name in state.spec.adjusters:
        found[name] = _fit_later(state, name, "before", minimum, treated=False, after=_columns(state, found))
    return found


def _columns(state: Learning, names: Iterable[str]) -> dict[str, FloatArray]:
    return {name: np.nan_to_num(state.cohort.column(name)) for name in names}


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
    rows = _known(state, name)
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
        _model(state, name, y, rows, kind="logistic" if binary else "number", treated=treated, after=after)
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


def _fit_treatment(state: Learning, earlier: Mapping[str, float]) -> Fit:
    treated = state.cohort.treated.astype(float)
    after = _columns(state, earlier)
    return _model(state, "treatment", treated, _known(state), kind="logistic", treated=False, after=after)


def _prognosis(spec: AnalysisSpec, derived: Mapping[str, Derived], later: Mapping[str, Later]) -> str:
    """Return the model of the first outcome."""
    first = next(iter(spec.all_outcomes))
    return "event" if first in derived or first not in later else later[first].model


def _draw_by_coin(state: Learning, fit: Fit) -> None:
    """Have a coin decide who is treated: what tells the arms apart is no more than chance.

    A score of chance differences would make every registry of the world differ in the same way, which is
    confounding that the source did not have.
    """
    share = float(state.cohort.treated[state.usable].mean())
    state.models["treatment"] = Model(kind="logistic", intercept=_bounded(np.log(share / (1.0 - share))))
    state.notes.append(
        f"The arms are as alike as chance makes them (likelihood ratio test, p = {fit.p_value:.2g}), so "
        "a coin treats, as in a trial."
    )


def _temper_score(state: Learning, shrinkage: float, prognosis: str) -> None:
    r"""Take out of the score what it overfits, without touching the confounding.

    A fitted score varies more than the true one, whose variance is the fitted one's times the shrinkage
    factor :math:`\gamma`; its covariance with the fitted prognosis, which is the confounding, is right on
    average, because the errors of the two fits are nearly independent. So the score is split into its part
    along the prognosis, which stays, and the rest, which is multiplied so that the variance becomes γ times
    what it was.
    """
    rows, names = state.usable, ("treatment", prognosis)
    beta, outlook = (_vector(state, state.models[name]) for name in names)
    score, prognostic = ((state.design[rows] @ one) for one in (beta, outlook))
    spread = float(prognostic.var())
    if spread < 1e-9 or not score.var() > 0.0:
        return
    slope = float(np.cov(score, prognostic)[0, 1]) / spread
    rest = score - slope * prognostic
    wanted = max(shrinkage * float(score.var()) - slope**2 * spread, 0.0)
    factor = min(1.0, float(np.sqrt(wanted / max(float(rest.var()), 1e-12))))
    tempered = slope * outlook + factor * (beta - slope * outlook)
    state.models["treatment"] = state.models["treatment"].model_copy(
        update={
            "coefficients": {
                column: tuple(map(_bounded, tempered[span])) for column, span in state.spans.items()
            },
            "missing": {column: _bounded(tempered[place]) for column, place in state.indicators.items()},
        }
    )


def _vector(state: Learning, model: Model) -> FloatArray:
    """Return a model's coefficients of the covariates in the order of the design."""
    found = np.zeros(state.design.shape[1])
    for column, span in state.spans.items():
        found[span] = model.coefficients.get(column, 0.0)
    for column, place in state.indicators.items():
        found[place] = model.missing.get(column, 0.0)
    return found


def _fit_survival(
    state: Learning, earlier: Mapping[str, float]
) -> tuple[Survival | None, dict[str, Derived]]:
    """Fit the time to the event and to leaving without it, and find the outcomes that follow from them."""
    spec, cohort = state.spec, state.cohort
    if spec.survival_time is None or spec.survival_event is None:
        return None, {}
    rows = _known(state, spec.survival_time, spec.survival_event)
    time, event = cohort.column(spec.survival_time), cohort.column(spec.survival_event) == 1
    survival, shown = survival_of(time[rows], event[rows], spec)
    after = _columns(state, earlier)
    ends = {"event": event, "leaving": ~event & (time < survival.cuts[-1])}
    hazards = {
        name: fit_hazards(
            shown,
            ended[rows],
            np.array(survival.cuts),
            partial(_hazard_score, state, name, ended, rows, after),
        )
        for name, ended in ends.items()
    }
    found = survival.model_copy(
        update={"hazards": tuple(hazards["event"]), "leaving": tuple(hazards["leaving"])}
    )
    derived = {}
    for name in spec.outcomes:
        same = derived_day(cohort.column(name), time, event)
        if same is not None:
            derived[name] = Derived(day=same if np.isfinite(same) else None)
    return found, derived


def _hazard_score(
    state: Learning,
    name: str,
    ended: BoolArray,
    rows: BoolArray,
    after: Mapping[str, FloatArray],
    offset: FloatArray,
) -> FloatArray:
    """Fit the log hazard ratios given each patient's log cumulative baseline hazard; return the predictor."""
    whole = np.zeros(state.cohort.n)
    whole[rows] = offset
    if ended[rows].sum() == 0:
        state.models[name] = Model(kind="hazard")
        return np.zeros(int(rows.sum()))
    fit = _model(
        state, name, ended.astype(float), rows, kind="hazard", treated=True, after=after, offset=whole
    )
    model = state.models[name]
    parts = [state.design[rows], *(after[column][rows, None] for column in model.after)]
    X = np.concatenate([*parts, state.cohort.treated[rows, None].astype(float)], axis=1)
    own = fit.clusters[state.cohort.cluster[rows]] if state.cohort.cluster is not None else 0.0
    score: FloatArray = model.intercept + X @ fit.coefficients + own
    return score


def _fit_outcomes(
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
        after = _columns(state, [*before, *loose])
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


def _fit_after(
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
        after = _columns(state, [*dict.fromkeys(binary)])
        found[name] = _fit_later(state, name, "after", minimum, treated=True, after=after)
    return found


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
