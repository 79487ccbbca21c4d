"""Write the patients on which the kernels and R are compared: ``python make_data.py`` in this folder.

Small on purpose, and awkward on purpose: tied times, clusters of one and two, rare treatments, weights.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

SIZES = (1, 1, 2, 2, 3, 5, 8, 12, 16, 20, 24, 26, 30, 40, 50)
"""Patients in each cluster."""


def make_patients(seed: int = 20130401) -> pd.DataFrame:
    """Return one row for each patient, in an order that does not follow the clusters."""
    rng = np.random.default_rng(seed)
    cluster = rng.permutation(np.repeat(np.arange(len(SIZES)), SIZES))
    n = cluster.size
    style = rng.normal(0, 0.8, len(SIZES))[cluster]
    age = rng.normal(70, 12, n).round(1)
    treated = (rng.random(n) < 0.4).astype(int)
    units = rng.poisson(2, n)
    rare = np.zeros(n, int)
    rare[rng.choice(n, 7, replace=False)] = 1
    log_odds = -1 + 0.03 * (age - 70) - 0.3 * treated + 0.2 * units + style
    died = (rng.random(n) < 1 / (1 + np.exp(-log_odds))).astype(int)
    died[np.flatnonzero(rare)[:2]] = 1
    died[np.flatnonzero(rare)[2:]] = 0
    time = np.ceil(rng.exponential(25 * np.exp(-0.5 * died), n)).astype(int)
    left = rng.random(n)
    return pd.DataFrame(
        {
            "cluster": cluster,
            "died": died,
            "age": age,
            "treated": treated,
            "units": units,
            "rare": rare,
            "weight": rng.integers(1, 9, n) / 4,
            "time": time,
            "entry": np.floor(time * rng.random(n)).astype(int),
            "stratum": rng.integers(0, 3, n),
            "cause": np.where(died == 1, 1, np.where(left < 0.5, 2, 0)),
        }
    )


if __name__ == "__main__":
    make_patients().to_csv(Path(__file__).parent / "patients.csv", index=False)
