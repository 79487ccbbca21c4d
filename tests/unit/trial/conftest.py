"""A small plain trial that the tests change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from simsepsis.trial import TrialProtocol

PLAIN: dict[str, Any] = {
    "name": "plain",
    "label": "IVIgG 1.5 g/kg against placebo",
    "question": "Does it lower death by day 28?",
    "world": {"base": "thesis", "set": {"dose.response": "log_linear"}},
    "arms": [{"name": "IVIgG", "grams_per_kg": 1.5}],
    "endpoint": {"name": "death_28d"},
    "effect": {"scale": "risk_ratio", "value": 0.81},
    "allocation": {"method": "simple"},
    "run": {"pool": 20_000, "trials": 1_500, "seed": 7},
}


@pytest.fixture(scope="session")
def protocol() -> Callable[..., TrialProtocol]:
    """Return the plain trial with changes."""

    def changed(changes: dict[str, Any] | None = None) -> TrialProtocol:
        return TrialProtocol.model_validate(PLAIN).changed(changes or {})

    return changed
