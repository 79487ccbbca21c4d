"""Small plans: a registry of 260 patients, two worlds, cheap methods."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

PLAN = """
name = "small"
question = "Does a small experiment work?"

[ademp]
aims = "a"
data = "d"
estimands = "e"
methods = "m"
performance = "p"

[world]
base = "null"
set = { n = 260 }

[vary]
"observation.by_severity" = [0.0, 1.0]

[run]
methods = ["crude", "psm"]
estimands = ["rd_hospital_death"]
replicates = 6
seed = 5

[accept]
"the crude difference is small" = "crude bias in [-0.5, 0.5]"
"""


@pytest.fixture(scope="session")
def plan_text() -> str:
    """Return the small plan."""
    return PLAN


@pytest.fixture
def plan_file(tmp_path) -> Callable[..., Path]:
    """Return the writer of a plan: pairs of old and new text → path."""

    def write(*changes: tuple[str, str], name: str = "small") -> Path:
        text = PLAN
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / f"{name}.toml"
        path.write_text(text)
        return path

    return write


QUICK = (
    ('["crude", "psm"]', '["oracle_ps", "icu_preference_iv"]'),
    ('"crude bias in', '"oracle_ps bias in'),
)


@pytest.fixture
def quick_plan(plan_file) -> Callable[..., Path]:
    """Return the writer of a plan of methods that take a few milliseconds."""
    return lambda *changes, name="small": plan_file(*QUICK, *changes, name=name)
