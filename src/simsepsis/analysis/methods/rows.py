"""From risks and coefficients to rows of estimates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from simsepsis.analysis.estimates import Estimate, failed, normal_estimate
from simsepsis.analysis.fit import Fit
from simsepsis.analysis.methods.method import Task
from simsepsis.analysis.result import attempt
from simsepsis.analysis.risks import Risks, risk_rows, risks_of

__all__ = ["Risks", "coefficient_row", "each_outcome", "risk_rows", "risks_of"]


def each_outcome(
    task: Task, patterns: Sequence[str], step: Callable[[str], Iterable[Estimate]]
) -> Iterator[Estimate]:
    """Yield the rows of every outcome; where one has none, its reason, and the others all the same."""
    for outcome in task.spec.outcomes:
        found = attempt(_all_of, step, outcome)
        if found.value is None:
            names = (pattern.format(outcome=outcome) for pattern in patterns)
            # Without seconds of their own the rows get those of the whole method.
            yield from (failed(task.method, name, replace(found, seconds=0.0)) for name in names)
        else:
            yield from found.value


def _all_of(step: Callable[[str], Iterable[Estimate]], outcome: str) -> tuple[Estimate, ...]:
    return tuple(step(outcome))


def coefficient_row(method: str, estimand: str, fit: Fit, position: int, n_used: int) -> Estimate:
    """Return one coefficient of a fit; where only other coefficients have no estimate it is no failure."""
    reason = fit.failure
    if reason is None and position in fit.dropped:
        reason = "the treatment does not vary where the others leave room for it"
    return normal_estimate(
        method,
        estimand,
        float(fit.params[position]),
        float(fit.std_errors[position]),
        n_used=n_used,
        failure=reason,
    )
