"""A run on a cluster that loses workers in the middle: what the scripts beside this one have in common."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PLAN = ("size-2007", "--replicates", "400")
TABLES = ("performance.csv", "accept.csv", "ladder.csv", "answer.md")
PATIENCE = 900.0
"""Seconds that anything is waited for."""


def simsepsis(*words: str) -> None:
    """Run a command that must succeed."""
    subprocess.run([sys.executable, "-m", "simsepsis", *words], check=True, stdout=subprocess.DEVNULL)


def said(*command: str) -> str:
    """Return what a command prints."""
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60).stdout


def stored(out: Path) -> int:
    """Return how many batches a run has stored."""
    return len(list((out / "estimates").glob("*"))) if out.is_dir() else 0


def tables(out: Path) -> dict[str, bytes]:
    """Return the tables of a finished run."""
    return {name: (out / name).read_bytes() for name in TABLES}


def wait_for(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds, but not for ever."""
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise SystemExit(f"waited {PATIENCE:.0f} seconds for {what}")
        time.sleep(0.5)
