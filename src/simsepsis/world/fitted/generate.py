"""One registry of a learned world from one seed, and the potential outcomes of a large population."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numba import njit

from simsepsis.arrays import BoolArray, FloatArray, IntArray
from simsepsis.errors import UsageError
from simsepsis.records import Column as Recorded
from simsepsis.records import Records
from simsepsis.streams import Streams, streams
from simsepsis.threads import one_thread
from simsepsis.world.cohort import Assignment, Cohort
from simsepsis.world.fitted.profile import UNKNOWN, Profile
from simsepsis.world.fitted.resolve import resolve
from simsepsis.world.fitted.scenario import FittedScenario
from simsepsis.world.fitted.simulate import (
    Fate,
    People,
    draw_people,
    fate_of,
    place_patients,
    record_later,
    roster_of,
)
from simsepsis.world.fitted.starts import Starts, start_column, starts_of
from simsepsis.world.potential import Outcomes, Potential, join_outcomes, join_potentials

BLOCK = 16_384
"""Patients simulated at a time: few enough to stay in the cache, so that cost is linear in n."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Oracle:
    """What the registry of a learned world does not show.

    Attributes
    ----------
    key
        Name and values of the column that names patients.
    propensity
        (n,) probability of treatment given covariates and u.
    unmeasured
        (n,) the confounder u.
    treated, untreated
        Potential outcomes.
    """

    key: tuple[str, IntArray]
    propensity: FloatArray
    unmeasured: FloatArray
    treated: Potential
    untreated: Potential

    @property
    def outcomes(self) -> Outcomes:
        """Return how the patients fare with and without treatment, and their probability of it."""
        return Outcomes(treated=self.treated, untreated=self.untreated, propensity=self.propensity)

    def frame(self) -> pd.DataFrame:
        """Return one row per patient: propensity, u, ``OUTCOME_if_treated`` and ``OUTCOME_if_untreated``."""
        columns: dict[str, Any] = {
            self.key[0]: self.key[1],
            "propensity": self.propensity,
            "u": self.unmeasured,
        }
        for arm, potential in (("treated", self.treated), ("untreated", self.untreated)):
            columns |= {
                f"{name}_if_{arm}": values.astype(np.int64) for name, values in potential.event.items()
            }
            columns |= {f"{name}_if_{arm}": values for name, values in potential.number.items()}
        return pd.DataFrame(columns)


def blocks_of(
    scenario: FittedScenario, *, seed: int, n: int, replicate: int = 0
) -> Iterator[tuple[People, Streams]]:
    """Yield the patients of each block of one registry, and its streams."""
    if n < 1:
        raise UsageError(f"n = {n}: a registry needs at least one patient; give a positive number")
    draw = streams(seed, replicate=replicate)
    roster = roster_of(scenario, draw("icus"))
    cluster = place_patients(roster, n)
    for number, first in enumerate(range(0, n, BLOCK)):
        own = streams(seed, replicate=replicate, block=number)
        yield draw_people(scenario, roster, cluster[first : first + BLOCK], own), own


