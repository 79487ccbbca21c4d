"""From risks and coefficients to rows of estimates."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from simsepsis.analysis.estimates import Estimate, failed, normal_estimate
from simsepsis.analysis.fit import Fit
from simsepsis.analysis.methods.method import Task
from simsepsis.analysis.result import attempt
from simsepsis.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Risks:
    """Estimated risks with and without treatment.

    Attributes
    ----------
    treated, control
        The risks.
    covariance
        (2, 2): their covariance.
    n_used
        Patients that they rest on.
    """

    treated: float
    control: float
    covariance: FloatArray
    n_used: int


def risks_of(
    treated: float, control: float, influence: FloatArray, n_used: int, cluster: IntArray | None = None
) -> Risks:
    """Return risks with the covariance that the patients' influences give.

    Parameters
    ----------
    treated, control
        The risks.
    influence
        (n, 2): how far each patient moves the two estimates; columns sum to 0.
    n_used
        Patients that they rest on.
    cluster
        (n,): numbers of the groups within which patients depend on each other; None: none do.

    Notes
    -----
    Covariance Σ d d', with d summed within clusters (sandwich without small-sample factor).
    """
    moved = influence
    if cluster is not None:
        moved = np.column_stack([np.bincount(cluster, weights=column) for column in influence.T])
    return Risks(treated=treated, control=control, covariance=moved.T @ moved, n_used=n_used)


def each_outcome(
    task: Task, patterns: Sequence[str], step: Callable[[str], Iterable[Estimate]]
) -> Iterator[Estimate]:
    """Yield the rows of every outcome; where one has none, its reason, and the others all the same.

    Parameters
    ----------
    task
        For the outcomes.
    patterns
        Estimands of an outcome, as in `Method`.
    step
        From an outcome to its rows.
    """
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


def risk_rows(method: str, outcome: str, truth: str, risks: Risks) -> Iterator[Estimate]:
    """Yield log odds ratio, log risk ratio and risk difference of two risks.

    Parameters
    ----------
    method, outcome, truth
        For the names of the row.
    risks
        The risks; one outside (0, 1) fails the ratios.

    Notes
    -----
    Delta method. With independent patients and plain means the standard errors are those of Woolf, of Katz
    and of the difference of two proportions.
    """
    p1, p0 = risks.treated, risks.control
    inside = min(p1, p0) > 0.0 and max(p1, p0) < 1.0
    slopes = {"rd": (1.0, -1.0)}
    values = {"rd": p1 - p0}
    if inside:
        values |= {"log_or": _logit(p1) - _logit(p0), "log_rr": math.log(p1 / p0)}
        slopes |= {"log_or": (1 / (p1 * (1 - p1)), -1 / (p0 * (1 - p0))), "log_rr": (1 / p1, -1 / p0)}
    for scale in ("log_or", "log_rr", "rd"):
        name = f"{scale}_{outcome}_{truth}"
        if scale not in values:
            reason = f"a risk is outside (0, 1): {p1:.3g} treated, {p0:.3g} control"
            yield Estimate(method=method, estimand=name, n_used=risks.n_used, failure=reason)
            continue
        slope = np.array(slopes[scale])
        error = math.sqrt(max(float(slope @ risks.covariance @ slope), 0.0))
        yield normal_estimate(method, name, values[scale], error, n_used=risks.n_used)


def coefficient_row(method: str, estimand: str, fit: Fit, position: int, n_used: int) -> Estimate:
    """Return one coefficient of a fit; where only other coefficients have no estimate it is no failure.

    Parameters
    ----------
    method, estimand, n_used
        For the row.
    fit, position
        The regression and the place of the coefficient.
    """
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


def _logit(risk: float) -> float:
    return math.log(risk / (1 - risk))
