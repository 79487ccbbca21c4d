"""The examples of every command's help are run as they stand, in one temporary folder.

The fast share starts the program for the examples of audit, generate and list; the slow tests do so
for the others, whose commands run in the fast tests with less to do.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from simsepsis.cli.app import app

COMMANDS = typer.main.get_command(app).commands
PROGRAM = Path(sys.executable).with_name("simsepsis")
EXAMPLE = re.compile(r"^\s*Example: (.+)$", flags=re.MULTILINE)
IGNORED = Path(__file__).parents[2] / ".gitignore"
SLOW = {
    "analyze": "draws every figure of a whole registry",
    "fit": "analyses twenty cohorts of a world; test_fitted_studies fits a smaller one",
    "calibrate": "fits the generator",
    "infer": "simulates hundreds of registries",
    "plan": "simulates thousands of trials",
    "reproduce": "simulates hundreds of registries, in every reading",
    "describe": "simulates large populations",
    **dict.fromkeys(("run", "summarize", "figures", "report", "replay", "verify"), "needs a run"),
}


def told(*arguments):
    """Return what the application prints."""
    done = CliRunner().invoke(app, list(arguments), prog_name="simsepsis", env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    return done.output


def run(*command, cwd=None):
    return subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder that is a repository with this project's rules of what is not its own."""
    folder = tmp_path_factory.mktemp("examples")
    run("git", "init", "--quiet", folder)
    (folder / ".gitignore").write_bytes(IGNORED.read_bytes())
    return folder


@pytest.fixture(scope="module")
def done():
    """Return the lines that have run, so that none is run again for the next command."""
    return set()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in COMMANDS]
)
def test_the_examples_of_a_command_run_one_after_another(folder, done, name):
    """Examples that begin with what another command needs find it there already."""
    lines = EXAMPLE.findall(told(name, "--help"))
    assert any(line.startswith(f"simsepsis {name}") for line in lines), lines
    for line in [line for line in lines if line not in done]:
        program, *arguments = shlex.split(line)
        assert program == "simsepsis"
        result = subprocess.run(
            [PROGRAM, *arguments], cwd=folder, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, (line, result.stderr)
        done.add(line)
    untracked = run("git", "status", "--porcelain", "--untracked-files=all", cwd=folder)
    assert untracked.splitlines() == ["?? .gitignore"]


@pytest.mark.parametrize("name", COMMANDS)
def test_no_default_place_litters_a_repository(folder, name):
    said = " ".join(told(name, "--help").split())
    places = [param.default for param in COMMANDS[name].params if isinstance(param.default, Path)]
    places += [
        Path(place) / "x" for place in re.findall(r"default: ([a-z-]+/NAME|reproduction[a-z-]*)", said)
    ]
    for place in map(Path, places):
        inside = place / "x.csv" if place == Path(".") else place / "x"
        found = subprocess.run(["git", "check-ignore", "--quiet", str(inside)], cwd=folder, check=False)
        assert found.returncode == 0, place


def test_what_is_slow_is_a_command():
    assert set(SLOW) <= set(COMMANDS)


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_short_and_long_help_are_the_same(name):
    texts = [told(*filter(None, [name]), option) for option in ("-h", "--help")]
    assert texts[0] == texts[1]
    assert texts[0].startswith(f"Usage: simsepsis {name}".strip())


def test_the_version_is_told():
    assert re.fullmatch(r"simsepsis \d+\.\d+\.\d+\S*\n", run(PROGRAM, "--version"))


def test_without_a_command_the_help_is_shown():
    assert run(PROGRAM).startswith("Usage: simsepsis")