def generate(
    scenario: FittedScenario,
    *,
    seed: int,
    n: int | None,
    replicate: int,
    oracle: bool,
    assignment: Assignment,
) -> Cohort:
    """Return one registry; parameters as of `generate_cohort`."""
    settled = resolve(scenario)
    size = settled.n if n is None else n
    parts: list[dict[str, FloatArray]] = []
    oracles: list[Oracle] = []
    first = 1
    for people, draw in blocks_of(settled, seed=seed, n=size, replicate=replicate):
        count = people.hidden.size
        starts = starts_of(settled, people)
        given = _assigned(settled, starts, draw, assignment).astype(np.float64)
        fate = fate_of(settled, people, given, starts.begins)
        parts.append(_columns(settled, people, fate, given, starts, np.arange(first, first + count)))
        if oracle:
            oracles.append(_oracle(settled, people, starts, parts[-1]))
        first += count
    columns = (
        parts[0] if len(parts) == 1 else {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    )
    return Cohort(
        records=Records(columns=_recorded(settled.learned, columns)),
        oracle=_joined(oracles) if oracle else None,
        scenario_hash=settled.hash,
        seed=seed,
        replicate=replicate,
    )


def _assigned(scenario: FittedScenario, starts: Starts, draw: Streams, assignment: Assignment) -> BoolArray:
    """Return who is treated: as the indication decides, or by a coin at the same rate."""
    if assignment == "indication":
        return starts.treated
    share = scenario.treatment.prevalence or scenario.learned.prevalence
    coin: BoolArray = draw("coin").random(starts.treated.size) < share
    return coin


def _columns(
    scenario: FittedScenario,
    people: People,
    fate: Fate,
    given: FloatArray,
    starts: Starts,
    number: IntArray,
) -> dict[str, FloatArray]:
    """Return what is recorded of a block, as numbers."""
    profile, covariates = scenario.learned, people.covariates
    columns: dict[str, FloatArray] = {}
    if profile.patient:
        columns[profile.patient] = number.astype(np.float64)
    if profile.clusters is not None:
        columns[profile.clusters.column] = np.asarray(covariates.cluster + 1, dtype=np.float64)
    for row, name in enumerate(profile.columns):
        values: FloatArray = covariates.values[row]
        if covariates.missing[row].any():
            values = np.asarray(np.where(covariates.missing[row], np.nan, values), dtype=np.float64)
        columns[name] = values
    columns[profile.treatment] = given
    if profile.start is not None:
        columns[profile.start.column] = start_column(profile.start, starts, given, fate.time)
    later = record_later(scenario, people, fate, given)
    if profile.survival is not None and fate.time is not None:
        columns[profile.survival.time] = fate.time
        columns[profile.survival.event] = later[profile.survival.event]
    return columns | {name: later[name] for name in (*profile.derived, *profile.later)}


def _recorded(profile: Profile, columns: Mapping[str, FloatArray]) -> dict[str, Recorded]:
    """Return columns as people write them: whole numbers as such, levels of categories as words."""
    known = _categories(profile)
    return {
        name: _whole(values) if name not in known else known[name].written(values)
        for name, values in columns.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Category:
    """How a category is written: its levels, and the number of the level that stands for a missing value."""

    dtype: pd.CategoricalDtype
    unknown: int

    def written(self, values: FloatArray) -> pd.Categorical:
        """Return numbers of levels as words."""
        codes = np.where(np.isnan(values), -1, values).astype(np.int64)
        if self.unknown >= 0:
            codes = np.where(codes == self.unknown, -1, codes - (codes > self.unknown))
        return pd.Categorical.from_codes(codes, dtype=self.dtype)


@lru_cache(maxsize=8)
def _categories(profile: Profile) -> dict[str, _Category]:
    found = {}
    for name, column in profile.columns.items():
        if column.kind == "category":
            named = [level for _, level in sorted(zip(column.values, column.levels, strict=True))]
            unknown = named.index(UNKNOWN) if UNKNOWN in named else -1
            levels = [level for level in named if level != UNKNOWN]
            found[name] = _Category(dtype=pd.CategoricalDtype(levels), unknown=unknown)
    return found


def _whole(values: FloatArray) -> Recorded:
    """Return whole numbers as such; a number that is none, or missing, differs from its nearest whole one."""
    return values.astype(np.int64) if _are_whole(values) else values


@njit(cache=True)
def _are_whole(values: FloatArray) -> bool:
    for value in values:  # noqa: SIM110 - compiled, where a generator is slower
        if not abs(value) < 2.0**53 or value != np.rint(value):
            return False
    return True


def _oracle(
    scenario: FittedScenario, people: People, starts: Starts, columns: Mapping[str, FloatArray]
) -> Oracle:
    profile, n = scenario.learned, people.hidden.size
    name = profile.patient or "row"
    outcomes = _outcomes(scenario, people, starts)
    return Oracle(
        key=(name, columns[name].astype(np.int64) if profile.patient else np.arange(1, n + 1)),
        propensity=starts.chance,
        unmeasured=people.hidden,
        treated=outcomes.treated,
        untreated=outcomes.untreated,
    )


def _outcomes(scenario: FittedScenario, people: People, starts: Starts) -> Outcomes:
    profile = scenario.learned
    return Outcomes(
        treated=potential_of(profile, fate_of(scenario, people, 1.0, starts.begins)),
        untreated=potential_of(profile, fate_of(scenario, people, 0.0)),
        propensity=starts.chance,
    )


def potential_of(profile: Profile, fate: Fate) -> Potential:
    """Return the outcomes of one arm."""
    survival, numeric = profile.survival, profile.numeric_outcomes
    time: dict[str, FloatArray] = {}
    event = {name: fate.outcomes[name] == 1.0 for name in profile.outcomes}
    if survival is not None and fate.time is not None and fate.event is not None:
        event = {survival.event: fate.event} | event
        time[survival.event] = fate.time
        for name, derived in profile.derived.items():
            time[name] = fate.time if derived.day is None else np.minimum(fate.time, derived.day)
    return Potential(
        event=event,
        time=time,
        lifetime=fate.lifetime,
        number={name: fate.outcomes[name] for name in numeric},
        survival="" if survival is None else survival.event,
        horizon=float("inf") if survival is None else survival.horizon,
    )


def _joined(parts: list[Oracle]) -> Oracle:
    if len(parts) == 1:
        return parts[0]
    name = parts[0].key[0]
    return Oracle(
        key=(name, np.concatenate([part.key[1] for part in parts])),
        propensity=np.concatenate([part.propensity for part in parts]),
        unmeasured=np.concatenate([part.unmeasured for part in parts]),
        treated=join_potentials([part.treated for part in parts]),
        untreated=join_potentials([part.untreated for part in parts]),
    )


@one_thread()
def potential_outcomes(scenario: FittedScenario, *, population: int, seed: int) -> Outcomes:
    """Return the potential outcomes of a large population."""
    settled = resolve(scenario)
    parts = [
        _policies(settled, people, starts_of(settled, people))
        for people, _ in blocks_of(settled, seed=seed, n=population)
    ]
    return join_outcomes(parts)


def _policies(scenario: FittedScenario, people: People, starts: Starts) -> Outcomes:
    """Return the potential outcomes with those of the policies, where treatment has a clock."""
    outcomes, start = _outcomes(scenario, people, starts), scenario.learned.start
    if start is None:
        return outcomes
    given, by_then = starts.treated.astype(np.float64), starts.treated & (starts.begins <= start.early)
    early = np.where(by_then, starts.begins, start.early)
    return replace(
        outcomes,
        given=potential_of(scenario.learned, fate_of(scenario, people, given, starts.begins)),
        early=potential_of(scenario.learned, fate_of(scenario, people, 1.0, early)),
    )
