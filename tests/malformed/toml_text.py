"""TOML written from any value, right or wrong, so that one part of a good file can be spoilt."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Raw:
    """Text that stands in the file as it is."""

    text: str


def value_text(value: Any) -> str:
    """Return one value as TOML; tables stay on their line."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {value_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(value_text, value)) + "]"
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value)


def document_text(document: dict[str, Any]) -> str:
    """Return a whole document as TOML."""
    return "".join(f"{json.dumps(key)} = {value_text(value)}\n" for key, value in document.items())


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    """Return the path and value of everything that has no parts, and of the first item of each list."""
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in leaves(item, (*path, key))]
    if isinstance(value, list) and value:
        return leaves(value[0], (*path, 0))
    return [(path, value)]


def tables(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all tables, the document itself first."""
    if isinstance(value, dict):
        return [path, *(inner for key, item in value.items() for inner in tables(item, (*path, key)))]
    return tables(value[0], (*path, 0)) if isinstance(value, list) and value else []


def lists(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all lists."""
    if isinstance(value, dict):
        return [inner for key, item in value.items() for inner in lists(item, (*path, key))]
    return [path] if isinstance(value, list) else []


def found(document: Any, path: tuple[Any, ...]) -> Any:
    """Return what stands at a path."""
    for part in path:
        document = document[part]
    return document


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a document with another value at a path."""
    if not path:
        return value
    first, *rest = path
    inner = changed(
        document[first] if first in document or isinstance(document, list) else {}, tuple(rest), value
    )
    if isinstance(document, list):
        return [*document[:first], inner, *document[first + 1 :]]
    return {**document, first: inner}


def without(document: Any, path: tuple[Any, ...]) -> Any:
    """Return a document without the key at a path."""
    *before, last = path
    table = found(document, tuple(before))
    return changed(document, tuple(before), {key: item for key, item in table.items() if key != last})
