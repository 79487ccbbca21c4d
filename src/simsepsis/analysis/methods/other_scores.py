"""Matching on other scores than the first one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from simsepsis.analysis.estimates import Estimate
from simsepsis.analysis.methods.matcher_variants import SE, set_rows, weighted_rows, weights_of
from simsepsis.analysis.methods.matcher_variants import by_options as plain
from simsepsis.analysis.methods.method import MATCHED_SET, Method, Task
from simsepsis.analysis.methods.shared import Shared, known
from simsepsis.analysis.methods.thesis import RISKS_MATCHED
from simsepsis.analysis.spec import AnalysisSpec
from simsepsis.errors import NotEstimableError

Change = Callable[[Shared], Shared]


def other_score_rows(task: Task, *, change: Change) -> Iterator[Estimate]:
    """Yield the risks compared after matching on another score, the pairs and the balance of its columns."""
    shared = change(task.shared)
    other = replace(task, shared=shared)
    cohort = known(shared.cohort)
    weights = weights_of(other, cohort, known(shared.propensity).logit, plain)
    yield from weighted_rows(other, cohort, weights)
    yield from set_rows(other, cohort, weights)


def with_adjuncts(shared: Shared, *, alone: bool) -> Shared:
    """Return the registry with adjuncts and transfusions in the score."""
    spec = shared.spec
    if not spec.adjusters:
        raise NotEstimableError("the spec names no adjunct")
    return replace(shared, spec=scored_by(spec, (*(() if alone else spec.covariates), *spec.adjusters)))


def scored_by(spec: AnalysisSpec, covariates: tuple[str, ...]) -> AnalysisSpec:
    """Return a spec whose score and complete cases are about other covariates."""
    categories = tuple(name for name in spec.score_categories if name in covariates)
    missing = {name: rule for name, rule in spec.missing.items() if name in covariates}
    return replace(
        spec,
        covariates=covariates,
        score=(),
        score_categories=categories,
        missing=missing,
        allow_after_start=(*spec.allow_after_start, *spec.adjusters),
    )


def other_score(name: str, label: str, change: Change, reference: str) -> Method:
    """Return the method that matches on another score."""
    return Method(
        name=name,
        label=label,
        group="matching",
        estimands=(*RISKS_MATCHED, *MATCHED_SET),
        std_error=SE,
        reference=reference,
        function=partial(other_score_rows, change=change),
        uses=(),
    )


THESIS = "Iizuka Y et al. Crit Care 2017;21:181."
OTHER_SCORES = (
    other_score(
        "psm_second_score",
        "Adjuncts in the score, with pairs and balance",
        partial(with_adjuncts, alone=False),
        THESIS,
    ),
    other_score(
        "psm_adjuncts_only",
        "Nothing but adjuncts in the score",
        partial(with_adjuncts, alone=True),
        THESIS,
    ),
)
"""Scores that know other things than the first."""
