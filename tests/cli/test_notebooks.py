"""Every notebook of the docs runs from its first cell to its last, in an empty folder."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "docs" / "tutorials").glob("*.ipynb"))


def cells(path: Path) -> list[str]:
    """Return the code of each cell."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in document["cells"] if cell["cell_type"] == "code"]


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(simsepsis, monkeypatch, tmp_path, path):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for number, code in enumerate(cells(path), start=1):
        if code.startswith("!"):
            program, *arguments = shlex.split(code[1:])
            assert program == "simsepsis"
            ran = simsepsis(*arguments)
            assert ran.returncode == 0, f"cell {number}: {ran.stderr}"
        else:
            exec(compile(code, f"{path.name}, cell {number}", "exec"), names)
    assert len(names["shown"])  # type: ignore[arg-type]
