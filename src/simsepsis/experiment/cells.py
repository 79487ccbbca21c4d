"""The cells of a plan: which worlds it asks for, under which key, and how they are settled."""

from __future__ import annotations

import itertools
import json
import zlib
from dataclasses import dataclass
from typing import Any

from simsepsis.errors import ExperimentError, ScenarioError, did_you_mean
from simsepsis.experiment.plan import Plan
from simsepsis.world.changes import Changes, changed_scenario
from simsepsis.world.scenario import Scenario


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
        If a key or value is not one of a scenario's, two cells are the same world, or the plan speaks of
        cells that it does not have.
    """
    cells: dict[int, Cell] = {}
    asked = worlds(plan)
    _check_named(plan, [name for name, _, _ in asked])
    for name, base, changes in asked:
        cell = _cell(plan.name, name, base, changes)
        if cell.key in cells:
            other = cells[cell.key].name
            raise ExperimentError(
                f"{plan.name}: the cells '{other}' and '{name}' are the same world; remove one of them"
            )
        cells[cell.key] = cell
    return tuple(cells.values())


def _check_named(plan: Plan, names: list[str]) -> None:
    """Raise if a claim, figure or answer is about cells that there are not."""
    parts = {f"accept.{words}": claim.cells for words, claim in plan.claims.items()}
    for where in ("figures", "answers"):
        parts |= {f"{where}.{n}.cells": choice.cells for n, choice in enumerate(getattr(plan, where))}
    for place, part in parts.items():
        if part is not None and not any(part in name for name in names):
            near = did_you_mean(part, names) or f"; they are {', '.join(names[:8])}"
            raise ExperimentError(f"{plan.name}: {place}: no cell has '{part}' in its name{near}")


def settled(cell: Cell) -> Cell:
    """Return the cell with nothing left to solve in its world."""
    try:
        scenario = cell.scenario.resolved()
    except ScenarioError as error:
        raise ScenarioError(f"cell '{cell.name}': {error}") from error
    return Cell(key=cell.key, name=cell.name, scenario=type(scenario).model_validate(scenario.model_dump()))


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
    scenario = changed_scenario(base, changes, place=f"{plan}, cell '{name}'", label=name)
    return Cell(key=zlib.crc32(scenario.hash.encode()), name=name, scenario=scenario)
