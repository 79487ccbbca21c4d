"""Scenarios on disk: found by name or path, read from TOML, with what a file inherits."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from simsepsis.errors import ScenarioError, did_you_mean
from simsepsis.scenario.schema import Scenario


def shipped_folder(kind: str) -> Path:
    """Return the folder of the data files that come with the package.

    Parameters
    ----------
    kind
        ``scenarios`` or ``experiments``.
    """
    package = Path(str(files("simsepsis")))
    inside = package / "shipped" / kind
    return inside if inside.is_dir() else package.parents[1] / kind


def scenario_names() -> list[str]:
    """Return the names of the scenarios that come with the package."""
    return sorted(path.stem for path in shipped_folder("scenarios").glob("*.toml"))


def _find(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    if path.suffix == ".toml":
        if not path.is_file():
            raise ScenarioError(f"{path}: no such scenario file; give a path that exists or a shipped name")
        return path
    shipped = shipped_folder("scenarios") / f"{name_or_path}.toml"
    if not shipped.is_file():
        known = scenario_names()
        raise ScenarioError(
            f"scenario '{name_or_path}' is unknown{did_you_mean(str(name_or_path), known)}; "
            f"shipped are {', '.join(known)}, or give the path of a .toml file"
        )
    return shipped


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _read(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    if path in seen:
        raise ScenarioError(f"{path}: extends itself; name another base")
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ScenarioError(f"{path}: cannot be read as TOML ({error}); mend the file") from error
    base = raw.pop("extends", None)
    if base is None:
        return raw
    beside = path.parent / f"{base}.toml"
    inherited = _read(beside if beside.is_file() else _find(base), (*seen, path))
    # A world is known by its own name, never by that of what it extends.
    return _merge({key: value for key, value in inherited.items() if key not in ("name", "label")}, raw)


def _keys_near(location: tuple[int | str, ...]) -> list[str]:
    model: Any = Scenario
    for part in location[:-1]:
        annotation = model.model_fields[part].annotation if hasattr(model, "model_fields") else None
        model = annotation if hasattr(annotation, "model_fields") else None
        if model is None:
            return []
    return list(model.model_fields)


def _sentence(path: Path, error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        near = did_you_mean(str(first["loc"][-1]), _keys_near(first["loc"]))
        return f"{path}: {where}: unknown key{near or '; remove it'}"
    if first["type"] == "missing":
        return f'{path}: {where}: missing; give it or add extends = "thesis"'
    if first["type"] == "value_error":
        return f"{path}: {where}: {first['ctx']['error']}; correct the value"
    return f"{path}: {where} = {first['input']!r:.60}: {first['msg'].lower()}; correct the value"


def load_scenario(name_or_path: str | Path) -> Scenario:
    """Return the scenario of a shipped name or of a TOML file.

    A file may hold only what differs from another scenario: ``extends = "thesis"``.

    Parameters
    ----------
    name_or_path
        A name of `scenario_names`, or the path of a ``.toml`` file.

    Raises
    ------
    ScenarioError
        If there is no such scenario, the file is not TOML, or a value is not legal.
    """
    path = _find(name_or_path)
    raw = {"name": path.stem, "label": path.stem, **_read(path)}
    try:
        return Scenario.model_validate(raw)
    except ValidationError as error:
        raise ScenarioError(_sentence(path, error)) from error
