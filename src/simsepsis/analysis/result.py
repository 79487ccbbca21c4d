"""The whole result of the thesis's analysis, with a reason in place of each step that failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Concatenate, Generic, ParamSpec, TypeVar

import numpy as np

from simsepsis.analysis.data import CohortArrays, Flow
from simsepsis.analysis.fit import Fit
from simsepsis.analysis.matched import MatchedSet
from simsepsis.analysis.means import MeanComparison
from simsepsis.analysis.outcomes import AdjustedModel, CrudeComparison, Interaction
from simsepsis.analysis.propensity import Propensity
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.analysis.time_to_death import SurvivalComparison
from simsepsis.errors import FailureKind, SimsepsisError, UsageError

S = TypeVar("S")
T = TypeVar("T")
P = ParamSpec("P")

EVERYBODY = "before"
FIRST_SCORE = "covariates"
SECOND_SCORE = "adjuncts"
SCORES = (FIRST_SCORE, SECOND_SCORE)
"""The two matched sets, by what the score has in it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attempt(Generic[T]):
    """One step of an analysis: its value, or why there is none, and how long it took.

    Attributes
    ----------
    value
        What the step returned; None if it failed.
    failure
        One sentence with the reason; None if it did not fail.
    seconds
        Wall time.
    kind
        Which kind of failure it is; empty if it did not fail.
    """

    value: T | None
    failure: str | None
    seconds: float
    kind: FailureKind = ""


def attempt(step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Attempt[T]:
    """Run one step; a numerical or data failure becomes its reason.

    Notes
    -----
    Wrong settings and programming errors still raise: they are no property of the data.
    """
    begin = perf_counter()
    try:
        value = step(*args, **kwargs)
    except UsageError:
        raise
    except (SimsepsisError, ArithmeticError, ValueError) as error:
        reason, spent = str(error) or type(error).__name__, perf_counter() - begin
        return Attempt(value=None, failure=reason, seconds=spent, kind=kind_of(error))
    return Attempt(value=value, failure=None, seconds=perf_counter() - begin)


def kind_of(error: Exception) -> FailureKind:
    """Return the kind of failure that an error is."""
    if isinstance(error, SimsepsisError):
        return error.kind
    return "not converged" if isinstance(error, (ArithmeticError, np.linalg.LinAlgError)) else "error"


def then(
    earlier: Attempt[S], step: Callable[Concatenate[S, P], T], *args: P.args, **kwargs: P.kwargs
) -> Attempt[T]:
    """Run a step on what an earlier one returned; if that failed, pass its reason on."""
    if earlier.value is None:
        return Attempt(value=None, failure=earlier.failure, seconds=0.0, kind=earlier.kind)
    return attempt(step, earlier.value, *args, **kwargs)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ThesisResult:
    """Everything that the thesis's analysis found in one cohort; numbers in arrays, nothing formatted.

    Attributes
    ----------
    spec
        What was done.
    flow
        Who was left out.
    cohort
        The analysed patients.
    matched
        Score → matched set; keys as in `SCORES`, without the second where the spec has none.
    crude
        (``before`` or score, outcome) → crude comparison.
    models
        (score, whether later scores are in it, outcome) → GEE.
    survival
        Time to death in the first matched set; None where the spec names no time.
    interactions
        (subgroup, outcome) → Breslow–Day test in the first matched set.
    clustered
        Outcome → GEE of the treatment alone in the first matched set, where there are clusters and nothing to
        adjust for.
    means
        (``before`` or score, numeric outcome) → comparison of means.
    regressions
        Numeric outcome → linear regression on treatment and covariates of all patients.
    """

    spec: AnalysisSpec
    flow: Flow
    cohort: CohortArrays
    matched: Mapping[str, Attempt[MatchedSet]]
    crude: Mapping[tuple[str, str], Attempt[CrudeComparison]]
    models: Mapping[tuple[str, bool, str], Attempt[AdjustedModel]]
    survival: Attempt[SurvivalComparison] | None
    interactions: Mapping[tuple[str, str], Attempt[Interaction]]
    clustered: Mapping[str, Attempt[AdjustedModel]] = field(default_factory=dict)
    means: Mapping[tuple[str, str], Attempt[MeanComparison]] = field(default_factory=dict)
    regressions: Mapping[str, Attempt[Fit]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """Steps of an analysis of the same patients that another analysis has already run.

    Attributes
    ----------
    propensity
        Score → its model.
    matched
        Score → matched set.
    models
        (score, whether later scores are in it, outcome) → GEE.
    """

    propensity: Mapping[str, Propensity] = field(default_factory=dict)
    matched: Mapping[str, Attempt[MatchedSet]] = field(default_factory=dict)
    models: Mapping[tuple[str, bool, str], Attempt[AdjustedModel]] = field(default_factory=dict)
