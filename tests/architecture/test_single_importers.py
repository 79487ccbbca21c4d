"""Some libraries live in one room only, so that there is one place to change and one to learn."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import simsepsis

SOURCE = Path(simsepsis.__file__).parent
ROOMS = {"joblib": {"replication"}, "matplotlib": {"show", "studies/describe"}, "jinja2": {"show"}}
"""Library → its rooms; a study's page of its own worlds may bring its own pictures."""


def imported_by(source: str) -> set[str]:
    """Return the top packages that a module imports anywhere, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in (
            "__import__",
            "importlib.import_module",
        ):
            names |= {arg.value for arg in node.args if isinstance(arg, ast.Constant)}
    return {name.partition(".")[0] for name in names}


def room_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).parts
    return f"studies/{parts[2]}" if parts[0] == "studies" and len(parts) > 2 else parts[0].removesuffix(".py")


@cache
def imported_by_modules() -> dict[Path, set[str]]:
    return {path: imported_by(path.read_text("utf-8")) for path in SOURCE.rglob("*.py")}


@pytest.mark.parametrize("library", ROOMS)
def test_a_library_is_imported_in_its_room_only(library: str):
    importers = {room_of(path) for path, names in imported_by_modules().items() if library in names}
    assert importers <= ROOMS[library]


def test_nothing_imports_from_the_package_root():
    guilty = [
        path
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "simsepsis"
    ]
    assert guilty == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import matplotlib.pyplot as plt", "matplotlib"),
        ("def f():\n    from matplotlib.figure import Figure", "matplotlib"),
        ("import importlib\nimportlib.import_module('joblib')", "joblib"),
    ],
)
def test_the_walk_finds_every_way_to_import(source: str, found: str):
    assert found in imported_by(source)


def test_pyplot_with_its_global_state_is_used_nowhere():
    assert [path for path in SOURCE.rglob("*.py") if "pyplot" in path.read_text("utf-8")] == []
