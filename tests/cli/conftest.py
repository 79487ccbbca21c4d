"""The command line as a user meets it: a command in a temporary folder.

Most commands run in the tests' own process, through the very function that the program calls;
``simsepsis_process`` starts the program itself, and a share of every kind of test uses it.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from simsepsis.cli import main

PROGRAM = Path(sys.executable).with_name("simsepsis")

Run = Callable[..., CompletedProcess[str]]


def in_a_process(folder: Path) -> Run:
    """Return a function that runs one command line as a process in a folder."""

    def run(*arguments: object) -> CompletedProcess[str]:
        command = [str(PROGRAM), *map(str, arguments)]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    return run


def in_this_process(folder: Path) -> Run:
    """Return a function that runs one command line here, with its place and its outputs its own."""

    def run(*arguments: object) -> CompletedProcess[str]:
        command = [str(PROGRAM), *map(str, arguments)]
        out, errors, status = io.StringIO(), io.StringIO(), None
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            patch.setattr(sys, "argv", command)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
                try:
                    main()
                except SystemExit as end:
                    status = end.code
        assert isinstance(status, int)
        return CompletedProcess(command, status, out.getvalue(), errors.getvalue())

    return run


@pytest.fixture
def simsepsis(tmp_path: Path) -> Run:
    """Return a function that runs one command line in a temporary folder."""
    return in_this_process(tmp_path)


@pytest.fixture
def simsepsis_process(tmp_path: Path) -> Run:
    """Return a function that runs one command line as a process in a temporary folder."""
    return in_a_process(tmp_path)


@pytest.fixture(scope="session")
def simsepsis_in() -> Callable[[Path], Run]:
    """Return the maker of what runs one command line in a given folder."""
    return in_this_process
