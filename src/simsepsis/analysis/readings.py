"""Readings: the analyses that the thesis's words allow besides the literal one."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simsepsis.analysis.data import complete_cases
from simsepsis.analysis.encode import encode_cohort
from simsepsis.analysis.result import FIRST_SCORE, SECOND_SCORE, Known, ThesisResult
from simsepsis.analysis.spec import THESIS_SPEC, AnalysisSpec
from simsepsis.analysis.steps import analyse_patients, score_columns
from simsepsis.errors import UsageError, did_you_mean
from simsepsis.records import Registry
from simsepsis.studies.jseptic_ivigg.columns import COLUMNS
from simsepsis.threads import one_thread

LITERAL = "literal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One way to read the thesis's methods.

    Attributes
    ----------
    name, label
        Slug, and words for people.
    changes
        What it does, and what the literal reading does instead.
    concerns
        Which results it can change.
    settings
        Attributes of the spec that it replaces.
    """

    name: str
    label: str
    changes: str
    concerns: str
    settings: Mapping[str, Any]

    def of(self, spec: AnalysisSpec) -> AnalysisSpec:
        """Return the spec read in this way."""
        return replace(spec, **self.settings)


_MATCHED = "everything after matching"
_ICU_TRAITS = tuple(name for name in THESIS_SPEC.covariates if COLUMNS[name].group == "icu")
_PATIENT_TRAITS = tuple(name for name in THESIS_SPEC.covariates if name not in _ICU_TRAITS)
READINGS: tuple[Reading, ...] = (
    Reading(
        name=LITERAL,
        label="literal",
        changes="nothing: beds linear in the score, caliper on its logit, nearest control, plain tests",
        concerns="nothing",
        settings={},
    ),
    Reading(
        name="beds_categories",
        label="beds as categories",
        changes="the score has an indicator for every number of beds instead of a linear term",
        concerns=_MATCHED,
        settings={"score_categories": ("icu_beds",)},
    ),
    Reading(
        name="icu_indicators",
        label="ICU indicators",
        changes="the score has an indicator for every ICU instead of the ICUs' traits",
        concerns=_MATCHED,
        settings={"score": ("icu_id", *_PATIENT_TRAITS)},
    ),
    Reading(
        name="adjuncts_alone",
        label="second score of adjuncts alone",
        changes="the second score leaves the covariates out instead of adding adjuncts to them",
        concerns="the second score's results",
        settings={"second_score": "alone"},
    ),
    Reading(
        name="caliper_on_score",
        label="caliper on the score",
        changes="distances and their SD are of the probability instead of its logit",
        concerns=_MATCHED,
        settings={"scale": "ps"},
    ),
    Reading(
        name="random_in_caliper",
        label="random control",
        changes="any control within the caliper is drawn instead of the nearest one",
        concerns=_MATCHED,
        settings={"select": "random_in_caliper"},
    ),
    Reading(
        name="spss",
        label="SPSS (caliper on the score, random control)",
        changes="distances are of the probability, and any control within the caliper is drawn",
        concerns=_MATCHED,
        settings={"scale": "ps", "select": "random_in_caliper"},
    ),
    Reading(
        name="gee_independence",
        label="GEE with independence",
        changes="the working correlation within an ICU is zero instead of exchangeable",
        concerns="the estimating equations",
        settings={"correlation": "independence"},
    ),
    Reading(
        name="cox_adjusted",
        label="Cox adjusted for adjuncts",
        changes="the Cox model adjusts for adjuncts and transfusions instead of comparing crudely",
        concerns="the hazard ratio",
        settings={"cox_adjusted": True},
    ),
    Reading(
        name="yates",
        label="chi-square with Yates's correction",
        changes="chi-square tests have a continuity correction",
        concerns="p values of proportions",
        settings={"chi_square": "yates"},
    ),
    Reading(
        name="fisher_one_sided",
        label="one-sided Fisher",
        changes="Fisher's exact tests count the observed tail instead of both",
        concerns="p values of rare proportions",
        settings={"fisher": "one-sided"},
    ),
)
"""The literal reading first."""

