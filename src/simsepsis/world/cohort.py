"""One registry from one scenario and one seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import pandas as pd

from simsepsis.arrays import FloatArray
from simsepsis.records import Records
from simsepsis.threads import one_thread
from simsepsis.world.potential import Outcomes
from simsepsis.world.scenario import Scenario

Assignment = Literal["indication", "coin"]


class Oracle(Protocol):
    """What only the simulator knows of each patient; no method sees it that does not ask for it by name."""

    @property
    def propensity(self) -> FloatArray:
        """Return the (n,) probability of treatment given all that precedes it."""

    @property
    def unmeasured(self) -> FloatArray:
        """Return the (n,) confounder that is not recorded; zeros without one."""

    @property
    def outcomes(self) -> Outcomes:
        """Return how the patients fare with and without treatment, and their probability of it."""

    def frame(self) -> pd.DataFrame:
        """Return everything as a table with one row per patient, keyed as the registry is."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cohort:
    """A simulated registry, and beside it what its patients do not show.

    Attributes
    ----------
    records
        The registry as columns.
    oracle
        What only the simulator knows, if it was asked for.
    scenario_hash, seed, replicate
        Where it came from.
    """

    records: Records
    oracle: Oracle | None
    scenario_hash: str
    seed: int
    replicate: int

    @property
    def registry(self) -> pd.DataFrame:
        """Return the registry as a frame, one row per patient."""
        return self.records.frame


@one_thread()
def generate_cohort(
    scenario: Scenario,
    *,
    seed: int,
    n: int | None = None,
    replicate: int = 0,
    oracle: bool = True,
    assignment: Assignment = "indication",
) -> Cohort:
    """Return one simulated registry and what only the simulator knows of it.

    Parameters
    ----------
    scenario
        The world.
    seed
        The user's seed, ≥ 0.
    n
        Number of patients registered; the scenario's if None.
    replicate
        Number of the replicate, from 0.
    oracle
        Whether to keep what only the simulator knows; without it nothing of it is computed.
    assignment
        ``indication``: treatment is given as the scenario says. ``coin``: the randomized twin, the same
        patients with treatment assigned by coin at the registry's rate.

    Raises
    ------
    UsageError
        If `n` is not positive or `seed` is negative.
    ScenarioError
        If the scenario asks for a world that does not exist.

    Notes
    -----
    Every mechanism has its own stream of random numbers, so two scenarios that differ in one
    mechanism share the random numbers of all others.

    Examples
    --------
    >>> from simsepsis import generate_cohort, load_scenario
    >>> cohort = generate_cohort(load_scenario("null"), seed=1, n=200)
    >>> len(cohort.registry)
    200
    """
    return scenario.generate(seed=seed, n=n, replicate=replicate, oracle=oracle, assignment=assignment)
