"""Levels of a category keep their shares however the normal variables behind them hang together."""

from __future__ import annotations

import numpy as np
import pytest

from simsepsis import AnalysisSpec, fit_world, generate_cohort

# No cohort shows how levels hang together, so a profile is changed where it says so.
from simsepsis.world.fitted.scenario import in_memory

SHARES = np.array([0.4, 0.3, 0.2, 0.1])
SPEC = AnalysisSpec(treatment="drug", outcomes=("died",), covariates=("group", "x"))


@pytest.fixture(scope="module")
def profile():
    import pandas as pd

    rng = np.random.default_rng(5)
    n = 4_000
    frame = pd.DataFrame(
        {
            "group": rng.choice(list("abcd"), n, p=SHARES),
            "x": rng.normal(size=n),
            "drug": rng.integers(0, 2, n),
            "died": rng.integers(0, 2, n),
        }
    )
    return fit_world(frame, SPEC).profile


@pytest.mark.parametrize("correlation", [0.0, 0.5, -0.4])
def test_shares_hold(profile, correlation: float):
    lower = tuple(
        tuple(correlation if row < 3 else 0.0 for _ in range(row))
        for row in range(1, len(profile.correlation) + 1)
    )
    world = in_memory(profile.model_copy(update={"correlation": lower}))
    made = generate_cohort(world, seed=1, n=60_000, oracle=False).registry["group"]
    wanted = dict(zip(profile.columns["group"].levels, profile.columns["group"].shares, strict=True))
    found = made.value_counts(normalize=True)
    # 3 standard errors of a share, and of that of the limit
    assert {level: pytest.approx(share, abs=0.009) for level, share in wanted.items()} == found.to_dict()