_MATCHING = ("scale", "caliper", "caliper_sd", "order", "select")
_MODELS = ("correlation", "moment", "min_adjunct_users")
_AFTER_THE_FILE = {
    *_MATCHING,
    *_MODELS,
    *("name", "score_categories", "second_score", "cox_adjusted", "chi_square", "fisher"),
    *("censoring", "rmst_horizon", "labels"),
}
"""Settings that do not decide who is analysed, and as what."""


def find_readings(names: Sequence[str]) -> tuple[Reading, ...]:
    """Return the readings with these names, the literal one first in any case.

    Parameters
    ----------
    names
        Slugs of `READINGS`.

    Raises
    ------
    UsageError
        If a name is unknown.
    """
    known = {reading.name: reading for reading in READINGS}
    for name in names:
        if name not in known:
            raise UsageError(
                f"reading '{name}' is unknown{did_you_mean(name, known)}; known are {', '.join(known)}"
            )
    return tuple(reading for reading in READINGS if reading.name in {LITERAL, *names})


@one_thread()
def run_readings(
    registry: Registry,
    readings: Sequence[Reading] = READINGS,
    *,
    rng: np.random.Generator,
    spec: AnalysisSpec = THESIS_SPEC,
) -> dict[str, ThesisResult]:
    """Run the thesis's analysis in several readings on one cohort.

    Parameters
    ----------
    registry
        One row per patient.
    readings
        The first one is run whole; of the others, only what differs from it.
    rng
        For the random order of matching; every reading begins with the same state.
    spec
        What the readings change.

    Returns
    -------
    dict
        Name of the reading → result, in the order of `readings`.

    Raises
    ------
    DataError
        If the cohort cannot be taken.
    """
    results: dict[str, ThesisResult] = {}
    first: ThesisResult | None = None
    for reading in readings:
        wanted = reading.of(spec)
        if first is None or not _same(first.spec, wanted, except_for=_AFTER_THE_FILE):
            cohort, flow = complete_cases(encode_cohort(registry, wanted), wanted)
            known = Known()
        else:
            cohort, flow, known = first.cohort, first.flow, _known(first, wanted)
        result = analyse_patients(cohort, flow, wanted, rng=copy.deepcopy(rng), known=known)
        first = first or result
        results[reading.name] = result
    return results


def _known(result: ThesisResult, spec: AnalysisSpec) -> Known:
    """Return the steps of a result that another reading of the same patients shares."""
    columns = {
        FIRST_SCORE: _columns(result.spec, FIRST_SCORE),
        SECOND_SCORE: _columns(result.spec, SECOND_SCORE),
    }
    shared = [score for score in result.matched if columns[score] == _columns(spec, score)]
    found = {score: result.matched[score].value for score in shared}
    propensity = {score: matched.propensity for score, matched in found.items() if matched is not None}
    if not _agree(result.spec, spec, _MATCHING):
        return Known(propensity=propensity)
    matched = {score: result.matched[score] for score in shared}
    same_models = _agree(result.spec, spec, _MODELS)
    models = {key: model for key, model in result.models.items() if same_models and key[0] in shared}
    return Known(propensity=propensity, matched=matched, models=models)


def _columns(spec: AnalysisSpec, score: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what decides a score: its columns, and which of them are categories."""
    names = score_columns(spec).get(score, ())
    return names, tuple(name for name in spec.score_categories if name in names)


def _agree(one: AnalysisSpec, other: AnalysisSpec, settings: Sequence[str]) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in settings)


def _same(one: AnalysisSpec, other: AnalysisSpec, *, except_for: set[str]) -> bool:
    return _agree(one, other, [name for name in AnalysisSpec.__dataclass_fields__ if name not in except_for])
