"""How many examples a property is tried on: see CONTRIBUTING.md."""

from __future__ import annotations

from typing import Any

from hypothesis import settings


def examples(number: int, **others: Any) -> settings:
    """Return the settings of a property tried on so many examples, ten times as many where one explores."""
    return settings(max_examples=number * settings().max_examples // 100, **others)
