"""Commands that README and the docs show have the options they are shown with, and Python blocks run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
import typer

from simsepsis.cli import app

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
PAGES = [page for page in PAGES if not {"generated", ".venv", "_site"} & set(page.parts)]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    """Return the blocks of a language."""
    return [text for name, text in BLOCK.findall(page.read_text("utf-8")) if name == language]


def commands() -> list[tuple[str, str]]:
    """Return page and line of every command of the program."""
    lines = [(page.name, line) for page in PAGES for text in blocks(page, "sh") for line in text.splitlines()]
    return [(page, line) for page, line in lines if line.startswith("simsepsis ")]


def test_commands_are_shown():
    assert len(commands()) > 20


@pytest.mark.parametrize(("page", "line"), commands())
def test_a_command_that_is_shown_can_be_typed(page: str, line: str):
    _, name, *arguments = shlex.split(line, comments=True)
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    try:
        command.make_context(name, arguments)
    except (click.exceptions.ClickException, typer.Exit) as error:
        pytest.fail(f"{page}: {line}: {error}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_python_blocks_run(page: Path, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for text in blocks(page, "python"):
        exec(compile(text, str(page), "exec"), names)
