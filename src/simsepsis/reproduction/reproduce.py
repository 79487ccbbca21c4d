"""The thesis beside its simulated twin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

from simsepsis.arrays import FloatArray
from simsepsis.errors import UsageError
from simsepsis.files import write_files
from simsepsis.replication import run_replicates
from simsepsis.reproduction.comparison import compare, curves_of, failures_of
from simsepsis.reproduction.ensemble import FEWEST_WORLDS, Ensemble, ensemble_of
from simsepsis.reproduction.evidence import gather
from simsepsis.reproduction.fit import Fit, goodness_of_fit
from simsepsis.reproduction.readings import ReadingsComparison, compare_readings
from simsepsis.reproduction.replicate import SimulatedThesis
from simsepsis.reproduction.summary import summarize_in_words
from simsepsis.rooms import opened
from simsepsis.study.layout import Key
from simsepsis.study.published import DEFAULT, Study, open_study
from simsepsis.threads import one_thread
from simsepsis.world.scenario import Scenario

DEFAULT_SEED = 20260101


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reproduction:
    """The thesis's analysis run on many simulated registries, beside what the thesis printed.

    Attributes
    ----------
    study
        What was printed.
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
        Sentences, computed; the goodness of fit first.
    fit
        Goodness of fit by block, in the literal reading and, with readings, in all others and their joints.
    readings
        The same for the other readings of the thesis's methods; None where they were not run.
    ensemble
        The fit of worlds calibrated anew; None where there are none.
    """

    study: Study
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
    fit: Fit
    readings: ReadingsComparison | None = None
    ensemble: Ensemble | None = None

    def values(self, *key: str) -> FloatArray:
        """Return one number in every replicate, (replicates,), by its key."""
        values: FloatArray = self.draws[:, self.keys.index(Key(*key))]
        return values

    @property
    def command(self) -> str:
        """Return the line that does it again."""
        study = "" if self.study.name == DEFAULT else f" --study {self.study.key}"
        settings = f"--scenario {self.scenario.name} --replicates {self.replicates} --seed {self.seed}"
        more = f" --ensemble {self.ensemble.worlds}" if self.ensemble else ""
        return f"simsepsis reproduce{study} {settings}{' --readings' if self.readings else ''}{more}"

    def save(self, out: str | Path, *, command: str | None = None) -> tuple[Path, ...]:
        """Write tables, figures, record and report into a folder, and return their paths."""
        files = opened("show.pages.reproduction", "files_of_reproduction")
        return write_files(out, files(self, command=command or self.command))


@one_thread()
def reproduce(
    study: Study | Scenario | str | Path | None = None,
    *,
    scenario: Scenario | str | None = None,
    replicates: int = 200,
    jobs: int = -1,
    seed: int = DEFAULT_SEED,
    readings: bool = False,
    ensemble: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Reproduction:
    """Simulate a study's registry, run its whole analysis on each replicate and compare with print.

    Parameters
    ----------
    study
        What was printed and how it was analysed: as in `open_study`. A scenario stands for itself in the
        study that stands where none is named.
    scenario
        The world, or its name; None: the study's own.
    replicates
        Number of registries, at least 1.
    jobs
        Worker processes; −1 for one per core. The results do not depend on it.
    seed
        ≥ 0; replicate r is the registry that ``generate_cohort(scenario, seed=seed, replicate=r)`` gives.
    readings
        Whether to run every reading of the thesis's methods on the same replicates.
    ensemble
        Worlds that are calibrated anew beside the one, to tell its uncertainty; 0 for none, else 3 or more.
    progress
        Called with replicates done and in all.

    Raises
    ------
    UsageError
        If `replicates`, `jobs`, `seed` or `ensemble` is out of range.
    """
    if seed < 0:
        raise UsageError(f"seed {seed} is negative; give an integer of 0 or more")
    if 0 != ensemble < FEWEST_WORLDS:
        raise UsageError(f"{ensemble} worlds are no ensemble; give {FEWEST_WORLDS} or more, such as 20")
    study, world = study_and_world(study, scenario)
    keys = tuple(study.numbers)
    begin = perf_counter()
    chosen = study.readings if readings else study.readings[:1]
    judged = (*chosen, *study.joint_readings) if readings else chosen
    task = SimulatedThesis(scenario=world, seed=seed, keys=keys, spec=study.spec, readings=judged)
    kept = run_replicates(task, replicates, jobs=jobs, progress=progress)
    draws = np.stack([one.values for one in kept])
    by_reading = np.stack([one.by_reading for one in kept])
    fit = goodness_of_fit(
        study, {r.name: by_reading[:, k] for k, r in enumerate(judged)}, judged, world.fitted_after_looking
    )
    comparison = compare(study, draws)
    failures = failures_of([one.failures for one in kept])
    null = world.is_null
    anew = None
    if ensemble:
        judged = (study.readings[0], *study.joint_readings)
        anew = ensemble_of(study, world, ensemble, judged, seed=seed, jobs=jobs)
    return Reproduction(
        study=study,
        scenario=world,
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
        summary=(
            *fit.summary,
            *(() if anew is None else anew.summary),
            *summarize_in_words(gather(study, comparison, draws, failures, null=null)),
        ),
        fit=fit,
        readings=compare_readings(study, chosen, by_reading[:, : len(chosen)]) if readings else None,
        ensemble=anew,
    )


def study_and_world(
    study: Study | Scenario | str | Path | None, scenario: Scenario | str | None
) -> tuple[Study, Scenario]:
    """Return what is reproduced, and in which world."""
    if not isinstance(study, Study | str | Path | None):
        return open_study(), study
    found = open_study(study)
    named = found.world if scenario is None else scenario
    if not named:
        raise UsageError(
            f"study '{found.name}' says of no scenario that it is what happened; name one, or write world = "
            '"…" in its study.toml'
        )
    return found, found.scenario(named) if isinstance(named, str) else named
