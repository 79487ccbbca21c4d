"""How many examples a property is tried on, and which cases of a family are slow: see CONTRIBUTING.md."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest
from hypothesis import settings


def examples(number: int, fast: int | None = None, **others: Any) -> settings:
    """Return the settings of a property tried on so many examples, ten times as many where one explores.

    Where one example is dear, ``fast`` says on how many it is tried where nobody explores.
    """
    times = settings().max_examples // 100
    return settings(max_examples=fast if fast and times == 1 else number * times, **others)


def with_slow(cases: Iterable[Any], slow: Collection[Any]) -> list[Any]:
    """Return the cases of a family, of which ``slow`` are left to the slow tests."""
    found = list(cases)
    assert all(case in found for case in slow)
    return [pytest.param(case, marks=pytest.mark.slow) if case in slow else case for case in found]
