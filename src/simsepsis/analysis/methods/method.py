"""What a method is, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from simsepsis.analysis.data import CohortArrays
from simsepsis.analysis.estimates import Estimate
from simsepsis.analysis.methods.shared import OracleView, Shared, Step
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.arrays import FloatArray
from simsepsis.errors import NotEstimableError
from simsepsis.estimand import Estimand

Group = Literal["thesis", "matching", "adjustment", "time", "oracle", "randomized_twin"]
Need = Literal["clusters", "survival", "start_times", "daily", "controls", "oracle", "twin"]

NEEDS: dict[Need, str] = {
    "clusters": "clusters",
    "survival": "a time to death",
    "start_times": "the start of treatment",
    "daily": "records of each day",
    "controls": "negative-control outcomes",
    "oracle": "the oracle",
    "twin": "the randomized twin",
}
"""What a method may need, in words."""

MATCHED_SET = ("pairs_matched", "max_smd_matched")
"""Estimands that describe a matched set, and are no effects: treated patients with a match, and the largest
absolute standardized difference that is left. They have no truth."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """What a method is given.

    Attributes
    ----------
    method
        Its own name, for its rows.
    shared
        The registry, and steps that several methods use, each computed once.
    oracle
        What only the simulator knows, for methods that need it by name; None for all others.
    note
        Told the patients and the weights of each matching, (n,); None where nobody asks.
    """

    method: str
    shared: Shared
    oracle: OracleView | None = None
    note: Callable[[CohortArrays, FloatArray], None] | None = None

    @property
    def spec(self) -> AnalysisSpec:
        """Return the analysis's settings."""
        return self.shared.spec

    def known_oracle(self) -> OracleView:
        """Return the oracle."""
        if self.oracle is None:
            raise NotEstimableError("needs the oracle, which a real registry does not have")
        return self.oracle


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way to estimate the effect of the treatment.

    Attributes
    ----------
    name, label
        Key in tables; words for people.
    group
        Where it belongs in lists.
    estimands
        What it estimates, with ``{outcome}`` for each outcome of the spec, ``{event}`` for the death of its
        survival analysis and ``{horizon}`` for its day of restricted means.
    std_error
        What the standard error takes account of.
    function
        From a task to rows; an error of the data or of numerics becomes the reason of all rows.
    uses
        Shared steps whose seconds belong to the method.
    needs
        What a cohort may lack.
    reference
        Where it is described.
    numeric
        What it estimates of outcomes that are numbers, with ``{outcome}`` for each.
    subgroup
        Name of the subgroup that it tests; None for all others.
    """

    name: str
    label: str
    group: Group
    estimands: tuple[str, ...]
    std_error: str
    function: Callable[[Task], Iterable[Estimate]]
    uses: tuple[Step, ...] = ("cohort",)
    needs: tuple[Need, ...] = ()
    reference: str = ""
    numeric: tuple[str, ...] = ()
    subgroup: str | None = None

    @property
    def needed(self) -> str:
        """Return what it needs in words; empty where any cohort will do."""
        return " and ".join(NEEDS[need] for need in self.needs)

    @property
    def populations(self) -> tuple[str, ...]:
        """Return the populations that its estimands are about."""
        return tuple(dict.fromkeys(Estimand.parse(name).population for name in self.estimands))

    def estimands_of(self, spec: AnalysisSpec) -> tuple[str, ...]:
        """Return the names of its estimands under a spec, one for each row that it gives."""
        values = {"event": spec.survival_event or "death", "horizon": f"{spec.rmst_horizon:g}"}
        names = (
            pattern.format(outcome=outcome, **values)
            for outcome in spec.outcomes
            for pattern in self.estimands
        )
        means = (
            pattern.format(outcome=outcome) for outcome in spec.numeric_outcomes for pattern in self.numeric
        )
        return tuple(dict.fromkeys((*names, *means)))
