"""How the same patients fare with and without treatment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from simsepsis.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Potential:
    """What becomes of patients under one arm.

    Attributes
    ----------
    event
        Outcome → (n,) whether it happens.
    time
        Outcome → (n,) days to it, or to the end of its follow-up.
    lifetime
        (n,) days to death, infinite for who leaves alive.
    number
        Outcome that is a number → (n,) its value.
    survival, horizon
        Outcome of the survival analysis, empty for none; time to which its means and incidences are counted.
    """

    event: Mapping[str, BoolArray]
    time: Mapping[str, FloatArray]
    lifetime: FloatArray
    number: Mapping[str, FloatArray] = field(default_factory=dict)
    survival: str = ""
    horizon: float = float("inf")

    def subset(self, rows: IntArray) -> Potential:
        """Return the potential outcomes of some patients."""
        return replace(
            self,
            event={name: values[rows] for name, values in self.event.items()},
            time={name: values[rows] for name, values in self.time.items()},
            lifetime=self.lifetime[rows],
            number={name: values[rows] for name, values in self.number.items()},
        )


def join_potentials(parts: Sequence[Potential]) -> Potential:
    """Return the potential outcomes of several groups of patients, in their order."""
    first = parts[0]
    return replace(
        first,
        event={name: np.concatenate([part.event[name] for part in parts]) for name in first.event},
        time={name: np.concatenate([part.time[name] for part in parts]) for name in first.time},
        lifetime=np.concatenate([part.lifetime for part in parts]),
        number={name: np.concatenate([part.number[name] for part in parts]) for name in first.number},
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcomes:
    """Potential outcomes of a population.

    Attributes
    ----------
    treated, untreated
        How patients fare treated, as they were or would have been, and without treatment.
    propensity
        (n,) probability of treatment.
    given, early
        How they fare with treatment as it is given, and with treatment that starts within 48 hours in whoever
        is still there; None in worlds where treatment has no clock.
    """

    treated: Potential
    untreated: Potential
    propensity: FloatArray
    given: Potential | None = None
    early: Potential | None = None

    def subset(self, rows: IntArray) -> Outcomes:
        """Return the potential outcomes of some patients."""
        return Outcomes(
            propensity=self.propensity[rows],
            treated=self.treated.subset(rows),
            untreated=self.untreated.subset(rows),
            given=None if self.given is None else self.given.subset(rows),
            early=None if self.early is None else self.early.subset(rows),
        )

    def under(self) -> dict[str, Outcomes]:
        """Return policy → its potential outcomes beside those of what it is compared with."""
        if self.given is None or self.early is None:
            return {}
        return {
            "start_within_48h": replace(self, treated=self.early),
            "never": replace(self, treated=self.untreated, untreated=self.given),
        }


def join_outcomes(parts: Sequence[Outcomes]) -> Outcomes:
    """Return the potential outcomes of several populations, in their order."""
    given = [part.given for part in parts if part.given is not None]
    early = [part.early for part in parts if part.early is not None]
    return Outcomes(
        treated=join_potentials([part.treated for part in parts]),
        untreated=join_potentials([part.untreated for part in parts]),
        propensity=np.concatenate([part.propensity for part in parts]),
        given=join_potentials(given) if given else None,
        early=join_potentials(early) if early else None,
    )
