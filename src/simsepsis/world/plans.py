"""Plans on disk, of experiments and of trials: found by name or path, read from TOML."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from simsepsis.documents import is_file, read_toml, shipped_folder
from simsepsis.errors import ExperimentError, did_you_mean
from simsepsis.names import name_from

NOUNS = {"ademp": "experiment", "arms": "trial", "infer": "inference"}
"""Table that every plan of a kind has → what such a plan is called."""


def plan_names(key: str) -> list[str]:
    """Return the names of the plans of one kind that come with the package."""
    paths = sorted(shipped_folder("experiments").glob("*.toml"))
    return [path.stem for path in paths if _has(path, key)]


def find_plan(name_or_path: str | Path, key: str) -> Path:
    """Return the file of a shipped plan or of a path."""
    path = Path(name_or_path)
    if path.suffix == ".toml":
        if not is_file(path):
            raise ExperimentError(f"{path}: no such plan; give a path that exists or a shipped name")
        return path
    shipped = {one.stem: one for one in shipped_folder("experiments").glob("*.toml")}.get(str(name_or_path))
    # The other plans are read only where the one that is named is of another kind.
    if shipped is not None and _has(shipped, key):
        return shipped
    if shipped is not None and _has(shipped, "infer"):
        raise ExperimentError(
            f"'{name_or_path}' is an inference; type `simsepsis infer {name_or_path}` in place of this"
        )
    known = plan_names(key)
    near = did_you_mean(str(name_or_path), known)
    raise ExperimentError(
        f"{NOUNS[key]} '{name_or_path}' is unknown{near}; shipped are {', '.join(known)}, or give the "
        "path of a .toml file"
    )


@cache
def _has(path: Path, key: str) -> bool:
    return key in tomllib.loads(path.read_text(encoding="utf-8"))


def read_plan(path: Path) -> dict[str, Any]:
    """Return what a plan's file says; its name is that of the file where it has none."""
    document = read_toml(path, ExperimentError)
    if "name" in document:
        return document
    try:
        return {"name": name_from(path), **document}
    except ValueError as error:
        raise ExperimentError(f"{path}: name = {error}") from error


def scenario_beside(base: str, folder: Path) -> str:
    """Return a scenario's name as it is, its file by the whole path, looked for beside the plan first."""
    beside = folder / base
    if beside.suffix != ".toml":
        return base
    return str((Path(base) if is_file(Path(base)) and not is_file(beside) else beside).resolve())
