"""Frames that figures and reports are drawn from: the thesis's numbers beside made-up draws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from simsepsis.reproduction.comparison import RATIOS, compare
from simsepsis.study.published import open_study

N_DRAWS = 80


@pytest.fixture(scope="session")
def comparison() -> pd.DataFrame:
    """Return every printed number beside draws around a mean that is near it; most lie inside."""
    rng = np.random.default_rng(7)
    thesis = open_study().printed()
    printed = thesis["printed"].to_numpy(np.float64)
    spread = 0.1 * printed + 0.3
    noise = rng.normal(size=printed.size) + rng.normal(size=(N_DRAWS, printed.size))
    is_ratio = thesis["statistic"].isin(RATIOS).to_numpy()
    draws = np.where(is_ratio, printed * np.exp(0.2 * noise), np.abs(printed + noise * spread))
    return compare(open_study(), draws)
