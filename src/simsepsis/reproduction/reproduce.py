"""The thesis beside its simulated twin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import pandas as pd

from simsepsis.analysis.readings import READINGS
from simsepsis.arrays import FloatArray
from simsepsis.errors import UsageError
from simsepsis.replication import run_replicates
from simsepsis.reproduction.comparison import compare, curves_of, failures_of
from simsepsis.reproduction.evidence import gather
from simsepsis.reproduction.readings import ReadingsComparison, compare_readings
from simsepsis.reproduction.replicate import SimulatedThesis
from simsepsis.reproduction.summary import summarize_in_words
from simsepsis.thesis.printed import Key, cells_of
from simsepsis.thesis.tables import load_thesis
from simsepsis.threads import one_thread
from simsepsis.world.scenario import Scenario

DEFAULT_SEED = 20260101


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reproduction:
    """The thesis's analysis run on many simulated registries, beside what the thesis printed.

    Attributes
    ----------
    scenario, seed, replicates, jobs
        What was run.
    seconds
        Wall time of the replicates.
    keys
        The numbers, in the order of `comparison` and of the columns of `draws`.
    draws
        (replicates, numbers): every number in every replicate; NaN where a step failed.
    comparison
        One row per printed number: ``table`` and `comparison.TABLE_COLUMNS`.
    curves
        Mean Kaplan–Meier curves: ``arm, time, survival, low, high, at_risk, n_used``.
    scores
        ``arm, matched, logit`` of every patient of the first replicate; None if its score failed.
    failures
        ``step, reason, replicates, first``: what failed, how often, in which replicate first.
    summary
        Sentences, computed.
    readings
        The same for the other readings of the thesis's methods; None where they were not run.
    """

    scenario: Scenario
    seed: int
    replicates: int
    jobs: int
    seconds: float
    keys: tuple[Key, ...]
    draws: FloatArray
    comparison: pd.DataFrame
    curves: pd.DataFrame
    scores: pd.DataFrame | None
    failures: pd.DataFrame
    summary: tuple[str, ...]
    readings: ReadingsComparison | None = None

    def values(self, *key: str) -> FloatArray:
        """Return one number in every replicate, (replicates,), by its key."""
        values: FloatArray = self.draws[:, self.keys.index(Key(*key))]
        return values


@one_thread()
def reproduce(
    scenario: Scenario,
    *,
    replicates: int = 200,
    jobs: int = -1,
    seed: int = DEFAULT_SEED,
    readings: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Reproduction:
    """Simulate the registry, run the thesis's whole analysis on each replicate and compare with print.

    Parameters
    ----------
    scenario
        The world.
    replicates
        Number of registries, at least 1.
    jobs
        Worker processes; −1 for one per core. The results do not depend on it.
    seed
        ≥ 0; replicate r is the registry that ``generate_cohort(scenario, seed=seed, replicate=r)`` gives.
    readings
        Whether to run every reading of the thesis's methods on the same replicates.
    progress
        Called with replicates done and in all.

    Raises
    ------
    UsageError
        If `replicates`, `jobs` or `seed` is out of range.
    """
    if seed < 0:
        raise UsageError(f"seed {seed} is negative; give an integer of 0 or more")
    thesis, corrected = load_thesis(), load_thesis(corrected=True)
    keys = tuple(cells_of(thesis))
    begin = perf_counter()
    chosen = READINGS if readings else READINGS[:1]
    task = SimulatedThesis(scenario=scenario, seed=seed, keys=keys, readings=chosen)
    kept = run_replicates(task, replicates, jobs=jobs, progress=progress)
    draws = np.stack([one.values for one in kept])
    comparison = compare(thesis, corrected, draws)
    failures = failures_of([one.failures for one in kept])
    null = scenario.is_null
    return Reproduction(
        scenario=scenario,
        seed=seed,
        replicates=replicates,
        jobs=jobs,
        seconds=perf_counter() - begin,
        keys=keys,
        draws=draws,
        comparison=comparison,
        curves=curves_of([one.survival for one in kept], [one.at_risk for one in kept]),
        scores=kept[0].scores,
        failures=failures,
        summary=summarize_in_words(gather(comparison, draws, failures, null=null)),
        readings=compare_readings(thesis, corrected, chosen, np.stack([one.by_reading for one in kept]))
        if readings
        else None,
    )
