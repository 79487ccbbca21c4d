"""One world behind printed tables: margins, a score for both arms, outcomes, and what has to be assumed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from simsepsis.arrays import FloatArray
from simsepsis.errors import ConvergenceError
from simsepsis.fitting.assumed_dependence import Correlations, assumed_correlations
from simsepsis.fitting.assumed_prognosis import (
    Population,
    Prognosis,
    crude_coefficients,
    direction,
    spread_for,
)
from simsepsis.fitting.printed_cohort import PrintedCohort
from simsepsis.fitting.refine import lower_triangle
from simsepsis.fitting.tilt import Tilt, intercept_for, tilted
from simsepsis.streams import stream, streams
from simsepsis.world.fitted.covariates import draw_covariates
from simsepsis.world.fitted.profile import Column, Later, Model, Profile
from simsepsis.world.fitted.scenario import in_memory
from simsepsis.world.fitted.simulate import place_patients, roster_of
from simsepsis.world.fitted.tabulated import basis

PATIENTS = 20_000
"""Patients on whom a score is solved."""

RAISE = 1.3
"""Factor on the usual size of a correlation where it is too small for any score to give both arms."""

TRIES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """What a member of the ensemble assumes because no table prints it.

    Attributes
    ----------
    correlations
        Between covariates, as in `assumed_correlations`.
    typical
        Usual size of these, as there.
    prognosis
        What links covariates and outcome.
    """

    correlations: Correlations
    typical: float
    prognosis: Prognosis


def profile_of(
    printed: PrintedCohort, assumed: Assumption, seed: int, *, as_printed: bool, lenders: Sequence[str]
) -> tuple[Profile, Assumption]:
    """Return a profile, and what was assumed for it in the end."""
    rng = stream(seed, "assumptions")
    profile, X, tilt, typical = _scored(printed, assumed, rng, lenders)
    factor = 1.0 if as_printed else tilt.shrinkage
    score = X @ (factor * tilt.coefficients)
    start = intercept_for(score, printed.share)
    people = Population(X=X, score=score + start, chance=expit(score + start))
    models = {"treatment": _model(profile, start, factor * tilt.coefficients)}
    models |= dict(
        _outcome_models(printed, profile, people, factor * tilt.coefficients, assumed.prognosis, rng)
    )
    later = {
        name: Later(role="outcome", model=name, column=_event(printed, name), implied_by=printed.wider[name])
        for name in printed.crude
    }
    whole = profile.model_copy(update={"models": models, "later": later})
    return Profile.model_validate(whole.model_dump()), replace(assumed, typical=typical)


def _scored(
    printed: PrintedCohort, assumed: Assumption, rng: np.random.Generator, lenders: Sequence[str]
) -> tuple[Profile, FloatArray, Tilt, float]:
    """Return a profile of covariates, a population of it as terms, its score, and the size that allows it."""
    columns = list(printed.columns.values())
    gap, within = (
        np.concatenate(parts) for parts in zip(*((one.gap, one.within) for one in columns), strict=True)
    )
    typical = assumed.typical
    for left in reversed(range(TRIES)):
        matrix = assumed_correlations(
            columns, assumed.correlations, rng, typical=typical, chance=printed.chance, lenders=lenders
        )
        profile = _covariates_only(printed, matrix)
        X = _terms(profile)
        try:
            tilt = tilted(X, gap, within, printed.share, patients=printed.patients)
            return profile, X, tilt, typical
        except ConvergenceError:
            if left == 0 or typical == 0.0:
                raise
            typical *= RAISE
    raise AssertionError


def _covariates_only(printed: PrintedCohort, matrix: FloatArray) -> Profile:
    return Profile(
        study=printed.study,
        source=printed.source,
        patients=printed.patients,
        minimum=1,
        treatment=printed.spec.treatment,
        prevalence=printed.share,
        columns={name: column.column for name, column in printed.columns.items()},
        correlation=lower_triangle(matrix),
        models={"treatment": Model(kind="logistic")},
        crude=dict(printed.crude),
        labels=dict(printed.spec.labels),
    )


def _terms(profile: Profile) -> FloatArray:
    """Return a drawn population as terms of models, (n, terms)."""
    draw = streams(0)
    roster = roster_of(in_memory(profile), draw("icus"))
    people = draw_covariates(
        profile,
        place_patients(roster, PATIENTS),
        roster.effects,
        roster.means,
        roster.fixed,
        draw("patients"),
    )
    parts = [
        basis(column, values) for column, values in zip(profile.columns.values(), people.values, strict=True)
    ]
    return np.ascontiguousarray(np.concatenate(parts).T)


def _model(profile: Profile, intercept: float, coefficients: FloatArray, treatment: float = 0.0) -> Model:
    ends = np.cumsum([column.terms for column in profile.columns.values()])
    parts = np.split(np.round(np.clip(coefficients, -100.0, 100.0), 6), ends[:-1])
    return Model(
        kind="logistic",
        intercept=round(intercept, 6),
        coefficients={
            name: tuple(map(float, part)) for name, part in zip(profile.columns, parts, strict=True)
        },
        treatment=round(treatment, 6),
    )


def _outcome_models(
    printed: PrintedCohort,
    profile: Profile,
    people: Population,
    score: FloatArray,
    assumed: Prognosis,
    rng: np.random.Generator,
) -> Iterator[tuple[str, Model]]:
    """Yield the models of the outcomes: one prognosis for all, each with its own crude events."""
    unit = direction(people, score, assumed.correlation, rng)
    values = people.X @ unit
    widest = max(printed.crude, key=lambda name: len(printed.wider[name]) == 0)
    spread = spread_for(people, values - values.mean(), printed.crude[widest], assumed.c_statistic)
    predictor = spread * values
    chances: dict[str, FloatArray] = {}
    for name, crude in printed.crude.items():
        still = np.ones((2, predictor.size))
        for part in printed.wider[name]:
            still *= 1.0 - chances[part]
        open_to = (people.chance, 1.0 - people.chance)
        left = [float(np.average(one, weights=own)) for one, own in zip(still, open_to, strict=True)]
        own = [1.0 - (1.0 - share) / max(rest, 1e-9) for share, rest in zip(crude, left, strict=True)]
        bounded = tuple(min(max(share, 1e-4), 1.0 - 1e-4) for share in own)
        control, treatment = crude_coefficients(people, predictor, (bounded[0], bounded[1]), 1.0 - still)
        given = np.array([[treatment], [0.0]])
        chances[name] = 1.0 - still * (1.0 - expit(control + given + predictor))
        yield name, _model(profile, control, spread * unit, treatment)


def _event(printed: PrintedCohort, name: str) -> Column:
    share = float(np.average(printed.crude[name], weights=printed.sizes))
    return Column(kind="binary", values=(0.0, 1.0), shares=(1.0 - share, share))
