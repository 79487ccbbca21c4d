"""A scenario with changes, as the plans of experiments and trials write them: dotted key → value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationError, field_validator

from simsepsis.documents import sentence
from simsepsis.errors import ExperimentError
from simsepsis.world.files import load_scenario
from simsepsis.world.scenario import Scenario
from simsepsis.world.section import Section

Changes = dict[str, Any]
"""Dotted key of a scenario → value."""

NO_EFFECT = {
    "risk_ratio": 1.0,
    "odds_ratio": 1.0,
    "hazard_ratio": 1.0,
    "risk_difference": 0.0,
    "mean_difference": 0.0,
}
"""Measure → value at which treatment does nothing."""


class Changed(Section):
    """A scenario with changes."""

    set: Changes = Field(default_factory=dict)
    """Dotted key → value; tables of tables are read as dotted keys."""

    @field_validator("set")
    @classmethod
    def _dotted(cls, changes: Changes) -> Changes:
        return dict(dotted(changes))


class WorldChoice(Changed):
    """The scenario that a plan starts from, and what is changed in it throughout."""

    base: str
    """Name of a shipped scenario, or path of a file, beside the plan or from the working folder."""


def dotted(table: Changes, prefix: str = "") -> list[tuple[str, Any]]:
    """Return nested tables as dotted keys."""
    pairs: list[tuple[str, Any]] = []
    for key, value in table.items():
        nested = isinstance(value, dict)
        pairs += dotted(value, f"{prefix}{key}.") if nested else [(f"{prefix}{key}", value)]
    return pairs


def changed_scenario(base: str, changes: Changes, *, place: str, label: str) -> Scenario:
    """Return a scenario with changes, nothing in it solved yet."""
    scenario = load_scenario(base)
    values = scenario.model_dump(exclude_none=True)
    for key, value in changes.items():
        values = with_changed(values, key.split("."), value, f"{place}: {key}")
    values = _without_solving(values, scenario.effect_key)
    try:
        return type(scenario).model_validate(values | {"label": label})
    except ValidationError as error:
        raise ExperimentError(f"{place}: {sentence(error, type(scenario))}") from error


def with_changed(values: Any, path: list[str], value: Any, place: str) -> Any:
    """Return nested values with one of them replaced."""
    first, *rest = path
    if isinstance(values, list | tuple):
        if not first.isdecimal() or int(first) >= len(values):
            raise ExperimentError(
                f"{place}: '{first}' picks nothing from a list of {len(values)}; count from 0"
            )
        part = int(first)
        return [*values[:part], _within(values[part], first, rest, value, place), *values[part + 1 :]]
    names = list(values) if first == "*" else [first]
    return {**values, **{name: _within(values.get(name, {}), name, rest, value, place) for name in names}}


def _within(inner: Any, name: str, rest: list[str], value: Any, place: str) -> Any:
    if not rest:
        return value
    if not isinstance(inner, Mapping | list | tuple):
        raise ExperimentError(f"{place}: '{name}' has no parts; shorten the key")
    return with_changed(inner, rest, value, place)


def _without_solving(values: dict[str, Any], effect_key: str) -> dict[str, Any]:
    """Return a world whose effect is stated as none with the coefficient 0, which needs no solving."""
    effect = values.get("effect", {})
    measure = effect.get("measure")
    if measure not in NO_EFFECT or effect.get("value") != NO_EFFECT[measure]:
        return values
    kept = {key: value for key, value in effect.items() if key not in ("measure", "value")}
    known = {"as_found": False} if "as_found" in effect else {}
    return {**values, "effect": kept | {effect_key: 0.0} | known}
