"""The thesis's whole analysis, steps 1 to 10, on any cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from simsepsis.analysis.cells import Cells, Key, cells
from simsepsis.analysis.data import CohortArrays, Flow, complete_cases
from simsepsis.analysis.encode import encode_cohort
from simsepsis.analysis.estimates import estimates_frame
from simsepsis.analysis.frames import (
    balance_frame,
    flow_frame,
    models_frame,
    pairs_frame,
    score_frame,
    scores_frame,
    survival_frame,
    survival_tests_frame,
    table_frames,
)
from simsepsis.analysis.matched import MatchedSet, match_on_score
from simsepsis.analysis.outcomes import (
    AdjustedModel,
    compare_crude,
    compare_strata,
    fit_adjusted,
    model_data,
)
from simsepsis.analysis.propensity import Propensity
from simsepsis.analysis.result import (
    EVERYBODY,
    FIRST_SCORE,
    SECOND_SCORE,
    Attempt,
    Known,
    ThesisResult,
    attempt,
    then,
)
from simsepsis.analysis.spec import THESIS_SPEC, AnalysisSpec
from simsepsis.analysis.thesis_estimates import thesis_estimates
from simsepsis.analysis.time_to_death import compare_survival
from simsepsis.records import Registry
from simsepsis.streams import stream
from simsepsis.threads import one_thread

__all__ = ["Analysis", "Cells", "Key", "ThesisResult", "analyze", "cells", "run_thesis_analysis"]


@one_thread()
def run_thesis_analysis(
    registry: Registry, spec: AnalysisSpec | None = None, *, rng: np.random.Generator
) -> ThesisResult:
    """Estimate what the thesis estimated: matched and adjusted effects of the treatment on death.

    Parameters
    ----------
    registry
        One row per patient, with the columns that the spec names.
    spec
        What to use; None for the thesis's literal reading.
    rng
        For the random order of matching. Each of the two scores has its own stream, spawned from it.

    Returns
    -------
    ThesisResult
        A step that fails leaves its reason there.

    Raises
    ------
    DataError
        If the cohort itself cannot be taken: see `simsepsis.analysis.encode.encode_cohort`.
    """
    spec = THESIS_SPEC if spec is None else spec
    cohort, flow = complete_cases(encode_cohort(registry, spec), spec)
    return analyse_patients(cohort, flow, spec, rng=rng)


def analyse_patients(
    cohort: CohortArrays,
    flow: Flow,
    spec: AnalysisSpec,
    *,
    rng: np.random.Generator,
    known: Known | None = None,
) -> ThesisResult:
    """Estimate what the thesis estimated in patients who are complete; see `run_thesis_analysis`.

    Parameters
    ----------
    cohort, flow
        From `simsepsis.analysis.data.complete_cases`.
    spec
        What to do.
    rng
        For the random order of matching.
    known
        Steps that need not be run again.
    """
    known = known or Known()
    names = score_columns(spec)
    matched: dict[str, Attempt[MatchedSet]] = {}
    near: Propensity | None = None
    for (score, columns), own_rng in zip(names.items(), rng.spawn(len(names)), strict=True):
        matched[score] = known.matched.get(score) or attempt(
            match_on_score, cohort, columns, spec, own_rng, known.propensity.get(score), near
        )
        found = matched[score].value
        near = None if found is None else found.propensity
    patients = {score: then(found, _patients) for score, found in matched.items()}
    everybody = {EVERYBODY: attempt(lambda: cohort)}
    crude = {
        (group, outcome): then(found, compare_crude, outcome, chi_square=spec.chi_square, sides=spec.fisher)
        for (group, found), outcome in product((everybody | patients).items(), spec.outcomes)
    }
    return ThesisResult(
        spec=spec,
        flow=flow,
        cohort=cohort,
        matched=matched,
        crude=crude,
        models=_models(patients, spec, known.models),
        survival=then(matched[FIRST_SCORE], compare_survival, spec) if spec.survival_time else None,
        interactions={
            (subgroup.name, outcome): then(patients[FIRST_SCORE], compare_strata, outcome, subgroup)
            for subgroup, outcome in product(spec.subgroups, spec.outcomes)
        },
    )


def score_columns(spec: AnalysisSpec) -> dict[str, tuple[str, ...]]:
    """Return the columns of each score."""
    second = {
        "added": (*spec.score_columns, *spec.adjusters),
        "alone": spec.adjusters,
        "none": (),
    }[spec.second_score]
    scores = {FIRST_SCORE: spec.score_columns}
    return {**scores, SECOND_SCORE: second} if second and spec.adjusters else scores


def _patients(matched: MatchedSet) -> CohortArrays:
    return matched.cohort


def _models(
    patients: Mapping[str, Attempt[CohortArrays]],
    spec: AnalysisSpec,
    known: Mapping[tuple[str, bool, str], Attempt[AdjustedModel]],
) -> dict[tuple[str, bool, str], Attempt[AdjustedModel]]:
    """Fit the GEE of each score and outcome, without and with later scores, where there is what it needs."""
    wanted = [False] * bool(spec.adjusters) + [True] * bool(spec.later_scores)
    models: dict[tuple[str, bool, str], Attempt[AdjustedModel]] = {}
    for score, extended in product(patients, wanted if spec.cluster else []):
        keys = [(score, extended, outcome) for outcome in spec.outcomes]
        if all(key in known for key in keys):
            models |= {key: known[key] for key in keys}
            continue
        data = then(patients[score], model_data, spec, extended=extended)
        models |= {key: then(data, fit_adjusted, key[2], spec) for key in keys}
    return models


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Analysis:
    """The analysis of one cohort as frames for people and files.

    Attributes
    ----------
    tables
        ``table1`` … ``table6`` and ``text``: variable, level, statistic, phase, arm, value.
    estimates
        One row per result, columns as in `simsepsis.analysis.estimates.Estimate`.
    pairs
        Matched pairs of each score: row (from 0) and identifier of both patients, distance.
    balance
        Standardized differences by every denominator, variance ratios, eCDF distances.
    flow
        Patients at each step.
    scores
        One row per propensity score: C-statistic, overlap, caliper, pairs, notes.
    score
        One row per analysed patient: propensity and whether matched, for each score.
    models
        Every coefficient of every GEE and of both propensity models.
    survival
        Kaplan–Meier curve and cumulative incidence of each matched arm.
    survival_tests
        Cox, log-rank, proportional hazards, restricted means.
    result
        What all of this was made from.
    """

    tables: dict[str, pd.DataFrame]
    estimates: pd.DataFrame
    pairs: pd.DataFrame
    balance: pd.DataFrame
    flow: pd.DataFrame
    scores: pd.DataFrame
    score: pd.DataFrame
    models: pd.DataFrame
    survival: pd.DataFrame
    survival_tests: pd.DataFrame
    result: ThesisResult


@one_thread()
def analyze(registry: pd.DataFrame, spec: AnalysisSpec | None = None, *, seed: int = 0) -> Analysis:
    """Run the thesis's analysis on a cohort and lay it out in frames.

    Parameters
    ----------
    registry
        One row per patient, with the columns that the spec names.
    spec
        What to use; None for the thesis's literal reading.
    seed
        For the random order of matching.

    Raises
    ------
    DataError
        If the cohort cannot be taken.
    """
    result = run_thesis_analysis(registry, spec, rng=stream(seed, "matching"))
    return Analysis(
        tables=table_frames(cells(result)),
        estimates=estimates_frame(thesis_estimates(result)),
        pairs=pairs_frame(result),
        balance=balance_frame(result),
        flow=flow_frame(result),
        scores=scores_frame(result),
        score=score_frame(result),
        models=models_frame(result),
        survival=survival_frame(result),
        survival_tests=survival_tests_frame(result),
        result=result,
    )
