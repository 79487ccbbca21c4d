"""The command line as a user meets it: a process in a temporary folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def simsepsis(tmp_path):
    """Return a function that runs one command line in a temporary folder."""
    program = Path(sys.executable).with_name("simsepsis")

    def run(*arguments):
        return subprocess.run(
            [str(program), *map(str, arguments)], cwd=tmp_path, capture_output=True, text=True, check=False
        )

    return run
