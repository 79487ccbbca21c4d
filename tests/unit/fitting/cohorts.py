"""A small cohort of each kind, with its analysis, for tests of fitted worlds."""

from __future__ import annotations

import numpy as np
import pandas as pd
from tests.unit.own_cohorts import own_spec

from simsepsis import AnalysisSpec


def people(n: int, seed: int) -> tuple[pd.DataFrame, np.random.Generator]:
    """Return patients with covariates of every kind, some missing, in sites."""
    rng = np.random.default_rng(seed)
    latent = rng.multivariate_normal(np.zeros(4), 0.4 + 0.6 * np.eye(4), n)
    frame = pd.DataFrame(
        {
            "site": rng.integers(1, 13, n),
            "age": np.round(60.0 + 12.0 * latent[:, 0]),
            "marker": np.round(np.exp(0.8 * latent[:, 1]), 2),
            "smoker": (latent[:, 2] > 0.4).astype(int),
            "grade": np.digitize(latent[:, 3], [-0.5, 0.5, 1.2]),
            "stage": np.array(["I", "II", "III"])[np.digitize(latent[:, 0] + latent[:, 3], [0.0, 1.5])],
        }
    )
    frame["beds"] = np.array([8, 12, 20])[frame["site"] % 3]
    frame.loc[rng.random(n) < 0.15, "marker"] = np.nan
    return frame, rng


def survival_cohort(n: int = 3000, seed: int = 1) -> tuple[pd.DataFrame, AnalysisSpec]:
    """Return a cohort with sites, follow-up to 60 days, death by day 28, and a cost."""
    frame, rng = people(n, seed)
    z = (frame["age"] - 60) / 12
    site = rng.normal(0.0, 0.6, 13)[frame["site"]]
    frame["treated"] = (
        rng.random(n) < 1 / (1 + np.exp(0.9 - 0.7 * z - 0.5 * frame["smoker"] - site))
    ).astype(int)
    hazard = 0.012 * np.exp(0.6 * z + 0.3 * frame["grade"] - 0.3 * frame["treated"])
    death, left = rng.exponential(1 / hazard), rng.uniform(20.0, 90.0, n)
    end = np.minimum(left, 60.0)
    frame["days"] = np.ceil(np.minimum(death, end))
    frame["dead"] = (death <= end).astype(int)
    frame["dead28"] = ((frame["dead"] == 1) & (frame["days"] <= 28)).astype(int)
    frame["cost"] = np.round(np.exp(7.0 + 0.3 * z + rng.normal(0.0, 0.5, n)))
    spec = own_spec(
        treatment="treated",
        outcomes=("dead28",),
        numeric_outcomes=("cost",),
        covariates=("age", "marker", "smoker", "grade", "stage", "beds"),
        missing={"marker": "indicator"},
        censoring="administrative",
        rmst_horizon=60.0,
        cluster="site",
        survival_time="days",
        survival_event="dead",
    )
    return frame, spec


def randomized_cohort(n: int = 1000, seed: int = 3) -> tuple[pd.DataFrame, AnalysisSpec]:
    """Return a trial in which the treatment does nothing, with words for the arms."""
    frame, rng = people(n, seed)
    chance = 1 / (1 + np.exp(1.0 - 0.05 * (frame["age"] - 60) - 0.4 * frame["grade"]))
    frame["arm"] = np.where(rng.random(n) < 0.5, "drug", "placebo")
    frame["outcome"] = np.where(rng.random(n) < chance, "died", "survived")
    spec = own_spec(
        name="trial",
        treatment="arm",
        treated="drug",
        event="died",
        outcomes=("outcome",),
        covariates=("age", "smoker", "grade"),
    )
    return frame, spec
