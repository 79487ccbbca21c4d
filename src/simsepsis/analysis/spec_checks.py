"""Settings that no cohort can satisfy are refused before one is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, get_args

from simsepsis.analysis.spec_types import CHOICES, Censoring, Missing, scalars
from simsepsis.errors import UsageError, did_you_mean
from simsepsis.names import check_name

if TYPE_CHECKING:
    from simsepsis.analysis.spec import AnalysisSpec

FILE_KEYS = ("separator", "encoding", "decimal", "thousands", "sheet")
"""What a spec may say about the file."""
MOST_CONTROLS = 10
"""Controls for each treated patient; more add bias and hardly any precision (Austin, Am J Epidemiol 2010)."""


IDENTIFIER = "the identifier of patients"

LARGEST = 1e15
"""Beyond any limit or day that is meant."""

LISTS = (
    "outcomes",
    "numeric_outcomes",
    "covariates",
    "score",
    "adjuncts",
    "transfusions",
    "durations",
    "later_scores",
    "exact",
    "methods",
)
"""Settings that list columns, each once."""


def check_spec(spec: AnalysisSpec) -> None:
    """Refuse settings that contradict each other or are unknown."""
    try:
        check_name(spec.name)
    except ValueError as error:
        raise UsageError(f"name = {error}") from error
    for name, known in CHOICES.items():
        if getattr(spec, name) not in known:
            raise UsageError(f"{name} '{getattr(spec, name)}' is unknown; choose {' or '.join(known)}")
    for name, value in {"outcomes": spec.all_outcomes, "covariates": spec.covariates}.items():
        if not value:
            raise UsageError(f"'{name}' is empty; name at least one column")
    if (spec.survival_time is None) != (spec.survival_event is None):
        raise UsageError("'survival_time' and 'survival_event' go together; name both or neither")
    if spec.caliper is not None and spec.caliper < 0:
        raise UsageError(f"caliper {spec.caliper} is negative; give 0 or more")
    for check in (
        _check_numbers,
        _check_once,
        _check_censoring,
        _check_covariates,
        _check_missing,
        _check_arms,
        _check_reading,
        _check_matching,
    ):
        check(spec)


def _check_numbers(spec: AnalysisSpec) -> None:
    """Refuse settings that are no number of anything."""
    limits = {"caliper": spec.caliper, "rmst_horizon": spec.rmst_horizon, "censoring": spec.censoring}
    limits |= {f"subgroup '{one.name}'": one.at_least for one in spec.subgroups}
    for name, value in limits.items():
        if isinstance(value, float) and not abs(value) <= LARGEST:
            raise UsageError(f"{name} {value:g} is no number that can be meant; give a finite one")
    if spec.min_adjunct_users < 0:
        raise UsageError(f"min_adjunct_users {spec.min_adjunct_users} is negative; give 0 or more")


def _check_once(spec: AnalysisSpec) -> None:
    """Refuse a column, a level or a subgroup that stands twice in one list, or has no name."""
    lists = {key: getattr(spec, key) for key in LISTS}
    lists |= {f"levels.{name}": levels for name, levels in spec.levels.items()}
    lists |= {"subgroups": tuple(one.name for one in spec.subgroups)}
    for key, names in lists.items():
        twice = [name for place, name in enumerate(names) if name in names[:place]]
        if twice:
            raise UsageError(f"{key}: '{twice[0]}' stands twice; leave one")
        if key in LISTS and "" in names:
            raise UsageError(f"{key}: one name is empty; name the column or leave it out")
    for name, levels in spec.levels.items():
        if not levels:
            raise UsageError(f"levels.{name} is empty; name the levels, the reference first")


def _check_matching(spec: AnalysisSpec) -> None:
    if not 1 <= spec.ratio <= MOST_CONTROLS:
        raise UsageError(
            f"ratio {spec.ratio} is no number of controls for each treated patient; give 1 to {MOST_CONTROLS}"
        )
    if spec.treatment in spec.exact:
        raise UsageError(f"'{spec.treatment}' is the treatment; take it out of 'exact'")


def _check_censoring(spec: AnalysisSpec) -> None:
    censoring, known = spec.censoring, get_args(Censoring)
    if isinstance(censoring, str) and censoring not in known:
        raise UsageError(f"censoring '{censoring}' is unknown; choose {' or '.join(known)} or a day")
    if not isinstance(censoring, str) and not censoring > 0:
        raise UsageError(f"censoring {censoring} is not a day; give a positive number")
    if not spec.rmst_horizon > 0:
        raise UsageError(
            f"rmst_horizon {spec.rmst_horizon} is no time after the start; give a positive number"
        )


def _check_covariates(spec: AnalysisSpec) -> None:
    """Refuse what is known only after the start, under whatever name, as something known before it."""
    after = {_file_name(spec, name): what for name, what in _known_later(spec)}
    allowed = {_file_name(spec, name) for name in spec.allow_after_start}
    never = ("the treatment", "an outcome", "the survival time", "the survival event", IDENTIFIER)
    for key in ("covariates", "score"):
        for name in getattr(spec, key):
            what = after.get(_file_name(spec, name))
            if what in never:
                raise UsageError(f"'{name}' is {what}; take it out of '{key}'")
            if what is not None and _file_name(spec, name) not in allowed:
                raise UsageError(
                    f"'{name}' is {what}, recorded after the start; take it out of '{key}', or write "
                    f'allow_after_start = ["{name}"]'
                )


def _known_later(spec: AnalysisSpec) -> Iterator[tuple[str, str]]:
    """Yield each column that says nothing of before the start, and what it is; the last word counts."""
    listed = (
        (spec.adjusters, "an adjunct"),
        (spec.later_scores, "a later score"),
        (spec.durations, "a duration"),
        ((spec.start,), "the start of the treatment"),
        ((spec.survival_event,), "the survival event"),
        ((spec.survival_time,), "the survival time"),
        (spec.all_outcomes, "an outcome"),
        ((spec.treatment,), "the treatment"),
        ((spec.patient,), IDENTIFIER),
    )
    for names, what in listed:
        for name in names:
            if name is not None:
                yield name, what


def _file_name(spec: AnalysisSpec, name: str) -> str:
    return spec.columns.get(name, name)


def _check_missing(spec: AnalysisSpec) -> None:
    for name, rule in spec.missing.items():
        if rule not in get_args(Missing):
            known = " or ".join(get_args(Missing))
            raise UsageError(f"missing.{name} '{rule}' is unknown; choose {known}")
        if name not in (*spec.covariates, *spec.score):
            raise UsageError(f"missing.{name}: the rule is for covariates only; '{name}' is none")


def _check_arms(spec: AnalysisSpec) -> None:
    if spec.arms and spec.treated is not None:
        raise UsageError("'treated' and 'arms' both say who is treated; keep one of them")
    if spec.arms and set(spec.arms) != {"treated", "control"}:
        raise UsageError(
            f"arms names {', '.join(map(repr, spec.arms))}; write "
            'arms = { treated = "…", control = "…" } with the values of each arm'
        )
    both = set(map(str, scalars(spec.arms.get("treated")))) & set(map(str, scalars(spec.arms.get("control"))))
    if both:
        raise UsageError(f"arms: '{min(both)}' is treated and control; leave it in one of them")
    if isinstance(spec.event, Mapping):
        outcomes = [name for name in (*spec.outcomes, spec.survival_event) if name]
        _refuse_unknown(spec.event, outcomes, "event", "is no outcome")


def _check_reading(spec: AnalysisSpec) -> None:
    _refuse_unknown(spec.file, FILE_KEYS, "file", "is unknown")
    if isinstance(spec.missing_codes, Mapping):
        _refuse_unknown(spec.missing_codes, spec.numbers_used, "missing_codes", "is no column of the spec")
    if spec.date_format is not None and "%" not in spec.date_format:
        raise UsageError(f"date_format '{spec.date_format}' is none; write it as in %d/%m/%Y")


def _refuse_unknown(given: Mapping[str, object], known: Iterable[str], key: str, what: str) -> None:
    names = list(known)
    for name in given:
        if name not in names:
            hint = did_you_mean(name, names) or f"; choose {' or '.join(names)}"
            raise UsageError(f"{key}.{name}: '{name}' {what}{hint}")


CHECKS = (
    _check_numbers,
    _check_once,
    _check_censoring,
    _check_covariates,
    _check_missing,
    _check_arms,
    _check_reading,
)
