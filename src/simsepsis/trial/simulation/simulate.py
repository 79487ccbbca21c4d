"""Simulated trials: what they decide, what they estimate, and how often."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from simsepsis.errors import UsageError
from simsepsis.files import sole_use
from simsepsis.threads import one_thread
from simsepsis.trial.protocol import TrialProtocol
from simsepsis.trial.simulation.batch import Batches, Results, batches, joined
from simsepsis.trial.simulation.decide import trial_rows
from simsepsis.trial.simulation.from_protocol import planned_total
from simsepsis.trial.simulation.kept import Kept, kept_in
from simsepsis.trial.simulation.pool import Pool, build_pool, null_pool
from simsepsis.trial.simulation.setting import prepare
from simsepsis.trial.simulation.truth import truth_table

Progress = Callable[[int, int], None]
"""Called with trials done and trials in all."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrialSimulation:
    """Simulated trials of one protocol.

    Attributes
    ----------
    protocol
        The trial.
    n_total
        Patients randomized if it goes to the end, all arms.
    null
        Whether treatment does nothing in the world of these trials.
    seed
        Seed of the trials; the population has that of the protocol.
    trials
        One row per trial and treated arm: trial, arm, look, information, decision (none, efficacy, harm,
        futility), rejected, z, estimate, std_error, ci_low, ci_high (as if there had been no looks),
        adjusted_estimate, adjusted_low, adjusted_high, p_value (stage-wise), n_randomized, n_known,
        n_control, n_treated, deaths_control, deaths_treated, months, failure. Ratios are logarithms. The
        stage-wise results leave out a futility rule that does not bind; where it is followed all the same
        their intervals cover less than they say.
    characteristics
        arm, measure, value, mcse, n_sim.
    looks
        One row per arm and look: arm, look, information, n_due, then the probability of stopping there for
        efficacy, harm and futility and of having stopped by then, each with its MCSE, and mean deaths and
        months.
    truth
        arm, strategy, measure, value, mcse: what the trials estimate in their population, exact there; its
        Monte Carlo standard error is against the world's.
    """

    protocol: TrialProtocol
    n_total: int
    null: bool
    seed: int
    trials: pd.DataFrame
    characteristics: pd.DataFrame
    looks: pd.DataFrame
    truth: pd.DataFrame

    def measure(self, name: str, arm: str | None = None) -> tuple[float, float]:
        """Return value and MCSE of one operating characteristic."""
        wanted = arm or self.protocol.arms[self.protocol.effect_arm].name
        table = self.characteristics
        row = table[(table["measure"] == name) & (table["arm"] == wanted)]
        if row.empty:
            known = ", ".join(dict.fromkeys(table["measure"]))
            raise UsageError(f"measure '{name}' of arm '{wanted}' is not there; measures are {known}")
        return float(row["value"].iloc[0]), float(row["mcse"].iloc[0])


@one_thread()
def simulate_trials(
    protocol: TrialProtocol,
    *,
    replicates: int | None = None,
    seed: int | None = None,
    jobs: int = -1,
    null: bool = False,
    n_total: int | None = None,
    pool: Pool | None = None,
    store: Path | None = None,
    progress: Progress | None = None,
) -> TrialSimulation:
    """Simulate trials of a protocol on the cohort.

    Parameters
    ----------
    protocol
        The trial.
    replicates
        Trials; None for those of the protocol.
    seed
        Seed of the trials; None for that of the protocol. The population always has that of the protocol.
    jobs
        Worker processes, −1 for one per core; the results do not depend on it.
    null
        Whether treatment does nothing: for the type I error.
    n_total
        Patients randomized, all arms; None for those that the protocol states or needs.
    pool
        The population, if it has been built; see `build_pool`.
    store
        Folder in which the trials are kept, so that those that are there need not be simulated again; None to
        keep none.
    progress
        Called after each batch of trials.

    Returns
    -------
    TrialSimulation
        Trials, operating characteristics with MCSE, and the truth that the trials estimate.

    Raises
    ------
    ExperimentError
        If the population cannot have what the protocol asks for.
    UsageError
        If a number is out of range.

    Notes
    -----
    Patients are drawn with replacement from a finite population whose rates are therefore the truth, without
    error of their own. Every mechanism of a trial (sites, recruitment, accrual, randomization, departures,
    loss) has its own stream of random numbers, so that protocols that differ in one share the others.
    """
    # Summaries of simulated trials need rooms that a plan by formulas never opens.
    from simsepsis.trial.simulation.characteristics import characteristics, look_characteristics

    number = protocol.run.trials if replicates is None else replicates
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise UsageError(f"replicates = {number}: give a whole number of 1 or more")
    planned = pool or build_pool(protocol)
    total = planned_total(protocol, planned) if n_total is None else n_total
    setting = prepare(protocol, null_pool(protocol, planned) if null else planned, total)
    used = protocol.run.seed if seed is None else seed
    task = Batches(setting=setting.lean(), seed=used)
    kept = None if store is None else kept_in(store, setting, null=null, seed=used)
    results = _simulated(task, kept, number, jobs, progress)
    trials = trial_rows(setting, results)
    truth = truth_table(setting)
    return TrialSimulation(
        protocol=protocol,
        n_total=total,
        null=null,
        seed=used,
        trials=trials,
        characteristics=characteristics(setting, trials, truth),
        looks=look_characteristics(setting, trials, results),
        truth=truth,
    )


def _simulated(
    task: Batches, kept: Kept | None, number: int, jobs: int, progress: Progress | None
) -> Results:
    """Simulate what is lacking, and return all: what is kept, or what was just simulated where nothing is."""
    # What spreads work over processes takes long to import, and a plan by formulas has no use for it.
    from simsepsis.replication import run_batches

    parts: dict[int, Results] = {}
    with sole_use(kept.folder) if kept else nullcontext():
        ranges = tuple(kept.lacking(number) if kept else batches(number))
        done = number - sum(len(one) for one in ranges)
        for first, results in run_batches(task, ranges, jobs=jobs) if ranges else ():
            if kept:
                kept.write(first, results)
            else:
                parts[first] = results
            done += len(results.months)
            if progress is not None:
                progress(done, number)
        return kept.read(number) if kept else joined([parts[first] for first in sorted(parts)])


@one_thread()
def simulate_trial(protocol: TrialProtocol, *, seed: int | None = None, replicate: int = 0) -> pd.DataFrame:
    """Simulate one trial of a protocol: the very one that `simulate_trials` has under that number.

    Parameters
    ----------
    protocol
        The trial.
    seed
        As in `simulate_trials`.
    replicate
        Number of the trial, from 0.

    Returns
    -------
    DataFrame
        The rows of `TrialSimulation.trials`, one per treated arm.
    """
    pool = build_pool(protocol)
    setting = prepare(protocol, pool, planned_total(protocol, pool))
    task = Batches(setting=setting, seed=protocol.run.seed if seed is None else seed)
    rows = trial_rows(setting, task(range(replicate, replicate + 1))[1])
    return rows.assign(trial=replicate)
