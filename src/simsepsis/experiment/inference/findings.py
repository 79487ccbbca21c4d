"""From a plan to what printed results say: worlds in waves, posteriors in each reading, their checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import ValidationError
from scipy.special import logsumexp

from simsepsis.arrays import FloatArray
from simsepsis.documents import sentence
from simsepsis.errors import ExperimentError
from simsepsis.experiment.inference.checks import NearestWorld, best_fit, conflicts, coverage, influence
from simsepsis.experiment.inference.evidence import (
    IMPLAUSIBLE,
    Concluded,
    Evidence,
    conclude,
    implausibility,
    prior_of,
)
from simsepsis.experiment.inference.likelihood import Weighted
from simsepsis.experiment.inference.priors import InferencePlan, load_inference
from simsepsis.experiment.inference.worlds import (
    CANDIDATES,
    Progress,
    Simulated,
    WorldStore,
    candidates,
    next_worlds,
)
from simsepsis.files import write_files
from simsepsis.spreadsheet import csv_bytes
from simsepsis.study.printed import table_name
from simsepsis.threads import one_thread

ALL = "all"
"""Name of the readings together, each by its probability."""
LIMITS = (0.025, 0.975)
FEWEST = 8
"""Worlds below which nothing can be concluded."""
POSTERIOR = (
    *("reading", "key", "words"),
    *(
        f"{number}{of}"
        for of in ("_prior", "", "_discrepancy")
        for number in ("mean", "sd", "low", "high", "below_0")
    ),
    "sd_ratio",
)
"""Columns of ``inference.csv``."""
READINGS = (
    *("reading", "words", "results", "axes", "r2", "effective", "effective_discrepancy"),
    *("log_evidence", "log_evidence_discrepancy", "weight", "mean_z2", "p", "world"),
)
"""Columns of ``inference-readings.csv``."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadingFound:
    """What follows in one reading.

    Attributes
    ----------
    evidence, concluded
        What was simulated beside print, and the posterior.
    nearest
        How near print comes to a world.
    """

    evidence: Evidence
    concluded: Concluded
    nearest: NearestWorld


