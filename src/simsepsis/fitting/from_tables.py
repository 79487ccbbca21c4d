"""Worlds from printed tables: several, because tables print margins and never how these hang together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simsepsis.errors import UsageError
from simsepsis.files import write_files
from simsepsis.fitting.assumed_dependence import CHOICES, LENDERS, TYPICAL, Correlations
from simsepsis.fitting.assumed_prognosis import Prognosis
from simsepsis.fitting.fit import LearnedWorld
from simsepsis.fitting.printed_clusters import ICCS
from simsepsis.fitting.printed_cohort import PrintedCohort, printed_cohort
from simsepsis.fitting.printed_profile import Assumption, profile_of
from simsepsis.streams import stream
from simsepsis.study.published import Study, open_study
from simsepsis.threads import one_thread
from simsepsis.world.fitted.profile import Profile
from simsepsis.world.fitted.scenario import in_memory

MEMBERS = 12
C_STATISTICS = (0.60, 0.80)
CORRELATIONS = (-0.6, 0.6)
"""Ends of what members assume of the prognosis: its C-statistic, its correlation with the score."""

TYPICALS = (0.08, 0.25)
"""Ends of what members assume of the usual size of a correlation."""


@one_thread()
def fit_tables(
    study: str | Path | Study | PrintedCohort,
    *,
    correlations: Correlations = "independence",
    typical: float = TYPICAL,
    c_statistic: float = 0.7,
    correlation: float = 0.0,
    between: float = ICCS[1],
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
    between
        ICC of the treatment between clusters, and of the outcomes if none is printed, 0 to 1; for tables that
        print how many clusters there are.
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
    >>> from simsepsis import generate_cohort, open_study
    >>> profile = fit_tables(open_study(), correlations="borrowed", correlation=0.3, seed=1)
    >>> len(generate_cohort(in_memory(profile), seed=1, n=500).registry)
    500
    """
    assumed = Assumption(
        correlations=correlations,
        typical=typical,
        prognosis=_prognosis(c_statistic, correlation),
        between=_between(between),
    )
    return profile_of(_printed(study), assumed, seed, as_printed=as_printed, lenders=lenders)[0]


def _prognosis(c_statistic: float, correlation: float) -> Prognosis:
    if not 0.5 < c_statistic < 1.0:
        raise UsageError(f"c_statistic = {c_statistic:g}: give more than 0.5 and less than 1")
    if not -1.0 <= correlation <= 1.0:
        raise UsageError(f"correlation = {correlation:g}: give -1 to 1")
    return Prognosis(c_statistic=c_statistic, correlation=correlation)


def _between(icc: float) -> float:
    if not 0.0 <= icc < 1.0:
        raise UsageError(f"between = {icc:g}: an ICC is 0 or more and less than 1")
    return icc


def _printed(study: str | Path | Study | PrintedCohort) -> PrintedCohort:
    return study if isinstance(study, PrintedCohort) else printed_cohort(open_study(study))


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
    # From the moderate one on, so that a single member has some.
    axes.append(rng.permutation(np.resize(np.roll(ICCS, -1), members)))
    return tuple(
        Assumption(
            correlations=CHOICES[place % len(CHOICES)],
            typical=float(typical),
            prognosis=Prognosis(c_statistic=float(c_statistic), correlation=float(correlation)),
            between=float(between),
        )
        for place, (typical, c_statistic, correlation, between) in enumerate(zip(*axes, strict=True))
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
    whether those are treated who fare worse, or better, anyhow, and how far clusters differ. In each, crude
    outcomes are the printed ones, so that the true effect is what its confounding leaves.
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
    profile, assumed = profile_of(printed, assumed, seed, as_printed=as_printed, lenders=lenders)
    own = assumed.prognosis
    label = (
        f"From {printed.source}: correlations {assumed.correlations}, usually {assumed.typical:.2f}, "
        f"prognosis C {own.c_statistic:.2f}, r {own.correlation:+.2f} with the score"
        + (f", ICC between clusters {assumed.between:.2f}" if printed.clusters else "")
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
    """Write the worlds that could have printed a study's tables: ``scenarios/tables-01.toml`` and so on."""
    files: dict[str, bytes] = {}
    for world in fit_ensemble(study_folder, members=members, seed=seed):
        files |= world.files(world.scenario.name)
    return write_files(Path(out_folder) / "scenarios", files)
