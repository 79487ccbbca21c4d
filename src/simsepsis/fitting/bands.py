"""A user's own analysis in every world that could have printed the tables: each number as a band."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.analysis.thesis_analysis import analyze
from simsepsis.errors import DataError, NotEstimableError
from simsepsis.fitting.fit import LearnedWorld
from simsepsis.records import Registry
from simsepsis.world.cohort import generate_cohort
from simsepsis.world.fitted.scenario import FittedScenario, Solved


def band(
    ensemble: Sequence[LearnedWorld],
    spec: AnalysisSpec,
    *,
    seed: int,
    replicates: int = 2,
    n: int | None = None,
) -> pd.DataFrame:
    """Return every number of an analysis as the band over an ensemble.

    Returns
    -------
    DataFrame
        One row per quantity: `quantity` (``c_statistic``, ``pairs``, ``largest_smd_percent``, and ``METHOD
        ESTIMAND`` for each estimate, on its scale), `low` and `high` (the least and the greatest of all
        cohorts), `cohorts` (how many gave a number), and one column per world with the mean of its own.
    """
    found = {
        world.scenario.name: pd.DataFrame(
            [_quantities(world, spec, seed, replicate, n) for replicate in range(replicates)]
        )
        for world in ensemble
    }
    every = pd.concat(found.values(), ignore_index=True)
    frame = pd.DataFrame({"low": every.min(), "high": every.max(), "cohorts": every.notna().sum()})
    for name, own in found.items():
        frame[name] = own.mean()
    return frame.rename_axis("quantity").reset_index()


def _quantities(
    world: LearnedWorld, spec: AnalysisSpec, seed: int, replicate: int, n: int | None
) -> dict[str, float]:
    cohort = generate_cohort(_settled(world.scenario), seed=seed, n=n, replicate=replicate)
    return analysis_quantities(cohort.registry, spec, seed=seed + replicate)


def _settled(scenario: FittedScenario) -> FittedScenario:
    """Return a world as it was found, whose score has its intercept already."""
    found = Solved(score_mean=0.0, prognosis_mean=0.0, prognosis_slope=0.0, intercept=0.0)
    return scenario.model_copy(update={"solved": found})


def analysis_quantities(registry: Registry, spec: AnalysisSpec, *, seed: int) -> dict[str, float]:
    """Return the numbers of an analysis by name; none where a cohort cannot be analysed."""
    try:
        analysis = analyze(pd.DataFrame(registry), spec, seed=seed)
        score, balance = analysis.scores.iloc[0], analysis.balance
    except (DataError, NotEstimableError):
        return {}
    own = balance[(balance["score"] == score["score"]) & (balance["phase"] == "after")]
    found = {
        "c_statistic": float(score["c_statistic"]),
        "pairs": float(score["pairs"]),
        "largest_smd_percent": float(np.nanmax(np.abs(own["pooled_after"]), initial=0.0)),
    }
    for row in analysis.estimates.itertuples():
        if row.converged:
            found[f"{row.method} {row.estimand}"] = float(row.estimate)
    return found
