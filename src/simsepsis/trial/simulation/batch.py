"""A batch of trials: drawn one by one, compared and stopped together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.streams import Streams, streams
from simsepsis.trial.simulation.adjusted import contrast_of, standardized_risks
from simsepsis.trial.simulation.clusters import compare_clusters, draw_clusters
from simsepsis.trial.simulation.comparison import Compared, compare
from simsepsis.trial.simulation.draw import DAYS_PER_MONTH, Drawn, deaths, draw_trial, tally
from simsepsis.trial.simulation.setting import Setting

BATCH = 100
"""Trials of a batch; fixed, so that no bit of a result depends on the number of workers."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Results:
    """What trials would find at each of their looks."""

    z: FloatArray
    estimate: FloatArray
    std_error: FloatArray
    known: IntArray
    dead: IntArray
    randomized: IntArray
    months: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batches:
    """Simulates a range of trials; can be sent to a worker process."""

    setting: Setting
    seed: int

    def __call__(self, replicates: range) -> tuple[int, Results]:
        """Return the first replicate of a range and the results of all of them, in their order."""
        trials = [self._trial(streams(self.seed, replicate=replicate)) for replicate in replicates]
        compared = self._compared(trials)
        return replicates.start, Results(
            z=against_margin(self.setting, compared, planned_side(self.setting) * compared.z),
            estimate=compared.estimate,
            std_error=compared.std_error,
            known=np.array([trial.outcomes.sum(axis=-1) for trial in trials]),
            dead=np.array([trial.outcomes[..., 1] for trial in trials]),
            randomized=np.array([trial.randomized for trial in trials]),
            months=np.array([trial.months for trial in trials]),
        )

    def _trial(self, draw: Streams) -> Trial:
        setting = self.setting
        clustered = draw_clusters(setting, draw) if setting.protocol.allocation.clustered else None
        drawn = clustered.drawn if clustered else draw_trial(setting, draw)
        months = look_months(setting, drawn)
        summary: IntArray | FloatArray
        if clustered:
            summary = np.array(compare_clusters(setting, clustered))[:, None, None]
        elif setting.protocol.test.analysis == "adjusted":
            summary = _adjusted(setting, drawn)
        else:
            summary = tally(setting, drawn)
        return Trial(
            summary=summary,
            outcomes=deaths(setting, drawn),
            randomized=np.searchsorted(drawn.month, months, side="right"),
            months=months,
        )

    def _compared(self, trials: list[Trial]) -> Compared:
        """Return the comparisons of many trials: made already, or from their counts."""
        summary = np.array([trial.summary for trial in trials])
        if self.setting.protocol.test.analysis in MADE_ONE_BY_ONE:
            z, estimate, std_error = np.moveaxis(summary, 1, 0)
            return Compared(z=z, estimate=estimate, std_error=std_error)
        return compare_arms(self.setting, summary)


MADE_ONE_BY_ONE = ("adjusted", "cluster_means", "gee")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """One trial before its comparison."""

    summary: IntArray | FloatArray
    outcomes: IntArray
    randomized: IntArray
    months: FloatArray


def _adjusted(setting: Setting, drawn: Drawn) -> FloatArray:
    """Return z, estimate and standard error of each look and arm, shape (3, looks, arms)."""
    dead = setting.dead[drawn.course, drawn.patient].astype(np.int64)
    looks = []
    for due in setting.at_looks:
        rows = np.flatnonzero(drawn.observed[:due])
        covariates = setting.covariates[drawn.patient[rows]]
        found = standardized_risks(covariates, drawn.arm[rows], dead[rows], len(setting.ratio))
        looks.append(contrast_of(*found, setting.protocol.scale))
    return np.array(looks).transpose(1, 0, 2)


def compare_arms(setting: Setting, counts: IntArray) -> Compared:
    """Return each treated arm against control at each look; z is positive where the treated do better."""
    protocol = setting.protocol
    arms = [
        compare(counts[..., [0, arm], :], protocol.scale, protocol.margin)
        for arm in range(1, counts.shape[-2])
    ]
    return Compared(
        z=np.stack([arm.z for arm in arms], axis=-1),
        estimate=np.stack([arm.estimate for arm in arms], axis=-1),
        std_error=np.stack([arm.std_error for arm in arms], axis=-1),
    )


def against_margin(setting: Setting, compared: Compared, z: FloatArray) -> FloatArray:
    """Return z of superiority as it is; of a margin Wald's, unless the test saw it."""
    margin = setting.protocol.margin
    if margin is None or setting.protocol.test.analysis == "unadjusted":
        return z
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((margin.coefficient - compared.estimate) / compared.std_error)


def planned_side(setting: Setting) -> float:
    """Return 1 where the trial is to show a benefit, −1 where it is to show harm."""
    return -1.0 if setting.protocol.effect.aim == "harm" else 1.0


def look_months(setting: Setting, drawn: Drawn) -> FloatArray:
    """Return when each look is taken: as soon as the outcome of its last patient is due."""
    lag = setting.protocol.outcome_lag_days / DAYS_PER_MONTH
    return np.asarray(drawn.month[np.minimum(setting.at_looks, drawn.month.size) - 1] + lag)


def batches(number: int) -> Iterator[range]:
    """Yield so many trials, batch by batch."""
    yield from (range(first, min(first + BATCH, number)) for first in range(0, number, BATCH))


def joined(parts: list[Results]) -> Results:
    """Return the results of several batches, in their order."""
    return Results(
        **{
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(Results)
        }
    )
