"""Rooms above that a room opens by name, and only when what lives there is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def opened(room: str, name: str) -> Any:
    """Return what a module has under a name, such as ``load_spec`` of ``analysis.spec``."""
    return getattr(import_module(f"simsepsis.{room}"), name)
