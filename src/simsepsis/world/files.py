"""Scenarios on disk: found by name or path, read from TOML, with what a file inherits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from simsepsis.documents import is_file, read_toml, sentence, shipped_folder
from simsepsis.errors import ScenarioError, did_you_mean
from simsepsis.names import name_from
from simsepsis.words import shown
from simsepsis.world.kinds import kind_of
from simsepsis.world.scenario import Scenario

PATHS = ("profile", "rows")
"""Keys that name a file beside the scenario's."""

LONGEST_LINE = 20
"""Scenarios that extend one another at the most."""


def scenario_names() -> list[str]:
    """Return the names of the scenarios that come with the package."""
    return sorted(path.stem for path in shipped_folder("scenarios").glob("*.toml"))


def _remedy(path: Path) -> str:
    """Say what writes a file that is missing: a study's worlds are fitted."""
    study = path.parent.parent
    if path.parent.name == "scenarios" and is_file(study / "study.toml"):
        return f"write it with `simsepsis fit {study}`"
    return "give a path that exists or a shipped name"


def _find(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    if path.suffix == ".toml":
        if not is_file(path):
            raise ScenarioError(f"{path}: no such scenario file; {_remedy(path)}")
        return path
    known = scenario_names()
    if str(name_or_path) not in known:
        raise ScenarioError(
            f"scenario '{name_or_path}' is unknown{did_you_mean(str(name_or_path), known)}; "
            f"shipped are {', '.join(known)}, or give the path of a .toml file"
        )
    return shipped_folder("scenarios") / f"{name_or_path}.toml"


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return nested tables with those of another over them."""
    found = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(found.get(key), dict)
        found[key] = merged(found[key], value) if both else value
    return found


def _read(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    place = path.resolve()
    if place in seen:
        raise ScenarioError(f"{path}: extends itself; name another base")
    if len(seen) == LONGEST_LINE:
        raise ScenarioError(
            f"{path}: more than {LONGEST_LINE} scenarios extend one another; put some together"
        )
    raw = read_toml(path, ScenarioError)
    for key in PATHS:
        if isinstance(raw.get(key), str) and raw[key]:
            raw[key] = str((path.parent / raw[key]).resolve())
    base = raw.pop("extends", None)
    if base is None:
        return raw
    if not isinstance(base, str):
        raise ScenarioError(f'{path}: extends = {shown(base)}: must be a name in quotes, such as "thesis"')
    inherited = _read(_base(base, path.parent), (*seen, place))
    # A world is known by its own name, never by that of what it extends.
    return merged({key: value for key, value in inherited.items() if key not in ("name", "label")}, raw)


def _base(base: str, folder: Path) -> Path:
    """Return the file that is extended: one that stands beside, with or without the suffix, comes first."""
    beside = (folder / f"{base}.toml", folder / base)
    return next((path for path in beside if path.suffix == ".toml" and is_file(path)), None) or _find(base)


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
    raw = _read(path)
    kind = kind_of(raw)
    try:
        name = raw["name"] if "name" in raw else name_from(path)
        return kind.model_validate({"label": name, **raw, "name": name})
    except ValidationError as error:
        fault = sentence(error, kind, remedy='give it or add extends = "thesis"')
        raise ScenarioError(f"{path}: {fault}") from error
    except ValueError as error:
        raise ScenarioError(f"{path}: name = {error}") from error
