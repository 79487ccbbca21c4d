"""A scenario as TOML that people read: one table per section, and a comment wherever there is a note."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from simsepsis.world.kinds import scenario_type
from simsepsis.world.scenario import Scenario

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
WIDTH = 110


def _key(name: str) -> str:
    return name if BARE_KEY.fullmatch(name) else json.dumps(name)


def _wrapped(items: list[str]) -> str:
    flat = f"[{', '.join(items)}]"
    if len(flat) <= WIDTH - 20:
        return flat
    lines, line = [], "   "
    for item in items:
        if line.strip() and len(line) + len(item) + 2 > WIDTH:
            lines.append(line)
            line = "   "
        line += f" {item},"
    return "[\n" + "\n".join([*lines, line]) + "\n]"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    return _wrapped([_value(item) for item in value])


def _is_leaf(value: Any) -> bool:
    """Return whether a value stays on its key's line: no mapping, or one of plain values."""
    return not isinstance(value, Mapping) or not any(
        isinstance(item, Mapping | list) for item in value.values()
    )


def _comment(path: str, notes: Mapping[str, str]) -> Iterator[str]:
    if path in notes:
        yield f"# {notes[path]}"


def _lines(table: Mapping[str, Any], path: str, notes: Mapping[str, str]) -> Iterator[str]:
    for name, value in table.items():
        if _is_leaf(value):
            yield from _comment(f"{path}{name}", notes)
            yield f"{_key(name)} = {_value(value)}"
    for name, value in table.items():
        if not _is_leaf(value):
            yield ""
            yield from _comment(f"{path}{name}", notes)
            yield f"[{path}{_key(name)}]"
            yield from _lines(value, f"{path}{_key(name)}.", notes)


def scenario_toml(scenario: Scenario, notes: Mapping[str, str] | None = None) -> str:
    """Return the scenario as TOML text that `load_scenario` reads back unchanged."""
    values = scenario.model_dump(mode="json", exclude_none=True)
    return "\n".join(_lines(values, "", notes or {})) + "\n"


def scenario_schema() -> str:
    """Return the JSON schema of a scenario file: every field with its meaning, limits and default."""
    return json.dumps(scenario_type().model_json_schema(), indent=1, ensure_ascii=False) + "\n"