@dataclass(frozen=True, kw_only=True, eq=False)
class Inference:
    """What the printed results of a study say of the world that they came from.

    Attributes
    ----------
    plan
        Priors, readings, blocks, worlds.
    simulated
        The worlds.
    readings
        Name of a reading → what follows in it.
    influence, coverage
        Of the most probable reading: mean and SD with all blocks and without each; how often central
        intervals hold the truth of replicates.
    conflicts
        Pairs of results and their distance from the nearest world, in each reading.
    notes
        What was found damaged and computed again.
    """

    plan: InferencePlan
    simulated: Simulated
    readings: dict[str, ReadingFound]
    influence: pd.DataFrame
    conflicts: pd.DataFrame
    coverage: pd.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the settings and truths, the truths last."""
        return (*self.plan.keys, *self.plan.infer.truths)

    @property
    def headline(self) -> str:
        """Return what the answer begins with: the first truth, or the first setting."""
        return (*self.plan.infer.truths, *self.plan.keys)[0]

    @cached_property
    def weights(self) -> dict[str, float]:
        """Return the probability of each reading, all as likely before, blocks allowed to be off."""
        logs = np.array([one.concluded.loose.log_evidence for one in self.readings.values()])
        return dict(zip(self.readings, np.exp(logs - logsumexp(logs)).tolist(), strict=True))

    @property
    def leading(self) -> str:
        """Return the most probable reading."""
        return max(self.weights, key=lambda name: self.weights[name])

    def draws(self, reading: str, kind: str) -> tuple[FloatArray, FloatArray]:
        """Return values (m, quantities) and weights (m,) of draws of a distribution."""
        chosen = self.weights if reading == ALL else {reading: 1.0}
        parts = [
            (self._values(name, found), share * found.weights)
            for name, share in chosen.items()
            for found in [_drawn(self.readings[name], kind)]
        ]
        return np.concatenate([values for values, _ in parts]), np.concatenate([one for _, one in parts])

    def _values(self, reading: str, found: Weighted) -> FloatArray:
        evidence = self.readings[reading].evidence
        return np.column_stack([self.plan.values(found.deviates), evidence.truths_at(found.points)])

    @cached_property
    def table(self) -> pd.DataFrame:
        """Return the `POSTERIOR`: one row per reading, and all together, and quantity."""
        rows = []
        for reading in (ALL, *self.readings) if len(self.readings) > 1 else self.readings:
            told = [_summary(*self.draws(reading, kind)) for kind in ("prior", "plain", "loose")]
            for place, key in enumerate(self.names):
                numbers = [one[:, place] for one in told]
                ratio = float(numbers[2][1] / numbers[0][1]) if numbers[0][1] else float("nan")
                rows.append((reading, key, self.plan.words[key], *np.concatenate(numbers).tolist(), ratio))
        return pd.DataFrame(rows, columns=list(POSTERIOR))

    @cached_property
    def reading_table(self) -> pd.DataFrame:
        """Return the `READINGS`."""
        labels = {one.name: one.label for one in self.plan.readings}
        rows = [
            (
                *(name, labels[name], int(found.concluded.emulator.used.sum())),
                *(found.concluded.emulator.axes.shape[1], found.concluded.emulator.r2),
                *(found.concluded.plain.effective, found.concluded.loose.effective),
                *(found.concluded.plain.log_evidence, found.concluded.loose.log_evidence),
                *(self.weights[name], found.nearest.mean_z2, found.nearest.p),
                int(self.simulated.numbers[found.nearest.place]),
            )
            for name, found in self.readings.items()
        ]
        return pd.DataFrame(rows, columns=list(READINGS))

    @property
    def off(self) -> pd.DataFrame:
        """Return by how many standard deviations each block is off in each reading."""
        words = self.plan.blocks
        rows = [
            (name, block, words[block], size)
            for name, found in self.readings.items()
            for block, size in found.concluded.off.items()
        ]
        return pd.DataFrame(rows, columns=["reading", "block", "words", "off"])

    @property
    def worlds(self) -> pd.DataFrame:
        """Return the worlds: number, values of settings and truths."""
        values = self.plan.values(self.simulated.deviates)
        frame = pd.DataFrame(np.column_stack([values, self.simulated.truths]), columns=pd.Index(self.names))
        return frame.assign(world=self.simulated.numbers, failure="")[["world", *self.names, "failure"]]

    @property
    def summary(self) -> tuple[str, ...]:
        """Return the answer in sentences."""
        from simsepsis.experiment.inference.sentences import sentences_of

        return tuple(sentences_of(self))

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables by the names of their files."""
        lost = pd.DataFrame(
            {"world": list(self.simulated.failures), "failure": list(self.simulated.failures.values())}
        )
        worlds = pd.concat([self.worlds, lost], ignore_index=True) if len(lost) else self.worlds
        return {
            "inference.csv": self.table,
            "inference-readings.csv": self.reading_table,
            "inference-blocks.csv": self.off,
            "inference-influence.csv": self.influence,
            "inference-conflicts.csv": self.conflicts,
            "inference-coverage.csv": self.coverage,
            "inference-worlds.csv": worlds,
        }

    def save(self, out: str | Path) -> tuple[Path, ...]:
        """Write tables, answer, figures and report into a folder, and return their paths."""
        from simsepsis.rooms import opened

        pages = opened("show.pages.experiment.inference", "files_of_inference")(self)
        tables = {name: csv_bytes(table) for name, table in self.tables.items()}
        text = "".join(f"- {line}\n" for line in self.summary)
        return write_files(out, tables | {"inference.md": text.encode()} | pages)


