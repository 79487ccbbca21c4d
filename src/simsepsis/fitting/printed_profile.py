"""One world behind printed tables: margins, a score for both arms, outcomes, and what has to be assumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.errors import ConvergenceError
from simsepsis.fitting.assumed_dependence import Correlations, assumed_correlations
from simsepsis.fitting.assumed_prognosis import Population, Prognosis, direction
from simsepsis.fitting.printed_clusters import Homes, draw_homes, with_effects, without_effects
from simsepsis.fitting.printed_cohort import PrintedCohort
from simsepsis.fitting.printed_outcomes import later_of, linear_model, means_of, outcome_models
from simsepsis.fitting.refine import lower_triangle
from simsepsis.fitting.tilt import Tilt, intercept_for, tilted
from simsepsis.streams import stream, streams
from simsepsis.world.fitted.covariates import draw_covariates
from simsepsis.world.fitted.profile import Model, Profile
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
    between
        ICC of the treatment, and of the outcomes unless theirs is printed, if there are clusters.
    """

    correlations: Correlations
    typical: float
    prognosis: Prognosis
    between: float


def profile_of(
    printed: PrintedCohort, assumed: Assumption, seed: int, *, as_printed: bool, lenders: Sequence[str]
) -> tuple[Profile, Assumption]:
    """Return a profile, and what was assumed for it in the end."""
    rng = stream(seed, "assumptions")
    correlation = assumed.prognosis.correlation
    profile, X, homes, tilt, typical = _scored(printed, assumed, rng, stream(seed, "sites"), lenders)
    factor = 1.0 if as_printed else tilt.shrinkage
    score = X @ (factor * tilt.coefficients)
    start = intercept_for(score + homes.on_treatment, printed.share)
    people = Population(
        X=X,
        score=score + start,
        chance=expit(score + start + homes.on_treatment),
        homes=homes,
    )
    unit = direction(people, factor * tilt.coefficients, correlation, rng)
    models = {"treatment": linear_model(profile, start, factor * tilt.coefficients)}
    found = outcome_models(printed, profile, people, unit, assumed.prognosis.c_statistic, rng)
    models |= {name: model for name, (model, _) in found.items()}
    whole = profile.model_copy(
        update={
            "models": models,
            "later": later_of(printed),
            "clusters": with_effects(profile, homes, {name: spread for name, (_, spread) in found.items()}),
        }
    )
    return Profile.model_validate(whole.model_dump()), replace(assumed, typical=typical)


def _scored(
    printed: PrintedCohort,
    assumed: Assumption,
    rng: np.random.Generator,
    sites: np.random.Generator,
    lenders: Sequence[str],
) -> tuple[Profile, FloatArray, Homes, Tilt, float]:
    """Return a profile of covariates, a population of it, its score, and the size that allows that."""
    columns = list(printed.columns.values())
    gap, within = (
        np.concatenate(parts) for parts in zip(*((one.gap, one.within) for one in columns), strict=True)
    )
    typical, homes = assumed.typical, None
    for left in reversed(range(TRIES)):
        matrix = assumed_correlations(
            columns, assumed.correlations, rng, typical=typical, chance=printed.chance, lenders=lenders
        )
        profile = _covariates_only(printed, matrix)
        X, home = _terms(profile)
        homes = homes or draw_homes(
            printed.clusters, profile, home, assumed.prognosis.correlation, assumed.between, sites
        )
        offset = 0.0 if printed.clusters is None else homes.on_treatment
        try:
            tilt = tilted(X, gap, within, printed.share, patients=printed.patients, offset=offset)
            return profile, X, homes, tilt, typical
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
        crude={**printed.crude, **{name: means_of(own, printed) for name, own in printed.numbers.items()}},
        labels=dict(printed.spec.labels),
        clusters=without_effects(printed.clusters, len(matrix)),
    )


def _terms(profile: Profile) -> tuple[FloatArray, IntArray]:
    """Return a drawn population as terms of models, (n, terms), and the cluster of each patient."""
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
    return np.ascontiguousarray(np.concatenate(parts).T), people.cluster
