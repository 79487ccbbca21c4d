"""Worlds from printed tables: several, because tables print margins and never how these hang together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit

from simsepsis.arrays import FloatArray
from simsepsis.errors import ConvergenceError, UsageError
from simsepsis.files import write_files
from simsepsis.fitting.assumed_dependence import CHOICES, LENDERS, TYPICAL, Correlations, assumed_correlations
from simsepsis.fitting.assumed_prognosis import (
    Population,
    Prognosis,
    crude_coefficients,
    direction,
    spread_for,
)
from simsepsis.fitting.fit import LearnedWorld
from simsepsis.fitting.printed_cohort import PrintedCohort, printed_cohort
from simsepsis.fitting.refine import lower_triangle
from simsepsis.fitting.tilt import Tilt, intercept_for, tilted
from simsepsis.streams import stream, streams
from simsepsis.study.published import Study, open_study
from simsepsis.threads import one_thread
from simsepsis.world.fitted.covariates import draw_covariates
from simsepsis.world.fitted.profile import Column, Later, Model, Profile
from simsepsis.world.fitted.scenario import in_memory
from simsepsis.world.fitted.simulate import place_patients, roster_of
from simsepsis.world.fitted.tabulated import basis

PATIENTS = 20_000
"""Patients on whom a score is solved."""

MEMBERS = 12
C_STATISTICS = (0.60, 0.80)
CORRELATIONS = (-0.4, 0.4)
"""Ends of what members assume of the prognosis: its C-statistic, its correlation with the score."""

TYPICALS = (0.08, 0.25)
"""Ends of what members assume of the usual size of a correlation."""

RAISE = 1.3
"""Factor on that size where it is too small for any score to give both arms."""

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


@one_thread()
def fit_tables(
    study: str | Path | Study | PrintedCohort,
    *,
    correlations: Correlations = "independence",
    typical: float = TYPICAL,
    c_statistic: float = 0.7,
    correlation: float = 0.0,
    seed: int = 0,
    as_printed: bool = False,
    lenders: Sequence[str] = LENDERS,
) -> Profile:
    """Return one world that could have printed a study's tables.

    Margins are those of both arms together; a logistic score of a drawn population gives each arm its own
    columns; intercept and treatment coefficient of each outcome give both arms their printed events. How
    covariates hang together, and what links them with the outcome, no table prints: both are assumed.

    Parameters
    ----------
    study
        With printed tables, or what they print.
    correlations, typical, lenders
        Between covariates, as in `assumed_correlations`.
    c_statistic, correlation
        Of the outcome by the covariates, 0.5 to 1; of that predictor with the log odds of treatment, −1 to 1.
    seed
        For all that is random in it.
    as_printed
        Whether the arms of the world differ as they were printed. Otherwise they differ less: what a cohort
        of this size would show by chance is taken off the score, as its cohorts show it anew.

    Raises
    ------
    DataError
        If the tables lack something or print what cannot be.
    UsageError
        If an assumption is none.
    ConvergenceError
        If no score gives both arms.

    Examples
    --------
    >>> from simsepsis import generate_cohort
    >>> profile = fit_tables("jseptic-ivigg", correlations="borrowed", correlation=0.3, seed=1)
    >>> len(generate_cohort(in_memory(profile), seed=1, n=500).registry)
    500
    """
    assumed = Assumption(
        correlations=correlations, typical=typical, prognosis=_prognosis(c_statistic, correlation)
    )
    return _profile(_printed(study), assumed, seed, as_printed=as_printed, lenders=lenders)


def _prognosis(c_statistic: float, correlation: float) -> Prognosis:
    if not 0.5 < c_statistic < 1.0:
        raise UsageError(f"c_statistic = {c_statistic:g}: give more than 0.5 and less than 1")
    if not -1.0 <= correlation <= 1.0:
        raise UsageError(f"correlation = {correlation:g}: give -1 to 1")
    return Prognosis(c_statistic=c_statistic, correlation=correlation)


def _printed(study: str | Path | Study | PrintedCohort) -> PrintedCohort:
    return study if isinstance(study, PrintedCohort) else printed_cohort(open_study(study))


def _profile(
    printed: PrintedCohort, assumed: Assumption, seed: int, *, as_printed: bool, lenders: Sequence[str]
) -> Profile:
    rng = stream(seed, "assumptions")
    profile, X, tilt = _scored(printed, assumed, rng, lenders)
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
    return Profile.model_validate(profile.model_copy(update={"models": models, "later": later}).model_dump())


def _scored(
    printed: PrintedCohort, assumed: Assumption, rng: np.random.Generator, lenders: Sequence[str]
) -> tuple[Profile, FloatArray, Tilt]:
    """Return a profile of covariates, a population of it as terms, and its score."""
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
            return profile, X, tilted(X, gap, within, printed.share, patients=printed.patients)
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PrintedWorld(LearnedWorld):
    """A member of the ensemble of worlds that could have printed a study's tables.

    Attributes
    ----------
    assumption
        What no table says and this one assumes.
    """

    assumption: Assumption


def assumptions(members: int, seed: int) -> tuple[Assumption, ...]:
    """Return what the members of an ensemble assume: each axis in even steps, the axes in random order."""
    if members < 1:
        raise UsageError(f"members = {members}: an ensemble needs at least one; give a positive number")
    rng = stream(seed, "assumptions")
    axes = [rng.permutation(np.linspace(*ends, members)) for ends in (TYPICALS, C_STATISTICS, CORRELATIONS)]
    return tuple(
        Assumption(
            correlations=CHOICES[place % len(CHOICES)],
            typical=float(typical),
            prognosis=Prognosis(c_statistic=float(c_statistic), correlation=float(correlation)),
        )
        for place, (typical, c_statistic, correlation) in enumerate(zip(*axes, strict=True))
    )


@one_thread()
def fit_ensemble(
    study: str | Path | Study | PrintedCohort,
    *,
    members: int = MEMBERS,
    seed: int = 0,
    as_printed: bool = False,
    lenders: Sequence[str] = LENDERS,
) -> tuple[PrintedWorld, ...]:
    """Return worlds that could all have printed a study's tables.

    They differ in what no table prints: correlations between covariates, how well these predict the outcome,
    and whether those are treated who fare worse, or better, anyhow. In each, crude outcomes are the printed
    ones, so that the true effect is what its confounding leaves.

    Parameters
    ----------
    study, as_printed, lenders
        As in `fit_tables`.
    members
        How many.
    seed
        For all that is random in them.

    Raises
    ------
    DataError, UsageError, ConvergenceError
        As `fit_tables`.
    """
    printed = _printed(study)
    return tuple(
        _world(printed, assumed, place, seed + place, as_printed=as_printed, lenders=lenders)
        for place, assumed in enumerate(assumptions(members, seed), start=1)
    )


def _world(
    printed: PrintedCohort,
    assumed: Assumption,
    number: int,
    seed: int,
    *,
    as_printed: bool,
    lenders: Sequence[str],
) -> PrintedWorld:
    profile = _profile(printed, assumed, seed, as_printed=as_printed, lenders=lenders)
    own = assumed.prognosis
    label = (
        f"From {printed.source}: correlations {assumed.correlations}, usually {assumed.typical:.2f}, "
        f"prognosis C {own.c_statistic:.2f}, r {own.correlation:+.2f} with the score"
    )
    return PrintedWorld(
        scenario=in_memory(profile, kind="tables", name=name_of(number), label=label),
        profile=profile,
        notes=printed.notes,
        assumption=assumed,
    )


def name_of(number: int) -> str:
    """Return the name of a member, from 1."""
    return f"tables-{number:02d}"


def fit_printed(
    study_folder: str | Path | Study, out_folder: str | Path, *, members: int = MEMBERS, seed: int = 0
) -> tuple[Path, ...]:
    """Write the worlds that could have printed a study's tables: ``scenarios/tables-01.toml`` and so on.

    Parameters
    ----------
    study_folder
        Of the study, or its name.
    out_folder
        In which ``scenarios`` is made if it is not there.
    members, seed
        As in `fit_ensemble`.

    Raises
    ------
    DataError, UsageError, ConvergenceError
        As `fit_tables`.
    """
    files: dict[str, bytes] = {}
    for world in fit_ensemble(study_folder, members=members, seed=seed):
        files |= world.files(world.scenario.name)
    return write_files(Path(out_folder) / "scenarios", files)
