"""Small made-up cohorts of other people's kind, and the smallest spec for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from simsepsis.analysis.spec import AnalysisSpec

USUAL: dict[str, Any] = {
    "name": "own",
    "treatment": "drug",
    "outcomes": ("dead",),
    "covariates": ("age", "sex"),
}


def own_spec(**settings: Any) -> AnalysisSpec:
    """Return a spec that names treatment, outcome and two covariates, and what is added."""
    return AnalysisSpec(**(USUAL | settings))


def own_cohort(n: int = 600, seed: int = 8) -> pd.DataFrame:
    """Return patients of 12 hospitals: treatment, death, time, cost, an adjunct and covariates."""
    rng = np.random.default_rng(seed)
    hospital = rng.integers(0, 12, n)
    habit = rng.normal(0, 0.6, 12)[hospital]
    age = rng.normal(60, 12, n).round()
    sex = rng.choice(["female", "male"], n)
    drug = (rng.random(n) < 1 / (1 + np.exp(1.2 - 0.03 * (age - 60) - habit))).astype(int)
    dead = (rng.random(n) < 1 / (1 + np.exp(1.0 - 0.04 * (age - 60) - 0.4 * drug - habit))).astype(int)
    return pd.DataFrame(
        {
            "drug": drug,
            "dead": dead,
            "time": np.ceil(rng.exponential(30 / np.exp(0.4 * dead + 0.2 * drug), n)).clip(1, 90),
            "cost": np.exp(rng.normal(3 + 0.2 * drug + 0.3 * habit, 0.5)).round(2),
            "dialysis": (rng.random(n) < 0.3).astype(int),
            "age": age,
            "sex": sex,
            "hospital": [f"H{number:02d}" for number in hospital],
        }
    )


def row_of(estimates: pd.DataFrame, method: str, estimand: str) -> pd.Series:
    """Return the one row of a method and an estimand."""
    rows = estimates[(estimates["method"] == method) & (estimates["estimand"] == estimand)]
    assert len(rows) == 1, f"{len(rows)} rows of {method} and {estimand}"
    return rows.iloc[0]


def matched_rows(pairs: pd.DataFrame, cohort: pd.DataFrame) -> pd.DataFrame:
    """Return the matched patients once each, with ``pair`` and ``weight``."""
    share = 1 / pairs.groupby("pair")["control_row"].transform("size")
    treated = pairs.drop_duplicates("treated_row")
    weight = share.groupby(pairs["control_row"], sort=False).sum()
    first = pairs.drop_duplicates("control_row")
    return pd.concat(
        [
            cohort.iloc[treated["treated_row"]].assign(pair=treated["pair"].to_numpy(), weight=1.0),
            cohort.iloc[first["control_row"]].assign(
                pair=first["pair"].to_numpy(), weight=weight.loc[first["control_row"]].to_numpy()
            ),
        ],
        ignore_index=True,
    )
