"""Plant faults one at a time and see whether the tests notice; run by hand.

    python tests/mutation/plant.py            # every fault against the tests named for it
    python tests/mutation/plant.py --full     # whatever survives against the whole default suite
    python tests/mutation/plant.py caliper    # faults whose name holds a word

Each fault is planted in a copy of ``src``; the checkout is left alone. Ends with 1 if a fault survives.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from faults import FAULTS, Fault

ROOT = Path(__file__).resolve().parents[2]
QUIET = [
    "-q",
    "-x",
    "--no-header",
    "-m",
    "not slow",
    "-p",
    "no:cacheprovider",
    "-o",
    "addopts=--strict-markers",
]


def planted(fault: Fault, folder: Path) -> None:
    """Put a fault into a copy of the package; compiled code is made anew, as other files may hold it."""
    path = folder / "src" / "simsepsis" / fault.file
    text = path.read_text(encoding="utf-8")
    if text.count(fault.right) != 1:
        raise SystemExit(
            f"{fault.file} holds the text of '{fault.name}' {text.count(fault.right)} times, not once"
        )
    path.write_text(text.replace(fault.right, fault.wrong), encoding="utf-8")
    if "njit" in text:
        for cached in (folder / "src").rglob("*.nb?"):
            cached.unlink()


def noticed(folder: Path, tests: list[str], *, parallel: bool = False) -> str | None:
    """Return the first test that fails, None where all pass."""
    workers = ["-n", "auto", "--dist", "loadfile"] if parallel else ["-p", "no:xdist"]
    command = [sys.executable, "-m", "pytest", *QUIET, *workers, *tests]
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    found = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if found.returncode == 0:
        return None
    failed = [line for line in found.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0] if failed else found.stdout[-300:] + found.stderr[-300:]


def judge(fault: Fault, *, full: bool) -> str | None:
    """Return what notices a fault."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("src", "tests", "scenarios", "experiments", "pyproject.toml", "README.md"):
            source = ROOT / part
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, folder / part)
        planted(fault, folder)
        tests = [f"tests/{test}" for test in dict.fromkeys(fault.tests) if (folder / "tests" / test).exists()]
        return noticed(folder, tests) or (noticed(folder, ["tests"], parallel=True) if full else None)


def main() -> int:
    """Plant the faults that were asked for; return 1 if one survives."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("word", nargs="?", default="", help="only faults whose name holds it")
    parser.add_argument("--full", action="store_true", help="try survivors against the whole default suite")
    asked = parser.parse_args()
    chosen = [fault for fault in FAULTS if asked.word in fault.name]
    survivors = []
    for fault in chosen:
        begin = perf_counter()
        by = judge(fault, full=asked.full)
        survivors += [] if by else [fault.name]
        print(
            f"{'caught  ' if by else 'SURVIVED'} {perf_counter() - begin:4.0f} s  {fault.name}: {by or ''}",
            flush=True,
        )
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} faults caught; survivors: {survivors or 'none'}")
    return bool(survivors)


if __name__ == "__main__":
    sys.exit(main())