def _drawn(found: ReadingFound, kind: str) -> Weighted:
    if kind == "prior":
        return prior_of(found.evidence)
    return found.concluded.plain if kind == "plain" else found.concluded.loose


def quantities_of(evidence: Evidence, found: Weighted) -> FloatArray:
    """Return the settings on the working scale and the truths of draws."""
    return np.column_stack([found.points, evidence.truths_at(found.points)])


def _summary(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return mean, SD, limits and probability below 0 of each quantity, (5, quantities)."""
    drawn = Weighted(deviates=values, points=values, weights=weights)
    limits = np.array([drawn.quantiles(column, LIMITS) for column in values.T])
    below = weights @ (values < 0.0)
    return np.stack([drawn.mean(values), drawn.sd(values), limits[:, 0], limits[:, 1], below])


@one_thread()
def infer(
    plan: InferencePlan | str | Path,
    out: str | Path,
    *,
    worlds: int | None = None,
    replicates: int | None = None,
    jobs: int = -1,
    backend: str = "loky",
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> Inference:
    r"""Infer which worlds a study's printed results can have come from.

    Worlds are drawn from priors of a scenario's settings, registries are simulated and analysed in each as
    the study was, and print is compared with them by a synthetic likelihood, in each reading of the methods.

    Parameters
    ----------
    plan
        A plan, name of a shipped one, or path of a ``.toml`` file with an ``[infer]`` table.
    out
        Folder in which every finished world is stored; a second call computes only what is missing.
    worlds, replicates
        In place of the plan's; with `worlds` there are no later waves.
    jobs, backend, scheduler
        As in `run_experiment`.
    progress
        Called with worlds done and in all of a wave.

    Returns
    -------
    Inference
        Posterior of every setting, with and without a discrepancy of each block of results, and its checks.

    Raises
    ------
    ExperimentError
        If the plan is not legal, or too few of its worlds can be made.

    Notes
    -----
    Estimand: the posterior :math:`p(\theta \mid y) \propto p(\theta)\, t_\nu(y; m(\theta), S)` of settings
    given the printed results *y*. The mean *m* is a quadratic surface on the discriminant axes of the worlds,
    *S* the covariance of replicates within a world plus the error of the surface. In R: `BSL` and
    `synlik` for the synthetic likelihood, `hmer` for history matching.

    References
    ----------
    Wood SN. Nature 2010;466:1102. Price LF et al. J Comput Graph Stat 2018;27:1. Kennedy MC, O'Hagan A. J R
    Stat Soc B 2001;63:425. Craig PS et al. J Am Stat Assoc 2001;96:717.

    Examples
    --------
    >>> from simsepsis.experiment import load_inference
    >>> plan = load_inference("thesis_inference")
    >>> plan.infer.worlds, plan.infer.priors["unmeasured.or_treatment"].text
    (400, 'log-normal, median 1, SD of the logarithm 0.56')
    """
    chosen = plan if isinstance(plan, InferencePlan) else load_inference(plan)
    chosen = _changed(chosen, worlds, replicates)
    store = WorldStore(path=Path(out), plan=chosen)
    how = {"jobs": jobs, "backend": backend, "scheduler": scheduler, "progress": progress}
    numbers = list(range(chosen.infer.worlds))
    notes = store.simulate(numbers, **how)  # type: ignore[arg-type]
    for wave in chosen.infer.waves:
        numbers += _wave(chosen, store.read(numbers), numbers, wave)
        notes += store.simulate(numbers, **how)  # type: ignore[arg-type]
    return _found(chosen, store.read(numbers), notes)


def _changed(plan: InferencePlan, worlds: int | None, replicates: int | None) -> InferencePlan:
    values = plan.infer.model_dump()
    if worlds is not None:
        values |= {"worlds": worlds, "waves": ()}
    if replicates is not None:
        values |= {"replicates": replicates}
    try:
        settings = type(plan.infer).model_validate(values)
    except ValidationError as error:
        raise ExperimentError(f"{plan.name}: {sentence(error, type(plan.infer))}") from error
    return plan.model_copy(update={"infer": settings})


def evidences(plan: InferencePlan, simulated: Simulated) -> Iterator[tuple[str, Evidence]]:
    """Yield each reading with its evidence."""
    items, blocks, study = plan.items, plan.blocks, plan.study
    places = {key: place for place, key in enumerate(study.numbers)}
    printed = study.printed(corrected=True)["printed"].to_numpy(np.float64)
    kept = np.array([item.block in blocks for item in items])
    observed = np.array([float(item.values(printed, places)) for item in items])
    if len(simulated.numbers) < FEWEST:
        why = next(iter(simulated.failures.values()), "give more worlds")
        raise ExperimentError(
            f"only {len(simulated.numbers)} of {len(simulated.numbers) + len(simulated.failures)} worlds "
            f"could be made; {why}"
        )
    for name, draws in simulated.draws.items():
        yield (
            name,
            Evidence(
                working=plan.working,
                deviates=simulated.deviates,
                draws=draws[:, :, kept],
                observed=observed[kept],
                rounding=np.array([item.step**2 / 12.0 for item in items])[kept],
                blocks=[item.block for item, keep in zip(items, kept, strict=True) if keep],
                truths=simulated.truths,
                from_prior=simulated.numbers < plan.infer.worlds,
                lost=candidates(len(plan.keys), plan.infer.seed)[
                    [number for number in simulated.failures if number < plan.infer.worlds]
                ],
            ),
        )


def _wave(plan: InferencePlan, simulated: Simulated, taken: Sequence[int], wanted: int) -> list[int]:
    """Return the worlds of the next wave: plausible in one reading or another."""
    points = candidates(len(plan.keys), plan.infer.seed)[:CANDIDATES]
    each = np.stack([implausibility(one, points) for _, one in evidences(plan, simulated)]).min(axis=0)
    return next_worlds(each <= IMPLAUSIBLE, each, set(taken), wanted)


def _found(plan: InferencePlan, simulated: Simulated, notes: tuple[str, ...]) -> Inference:
    found = dict(evidences(plan, simulated))
    # The same results in every reading, so that their probabilities can be compared.
    used = np.logical_and.reduce([one.used() for one in found.values()])
    readings = {}
    for name, one in found.items():
        readings[name] = ReadingFound(
            evidence=one, concluded=conclude(one, used), nearest=best_fit(one, used)
        )
    empty = pd.DataFrame()
    whole = Inference(
        plan=plan,
        simulated=simulated,
        readings=readings,
        influence=empty,
        conflicts=empty,
        coverage=empty,
        notes=notes,
    )
    lead = readings[whole.leading]
    names = whole.names
    whole_places = _telling(plan, lead.evidence)
    return Inference(
        plan=plan,
        simulated=simulated,
        readings=readings,
        influence=influence(lead.evidence, lead.concluded, names, quantities_of),
        conflicts=pd.concat(
            [
                conflicts(one.evidence, used, *whole_places).assign(reading=name)
                for name, one in readings.items()
            ],
            ignore_index=True,
        ),
        coverage=coverage(lead.evidence, names, quantities_of, seed=plan.infer.seed),
        notes=notes,
    )


def _telling(plan: InferencePlan, evidence: Evidence) -> tuple[list[int], list[str]]:
    """Return the places and names of results that are about outcomes or the treatment."""
    study, kept = plan.study, set(evidence.blocks)
    about = {*study.variables.of("outcome"), study.spec.treatment}
    items = [item for item in plan.items if item.block in kept]
    chosen = [place for place, item in enumerate(items) if item.keys[0].variable in about]
    keys = [items[place].keys[0] for place in chosen]
    return chosen, [f"{study.numbers.short(key)} ({table_name(key.table)})" for key in keys]
