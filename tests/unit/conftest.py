"""Frames that figures and reports are drawn from: the thesis's numbers beside made-up simulated ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from simsepsis.thesis.tables import load_thesis

RATIOS = ("odds_ratio", "hazard_ratio", "ci_low", "ci_high")


@pytest.fixture(scope="session")
def comparison() -> pd.DataFrame:
    """Return every printed number with a simulated mean near it and an interval around that mean."""
    rng = np.random.default_rng(7)
    frame = load_thesis()
    printed = frame["printed"].to_numpy(np.float64)
    noise, spread = rng.normal(size=len(frame)), 0.1 * printed + 0.3
    is_ratio = frame["statistic"].isin(RATIOS).to_numpy()
    mean = np.where(is_ratio, printed * np.exp(0.2 * noise), np.abs(printed + noise * spread))
    low = np.where(is_ratio, mean * np.exp(-0.4), np.maximum(mean - 2 * spread, 0.0))
    high = np.where(is_ratio, mean * np.exp(0.4), mean + 2 * spread)
    inside = (low <= printed) & (printed <= high)
    return frame.assign(simulated=mean, low=low, high=high, inside=inside)
