"""The steps of the thesis's analysis, 1 to 10, on any cohort; each fails by itself."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np

from simsepsis.analysis.data import CohortArrays, Flow, complete_cases
from simsepsis.analysis.encode import encode_cohort
from simsepsis.analysis.matched import MatchedSet, match_on_score
from simsepsis.analysis.means import MeanComparison, adjusted_difference, compare_matched_means, compare_means
from simsepsis.analysis.outcomes import (
    AdjustedModel,
    CrudeComparison,
    compare_crude,
    compare_matched,
    compare_strata,
    fit_adjusted,
    model_data_of,
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
from simsepsis.analysis.spec import AnalysisSpec, default_spec
from simsepsis.analysis.time_to_death import compare_survival
from simsepsis.records import Registry
from simsepsis.threads import one_thread


@one_thread()
def run_thesis_analysis(
    registry: Registry, spec: AnalysisSpec | None = None, *, rng: np.random.Generator
) -> ThesisResult:
    """Estimate what the thesis estimated: matched and adjusted effects of the treatment on death."""
    spec = default_spec() if spec is None else spec
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
    """Estimate what the thesis estimated in patients who are complete; see `run_thesis_analysis`."""
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
    first = matched[FIRST_SCORE]
    return ThesisResult(
        spec=spec,
        flow=flow,
        cohort=cohort,
        matched=matched,
        crude=_crude(cohort, matched, spec),
        models=_models(matched, spec, known.models),
        survival=then(first, compare_survival, spec) if spec.survival_time else None,
        interactions={
            (subgroup.name, outcome): then(first, compare_strata, outcome, subgroup)
            for subgroup, outcome in product(spec.subgroups, spec.outcomes)
        },
        clustered=_clustered(first, spec),
        means=_means(cohort, matched, spec),
        regressions={
            outcome: attempt(adjusted_difference, cohort, outcome, spec) for outcome in spec.numeric_outcomes
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


def _crude(
    cohort: CohortArrays, matched: Mapping[str, Attempt[MatchedSet]], spec: AnalysisSpec
) -> dict[tuple[str, str], Attempt[CrudeComparison]]:
    """Compare each outcome before matching and in each matched set."""
    found = {
        (EVERYBODY, outcome): attempt(
            compare_crude, cohort, outcome, chi_square=spec.chi_square, sides=spec.fisher
        )
        for outcome in spec.outcomes
    }
    return found | {
        (score, outcome): then(step, compare_matched, outcome, spec)
        for (score, step), outcome in product(matched.items(), spec.outcomes)
    }


def _means(
    cohort: CohortArrays, matched: Mapping[str, Attempt[MatchedSet]], spec: AnalysisSpec
) -> dict[tuple[str, str], Attempt[MeanComparison]]:
    """Compare each numeric outcome before matching and in each matched set."""
    found = {
        (EVERYBODY, outcome): attempt(compare_means, cohort, outcome) for outcome in spec.numeric_outcomes
    }
    return found | {
        (score, outcome): then(step, compare_matched_means, outcome)
        for (score, step), outcome in product(matched.items(), spec.numeric_outcomes)
    }


def _clustered(matched: Attempt[MatchedSet], spec: AnalysisSpec) -> dict[str, Attempt[AdjustedModel]]:
    """Fit the GEE of the treatment alone where there are clusters and nothing to adjust for."""
    if not spec.clusters_alone:
        return {}
    data = then(matched, model_data_of, spec, extended=False)
    return {outcome: then(data, fit_adjusted, outcome, spec) for outcome in spec.all_outcomes}


def _models(
    matched: Mapping[str, Attempt[MatchedSet]],
    spec: AnalysisSpec,
    known: Mapping[tuple[str, bool, str], Attempt[AdjustedModel]],
) -> dict[tuple[str, bool, str], Attempt[AdjustedModel]]:
    """Fit the GEE of each score and outcome, without and with later scores, where there is what it needs."""
    wanted = [False] * bool(spec.adjusters) + [True] * bool(spec.later_scores)
    models: dict[tuple[str, bool, str], Attempt[AdjustedModel]] = {}
    for score, extended in product(matched, wanted if spec.cluster else []):
        keys = [(score, extended, outcome) for outcome in spec.all_outcomes]
        if all(key in known for key in keys):
            models |= {key: known[key] for key in keys}
            continue
        data = then(matched[score], model_data_of, spec, extended=extended)
        models |= {key: then(data, fit_adjusted, key[2], spec) for key in keys}
    return models
