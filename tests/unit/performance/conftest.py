"""Estimate rows as a simulation study leaves them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

METHODS = {"crude": (0.15, 0.20), "psm": (0.02, 0.25), "psm_with_u": (0.0, 0.24)}
"""Bias and empirical SE of each method."""


def make_rows(seed: int = 1, cells: tuple[str, ...] = ("a", "b"), n: int = 200) -> pd.DataFrame:
    """Return rows of three methods that share noise, with failures and missing standard errors."""
    rng = np.random.default_rng(seed)
    parts = []
    for cell in cells:
        shared = rng.normal(size=n)
        for method, (shift, spread) in METHODS.items():
            estimate = -0.2 + shift + spread * (0.8 * shared + 0.6 * rng.normal(size=n))
            error = spread * np.sqrt(rng.chisquare(40, size=n) / 40)
            rows = {"estimate": estimate, "std_error": error, "ci_low": estimate - 2 * error}
            rows |= {"ci_high": estimate + 2 * error, "p_value": np.nan, "converged": True, "failure": None}
            keys = {"cell": cell, "scenario": f"world_{cell}", "replicate": np.arange(n), "method": method}
            parts.append(pd.DataFrame({**keys, "estimand": "log_or_icu_death", **rows}))
    frame = pd.concat(parts, ignore_index=True)
    values = ["estimate", "std_error", "ci_low", "ci_high", "p_value"]
    failed = (rng.random(len(frame)) < 0.05) & (frame["method"] != "crude")
    frame.loc[failed, values] = np.nan
    frame.loc[failed, "converged"] = False
    frame.loc[failed, "failure"] = "no pairs within the caliper"
    frame.loc[rng.random(len(frame)) < 0.03, ["std_error", "ci_low", "ci_high"]] = np.nan
    return frame


@pytest.fixture
def rows() -> pd.DataFrame:
    """Return rows of two cells, three methods and 200 replicates."""
    return make_rows()


@pytest.fixture
def rows_of() -> Callable[..., pd.DataFrame]:
    """Return the maker of rows: ``rows_of(seed, cells, n)``."""
    return make_rows


@pytest.fixture
def pick() -> Callable[..., pd.Series]:
    """Return ``pick(table, measure, **keys)``: the one row of a performance table."""

    def one(table: pd.DataFrame, measure: str, **keys: object) -> pd.Series:
        found = table[table["measure"] == measure]
        for name, value in keys.items():
            found = found[found[name] == value]
        assert len(found) == 1
        return found.iloc[0]

    return one
