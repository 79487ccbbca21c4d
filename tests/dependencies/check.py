"""Run the unit tests with the lowest, or the newest, versions that pyproject.toml allows; run by hand.

    python tests/dependencies/check.py lowest            # every direct dependency at its lower bound
    python tests/dependencies/check.py newest            # whatever is newest today
    python tests/dependencies/check.py lowest tests/cli  # other tests
    python3.13 tests/dependencies/check.py lowest        # the lowest that this Python has a wheel of

The wheel is built and installed in a fresh virtual environment in a temporary folder, so that tests see what
a user gets. Ends with pytest's own exit status.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESOLUTION = {"lowest": "lowest-direct", "newest": "highest"}
QUIET = {"lowest": ["-W", "ignore::DeprecationWarning"], "newest": []}
"""Old packages call what newer ones, which they bring along, call outdated; that is not ours to mend."""

TOOLS = ("pytest", "hypothesis", "pytest-xdist", "lifelines", "distributed")
"""What the tests themselves need; their bounds are not what is tested."""


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
        subprocess.run([python, "-m", "pip", "install", "-q", "uv"], check=True)
        wheels = [
            "--only-binary",
            ":all:",
            "--no-binary",
            "simsepsis",
            "--resolution",
            RESOLUTION[asked.kind],
        ]
        place = [python, "-m", "uv", "pip", "install", "-q", "--python", python]
        subprocess.run([*place, *wheels, f"{ROOT}[formats]"], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *TOOLS], check=True)
        subprocess.run([python, "-m", "pip", "list"], check=True)
        environment = os.environ | {"NUMBA_CACHE_DIR": f"{folder}/numba"}
        environment.pop("PYTHONPATH", None)
        tests = [python, "-m", "pytest", *QUIET[asked.kind], *asked.tests]
        return subprocess.run(tests, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
