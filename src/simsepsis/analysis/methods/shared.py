"""Steps that several methods use, each computed once for a registry and only when asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol, TypeVar

import numpy as np
import pandas as pd

from simsepsis.analysis.data import CohortArrays, Flow, complete_cases
from simsepsis.analysis.encode import encode_cohort
from simsepsis.analysis.estimates import Estimate
from simsepsis.analysis.matched import MatchedSet
from simsepsis.analysis.methods.thesis_parts import with_parts_for
from simsepsis.analysis.methods.time_limit import TimeOverError, attempt_within
from simsepsis.analysis.propensity import Propensity, design, fit_propensity
from simsepsis.analysis.result import FIRST_SCORE, SECOND_SCORE, Attempt
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.analysis.steps import analyse_patients
from simsepsis.analysis.thesis_estimates import thesis_estimates
from simsepsis.arrays import BoolArray, FloatArray
from simsepsis.errors import ConvergenceError, DataError, FailureKind, NotEstimableError, SimsepsisError
from simsepsis.records import Registry, frame_of
from simsepsis.streams import Streams

T = TypeVar("T")
ERRORS: dict[FailureKind, type[SimsepsisError]] = {
    error.kind: error
    for error in (ConvergenceError, DataError, NotEstimableError, TimeOverError, SimsepsisError)
}
"""Kind of failure → the error that a step which needs what failed gives up with."""

Step = Literal["cohort", "design", "propensity", "thesis", "twin"]


class OracleView(Protocol):
    """What an oracle must show: one entry per row of the registry."""

    @property
    def propensity(self) -> FloatArray:
        """True probability of treatment, (n,)."""
        ...

    @property
    def unmeasured(self) -> FloatArray:
        """Confounder that the registry does not record, (n,)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ThesisRun:
    """The thesis's analysis of one registry: its rows, and the matched sets of the first and second score."""

    rows: tuple[Estimate, ...]
    matched: Attempt[MatchedSet]
    second: Attempt[MatchedSet] | None


# No slots: cached properties keep their values in the instance.
@dataclass(frozen=True, kw_only=True, eq=False)
class Shared:
    """One registry under one spec, and what methods share.

    A step that fails keeps its reason, and every method that uses it fails with that reason.

    Attributes
    ----------
    registry
        One row per patient.
    spec
        What the analysis uses.
    draw
        Name of a mechanism → its generator, anew at each call, so that no method changes what another draws.
    randomized
        Registry of the randomized twin; None where there is none.
    limit
        Seconds that each step, and each method beside its steps, may take; None: as long as it takes.
    asked, asked_of_twin
        Methods whose rows the thesis's analysis of the registry, and of its twin, shall give; None: all.
    """

    registry: Registry
    spec: AnalysisSpec
    draw: Streams
    randomized: Registry | None = None
    limit: float | None = None
    asked: tuple[str, ...] | None = None
    asked_of_twin: tuple[str, ...] | None = None

    @property
    def frame(self) -> pd.DataFrame:
        """The registry as a frame."""
        return frame_of(self.registry)

    @cached_property
    def patients(self) -> Attempt[tuple[CohortArrays, Flow]]:
        """Analysed patients as arrays, and who was left out."""
        return self.attempt(lambda: complete_cases(encode_cohort(self.registry, self.spec), self.spec))

    @cached_property
    def cohort(self) -> Attempt[CohortArrays]:
        """Analysed patients as arrays."""
        found = self.patients
        return Attempt(
            value=None if found.value is None else found.value[0],
            failure=found.failure,
            seconds=found.seconds,
            kind=found.kind,
        )

    @cached_property
    def design(self) -> Attempt[FloatArray]:
        """Intercept and the score's covariates, (n, 1 + p)."""
        return self.attempt(self._design)

    @cached_property
    def propensity(self) -> Attempt[Propensity]:
        """Propensity score given the covariates."""
        return self.attempt(lambda: checked_propensity(known(self.cohort), self.spec))

    @cached_property
    def thesis(self) -> Attempt[ThesisRun]:
        """The thesis's analysis, as far as it was asked for."""
        return self.attempt(lambda: self._analysed(*known(self.patients), self.asked))

    @cached_property
    def twin(self) -> Attempt[ThesisRun]:
        """The thesis's analysis of the randomized twin, as far as it was asked for."""
        return self.attempt(lambda: self._analysed(*self._randomized(), self.asked_of_twin))

    def attempt(self, step: Callable[[], T]) -> Attempt[T]:
        """Run a step within the time limit."""
        return attempt_within(self.limit, step)

    def matching_rng(self) -> np.random.Generator:
        """Return the generator that the thesis's first score is matched with.

        Every matcher starts from the same one, so that two of them differ by what they are named for.
        """
        return self.draw("matching").spawn(1)[0]

    def _design(self) -> FloatArray:
        return design(known(self.cohort), self.spec.score_columns, self.spec.score_categories)[0]

    def _analysed(self, cohort: CohortArrays, flow: Flow, asked: tuple[str, ...] | None) -> ThesisRun:
        spec = self.spec if asked is None else with_parts_for(self.spec, asked)
        result = analyse_patients(cohort, flow, spec, rng=self.draw("matching"))
        return ThesisRun(
            rows=thesis_estimates(result, asked),
            matched=result.matched[FIRST_SCORE],
            second=result.matched.get(SECOND_SCORE),
        )

    def _randomized(self) -> tuple[CohortArrays, Flow]:
        if self.randomized is None:
            raise NotEstimableError("needs the registry of the randomized twin, which only a simulator has")
        return complete_cases(encode_cohort(self.randomized, self.spec), self.spec)


def known(step: Attempt[T]) -> T:
    """Return what a step gave."""
    if step.value is None:
        raise ERRORS.get(step.kind, ConvergenceError)(step.failure or "an earlier step failed")
    return step.value


def checked_propensity(cohort: CohortArrays, spec: AnalysisSpec, extra: Sequence[str] = ()) -> Propensity:
    """Estimate the propensity score."""
    propensity = fit_propensity(cohort, (*spec.score_columns, *extra), spec.score_categories)
    if np.isnan(propensity.logit).any():
        raise ConvergenceError(f"the propensity score could not be estimated: {propensity.note}")
    arms = cohort.treated[propensity.usable]
    if not arms.any() or arms.all():
        raise ConvergenceError(f"the propensity score decides a whole arm: {propensity.note}")
    return propensity


def with_treatment(X: FloatArray, treated: BoolArray) -> FloatArray:
    """Return a design with the treatment after the intercept, (n, 2 + p)."""
    return np.column_stack([X[:, 0], treated, X[:, 1:]])
