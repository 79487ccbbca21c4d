"""A small plain trial that the tests change, and a tiny one that is planned once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from simsepsis.trial import TrialProtocol, load_trial
from simsepsis.trial.planning import Effort, compute_plan

PLAIN: dict[str, Any] = {
    "name": "plain",
    "label": "IVIgG 1.5 g/kg against placebo",
    "question": "Does it lower death by day 28?",
    "world": {"base": "thesis-v1", "set": {"dose.response": "log_linear"}},
    "arms": [{"name": "IVIgG", "grams_per_kg": 1.5}],
    "endpoint": {"name": "death_28d"},
    "effect": {"scale": "risk_ratio", "value": 0.81},
    "allocation": {"method": "simple"},
    "run": {"pool": 10_000, "trials": 600, "seed": 7},
}


@pytest.fixture(scope="session")
def protocol() -> Callable[..., TrialProtocol]:
    """Return the plain trial with changes."""

    def changed(changes: dict[str, Any] | None = None) -> TrialProtocol:
        return TrialProtocol.model_validate(PLAIN).changed(changes or {})

    return changed


TINY = """
label = "IVIgG 1.5 g/kg against placebo"
question = "Does it lower death by day 28?"

[world]
base = "thesis-v1"

[world.set]
"dose.response" = "log_linear"

[[arms]]
name = "IVIgG"
grams_per_kg = 1.5

[endpoint]
name = "death_28d"

[effect]
scale = "risk_ratio"
value = 0.6

[test]
alpha = 0.025
sides = 1
analysis = "stratified"
strata = ["apache2 >= 29"]

[looks]
information = [0.5, 1.0]
futility = { spending = "hsd" }

[conduct]
nonadherence = { share = 0.05 }
contamination = { share = 0.03 }
loss = { share = 0.02 }

[[priors]]
name = "all_trials"
weight = 0.5

[[priors]]
name = "sceptical"
weight = 0.5

[[published]]
quantity = "risk_control"
value = 0.3

[run]
trials = 40
pool = 4000
"""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Return a protocol with every part that a plan can have."""
    path = tmp_path_factory.mktemp("trial") / "tiny.toml"
    path.write_text(TINY, encoding="utf-8")
    return load_trial(path)


@pytest.fixture(scope="session")
def plan(tiny):
    """Return its plan."""
    return compute_plan(tiny, effort=Effort(jobs=1))
