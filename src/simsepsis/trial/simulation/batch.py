"""A batch of trials: drawn one by one, compared and stopped together."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from simsepsis.arrays import FloatArray, IntArray
from simsepsis.streams import streams
from simsepsis.trial.simulation.comparison import Compared, compare
from simsepsis.trial.simulation.draw import DAYS_PER_MONTH, Drawn, draw_trial, tally
from simsepsis.trial.simulation.setting import Setting

BATCH = 100
"""Trials of a batch; fixed, so that no bit of a result depends on the number of workers."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Results:
    """What trials would find at each of their looks.

    Attributes
    ----------
    z, estimate, std_error
        (trials, looks, arms) of each treated arm against control; z is positive on the planned side.
    known, dead
        (trials, looks, arms + 1) patients with a known outcome, and deaths among them, control first.
    randomized
        (trials, looks) patients randomized when the look is taken.
    months
        (trials, looks) months from the opening of the first ICU to the look.
    """

    z: FloatArray
    estimate: FloatArray
    std_error: FloatArray
    known: IntArray
    dead: IntArray
    randomized: IntArray
    months: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batches:
    """Simulates a range of trials; can be sent to a worker process.

    Attributes
    ----------
    setting
        The trial.
    seed
        Seed of all its random numbers.
    """

    setting: Setting
    seed: int

    def __call__(self, replicates: range) -> tuple[int, Results]:
        """Return the first replicate of a range and the results of all of them, in their order."""
        counts, known, dead, randomized, months = [], [], [], [], []
        for replicate in replicates:
            drawn = draw_trial(self.setting, streams(self.seed, replicate=replicate))
            counts.append(tally(self.setting, drawn))
            seen = deaths(self.setting, drawn)
            known.append(seen.sum(axis=-1))
            dead.append(seen[..., 1])
            when = look_months(self.setting, drawn)
            months.append(when)
            randomized.append(np.searchsorted(drawn.month, when, side="right"))
        compared = compare_arms(self.setting, np.array(counts))
        return replicates.start, Results(
            z=compared.z,
            estimate=compared.estimate,
            std_error=compared.std_error,
            known=np.array(known),
            dead=np.array(dead),
            randomized=np.array(randomized),
            months=np.array(months),
        )


def compare_arms(setting: Setting, counts: IntArray) -> Compared:
    """Return each treated arm against control at each look.

    Parameters
    ----------
    setting
        The trial.
    counts
        (trials, looks, strata, arms + 1, categories) known outcomes.
    """
    protocol = setting.protocol
    side = planned_side(setting)
    arms = [
        compare(counts[..., [0, arm], :], protocol.endpoint.name, protocol.scale)
        for arm in range(1, counts.shape[-2])
    ]
    return Compared(
        z=side * np.stack([arm.z for arm in arms], axis=-1),
        estimate=np.stack([arm.estimate for arm in arms], axis=-1),
        std_error=np.stack([arm.std_error for arm in arms], axis=-1),
    )


def planned_side(setting: Setting) -> float:
    """Return 1 where the planned effect is a benefit or none, −1 where it is harm."""
    planned = setting.protocol.planned
    benefit = (
        -planned.coefficient
        if planned.name not in ("win_ratio", "probability_index")
        else (planned.coefficient)
    )
    return -1.0 if benefit < 0.0 else 1.0


def deaths(setting: Setting, drawn: Drawn) -> IntArray:
    """Return patients with a known outcome by look, arm and whether they died, cumulative over looks.

    Parameters
    ----------
    setting, drawn
        The trial and its patients.
    """
    arms = len(setting.ratio)
    look = np.searchsorted(setting.at_looks, np.arange(drawn.patient.size), side="right")
    key = (look * arms + drawn.arm) * 2 + setting.dead[drawn.course, drawn.patient]
    shape = (len(setting.at_looks), arms, 2)
    counts = np.bincount(key[drawn.observed], minlength=int(np.prod(shape))).reshape(shape)
    return np.asarray(np.cumsum(counts, axis=0))


def look_months(setting: Setting, drawn: Drawn) -> FloatArray:
    """Return when each look is taken: as soon as the outcome of its last patient is due.

    Parameters
    ----------
    setting, drawn
        The trial and its patients.
    """
    lag = setting.protocol.outcome_lag_days / DAYS_PER_MONTH
    return np.asarray(drawn.month[setting.at_looks - 1] + lag)


def joined(parts: list[Results]) -> Results:
    """Return the results of several batches, in their order.

    Parameters
    ----------
    parts
        Batches.
    """
    return Results(
        **{
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(Results)
        }
    )
