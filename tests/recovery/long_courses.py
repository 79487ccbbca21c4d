"""Courses of treatment whose survival under each policy is known: published ones, and ones that may stop."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.special

TRUTH = {
    "always": (0.8522, 0.7363, 0.6424, 0.5639, 0.4969),
    "never": (0.8188, 0.6696, 0.5463, 0.4443, 0.3598),
    "always - never": (0.0334, 0.0667, 0.0960, 0.1197, 0.1371),
}
"""Survival at the end of visits 1 to 5 in Keogh's courses, by a million draws."""

KEOGH = {
    "id": "person",
    "visit": "visit",
    "treatment": "treated",
    "covariates": ["L"],
    "event": "died",
    "duration": "time",
    "horizon": 5,
}


def keogh_courses(rng: np.random.Generator, n: int = 1_000, start: float = -1.0) -> pd.DataFrame:
    """Return courses of Keogh RH et al. Stat Med 2023;42:2191, section 6: treatment never stops."""
    U = rng.normal(0, 0.1, n)
    L, treated, alive = rng.normal(U, 1), np.zeros(n), np.ones(n, bool)
    rows = []
    for k in range(5):
        if k:
            L = rng.normal(0.8 * L - treated + 0.1 * k + U, 1)
        treated = np.maximum(treated, rng.random(n) < scipy.special.expit(start + 0.5 * L))
        hazard = np.maximum(0.2 - 0.04 * treated + 0.015 * L + 0.015 * U, 1e-12)
        time = rng.exponential(1 / hazard)
        columns = {"person": np.arange(n), "visit": k, "treated": treated, "L": L}
        visit = pd.DataFrame({**columns, "died": (time < 1).astype(int), "time": np.minimum(time, 1)})
        rows.append(visit[alive])
        alive &= time >= 1
    return pd.concat(rows, ignore_index=True)


def switching_courses(rng: np.random.Generator, n: int, policy: float | None = None) -> pd.DataFrame:
    """Return courses of three visits in which treatment may stop; a policy sets it, and then nobody dies.

    The column `hazard` is each person's chance of dying during the visit.
    """
    L, treated, alive = rng.normal(size=n), np.zeros(n), np.ones(n, bool)
    rows = []
    for k in range(3):
        if k:
            L = 0.5 * L - 0.5 * treated + rng.normal(size=n)
        chosen = rng.random(n) < scipy.special.expit(-0.5 + 0.5 * L + treated)
        treated = np.full(n, policy) if policy is not None else chosen.astype(float)
        hazard = np.clip(0.2 - 0.08 * treated + 0.04 * L, 0, 1)
        died = (rng.random(n) < hazard) & (policy is None)
        columns = {"person": np.arange(n), "visit": k, "treated": treated, "L": L}
        rows.append(pd.DataFrame({**columns, "died": died.astype(int), "hazard": hazard})[alive])
        alive &= ~died
    return pd.concat(rows, ignore_index=True)
