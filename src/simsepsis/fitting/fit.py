"""A world fitted to a cohort, and what is written of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.encode import encode_cohort
from simsepsis.analysis.methods.start_times import start_times
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.errors import UsageError
from simsepsis.fitting.calibrate import calibrated
from simsepsis.fitting.learn import learn
from simsepsis.records import Registry, frame_of
from simsepsis.threads import one_thread
from simsepsis.world.fitted.profile import Profile
from simsepsis.world.fitted.rows import Rows
from simsepsis.world.fitted.scenario import FittedScenario, in_memory
from simsepsis.world.write import scenario_toml

BASELINES = ("copula", "rows")
"""Where covariates come from."""

MINIMUM = 10
"""Patients that every number of a profile rests on at least, unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearnedWorld:
    """A world that was learned.

    Attributes
    ----------
    scenario
        The world as it was found.
    profile
        What was learned.
    notes
        What was decided, one sentence each.
    """

    scenario: FittedScenario
    profile: Profile
    notes: tuple[str, ...]

    def files(self, name: str = "base") -> dict[str, bytes]:
        """Return the files of the world: the scenario, and the profile beside it.

        Parameters
        ----------
        name
            Of the scenario.
        """
        rows = self.scenario.own_rows
        places = {"profile": f"{name}.profile.json"} | ({} if rows is None else {"rows": f"{name}.rows.npz"})
        scenario = self.scenario.model_copy(update={"name": name, **places})
        contents = {places["profile"]: self.profile.json_text().encode()}
        if rows is not None:
            contents[places["rows"]] = rows.content
        return contents | {f"{name}.toml": scenario_toml(scenario, KEYS).encode()}

    def save(self, folder: str | Path, name: str = "base") -> tuple[Path, ...]:
        """Write the files of the world into a folder.

        Parameters
        ----------
        folder
            Such as ``mystudy/scenarios``; made if it is not there.
        name
            Of the scenario.
        """
        from simsepsis.files import write_files

        return write_files(Path(folder), self.files(name))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedWorld(LearnedWorld):
    """A world learned from a cohort.

    Attributes
    ----------
    source
        The cohort's arrays, which never leave this process.
    """

    source: CohortArrays


KEYS = {
    "profile": "What was learned of the cohort: margins, dependence, models; no patient's row.",
    "rows": "Patients' own covariates, where they are drawn: keep this file where the cohort may be.",
    "effect": 'As found, or stated as measure = "risk_difference", outcome = "…", value = -0.05.',
    "unmeasured": 'kind = "binary", prevalence = 0.3, or_treatment = 2, hr_outcome = 1.5.',
    "treatment": "overlap and confounding are factors on what was found, delay on the time to its start.",
    "sites": "number, sampled = true for new clusters of the same kind, spread as a factor.",
}
"""Comments in the scenario's file."""


@one_thread()
def fit_world(
    registry: Registry,
    spec: AnalysisSpec,
    *,
    study: str | None = None,
    minimum: int = MINIMUM,
    baseline: str = "copula",
) -> FittedWorld:
    """Return the world that fits a cohort: ordinary in every respect, with a known truth.

    Covariates come from a Gaussian copula with the cohort's margins and clusters; the treatment from a fitted
    score, or where its start was recorded from a hazard of starting in whoever is still there; events from
    piecewise constant hazards or logistic models; all else that the spec names in the order of time, each
    from what came before it. Nobody's row is in it.

    Parameters
    ----------
    registry
        One row per patient.
    spec
        Names the columns and says how they are read.
    study
        Name or folder of the study; the spec's if None.
    minimum
        Patients that every number of the profile rests on at least.
    baseline
        ``copula``, of which nobody's row is part; or ``rows``: covariates are those of patients, drawn with
        replacement within clusters, so that their dependence is the cohort's own. Such a world holds
        patients' covariates, if neither their treatment nor their outcome, and must stay where the cohort
        may be.

    Raises
    ------
    DataError
        If the cohort cannot be read, or has too few patients.
    UsageError
        If the baseline is unknown.

    Examples
    --------
    >>> from simsepsis import generate_cohort, load_scenario, open_study
    >>> cohort = generate_cohort(load_scenario("null"), seed=1, n=1500)
    >>> world = fit_world(cohort.registry, open_study().spec)
    >>> len(generate_cohort(world.scenario, seed=2).registry)
    1500

    Notes
    -----
    Drawing covariates together *with the treatment that was received* makes sound methods look biased (Shaw P
    and colleagues, arXiv 2504.11740, 2025); here the treatment is drawn anew.
    """
    if baseline not in BASELINES:
        raise UsageError(f"baseline '{baseline}' is unknown; choose {' or '.join(BASELINES)}")
    cohort = encode_cohort(registry, spec)
    began = start_times(frame_of(registry), cohort, spec)
    profile, notes = learn(
        cohort,
        spec,
        study=study or str(spec.study),
        minimum=minimum,
        begins=None if began is None else began.time,
        recorded=("", 1.0) if began is None else (began.column, began.scale),
    )
    rows = rows_of(cohort, profile) if baseline == "rows" else None
    profile = calibrated(profile, means_of(cohort, profile), rows)
    return FittedWorld(
        scenario=in_memory(profile, rows=rows), profile=profile, notes=tuple(notes), source=cohort
    )


def rows_of(cohort: CohortArrays, profile: Profile) -> Rows:
    """Return patients' own covariates, cluster by cluster."""
    cluster = np.zeros(cohort.n, dtype=np.int64) if profile.clusters is None else cohort.cluster
    assert cluster is not None
    order = np.argsort(cluster, kind="stable")
    values = np.array([cohort.column(name)[order] for name in profile.columns])
    return Rows(values=values, cluster=np.asarray(cluster[order], dtype=np.int64))


def means_of(cohort: CohortArrays, profile: Profile) -> dict[str, float]:
    """Return the means in the cohort of all that a profile's models draw."""
    names = [*profile.later, *([profile.survival.event] if profile.survival else [])]
    return {name: float(np.nanmean(cohort.column(name))) for name in names}
