"""Commands that README and the docs show have the options they are shown with, and Python blocks run."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from simsepsis.cli import app
from simsepsis.show.pages.trial.document import document_of
from simsepsis.trial import build_pool
from simsepsis.trial.planning import Effort, compute_plan
from simsepsis.trial.planning.companions import Bench
from simsepsis.trial.planning.variants import adaptive_table
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.protocol.other_designs import VARIANTS

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


PLANNING = ROOT / "docs" / "tutorials" / "planning-a-trial.md"


def plans() -> list[dict[str, Any]]:
    """Return the first plan of the page, and it with the tables of each other example."""
    first, *others = (tomllib.loads(text) for text in blocks(PLANNING, "toml"))
    return [first, *({**first, **other} for other in others)]


def test_there_is_an_example_for_each_design():
    told = "".join(blocks(PLANNING, "toml"))
    for key in ("margin", "time_to_death", "efficacy_at", "cluster_crossover", "multiplicity", "[[priors]]"):
        assert key in told
    assert all(f"[{key}]" in told for key in VARIANTS)


@pytest.mark.parametrize("plan", plans(), ids=lambda plan: "-".join([*plan][5:]) or "first")
def test_an_example_of_a_plan_can_be_planned(plan: dict[str, Any]):
    trial = {"name": "shown", "label": "", "run": {"pool": 4_000, "trials": 20}, **plan}
    found = compute_plan(TrialProtocol.model_validate(trial), effort=Effort(replicates=0))
    assert found.n_total > 0
    assert document_of(found, command="").statement
    if found.protocol.adaptive:
        bench = Bench(protocol=found.protocol, size=found.size, pool=build_pool(found.protocol))
        assert {"null", "planned"} == set(adaptive_table(bench)["truth"])
