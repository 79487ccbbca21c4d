"""The cells of a plan: which worlds it asks for, under which key, and how they are settled."""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from simsepsis.cohort.resolve import resolve
from simsepsis.errors import ExperimentError, ScenarioError
from simsepsis.experiment.plan import Changes, Plan, sentence
from simsepsis.scenario import Scenario, load_scenario

NO_EFFECT = {"risk_ratio": 1.0, "odds_ratio": 1.0, "hazard_ratio": 1.0, "risk_difference": 0.0}
"""Measure → value at which treatment does nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One world of an experiment.

    Attributes
    ----------
    key
        Stable hash of the generator's parameters as asked for; names and labels do not change it, nor do
        methods, replicates, other cells or the last bits of what is solved.
    name
        For people: what is special about it.
    scenario
        The world; as asked for, or settled.
    """

    key: int
    name: str
    scenario: Scenario


def cells_of(plan: Plan) -> tuple[Cell, ...]:
    """Return the cells of a plan, with their worlds as asked for.

    Parameters
    ----------
    plan
        The plan.

    Raises
    ------
    ExperimentError
        If a key or value is not one of a scenario's, or two cells are the same world.
    """
    cells: dict[int, Cell] = {}
    for name, base, changes in worlds(plan):
        cell = _cell(plan.name, name, base, changes)
        if cell.key in cells:
            other = cells[cell.key].name
            raise ExperimentError(
                f"{plan.name}: the cells '{other}' and '{name}' are the same world; remove one of them"
            )
        cells[cell.key] = cell
    return tuple(cells.values())


def settled(cell: Cell) -> Cell:
    """Return the cell with nothing left to solve in its world.

    Parameters
    ----------
    cell
        As asked for.

    Raises
    ------
    ScenarioError
        If the world does not exist.
    """
    try:
        scenario = resolve(cell.scenario)
    except ScenarioError as error:
        raise ScenarioError(f"cell '{cell.name}': {error}") from error
    return Cell(key=cell.key, name=cell.name, scenario=Scenario.model_validate(scenario.model_dump()))


def worlds(plan: Plan) -> list[tuple[str, str, Changes]]:
    """Return name, base and changes of each cell of a plan, in its order."""
    if plan.cells:
        return [(cell.name, cell.base or plan.world.base, plan.world.set | cell.set) for cell in plan.cells]
    grid = itertools.product(*plan.vary.values())
    changes = [dict(zip(plan.vary, values, strict=True)) for values in grid]
    return [(_name(plan, item), plan.world.base, plan.world.set | item) for item in changes]


def _name(plan: Plan, changes: Changes) -> str:
    """Return what a cell of a grid is called: the last words of its keys, whole keys where they clash."""
    words = [key.rpartition(".")[2] for key in changes]
    unique = len(set(words)) == len(words)
    said = zip(words if unique else changes, changes.values(), strict=True)
    return ", ".join(f"{word}={_shown(value)}" for word, value in said) or plan.world.base


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _cell(plan: str, name: str, base: str, changes: Changes) -> Cell:
    values = load_scenario(base).model_dump(exclude_none=True)
    for key, value in changes.items():
        values = _with(values, key.split("."), value, f"{plan}, cell '{name}': {key}")
    values = _without_solving(values)
    try:
        scenario = Scenario.model_validate(values | {"label": name})
    except ValidationError as error:
        raise ExperimentError(f"{plan}, cell '{name}': {sentence(error, Scenario)}") from error
    return Cell(key=zlib.crc32(scenario.hash.encode()), name=name, scenario=scenario)


def _with(values: Any, path: list[str], value: Any, place: str) -> Any:
    """Return nested values with one of them replaced; a number picks from a list, ``*`` means every part."""
    first, *rest = path
    if isinstance(values, list | tuple):
        if not first.isdecimal() or int(first) >= len(values):
            raise ExperimentError(
                f"{place}: '{first}' picks nothing from a list of {len(values)}; count from 0"
            )
        picked = dict(enumerate(values)) | {
            int(first): _within(values[int(first)], first, rest, value, place)
        }
        return list(picked.values())
    names = list(values) if first == "*" else [first]
    return {**values, **{name: _within(values.get(name, {}), name, rest, value, place) for name in names}}


def _within(inner: Any, name: str, rest: list[str], value: Any, place: str) -> Any:
    if not rest:
        return value
    if not isinstance(inner, Mapping | list | tuple):
        raise ExperimentError(f"{place}: '{name}' has no parts; shorten the key")
    return _with(inner, rest, value, place)


def _without_solving(values: dict[str, Any]) -> dict[str, Any]:
    """Return a world whose effect is stated as none with the coefficient 0, which needs no solving."""
    effect = values.get("effect", {})
    measure = effect.get("measure")
    if measure not in NO_EFFECT or effect.get("value") != NO_EFFECT[measure]:
        return values
    kept = {key: value for key, value in effect.items() if key not in ("measure", "value")}
    return {**values, "effect": kept | {"log_hazard_ratio": 0.0}}
