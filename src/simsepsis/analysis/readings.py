"""Readings: the analyses that the thesis's words allow besides the literal one."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from simsepsis.analysis.data import complete_cases
from simsepsis.analysis.encode import encode_cohort
from simsepsis.analysis.result import FIRST_SCORE, SECOND_SCORE, Known, ThesisResult
from simsepsis.analysis.spec import AnalysisSpec, default_spec
from simsepsis.analysis.steps import analyse_patients, score_columns
from simsepsis.documents import frozen, is_file, read_toml
from simsepsis.errors import DataError
from simsepsis.records import Registry
from simsepsis.study.published import open_study
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
    settings: Mapping[str, Any] = field(default_factory=dict)

    def of(self, spec: AnalysisSpec) -> AnalysisSpec:
        """Return the spec read in this way."""
        return replace(spec, **self.settings)


_MATCHING = ("scale", "caliper", "caliper_sd", "order", "select")
_MODELS = ("correlation", "moment", "min_adjunct_users")
_AFTER_THE_FILE = {
    *_MATCHING,
    *_MODELS,
    *("name", "score_categories", "second_score", "cox_adjusted", "chi_square", "fisher"),
    *("censoring", "rmst_horizon", "labels"),
}
"""Settings that do not decide who is analysed, and as what."""


def load_readings(path: Path) -> tuple[Reading, ...]:
    """Return the readings of a TOML file, the literal one first; it alone where there is no file."""
    if not is_file(path):
        return (Reading(name=LITERAL, label=LITERAL, changes="nothing", concerns="nothing"),)
    try:
        tables = read_toml(path, DataError)["readings"]
        return tuple(Reading(**table | {"settings": frozen(table.get("settings", {}))}) for table in tables)
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: is no list of readings ({error}); write [[readings]] tables") from error


def load_joint_readings(path: Path, readings: Sequence[Reading]) -> tuple[Reading, ...]:
    """Return the readings of a TOML file that join several of its readings."""
    known = {reading.name: reading for reading in readings}
    tables = read_toml(path, DataError).get("joint", []) if is_file(path) else []
    found = []
    for table in tables:
        unknown = next((name for name in table["joins"] if name not in known), None)
        if unknown is not None:
            raise DataError(f"{path}: joint reading '{table['name']}' joins '{unknown}', which is none")
        parts = [known[name] for name in table["joins"]]
        settings = {key: value for part in parts for key, value in part.settings.items()}
        words = {name: "; ".join(getattr(part, name) for part in parts) for name in ("changes", "concerns")}
        found.append(Reading(name=table["name"], label=table["label"], settings=settings, **words))
    return tuple(found)


@one_thread()
def run_readings(
    registry: Registry,
    readings: Sequence[Reading] | None = None,
    *,
    rng: np.random.Generator,
    spec: AnalysisSpec | None = None,
) -> dict[str, ThesisResult]:
    """Run the thesis's analysis in several readings on one cohort."""
    spec, readings = spec or default_spec(), readings or open_study().readings
    done: list[tuple[Reading, ThesisResult]] = []
    for reading in readings:
        wanted = reading.of(spec)
        near = _nearest(reading, done)
        if near is None or not _same(near.spec, wanted, except_for=_AFTER_THE_FILE):
            cohort, flow = complete_cases(encode_cohort(registry, wanted), wanted)
            known = Known()
        else:
            cohort, flow, known = near.cohort, near.flow, _known(near, wanted)
        result = analyse_patients(cohort, flow, wanted, rng=copy.deepcopy(rng), known=known)
        done.append((reading, result))
    return {reading.name: result for reading, result in done}


def _nearest(reading: Reading, done: Sequence[tuple[Reading, ThesisResult]]) -> ThesisResult | None:
    """Return the result of the reading that already does most of what this one does; the first, otherwise."""
    shared = [
        (len(other.settings), result)
        for other, result in done
        if all(reading.settings.get(name) == value for name, value in other.settings.items())
    ]
    return max(shared, key=lambda pair: pair[0])[1] if shared else done[0][1] if done else None


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
