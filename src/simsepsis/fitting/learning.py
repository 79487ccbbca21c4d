"""What is known of a cohort while a world is learned, and how each of its models is fitted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.fitting.regression import Fit, fit_regression
from simsepsis.world.fitted.profile import Column, Model


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


def fit_model(
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
        intercept=bounded(fit.intercept),
        coefficients={
            column: tuple(map(bounded, fit.coefficients[span])) for column, span in state.spans.items()
        },
        missing={column: bounded(fit.coefficients[place]) for column, place in state.indicators.items()},
        treatment=bounded(fit.coefficients[-1]) if treated else 0.0,
        after={column: bounded(fit.coefficients[count + place]) for place, column in enumerate(extra)},
        residual=min(fit.residual, 10.0) if kind == "number" else 1.0,
    )
    if state.clusters:
        state.effects[name] = fit.clusters
    return fit


def bounded(value: float) -> float:
    """Return a coefficient as a profile takes it: rounded, and within what it may be."""
    return round(float(np.clip(value, -100.0, 100.0)), 6)


def known_rows(state: Learning, *names: str) -> BoolArray:
    """Return the patients on whom models are fitted, who have these columns too."""
    rows = state.usable.copy()
    for name in names:
        rows &= ~np.isnan(state.cohort.column(name))
    return rows


def columns_of(state: Learning, names: Iterable[str]) -> dict[str, FloatArray]:
    """Return columns of the cohort, 0 where they are missing."""
    return {name: np.nan_to_num(state.cohort.column(name)) for name in names}


def hazard_score(
    state: Learning,
    name: str,
    ended: BoolArray,
    rows: BoolArray,
    after: Mapping[str, FloatArray],
    offset: FloatArray,
    *,
    treated: bool,
) -> tuple[Fit | None, FloatArray]:
    """Fit log hazard ratios given each patient's log cumulative hazard; return the fit and the predictor."""
    cohort, whole = state.cohort, np.zeros(state.cohort.n)
    whole[rows] = offset
    if ended[rows].sum() == 0:
        state.models[name] = Model(kind="hazard")
        return None, np.zeros(int(rows.sum()))
    fit = fit_model(
        state, name, ended.astype(float), rows, kind="hazard", treated=treated, after=after, offset=whole
    )
    model = state.models[name]
    parts = [state.design[rows], *(after[column][rows, None] for column in model.after)]
    if treated:
        parts.append(cohort.treated[rows, None].astype(float))
    own = fit.clusters[cohort.cluster[rows]] if cohort.cluster is not None else 0.0
    score: FloatArray = model.intercept + np.concatenate(parts, axis=1) @ fit.coefficients + own
    return fit, score
