"""What the calibration takes as given: judgement, and mechanisms added after held-out numbers were seen."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from simsepsis.errors import UsageError, did_you_mean
from simsepsis.world.files import merged


@cache
def mechanisms() -> Mapping[str, Mapping[str, Any]]:
    """Return what was added to the first world after held-out numbers had been looked at, by name."""
    return _read("mechanisms.toml")


def mechanisms_without(names: Sequence[str]) -> tuple[str, ...]:
    """Return the `mechanisms` that are left without some, or without all."""
    known = mechanisms()
    for name in names:
        if name not in (*known, "all"):
            near = did_you_mean(name, known) or f"; known are all, {', '.join(known)}"
            raise UsageError(f"--without {name}: there is no such mechanism{near}")
    return () if "all" in names else tuple(name for name in known if name not in names)


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))


def load_assumptions(added: Sequence[str] = ()) -> dict[str, Any]:
    """Return the assumptions that the calibration takes as given, with those of some `mechanisms`."""
    assumptions = _read("assumptions.toml")
    for name in added:
        assumptions = merged(assumptions, mechanisms()[name]["assumptions"])
    return assumptions


def declared_mechanisms(sentences: Sequence[str]) -> tuple[str, ...]:
    """Return the `mechanisms` that a scenario declares as fitted after looking."""
    return tuple(name for name, one in mechanisms().items() if one["words"] in sentences)
