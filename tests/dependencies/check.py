"""Run the unit tests with the lowest, or the newest, versions that pyproject.toml allows; run by hand.

    python tests/dependencies/check.py lowest            # every direct dependency at its lower bound
    python tests/dependencies/check.py newest            # whatever is newest today
    python tests/dependencies/check.py lowest tests/cli  # other tests

A fresh virtual environment is made in a temporary folder. Ends with pytest's own exit status.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BOUND = re.compile(r"(?P<name>[A-Za-z0-9_.-]+)>=(?P<version>[0-9.]+)$")
QUIET = {"lowest": ["-W", "ignore::DeprecationWarning"], "newest": []}
"""Old packages call what newer ones, which they bring along, call outdated; that is not ours to mend."""

TOOLS = ("pytest", "hypothesis", "pytest-xdist", "lifelines", "distributed")
"""What the tests themselves need; their bounds are not what is tested."""


def requirements(kind: str) -> list[str]:
    """Return what to install: each bound as it is, or its lower end."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = []
    for text in (*project["dependencies"], *project["optional-dependencies"]["formats"]):
        bound = BOUND.match(text)
        if bound is None:
            raise SystemExit(f"pyproject.toml: '{text}' has no lower bound; write it as name>=version")
        found.append(f"{bound['name']}=={bound['version']}" if kind == "lowest" else text)
    return found


def main() -> int:
    """Install, and run the tests."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", choices=["lowest", "newest"])
    parser.add_argument("tests", nargs="*", default=["tests/unit"])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        install = [python, "-m", "pip", "install", "-q", "--upgrade", *requirements(asked.kind), *TOOLS]
        subprocess.run(install, check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "-e", str(ROOT)], check=True)
        subprocess.run([python, "-m", "pip", "list"], check=True)
        environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "NUMBA_CACHE_DIR": f"{folder}/numba"}
        tests = [python, "-m", "pytest", *QUIET[asked.kind], *asked.tests]
        return subprocess.run(tests, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
