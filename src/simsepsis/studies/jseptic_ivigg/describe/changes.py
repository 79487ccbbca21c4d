"""How a scenario differs from another one, key by key, and what its requests were solved to."""

from __future__ import annotations

import math
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

import pandas as pd
from pydantic import BaseModel

from simsepsis.studies.jseptic_ivigg.world.scenario import Scenario
from simsepsis.world.section import meanings

CHANGE_COLUMNS = ("key", "base", "here", "meaning")
SOLVED_COLUMNS = ("key", "asked", "solved", "meaning")
_NAMES = frozenset({("name",), ("label",)})
_MOST_SHOWN = 6
"""Numbers of a list that are written out."""

Path = tuple[str, ...]


def changes_frame(base: Scenario, scenario: Scenario) -> pd.DataFrame:
    """Return every setting in which a scenario differs from its base, names left out.

    Returns
    -------
    DataFrame
        ``key`` (dotted) ``, base, here`` (texts; a dash where a setting is absent) ``, meaning`` (what the
        schema says of the key).
    """
    rows = [
        (".".join(path), _text(old), _text(new) + _how_many_differ(old, new), meaning_of(path))
        for path, old, new in _differences(base, scenario)
    ]
    return pd.DataFrame(rows, columns=list(CHANGE_COLUMNS))


def solved_frame(asked: Scenario, settled: Scenario) -> pd.DataFrame:
    """Return the coefficients that were solved for what a scenario asks."""
    rows = [
        (".".join(path), _text(old), _text(new), meaning_of(path))
        for path, old, new in _differences(asked, settled)
        if isinstance(new, int | float | list | tuple)
    ]
    return pd.DataFrame(rows, columns=list(SOLVED_COLUMNS))


def _differences(base: Scenario, scenario: Scenario) -> Iterator[tuple[Path, Any, Any]]:
    old, new = (dict(_leaves(world.model_dump(mode="json"))) for world in (base, scenario))
    for path in {**old, **new}:
        if path not in _NAMES and old.get(path) != new.get(path):
            yield path, old.get(path), new.get(path)


def _leaves(table: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, name))
        else:
            yield (*path, name), value


def meaning_of(path: Path) -> str:
    """Return what the schema says of a key; of a free key, what it says of the table that holds it."""
    model: Any = Scenario
    meaning = ""
    for part in path:
        if isinstance(model, type) and issubclass(model, BaseModel) and part in model.model_fields:
            field = model.model_fields[part]
            meaning, model = meanings(model).get(part, ""), _model_in(field.annotation)
        else:
            model = _model_in(model)
    return " ".join(meaning.replace("`", "").split())


def _model_in(annotation: Any) -> Any:
    """Return the type that the next part of a key is looked up in: a section, or what a dict holds."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _model_in(inner[0])
    if origin in (Union, types.UnionType):
        return _model_in(next(part for part in inner if part is not type(None)))
    return inner[1] if origin is dict else annotation


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(item)}" for name, item in value.items() if item is not None)
    if isinstance(value, list):
        return _list_text(value)
    return str(value)


def _list_text(values: list[Any]) -> str:
    if not values:
        return "none"
    if isinstance(values[0], Mapping):
        return "; ".join(_text(item) for item in values)
    return ", ".join(map(_text, values)) if len(values) <= _MOST_SHOWN else f"{len(values)} values"


def _how_many_differ(old: Any, new: Any) -> str:
    """Return what tells two long lists of one length apart."""
    if not (isinstance(old, list) and isinstance(new, list) and len(old) == len(new) > _MOST_SHOWN):
        return ""
    return f", {sum(a != b for a, b in zip(old, new, strict=True))} differ"


def number_text(value: float) -> str:
    """Return a number with at most five digits, with a true minus sign."""
    if isinstance(value, int) or math.isclose(value, round(value), abs_tol=1e-12):
        return f"{round(value):,}".replace("-", "−")
    return f"{value:.5g}".replace("-", "−")
